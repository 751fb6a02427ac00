package ratelimit_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

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

// TestAllowanceNamesOneLimit: whatever a refusal says, it says of the limit that holds the caller longest.
func TestAllowanceNamesOneLimit(t *testing.T) {
	t.Parallel()
	short := ratelimit.Quota{Policy: "short", Limit: 5, Window: time.Minute, Reset: time.Minute, Exceeded: true}
	long := ratelimit.Quota{Policy: "long", Limit: 6, Window: time.Hour, Reset: time.Hour, Exceeded: true}
	usedUp := ratelimit.Quota{Policy: "used-up", Limit: 7, Window: time.Hour, Reset: 3 * time.Hour}
	rest := ratelimit.Quota{Policy: "rest", Limit: 9, Remaining: 1, Window: time.Hour, Reset: 2 * time.Hour}
	for name, allowance := range map[string]ratelimit.Allowance{
		"the longest last":  {short, long, rest},
		"the longest first": {long, rest, short},
		"another used up":   {usedUp, short, rest, long},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			allowance.SetFields(header)
			if header.Get("X-Rate-Limit-Limit") != "6" || header.Get("X-Rate-Limit-Remaining") != "0" || header.Get("X-Rate-Limit-Reset") != "3600" {
				t.Errorf("X-Rate-Limit-*: %v", header)
			}
			refused := status.Convert(allowance.Err())
			if !strings.HasSuffix(refused.Message(), "at most 6 requests in 1h0m0s") {
				t.Errorf("the message is %q", refused.Message())
			}
			for _, detail := range refused.Details() {
				switch detail := detail.(type) {
				case *errdetails.ErrorInfo:
					if got := detail.GetMetadata()["limit"]; got != "at most 6 requests in 1h0m0s" {
						t.Errorf("the limit is %q", got)
					}
				case *errdetails.RetryInfo:
					if got := detail.GetRetryDelay().AsDuration(); got != time.Hour {
						t.Errorf("the wait is %s", got)
					}
				case *errdetails.QuotaFailure:
					if all := detail.GetViolations(); len(all) != 2 || all[0].GetQuotaId() != "long" || all[1].GetQuotaId() != "short" {
						t.Errorf("the violations are %v", all)
					}
				}
			}
		})
	}
	if err := (ratelimit.Allowance{usedUp, rest}).Err(); err != nil {
		t.Errorf("the last request of a limit: %v", err)
	}
}
