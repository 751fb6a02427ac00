package conformance_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/conformance"
)

// limited answers the first request by a rate limit, and the others by a quota that is
// no concern of the gateway's.
func limited(t *testing.T, retryAfter, reason string) (*conformance.Client, *atomic.Int64) {
	t.Helper()
	var asked, waited atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			return
		}
		said := conformance.ProblemBody{Reason: "DAILY", Domain: "shop.v1"}
		if asked.Add(1) == 1 {
			said = conformance.ProblemBody{Reason: reason, Domain: "statusway.v1"}
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(http.StatusTooManyRequests)
		_ = json.NewEncoder(w).Encode(said)
	}))
	t.Cleanup(server.Close)
	client := conformance.NewClient(conformance.ClientParams{
		Address: strings.TrimPrefix(server.URL, "http://"), Next: "/next", Patience: 5 * time.Second, Waiting: func(long time.Duration) { waited.Add(int64(long)) },
	})
	t.Cleanup(client.Close)
	return client, &waited
}

// The server's own limit is waited for, as long as there is patience; any other quota
// is a response like any other.
func TestAsk(t *testing.T) {
	t.Parallel()
	itself := conformance.Response{Status: 429, Problem: &conformance.Problem{Reason: "RATE_LIMITED"}}
	for name, test := range map[string]struct {
		method, retryAfter, reason string
		want                       conformance.Response
		waits, fails               bool
	}{
		"waits":                  {"GET", "1", "RATE_LIMITED", conformance.Response{Status: 200}, true, false},
		"waits, wanting another": {"GET", "1", "RATE_LIMITED", conformance.Response{Status: 429, Problem: &conformance.Problem{Reason: "DAILY"}}, true, false},
		"what is wanted":         {"GET", "1", "RATE_LIMITED", itself, false, false},
		"another reason":         {"GET", "1", "DAILY", conformance.Response{Status: 200}, false, false},
		"HEAD":                   {"HEAD", "1", "RATE_LIMITED", conformance.Response{Status: 200}, true, false},
		"too long":               {"GET", "6", "RATE_LIMITED", conformance.Response{Status: 200}, false, true},
		"no time":                {"GET", "soon", "RATE_LIMITED", conformance.Response{Status: 200}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, waited := limited(t, test.retryAfter, test.reason)
			got, err := client.Ask(t.Context(), conformance.OverHTTP1, &conformance.Message{Method: test.method, Target: "/"}, test.want)
			if errors.Is(err, conformance.ErrTurnedAway) != test.fails || (waited.Load() == int64(time.Second)) != test.waits {
				t.Errorf("%v, after waiting %s: %v", got, time.Duration(waited.Load()), err)
			}
		})
	}
}

// By the canonical policy a case has the statuses of that one, and stays as it is.
func TestBy(t *testing.T) {
	t.Parallel()
	both := conformance.Response{Status: 409, Canonical: 400}
	c := conformance.Case{
		Exchange: conformance.Exchange{Response: both, Race: &conformance.Race{Losers: both}},
		Before:   []conformance.Exchange{{Response: both}, {Response: conformance.Response{Status: 200}}},
		After:    []conformance.Exchange{{Response: both}},
	}
	statuses := func(c conformance.Case) []int {
		return []int{c.Response.Status, c.Race.Losers.Status, c.Before[0].Response.Status, c.Before[1].Response.Status, c.After[0].Response.Status}
	}
	for policy, want := range map[string][]int{policy.Documented: {409, 409, 409, 200, 409}, policy.Canonical: {400, 400, 400, 200, 400}} {
		if diff := cmp.Diff(want, statuses(c.By(policy))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", policy, diff)
		}
	}
	if got := statuses(c); got[0] != 409 || got[1] != 409 || got[2] != 409 {
		t.Errorf("the case has become %v", got)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	client := scripted(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	defer client.Close()
	_, err := client.Run(t.Context(), conformance.Case{
		Before: []conformance.Exchange{{
			Request:  conformance.Request{Method: "PUT", Target: "/x", Headers: [][2]string{{"A", "b"}}},
			Response: conformance.Response{Status: 200, Headers: map[string]string{"B": "c"}},
		}},
	}, conformance.OverHTTP1, conformance.NewVariables(nil))
	step, ok := errors.AsType[*conformance.StepError](err)
	if !ok || step.Part != "before" || step.Number != 1 {
		t.Fatal(err)
	}
	found, ok := errors.AsType[*conformance.MismatchError](err)
	if !ok || found.Got == nil || found.Want.Headers["B"] != "c" {
		t.Fatal(err)
	}
	if text := found.Message.Text("host:1"); text != "PUT /x HTTP/1.1\r\nA: b\r\nHost: host:1\r\n\r\n" {
		t.Errorf("%q", text)
	}
	if text := found.Got.Text(); text != "200\r\nContent-Length: 0\r\n\r\n" {
		t.Errorf("%q", text)
	}
	faults := conformance.Faults(err)
	if len(faults) < 3 || faults[len(faults)-1] != `B is absent, want "c"` || !strings.HasPrefix(faults[0], "invariant: ") {
		t.Errorf("%q", faults)
	}
	if conformance.Faults(nil) != nil {
		t.Error("nothing has faults")
	}
}
