package budget

import (
	"context"
	"sync"
	"time"
)

// Holder is one that holds bytes of a [Budget]. Its zero value has joined none: it may grow
// without a bound, and is never cut off. A holder can be part of another value, and must
// not be copied. Its methods belong to one goroutine.
type Holder struct {
	budget *Budget // nil if it has joined none

	// The budget's lock guards the rest.
	bytes         int64
	cutter        Cutter
	progress      time.Time
	before, after *Holder
	listed, cut   bool

	cutting sync.WaitGroup // the call to the cutter
}

// Grow reserves n more bytes. It fails with [ErrFull], with [ErrCut], or with the reason
// why ctx ended.
func (h *Holder) Grow(ctx context.Context, n int64) error {
	if h.budget == nil || n <= 0 {
		return nil
	}
	return h.budget.wait(ctx, h, n, false)
}

// GrowAnyway is for something small that must not fail, such as an error's body: after
// [WaitTime] it takes the bytes even if there is no room.
func (h *Holder) GrowAnyway(ctx context.Context, n int64) error {
	if h.budget == nil || n <= 0 {
		return nil
	}
	return h.budget.wait(ctx, h, n, true)
}

// Progress notes that the holder's input or output has moved. It returns [ErrCut] if the
// holder has been cut off.
func (h *Holder) Progress() error { return h.move(true) }

// Settle ends the time in which the holder can be cut off. It returns [ErrCut] if that has
// happened before.
func (h *Holder) Settle() error { return h.move(false) }

// move puts the holder at the end of the list, or takes it out for good.
func (h *Holder) move(stays bool) error {
	b := h.budget
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if h.cut {
		return ErrCut
	}
	wasListed := h.listed
	b.remove(h)
	if stays && wasListed {
		b.append(h)
	}
	return nil
}

// Reset gives all bytes back and stays in the budget.
func (h *Holder) Reset() {
	b := h.budget
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.giveBack(h)
}

// Leave gives all bytes back. It reports whether the holder was cut off; the call to its
// [Cutter] has then returned. A second call does nothing.
func (h *Holder) Leave() bool {
	b := h.budget
	if b == nil {
		return false
	}
	b.mu.Lock()
	b.remove(h)
	b.giveBack(h)
	wasCut := h.cut
	h.budget, h.cutter, h.cut = nil, nil, false
	b.mu.Unlock()
	if wasCut {
		h.cutting.Wait()
	}
	return wasCut
}
