package budget_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/statusway/statusway/gateway/internal/budget"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client is a holder that leaves when it is cut off.
type client struct {
	budget.Holder

	name string
	log  *[]string
	mu   *sync.Mutex
	cut  chan struct{}
}

func (c *client) Cut() {
	c.mu.Lock()
	*c.log = append(*c.log, c.name)
	c.mu.Unlock()
	close(c.cut)
}

// room is a budget and the names of those that were cut off, in their order.
type room struct {
	*budget.Budget

	mu  sync.Mutex
	log []string
}

func newRoom(p budget.Params) *room { return &room{Budget: budget.New(p)} }

// enter adds a client that holds n bytes, and releases them when it is cut off.
func (r *room) enter(t *testing.T, name string, n int64) *client {
	t.Helper()
	c := &client{name: name, log: &r.log, mu: &r.mu, cut: make(chan struct{})}
	r.Join(&c.Holder, c)
	if err := c.Grow(t.Context(), n); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return c
}

// leaveWhenCut makes a client react to being cut off.
func (c *client) leaveWhenCut(t *testing.T) {
	t.Helper()
	go func() {
		select {
		case <-c.cut:
			c.Leave()
		case <-t.Context().Done():
		}
	}()
}

func (r *room) want(t *testing.T, held int64, cut ...string) {
	t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if got := r.Usage(); got.Held != held || len(r.log) != len(cut) || got.CutOff != uint64(len(cut)) {
		t.Fatalf("%+v, cut off: %q; want %d bytes and %q", got, r.log, held, cut)
	}
	// Those that are cut off at the same time are so in any order.
	got, want := slices.Sorted(slices.Values(r.log)), slices.Sorted(slices.Values(cut))
	if !slices.Equal(got, want) {
		t.Errorf("cut off: %q, want %q", r.log, cut)
	}
}

const kib = 1 << 10

func TestHoldersThatProgressAreNotCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(budget.Params{Limit: 800 * kib, Timeout: time.Minute})
		healthy, stalled := r.enter(t, "healthy", 300*kib), r.enter(t, "stalled", 300*kib)
		stalled.leaveWhenCut(t)
		for range 4 {
			time.Sleep(budget.StallTime / 2)
			if err := healthy.Progress(); err != nil {
				t.Fatal(err)
			}
		}
		r.want(t, 600*kib)
		begun := time.Now()
		late := r.enter(t, "late", 300*kib)
		if took := time.Since(begun); took > budget.WaitTime/2 {
			t.Errorf("a new holder waited %s for one that had stalled already", took)
		}
		r.want(t, 600*kib, "stalled")
		if healthy.Leave() || late.Leave() || stalled.Leave() {
			t.Error("one that stayed or had left says that it was cut off")
		}
		r.want(t, 0, "stalled")
	})
}

func TestLongestStalledFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(budget.Params{Limit: 800 * kib})
		var all []*client
		for _, name := range []string{"a", "b", "c"} {
			c := r.enter(t, name, 200*kib)
			c.leaveWhenCut(t)
			all = append(all, c)
			time.Sleep(10 * time.Millisecond)
		}
		_ = all[0].Progress()
		time.Sleep(2 * budget.StallTime)
		d := r.enter(t, "d", 200*kib)
		r.want(t, 600*kib, "b")
		e := r.enter(t, "e", 400*kib)
		r.want(t, 600*kib, "b", "c", "a")
		d.Leave()
		e.Leave()
		r.want(t, 0, "b", "c", "a")
	})
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(budget.Params{Timeout: 30 * time.Second}) // without a limit
		moving, stalled := r.enter(t, "moving", 1<<40), r.enter(t, "stalled", 1)
		for range 32 {
			time.Sleep(time.Second)
			_ = moving.Progress()
		}
		r.want(t, 1<<40+1, "stalled")
		if err := stalled.Progress(); !errors.Is(err, budget.ErrCut) {
			t.Errorf("one that was cut off may go on: %v", err)
		}
		if err := stalled.Grow(t.Context(), 1); !errors.Is(err, budget.ErrCut) {
			t.Errorf("one that was cut off may grow: %v", err)
		}
		if !stalled.Leave() || moving.Leave() {
			t.Error("Leave does not say who was cut off")
		}
		// One that joins again begins anew.
		again := r.enter(t, "again", 1)
		time.Sleep(29 * time.Second)
		r.want(t, 1, "stalled")
		again.Leave()
	})
}

func TestFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(budget.Params{Limit: 800 * kib})
		settled := r.enter(t, "settled", 600*kib)
		if err := settled.Settle(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		var late budget.Holder
		r.Join(&late, nil)
		begun := time.Now()
		if err := late.Grow(t.Context(), 200*kib); !errors.Is(err, budget.ErrFull) || time.Since(begun) != budget.WaitTime {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		// The last eighth is for small ones.
		var small budget.Holder
		r.Join(&small, nil)
		if err := small.Grow(t.Context(), budget.SmallSize); err != nil {
			t.Errorf("a small one: %v", err)
		}
		// What must not fail waits, and goes on.
		begun = time.Now()
		if err := late.GrowAnyway(t.Context(), 200*kib); err != nil || time.Since(begun) != budget.WaitTime {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		r.want(t, 864*kib)
		// Others leave while one waits.
		var next budget.Holder
		r.Join(&next, nil)
		time.AfterFunc(budget.WaitTime/2, func() { late.Leave() })
		time.AfterFunc(budget.WaitTime*3/4, func() { settled.Leave() })
		if err := next.Grow(t.Context(), 300*kib); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("the client has gone")
		cancel(gone)
		if err := late.Grow(ctx, 1<<40); err != nil {
			t.Errorf("one that has left has no bound: %v", err)
		}
		r.Join(&late, nil)
		if err := late.Grow(ctx, 1<<40); !errors.Is(err, gone) {
			t.Errorf("a client that has gone: %v", err)
		}
		late.Leave()
		next.Reset()
		next.Leave()
		small.Leave()
		r.want(t, 0)
		if got := r.Usage(); got.Refused != 1 {
			t.Errorf("%d were refused", got.Refused)
		}
	})
}

// TestOneAlwaysFits: a holder is charged at most three quarters.
func TestOneAlwaysFits(t *testing.T) {
	t.Parallel()
	r := newRoom(budget.Params{Limit: 800 * kib})
	c := r.enter(t, "huge", 1<<40)
	small := r.enter(t, "small", kib)
	if got := r.Usage().Held; got != 601*kib {
		t.Errorf("%d bytes are held", got)
	}
	c.Leave()
	small.Leave()
}

func TestNone(t *testing.T) {
	t.Parallel()
	var none *budget.Budget
	var h budget.Holder
	none.Join(&h, nil)
	if err := errors.Join(h.Grow(t.Context(), 1<<40), h.GrowAnyway(t.Context(), 1), h.Progress(), h.Settle()); err != nil || h.Leave() {
		t.Error(err)
	}
	h.Reset()
	if got := none.Usage(); got != (budget.Usage{}) {
		t.Errorf("%+v", got)
	}
}

// slow is cut off while it works.
type slow struct {
	budget.Holder

	gone atomic.Bool
}

func (s *slow) Cut() { s.gone.Store(true) }

// TestManyAtOnce: the limit is never exceeded, and in the end nothing is held.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit = 1 << 20
		b := budget.New(budget.Params{Limit: limit, Timeout: 3 * time.Second})
		var group sync.WaitGroup
		for range 64 {
			group.Go(func() {
				var s slow
				for range 50 {
					s.gone.Store(false)
					b.Join(&s.Holder, &s)
					for range rand.IntN(5) {
						if s.Grow(t.Context(), rand.Int64N(limit/8)) != nil {
							break
						}
						time.Sleep(rand.N(2 * budget.StallTime))
						if s.Progress() != nil {
							break
						}
					}
					if held := b.Usage().Held; held > limit {
						t.Errorf("%d bytes are held", held)
					}
					if s.Leave() != s.gone.Load() {
						t.Error("Leave returned before the cutter did")
					}
				}
			})
		}
		group.Wait()
		if got := b.Usage(); got.Held != 0 || got.CutOff == 0 || got.Refused == 0 {
			t.Errorf("%+v", got)
		}
	})
}
