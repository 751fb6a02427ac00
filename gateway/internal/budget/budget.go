package budget

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// StallTime is how long a holder must have made no progress before it may be cut off
	// to make room for others.
	StallTime = time.Second
	// WaitTime is how long [Holder.Grow] waits for room.
	WaitTime = time.Second
	// retryTime is when [Holder.Grow] looks again for holders that have stalled by then.
	retryTime = 50 * time.Millisecond

	// SmallSize is the largest holder that may use the last eighth of a budget, which is
	// closed to larger ones: a few huge requests must not lock out all the small ones.
	SmallSize = 64 << 10
	smallPart = 8

	// maxInterval is the longest time between two looks for holders that have timed out.
	maxInterval = time.Second
)

var (
	// ErrFull means that there was no room within [WaitTime].
	ErrFull = errors.New("too many bytes are held at the same time")
	// ErrCut means that the holder was cut off, because it made no progress.
	ErrCut = errors.New("it made no progress and was cut off")
)

// Cutter ends the input or output that a holder waits for, so that the holder fails soon
// and leaves. It is called at most once for each time that a holder joins, and not on the
// holder's goroutine.
type Cutter interface{ Cut() }

// Params configure a [Budget].
type Params struct {
	// Limit is how many bytes all holders may hold together; 0 or less means any number.
	Limit int64
	// Timeout is how long a holder may make no progress, even when there is room; 0 means
	// for ever.
	Timeout time.Duration
}

// Budget is a bounded number of bytes. It is safe for concurrent use. A nil Budget has no
// bound and cuts nothing off.
type Budget struct {
	params   Params
	interval time.Duration

	mu   sync.Mutex
	held int64
	// leaving are the bytes of holders that were cut off and have not left yet.
	leaving int64
	// first and last are the ends of a list of all holders that can be cut off. The one
	// that has made no progress for the longest comes first.
	first, last *Holder
	freed       chan struct{} // closed when bytes come back; nil while no holder waits
	timer       *time.Timer
	armed       bool
	cutOff      uint64
	refused     uint64
}

// New returns a budget of which nothing is held.
func New(p Params) *Budget {
	return &Budget{params: p, interval: min(maxInterval, max(p.Timeout/8, time.Millisecond))}
}

// Usage is the state of a budget.
type Usage struct {
	// Held and Limit are bytes. Limit is 0 if there is none.
	Held, Limit int64
	// CutOff counts holders that were cut off, Refused those that found no room.
	CutOff, Refused uint64
}

// Usage returns the state at this moment.
func (b *Budget) Usage() Usage {
	if b == nil {
		return Usage{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return Usage{Held: b.held, Limit: max(b.params.Limit, 0), CutOff: b.cutOff, Refused: b.refused}
}

// Join makes h a holder of no bytes. Cutter ends what h waits for; nil means that h cannot
// be cut off. The holder must [Holder.Leave].
func (b *Budget) Join(h *Holder, cutter Cutter) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	h.budget, h.bytes, h.cutter = b, 0, cutter
	if cutter != nil {
		b.append(h)
	}
	if b.params.Timeout > 0 && !b.armed {
		b.armed = true
		if b.timer == nil {
			b.timer = time.AfterFunc(b.interval, b.cutTimedOut)
		} else {
			b.timer.Reset(b.interval)
		}
	}
}

// append puts h at the end of the list: it has just made progress. The caller holds b.mu.
func (b *Budget) append(h *Holder) {
	h.progress, h.listed = time.Now(), true
	h.before, h.after = b.last, nil
	if b.last == nil {
		b.first = h
	} else {
		b.last.after = h
	}
	b.last = h
}

// remove takes h out of the list. The caller holds b.mu.
func (b *Budget) remove(h *Holder) {
	if !h.listed {
		return
	}
	if h.before == nil {
		b.first = h.after
	} else {
		h.before.after = h.after
	}
	if h.after == nil {
		b.last = h.before
	} else {
		h.after.before = h.before
	}
	h.before, h.after, h.listed = nil, nil, false
}

// giveBack returns all bytes of h. The caller holds b.mu.
func (b *Budget) giveBack(h *Holder) {
	if h.bytes == 0 {
		return
	}
	b.held -= h.bytes
	if h.cut {
		b.leaving -= h.bytes
	}
	h.bytes = 0
	if b.freed != nil {
		close(b.freed)
		b.freed = nil
	}
}

// cutTimedOut cuts off the holders that have made no progress for the timeout, and runs
// again as long as there are holders that can be cut off.
func (b *Budget) cutTimedOut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.first != nil && time.Since(b.first.progress) >= b.params.Timeout {
		b.cutFirst()
	}
	if b.armed = b.first != nil; b.armed {
		b.timer.Reset(b.interval)
	}
}

// cutStalled cuts off stalled holders until missing bytes have come back or are about to.
// The caller holds b.mu.
func (b *Budget) cutStalled(missing int64) {
	for missing > b.leaving && b.first != nil && time.Since(b.first.progress) >= StallTime {
		b.cutFirst()
	}
}

// cutFirst cuts off the first holder of the list, on a goroutine of its own: a connection
// that is slow to react must not keep the others. The caller holds b.mu.
func (b *Budget) cutFirst() {
	h := b.first
	b.remove(h)
	b.cutOff++
	b.leaving += h.bytes
	h.cut = true
	cutter := h.cutter
	h.cutting.Go(func() {
		cutter.Cut()
	})
}

// take gives h up to n more bytes if there is room, or in any case if forced. Otherwise it
// cuts off stalled holders and returns what is closed when bytes come back.
func (b *Budget) take(h *Holder, n int64, forced bool) (freed <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h.cut {
		return nil, ErrCut
	}
	if b.params.Limit > 0 {
		n = min(n, max(b.maxHolder()-h.bytes, 0))
	}
	if missing := b.missing(h, n); missing > 0 && !forced {
		b.cutStalled(missing)
		if b.freed == nil {
			b.freed = make(chan struct{})
		}
		return b.freed, nil
	}
	h.bytes += n
	b.held += n
	return nil, nil //nolint:nilnil // there is nothing to wait for.
}

// missing is how many bytes have to come back before h may have n more.
func (b *Budget) missing(h *Holder, n int64) int64 {
	limit := b.params.Limit
	if limit <= 0 || n == 0 {
		return 0
	}
	if h.bytes+n > SmallSize {
		limit -= limit / smallPart
	}
	return b.held + n - limit
}

// maxHolder is the most that a single holder is charged, whatever it holds: three quarters
// of the budget, so that every request fits when there are few others.
func (b *Budget) maxHolder() int64 { return b.params.Limit - b.params.Limit/4 }

// wait takes n bytes for h as soon as there is room. Forced, it takes them after
// [WaitTime] even without.
func (b *Budget) wait(ctx context.Context, h *Holder, n int64, forced bool) error {
	freed, err := b.take(h, n, false)
	if freed == nil {
		return err
	}
	timeout, retry := time.NewTimer(WaitTime), time.NewTicker(retryTime)
	defer timeout.Stop()
	defer retry.Stop()
	for {
		select {
		case <-freed:
		case <-retry.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timeout.C:
			if forced {
				_, err := b.take(h, n, true)
				return err
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			b.refused++
			return ErrFull
		}
		if freed, err = b.take(h, n, false); freed == nil {
			return err
		}
	}
}
