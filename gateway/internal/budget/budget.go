package budget

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// StallTime is how long a holder must have made no progress before it can be cut off to make room
	// for others.
	StallTime = time.Second
	// WaitTime is how long [Holder.Grow] waits for room.
	WaitTime = time.Second
	// retryTime is how often a waiting [Holder.Grow] looks for stalled holders.
	retryTime = 50 * time.Millisecond

	// SmallSize is the maximum size of a holder that may use the last eighth of a budget. It is
	// reserved, so that a few huge requests cannot lock out all small ones.
	SmallSize = 64 << 10
	smallPart = 8

	// maxInterval is the maximum time between two checks for holders that have timed out.
	maxInterval = time.Second
)

var (
	// ErrFull means that there was no room within [WaitTime].
	ErrFull = errors.New("the memory budget is used up")
	// ErrCut means that the holder was cut off, because it made no progress.
	ErrCut = errors.New("it made no progress and was cut off")
)

// Cutter ends the input or output of a holder, so that the holder fails soon and leaves. It is called at
// most once per [Budget.Join], on another goroutine than the holder's.
type Cutter interface{ Cut() }

// Params configure a [Budget].
type Params struct {
	// Limit is the maximum number of bytes of all holders together; 0 or less means no limit.
	Limit int64
	// Timeout is how long a holder may make no progress, even if there is room; 0 means no limit.
	Timeout time.Duration
}

// Budget is a limited number of bytes. It is safe for concurrent use. A nil Budget has no limit and cuts
// nothing off.
type Budget struct {
	params   Params
	interval time.Duration

	mu   sync.Mutex
	held int64
	// leaving counts the bytes of holders that were cut off and have not left yet.
	leaving int64
	// first and last are the ends of a list of all holders that can be cut off, the longest-stalled
	// first.
	first, last *Holder
	freed       chan struct{} // closed when bytes come back; nil while no holder waits
	timer       *time.Timer
	armed       bool
	cutOff      uint64
	refused     uint64
}

// New returns an unused budget.
func New(p Params) *Budget {
	return &Budget{params: p, interval: min(maxInterval, max(p.Timeout/8, time.Millisecond))}
}

// Usage is the state of a budget.
type Usage struct {
	// Held and Limit are in bytes. Limit is 0 if there is no limit.
	Held, Limit int64
	// CutOff counts holders that were cut off, Refused those that were refused.
	CutOff, Refused uint64
}

// Usage returns the current usage.
func (b *Budget) Usage() Usage {
	if b == nil {
		return Usage{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return Usage{Held: b.held, Limit: max(b.params.Limit, 0), CutOff: b.cutOff, Refused: b.refused}
}

// Join adds a holder without bytes. Cutter ends the holder's input or output; nil means that the holder
// cannot be cut off. Call [Holder.Leave] at the end.
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

// append adds h at the end of the list, because it has just made progress. The caller holds b.mu.
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

// remove removes h from the list. The caller holds b.mu.
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

// giveBack releases all bytes of h. The caller holds b.mu.
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

// cutStalled cuts off stalled holders until enough bytes have been released or are about to be. The caller
// holds b.mu.
func (b *Budget) cutStalled(missing int64) {
	for missing > b.leaving && b.first != nil && time.Since(b.first.progress) >= StallTime {
		b.cutFirst()
	}
}

// cutFirst cuts off the first holder of the list, on its own goroutine, because a slow connection must not
// block the others. The caller holds b.mu.
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

// take reserves n more bytes for h if there is room, or in any case if forced. Otherwise it cuts off stalled
// holders, and returns a channel that is closed when bytes are released.
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
	return nil, nil //nolint:nilnil // no need to wait.
}

// missing returns how many bytes must be released before h can reserve n more.
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

// maxHolder returns the maximum that a single holder is charged, whatever it uses: three quarters of the
// budget, so that every request fits if there are few others.
func (b *Budget) maxHolder() int64 { return b.params.Limit - b.params.Limit/4 }

// wait reserves n bytes for h as soon as there is room. If forced, it reserves them after [WaitTime] even
// without room.
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
