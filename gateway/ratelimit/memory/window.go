package memory

import (
	"container/heap"
	"container/list"
	"sync"
	"time"
)

// windows counts requests in fixed periods, for a bounded number of keys. A key's period begins with
// its first request.
//
// At the bound, windows forgets keys whose period is over first, and then the least recently used
// key. The client of a forgotten key begins a new period with its next request. The key of a busy
// client is never the least recently used one, so the bound does not affect it.
//
// Why not a library: the memory store of ulule/limiter has no bound, and the caches of golang-lru/v2
// have either no expiry or one expiry for all keys that moves with each write. Here each policy has
// its own period, and counting must not prolong it.
type windows struct {
	max int
	now func() time.Time
	// full is called once, when a key is forgotten before the end of its period. It may be nil.
	full func()

	mutex     sync.Mutex
	byKey     map[windowKey]*window
	byUse     *list.List // of *window, the most recently used first
	byEnd     endings
	forgotten uint64 // keys that were forgotten before the end of their period
}

// windowKey is one client or group of one policy.
type windowKey struct {
	policy  int // its index
	subject string
}

type window struct {
	key   windowKey
	count int
	end   time.Time
	used  *list.Element
	index int // in endings
}

func newWindows(maxKeys int, now func() time.Time, full func()) *windows {
	return &windows{max: maxKeys, now: now, full: full, byKey: map[windowKey]*window{}, byUse: list.New()}
}

// count counts one request. It returns the number of requests in the period, including this one, and
// the time until the end of the period.
func (w *windows) count(key windowKey, period time.Duration) (int, time.Duration) {
	count, left, full := w.countLocked(key, period)
	if full && w.full != nil {
		w.full()
	}
	return count, left
}

func (w *windows) countLocked(key windowKey, period time.Duration) (count int, left time.Duration, firstFull bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	now := w.now()
	found, ok := w.byKey[key]
	if ok {
		w.byUse.MoveToFront(found.used)
		if !now.Before(found.end) {
			found.count, found.end = 0, now.Add(period)
			heap.Fix(&w.byEnd, found.index)
		}
	} else {
		firstFull = w.makeRoom(now)
		found = &window{key: key, end: now.Add(period)}
		w.byKey[key] = found
		found.used = w.byUse.PushFront(found)
		heap.Push(&w.byEnd, found)
	}
	found.count++
	return found.count, found.end.Sub(now), firstFull
}

// makeRoom makes room for a new key. It forgets only a few expired keys each time, so that no single
// request pays for all of them, but more than one, so that it is faster than new keys arrive. It
// reports whether it has forgotten a key before the end of its period for the first time.
func (w *windows) makeRoom(now time.Time) bool {
	const atOnce = 4
	for range atOnce {
		if len(w.byEnd) == 0 || now.Before(w.byEnd[0].end) {
			break
		}
		w.forget(w.byEnd[0])
	}
	if len(w.byKey) < w.max {
		return false
	}
	w.forget(w.byUse.Back().Value.(*window)) //nolint:forcetypeassert // the list holds nothing else.
	w.forgotten++
	return w.forgotten == 1
}

func (w *windows) forget(one *window) {
	delete(w.byKey, one.key)
	w.byUse.Remove(one.used)
	heap.Remove(&w.byEnd, one.index)
}

// keys returns the number of keys, and how many were forgotten before the end of their period.
func (w *windows) keys() (held int, forgotten uint64) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return len(w.byKey), w.forgotten
}

// endings is a heap of windows. The first window ends first.
//
//nolint:recvcheck // container/heap needs both kinds of receivers.
type endings []*window

var _ heap.Interface = (*endings)(nil)

func (e endings) Len() int           { return len(e) }
func (e endings) Less(i, j int) bool { return e[i].end.Before(e[j].end) }

func (e endings) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].index, e[j].index = i, j
}

func (e *endings) Push(x any) {
	one := x.(*window) //nolint:forcetypeassert // the heap holds nothing else.
	one.index = len(*e)
	*e = append(*e, one)
}

func (e *endings) Pop() any {
	last := len(*e) - 1
	one := (*e)[last]
	(*e)[last] = nil // so that it can be collected
	*e = (*e)[:last]
	return one
}
