package budget

import (
	"context"
	"sync"
	"time"
)

// Holder is a user of a [Budget]. The zero value has no budget: it may grow without a limit, and is never
// cut off. A holder can be part of another value, and must not be copied. Only one goroutine may call its
// methods.
type Holder struct {
	budget *Budget // nil without a budget

	// The budget's lock guards the rest.
	bytes         int64
	cutter        Cutter
	progress      time.Time
	before, after *Holder
	listed, cut   bool

	cutting sync.WaitGroup // the call to the cutter
}

// Grow reserves n more bytes. It fails with [ErrFull], with [ErrCut], or with the cause of ctx.
func (h *Holder) Grow(ctx context.Context, n int64) error {
	if h.budget == nil || n <= 0 {
		return nil
	}
	return h.budget.wait(ctx, h, n, false)
}

// GrowAnyway reserves n bytes for something small that must not fail, such as an error's body: after
// [WaitTime] it reserves the bytes even if there is no room.
func (h *Holder) GrowAnyway(ctx context.Context, n int64) error {
	if h.budget == nil || n <= 0 {
		return nil
	}
	return h.budget.wait(ctx, h, n, true)
}

// Progress records that the holder's input or output has made progress. It returns [ErrCut] if the holder
// has been cut off.
func (h *Holder) Progress() error { return h.move(true) }

// Settle protects the holder from being cut off from now on. It returns [ErrCut] if it was cut off before.
func (h *Holder) Settle() error { return h.move(false) }

// move moves the holder to the end of the list, or removes it for good.
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

// Reset releases all bytes. The holder stays in the budget.
func (h *Holder) Reset() {
	b := h.budget
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.giveBack(h)
}

// Leave releases all bytes and leaves the budget. It reports whether the holder was cut off; then the call
// to its [Cutter] has returned. A second call does nothing.
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
