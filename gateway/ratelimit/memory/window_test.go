package memory_test

import (
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/statusway/statusway/gateway/ratelimit"
	"github.com/statusway/statusway/gateway/ratelimit/memory"
)

// clock is a time that only a test moves.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

func (c *clock) forward(d time.Duration) { c.now = c.now.Add(d) }

// bounded makes a limiter with a maximum number of keys, and returns its log.
func bounded(t *testing.T, text string, maxKeys int, at *clock) (*memory.Limiter, *strings.Builder) {
	t.Helper()
	policies, err := memory.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	log := &strings.Builder{}
	return memory.New(memory.Params{Policies: policies, MaxKeys: maxKeys, Logger: slog.New(slog.NewTextHandler(log, nil)), Now: at.read}), log
}

func (c *clock) start() *clock {
	c.now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return c
}

func remaining(t *testing.T, l *memory.Limiter, caller string) int {
	t.Helper()
	return take(t, l, ratelimit.Use{Caller: caller})[0].Remaining
}

func checkKeys(t *testing.T, l *memory.Limiter, held int, forgotten uint64) {
	t.Helper()
	gotHeld, _, gotForgotten := l.Keys()
	if gotHeld != held || gotForgotten != forgotten {
		t.Errorf("%d keys held and %d forgotten, want %d and %d", gotHeld, gotForgotten, held, forgotten)
	}
}

// The key that was used least recently is forgotten, and a busy client stays. The log says
// so once.
func TestForgetsLeastRecentlyUsed(t *testing.T) {
	t.Parallel()
	at := (&clock{}).start()
	l, log := bounded(t, "10/1h", 3, at)
	for _, caller := range []string{"busy", "a", "b", "busy", "c", "busy", "d", "busy"} {
		take(t, l, ratelimit.Use{Caller: caller})
	}
	checkKeys(t, l, 3, 2)
	if got := remaining(t, l, "busy"); got != 10-5 {
		t.Errorf("the busy client has %d left, want 5", got)
	}
	if got := remaining(t, l, "a"); got != 9 {
		t.Errorf("the forgotten client has %d left, want 9", got)
	}
	if got := strings.Count(log.String(), "keys=3"); got != 1 {
		t.Errorf("the log has %d lines about the bound:\n%s", got, log)
	}
}

// Keys whose period is over go before those that still count, whenever they were used.
func TestForgetsExpiredKeysFirst(t *testing.T) {
	t.Parallel()
	at := (&clock{}).start()
	l, log := bounded(t, "long=10/1h@a.A/Long,short=10/1m@a.A/Short", 3, at)
	long := func(caller string) ratelimit.Use { return ratelimit.Use{Caller: caller, Method: "/a.A/Long"} }
	take(t, l, long("old"))
	for _, caller := range []string{"x", "y"} { // used after it, and over before it
		take(t, l, ratelimit.Use{Caller: caller, Method: "/a.A/Short"})
	}
	at.forward(2 * time.Minute)
	take(t, l, long("new"))
	checkKeys(t, l, 2, 0)
	if got := take(t, l, long("old"))[0].Remaining; got != 8 {
		t.Errorf("the key that still counts has %d left, want 8", got)
	}
	if log.Len() > 0 {
		t.Errorf("nothing was lost, and the log says:\n%s", log)
	}
}

// Counting does not prolong a period: it ends when it would have ended anyway.
func TestWindowIsFixed(t *testing.T) {
	t.Parallel()
	at := (&clock{}).start()
	l, _ := bounded(t, "2/1m", 10, at)
	for range 5 {
		take(t, l, ratelimit.Use{Caller: "a"})
		at.forward(10 * time.Second)
	}
	if quota := take(t, l, ratelimit.Use{Caller: "a"})[0]; !quota.Exceeded || quota.Reset != 10*time.Second {
		t.Errorf("50 seconds later: %+v", quota)
	}
	at.forward(10 * time.Second)
	if quota := take(t, l, ratelimit.Use{Caller: "a"})[0]; quota.Exceeded || quota.Remaining != 1 || quota.Reset != time.Minute {
		t.Errorf("at the end of the period: %+v", quota)
	}
}

// A full limiter stays within what DefaultMaxKeys promises, however many clients come.
func TestMemoryOfFullLimiter(t *testing.T) { //nolint:paralleltest // it measures the memory of the process.
	at := (&clock{}).start()
	l, _ := bounded(t, "600/1h", 0, at)
	before := heapInUse()
	for i := range 3 * memory.DefaultMaxKeys / 2 {
		take(t, l, ratelimit.Use{Caller: "address:2001:db8:" + strconv.FormatInt(int64(i>>16), 16) + ":" + strconv.FormatInt(int64(i&0xffff), 16) + "::/64"})
	}
	grown := int64(heapInUse()) - int64(before)
	held, maxKeys, forgotten := l.Keys()
	if held != memory.DefaultMaxKeys || maxKeys != memory.DefaultMaxKeys || forgotten != memory.DefaultMaxKeys/2 {
		t.Errorf("%d of %d keys held, %d forgotten", held, maxKeys, forgotten)
	}
	if grown > 50<<20 {
		t.Errorf("a full limiter holds %d octets", grown)
	}
	runtime.KeepAlive(l)
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
