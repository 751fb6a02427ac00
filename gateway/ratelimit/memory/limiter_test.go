package memory_test

import (
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/statusway/statusway/gateway/ratelimit"
	"github.com/statusway/statusway/gateway/ratelimit/memory"
)

// newLimiter makes one from the text of its policies.
func newLimiter(t *testing.T, text string) *memory.Limiter {
	t.Helper()
	policies, err := memory.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return memory.New(memory.Params{Policies: policies})
}

func take(t *testing.T, l *memory.Limiter, use ratelimit.Use) ratelimit.Allowance {
	t.Helper()
	allowance, err := l.Take(t.Context(), use)
	if err != nil {
		t.Fatal(err)
	}
	for _, quota := range allowance {
		if quota.Reset < 0 || quota.Reset > quota.Window {
			t.Errorf("the end of %s is in %s, in a window of %s", quota.Policy, quota.Reset, quota.Window)
		}
	}
	return allowance
}

// compare compares all but Reset, which is a matter of time.
func compare(t *testing.T, got ratelimit.Allowance, want ...ratelimit.Quota) {
	t.Helper()
	if diff := cmp.Diff(ratelimit.Allowance(want), got, cmpopts.IgnoreFields(ratelimit.Quota{}, "Reset"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Without a policy nothing is counted, and nobody is refused.
func TestNone(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, "off")
	for range 3 {
		compare(t, take(t, l, ratelimit.Use{Caller: "user:a", Groups: nil, Method: "/a.A/B"}))
	}
}

// A failure says which limit it is of, also to those who do not know its type.
func TestError(t *testing.T) {
	t.Parallel()
	cause := errors.New("the store is down")
	var err error = &memory.Error{Policy: "minute", Err: cause}
	named, ok := err.(interface{ PolicyName() string })
	if !ok || named.PolicyName() != "minute" || !errors.Is(err, cause) || err.Error() != "counting a request by the limit minute: the store is down" {
		t.Errorf("%v", err)
	}
}

// The last request of an allowance is served, and the next is one too many.
func TestTakeToTheEnd(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, "3/1h")
	quota := ratelimit.Quota{Policy: "default", Subject: "user:a", Limit: 3, Window: time.Hour}
	for _, remaining := range []int{2, 1, 0} {
		quota.Remaining = remaining
		compare(t, take(t, l, ratelimit.Use{Caller: "user:a"}), quota)
	}
	quota.Exceeded = true
	for range 3 {
		compare(t, take(t, l, ratelimit.Use{Caller: "user:a"}), quota)
	}
}

// Of many requests at once exactly the allowed number is served, and no two of them
// are told that the same number is left.
func TestTakeInParallel(t *testing.T) {
	t.Parallel()
	const limit, beyond = 100, 50
	l := newLimiter(t, "a="+strconv.Itoa(limit)+"/1h,b=1000/1h")
	results := make(chan ratelimit.Allowance, limit+beyond)
	var group sync.WaitGroup
	for range limit + beyond {
		group.Go(func() {
			allowance, err := l.Take(t.Context(), ratelimit.Use{Caller: "user:a"})
			if err != nil {
				t.Error(err)
			}
			results <- allowance
		})
	}
	group.Wait()
	close(results)
	exceeded := 0
	left := map[string]map[int]bool{"a": {}, "b": {}}
	for allowance := range results {
		for _, quota := range allowance {
			if quota.Exceeded {
				exceeded++
				continue
			}
			if left[quota.Policy][quota.Remaining] {
				t.Errorf("%s: two were told that %d are left", quota.Policy, quota.Remaining)
			}
			left[quota.Policy][quota.Remaining] = true
		}
	}
	if exceeded != beyond || len(left["a"]) != limit || len(left["b"]) != limit+beyond {
		t.Errorf("%d one too many, %d and %d served", exceeded, len(left["a"]), len(left["b"]))
	}
}

// Each policy counts for itself: one that is used up does not stop the others.
func TestTakeByPolicies(t *testing.T) {
	t.Parallel()
	const importing, reading = "/entity.v1.EntityService/ImportEntities", "/entity.v1.EntityService/GetEntity"
	l := newLimiter(t, "all=10/1h,imports=1/24h@entity.v1.EntityService/ImportEntities,kitchen=3/1m:group")
	all := func(remaining int) ratelimit.Quota {
		return ratelimit.Quota{Policy: "all", Subject: "user:a", Limit: 10, Remaining: remaining, Window: time.Hour}
	}
	imports := func(remaining int, exceeded bool) ratelimit.Quota {
		return ratelimit.Quota{Policy: "imports", Subject: "user:a", Limit: 1, Remaining: remaining, Window: 24 * time.Hour, Exceeded: exceeded}
	}
	group := func(name string, remaining int, exceeded bool) ratelimit.Quota {
		return ratelimit.Quota{Policy: "kitchen", Subject: "group:" + name, Limit: 3, Remaining: remaining, Window: time.Minute, Exceeded: exceeded}
	}
	for _, step := range []struct {
		use  ratelimit.Use
		want []ratelimit.Quota
	}{
		{ratelimit.Use{Caller: "user:a", Method: reading}, []ratelimit.Quota{all(9)}},
		{ratelimit.Use{Caller: "user:a", Method: importing}, []ratelimit.Quota{all(8), imports(0, false)}},
		{ratelimit.Use{Caller: "user:a", Method: importing}, []ratelimit.Quota{all(7), imports(0, true)}},
		// One method does not use up the allowance of another.
		{ratelimit.Use{Caller: "user:a", Method: reading}, []ratelimit.Quota{all(6)}},
		// A request without a route counts against the limit for all requests.
		{ratelimit.Use{Caller: "user:a"}, []ratelimit.Quota{all(5)}},
		{ratelimit.Use{Caller: "user:a", Groups: []string{"x", "y"}, Method: reading}, []ratelimit.Quota{all(4), group("x", 2, false), group("y", 2, false)}},
		{ratelimit.Use{Caller: "user:a", Groups: []string{"y"}, Method: importing}, []ratelimit.Quota{all(3), imports(0, true), group("y", 1, false)}},
		{ratelimit.Use{Caller: "user:a", Groups: []string{"y", "x"}}, []ratelimit.Quota{all(2), group("y", 0, false), group("x", 1, false)}},
		{ratelimit.Use{Caller: "user:a", Groups: []string{"x", "y"}}, []ratelimit.Quota{all(1), group("x", 0, false), group("y", 0, true)}},
	} {
		compare(t, take(t, l, step.use), step.want...)
	}
}

// All users of a group share its allowance, and each caller has a separate one.
func TestTakeOfOthers(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, "own=1/1h,shared=2/1h:group")
	own := func(caller string, exceeded bool) ratelimit.Quota {
		return ratelimit.Quota{Policy: "own", Subject: caller, Limit: 1, Window: time.Hour, Exceeded: exceeded}
	}
	shared := func(remaining int, exceeded bool) ratelimit.Quota {
		return ratelimit.Quota{Policy: "shared", Subject: "group:g", Limit: 2, Remaining: remaining, Window: time.Hour, Exceeded: exceeded}
	}
	groups := []string{"g"}
	compare(t, take(t, l, ratelimit.Use{Caller: "user:a", Groups: groups}), own("user:a", false), shared(1, false))
	compare(t, take(t, l, ratelimit.Use{Caller: "user:b", Groups: groups}), own("user:b", false), shared(0, false))
	compare(t, take(t, l, ratelimit.Use{Caller: "user:a", Groups: groups}), own("user:a", true), shared(0, true))
	compare(t, take(t, l, ratelimit.Use{Caller: "user:c"}), own("user:c", false))
	// A user and an address of the same text are two, and so is a group.
	compare(t, take(t, l, ratelimit.Use{Caller: "address:a"}), own("address:a", false))
	compare(t, take(t, l, ratelimit.Use{Caller: "group:g"}), own("group:g", false))
	compare(t, take(t, l, ratelimit.Use{Caller: ""}), own("", false))
	// Another limiter has counted nothing.
	compare(t, take(t, newLimiter(t, "own=1/1h"), ratelimit.Use{Caller: "user:a"}), own("user:a", false))
}

// A caller that waits as long as Reset says is served again, at once and with the whole
// allowance. Several callers begin at different moments of a second, so that an end that
// is rounded to seconds would show.
func TestWaitingResetIsEnough(t *testing.T) {
	t.Parallel()
	const callers = 4
	l := newLimiter(t, "2/1s")
	for i := range callers {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			use := ratelimit.Use{Caller: "user:" + strconv.Itoa(i)}
			wait(t, time.Duration(i)*time.Second/callers)
			var last ratelimit.Quota
			for !last.Exceeded {
				last = take(t, l, use)[0]
			}
			if last.Reset <= 0 {
				t.Errorf("one too many, and told to come back in %s", last.Reset)
			}
			wait(t, last.Reset)
			next := take(t, l, use)[0]
			if next.Exceeded || next.Remaining != 1 {
				t.Errorf("after %s: %+v", last.Reset, next)
			}
		})
	}
}

func wait(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
		t.Fatal("the test is over")
	}
}
