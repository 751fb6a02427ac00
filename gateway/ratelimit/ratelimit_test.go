package ratelimit_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/gateway/ratelimit"
)

// TestAllowanceOfSeveral: each limit has its line, and the longest wait is the wait.
func TestAllowanceOfSeveral(t *testing.T) {
	t.Parallel()
	allowance := ratelimit.Allowance{
		{Policy: "a", Limit: 2, Window: time.Second, Reset: time.Second, Exceeded: true},
		{Policy: "b", Limit: 3, Window: time.Minute, Reset: 9 * time.Second, Exceeded: true},
		{Policy: "c", Limit: 4, Remaining: 1, Window: time.Hour, Reset: time.Hour},
	}
	header := http.Header{}
	allowance.SetFields(header)
	if got, want := header.Get("Ratelimit-Policy"), `"a";q=2;w=1, "b";q=3;w=60, "c";q=4;w=3600`; got != want && got != strings.ReplaceAll(want, ", ", ",") {
		t.Errorf("RateLimit-Policy: %s", got)
	}
	if got, want := header.Get("Ratelimit"), `"a";r=0;t=1, "b";r=0;t=9, "c";r=1;t=3600`; got != want && got != strings.ReplaceAll(want, ", ", ",") {
		t.Errorf("RateLimit: %s", got)
	}
	if header.Get("X-Rate-Limit-Limit") != "3" || header.Get("X-Rate-Limit-Reset") != "9" {
		t.Errorf("X-Rate-Limit-*: %v", header)
	}
	table, err := policy.Builtin(policy.Documented)
	if err != nil {
		t.Fatal(err)
	}
	responder, err := respond.New(respond.Params{Table: table, PublicURL: "https://x.example"})
	if err != nil {
		t.Fatal(err)
	}
	if got := responder.Render(respond.AsFailure(allowance.Err()), respond.Request{}).Header.Get("Retry-After"); got != "9" {
		t.Errorf("Retry-After: %s", got)
	}
	if ratelimit.Allowance(nil).Err() != nil || allowance[2:].Err() != nil {
		t.Error("an allowance that is left is a failure")
	}
}
