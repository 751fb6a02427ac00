package middleware

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
	"github.com/statusway/statusway/gateway/rfc9110"
)

// Use is one request, as the limits count it.
type Use struct {
	// Caller is a user, else a client's address.
	Caller string
	// Groups are the user's.
	Groups []string
	// Method is the full name of the gRPC method; empty if the request has no route.
	Method string
}

// Quota is the state of one limit after a request was counted.
type Quota struct {
	// Policy is the limit's name, Subject whom it counts.
	Policy, Subject string
	// Limit is how many requests Window allows, Remaining how many are left of it.
	Limit, Remaining int
	Window           time.Duration
	// Reset is how long until all of Limit is left again.
	Reset time.Duration
	// Exceeded says that this request is one too many.
	Exceeded bool
}

// Allowance is what a caller may still do: a quota for each limit that holds for the
// request. Empty if none does.
type Allowance []Quota

// Limiter counts requests.
type Limiter interface {
	// Take counts one request. An error means that it could not be counted, and then
	// it is served: a limiter that is down must not take the service along.
	Take(ctx context.Context, use Use) (Allowance, error)
}

// Limit counts each request, whatever becomes of it, and puts the state of the
// caller's allowance on every answer. It stands before a request without a route is
// turned away, so that guessing paths counts too.
func Limit(limiter Limiter, logger *slog.Logger) Middleware {
	return func(next exchange.Handler) exchange.Handler {
		if limiter == nil {
			return next
		}
		return func(w http.ResponseWriter, r *http.Request) error {
			ex := exchange.From(r.Context())
			use := Use{Caller: ex.Caller, Groups: ex.Groups}
			if ex.Binding != nil {
				use.Method = ex.Binding.Method.FullName
			}
			allowance, err := limiter.Take(r.Context(), use)
			if err != nil {
				logger.ErrorContext(r.Context(), "the rate limiter failed", slog.String("requestId", ex.RequestID), slog.Any("error", err))
				return next(w, r)
			}
			allowance.Fields(ex.Fields)
			if failure := allowance.Failure(); failure != nil {
				return failure
			}
			return next(w, r)
		}
	}
}

// Fields sets the header fields that tell a caller its allowance: RateLimit-Policy
// and RateLimit for every limit (draft-ietf-httpapi-ratelimit-headers-10), and
// X-Rate-Limit-Limit, -Remaining and -Reset for the one that is nearest its end.
// Reset is in seconds from now, rounded up. A policy's name stands in them as it is:
// it has no quote and no backslash.
func (a Allowance) Fields(header http.Header) {
	if len(a) == 0 {
		return
	}
	var policies, states []byte
	for _, quota := range a {
		policies = appendItem(policies, quota.Policy)
		policies = appendParam(policies, 'q', int64(quota.Limit))
		policies = appendParam(policies, 'w', max(1, rfc9110.DelaySeconds(quota.Window)))
		states = appendItem(states, quota.Policy)
		states = appendParam(states, 'r', int64(quota.Remaining))
		states = appendParam(states, 't', rfc9110.DelaySeconds(quota.Reset))
	}
	nearest := a.nearest()
	// One array for all: this is on the way of every request.
	values := [...]string{
		string(policies), string(states),
		strconv.Itoa(nearest.Limit), strconv.Itoa(nearest.Remaining), strconv.FormatInt(rfc9110.DelaySeconds(nearest.Reset), 10),
	}
	for i, name := range [...]string{"Ratelimit-Policy", "Ratelimit", "X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset"} {
		header[name] = values[i : i+1 : i+1]
	}
}

// appendItem begins a member of a List of Structured Fields, a String (RFC 9651 §3.1).
func appendItem(list []byte, name string) []byte {
	if len(list) > 0 {
		list = append(list, ", "...)
	}
	return append(append(append(list, '"'), name...), '"')
}

// appendParam adds a parameter that is an Integer (RFC 9651 §3.1.2).
func appendParam(list []byte, name byte, value int64) []byte {
	return strconv.AppendInt(append(list, ';', name, '='), value, 10)
}

// nearest is the quota that ends first: one that is exceeded, and of those the one
// that takes longest to come back; else the one with the least left.
func (a Allowance) nearest() Quota {
	return slices.MinFunc(a, func(x, y Quota) int {
		if x.Exceeded && y.Exceeded {
			return cmp.Compare(y.Reset, x.Reset)
		}
		return cmp.Or(cmp.Compare(boolRank(x.Exceeded), boolRank(y.Exceeded)), cmp.Compare(x.Remaining, y.Remaining), cmp.Compare(y.Reset, x.Reset))
	})
}

func boolRank(first bool) int {
	if first {
		return 0
	}
	return 1
}

// Failure is what a caller gets that went over a limit; nil if it did not. Waiting
// for its Retry-After is enough for every limit.
func (a Allowance) Failure() *respond.Failure {
	if !slices.ContainsFunc(a, func(one Quota) bool { return one.Exceeded }) {
		return nil
	}
	quota := &errdetails.QuotaFailure{}
	var wait time.Duration
	for _, one := range a {
		if !one.Exceeded {
			continue
		}
		wait = max(wait, one.Reset)
		quota.Violations = append(quota.Violations, &errdetails.QuotaFailure_Violation{
			Subject:     one.Subject,
			Description: "at most " + strconv.Itoa(one.Limit) + " requests in " + one.Window.String(),
			QuotaId:     one.Policy,
			QuotaValue:  int64(one.Limit),
		})
	}
	first := quota.GetViolations()[0]
	return respond.Fail(codes.ResourceExhausted, mapping.ReasonRateLimited, "the allowance for the period is used up: "+first.GetDescription()).
		About("limit", first.GetDescription()).
		With(&errdetails.RetryInfo{RetryDelay: durationpb.New(wait)}).
		With(quota)
}
