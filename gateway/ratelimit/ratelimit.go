// Package ratelimit is the interface of what counts requests, and the state of the limits as
// clients read it. The package memory below this one counts in memory.
package ratelimit

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/policy"
)

// Limiter counts requests. It is safe for concurrent use.
type Limiter interface {
	// Take counts one request. On an error the request is served: a limiter that fails must
	// not stop the service.
	Take(ctx context.Context, use Use) (Allowance, error)
}

// Use is one request that is counted.
type Use struct {
	// Caller is the key of a user or of a client; see [ClientKey].
	Caller string
	// Groups are the groups of the user.
	Groups []string
	// Method is the full name of the gRPC method, "/service/method"; empty if the request has
	// no route.
	Method string
}

// Quota is the state of one limit after a request was counted.
type Quota struct {
	// Policy is the name of the limit. Subject is who it counts.
	Policy, Subject string
	// Limit is the number of requests in each Window, Remaining how many of them are left.
	Limit, Remaining int
	Window           time.Duration
	// Reset is the time until all of Limit is available again.
	Reset time.Duration
	// Exceeded reports whether this request was one too many.
	Exceeded bool
}

// Allowance has a quota for each limit that applies to a request.
type Allowance []Quota

// SetFields sets the header fields that show a caller its allowance: RateLimit-Policy and
// RateLimit for every limit (draft-ietf-httpapi-ratelimit-headers-10); X-Rate-Limit-Limit,
// X-Rate-Limit-Remaining and X-Rate-Limit-Reset for the limit that is nearest its end. Reset is
// in seconds from now, rounded up. The name of a limit must have no quote and no backslash.
func (a Allowance) SetFields(header http.Header) {
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

// nearest returns the exceeded quota with the latest reset; if none is exceeded, the quota with
// the least left.
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

// Err returns the gRPC status for a caller that exceeded a limit, RESOURCE_EXHAUSTED; nil if it
// exceeded none. A caller that waits for its RetryInfo exceeds none of the limits then.
func (a Allowance) Err() error {
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
	if len(quota.GetViolations()) == 0 {
		return nil
	}
	first := quota.GetViolations()[0].GetDescription()
	failure := status.New(codes.ResourceExhausted, "the allowance for the period is used up: "+first)
	full, err := failure.WithDetails(
		protoadapt.MessageV1Of(&errdetails.ErrorInfo{Domain: policy.Domain, Reason: policy.ReasonRateLimited, Metadata: map[string]string{"limit": first}}),
		protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(wait)}),
		protoadapt.MessageV1Of(quota),
	)
	if err != nil { // No detail of these can fail to encode.
		return failure.Err()
	}
	return full.Err()
}
