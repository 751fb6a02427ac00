// Package ratelimit defines the interface of a rate limiter, and the headers and the error that tell
// clients the state of the limits. The package ratelimit/memory is a limiter in memory.
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
	// Take counts one request. If it returns an error, the gateway serves the request: a broken
	// limiter must not stop the service.
	Take(ctx context.Context, use Use) (Allowance, error)
}

// Use describes a request to count.
type Use struct {
	// Caller is the key of a user or of a client; see [ClientKey].
	Caller string
	// Groups are the groups of the user.
	Groups []string
	// Method is the full name of the gRPC method, "/service/method". It is empty if the request
	// matches no route.
	Method string
}

// Quota is the state of one limit after a request was counted.
type Quota struct {
	// Policy is the name of the limit. Subject is the caller or the group that it counts.
	Policy, Subject string
	// Limit is the number of requests per Window, Remaining the number of requests that are left.
	Limit, Remaining int
	Window           time.Duration
	// Reset is the time until the full Limit is available again.
	Reset time.Duration
	// Exceeded reports whether this request is over the limit.
	Exceeded bool
}

// Allowance holds the quota of each limit that applies to a request.
type Allowance []Quota

// SetFields sets the headers that show a caller its allowance: RateLimit-Policy and RateLimit for
// every limit (draft-ietf-httpapi-ratelimit-headers-10); X-Rate-Limit-Limit, X-Rate-Limit-Remaining
// and X-Rate-Limit-Reset for the limit with the fewest requests left, and of those that are exceeded, for
// the one that holds the caller longest. Reset is in seconds from now, rounded up. The name of a limit must not contain quotes or backslashes.
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
	nearest := slices.MinFunc(a, byUrgency)
	// One array for all values saves allocations: this runs for every request.
	values := [...]string{
		string(policies), string(states),
		strconv.Itoa(nearest.Limit), strconv.Itoa(nearest.Remaining), strconv.FormatInt(rfc9110.DelaySeconds(nearest.Reset), 10),
	}
	for i, name := range [...]string{"Ratelimit-Policy", "Ratelimit", "X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset"} {
		header[name] = values[i : i+1 : i+1]
	}
}

// appendItem appends a String to a List of Structured Fields (RFC 9651 §3.1).
func appendItem(list []byte, name string) []byte {
	if len(list) > 0 {
		list = append(list, ", "...)
	}
	return append(append(append(list, '"'), name...), '"')
}

// appendParam appends an Integer parameter (RFC 9651 §3.1.2).
func appendParam(list []byte, name byte, value int64) []byte {
	return strconv.AppendInt(append(list, ';', name, '='), value, 10)
}

// byUrgency compares quotas: first those that are exceeded, by the latest reset; then the others, by the
// fewest requests that are left.
func byUrgency(x, y Quota) int {
	if x.Exceeded && y.Exceeded {
		return cmp.Compare(y.Reset, x.Reset)
	}
	return cmp.Or(cmp.Compare(boolRank(x.Exceeded), boolRank(y.Exceeded)), cmp.Compare(x.Remaining, y.Remaining), cmp.Compare(y.Reset, x.Reset))
}

func boolRank(first bool) int {
	if first {
		return 0
	}
	return 1
}

// Err returns RESOURCE_EXHAUSTED if the request is over a limit, else nil. It names each limit that is
// exceeded. The one that holds the caller longest comes first; it is also that of the message, of RetryInfo
// and of X-Rate-Limit-*.
func (a Allowance) Err() error {
	if !slices.ContainsFunc(a, func(one Quota) bool { return one.Exceeded }) {
		return nil
	}
	quota := &errdetails.QuotaFailure{}
	sorted := slices.SortedStableFunc(slices.Values(a), byUrgency)
	for _, one := range sorted {
		if !one.Exceeded {
			break
		}
		quota.Violations = append(quota.Violations, &errdetails.QuotaFailure_Violation{
			Subject:     one.Subject,
			Description: "at most " + strconv.Itoa(one.Limit) + " requests in " + one.Window.String(),
			QuotaId:     one.Policy,
			QuotaValue:  int64(one.Limit),
		})
	}
	first := quota.GetViolations()[0].GetDescription()
	failure := status.New(codes.ResourceExhausted, "the allowance for the period is used up: "+first)
	full, err := failure.WithDetails(
		protoadapt.MessageV1Of(&errdetails.ErrorInfo{Domain: policy.Domain, Reason: policy.ReasonRateLimited, Metadata: map[string]string{"limit": first}}),
		protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(sorted[0].Reset)}),
		protoadapt.MessageV1Of(quota),
	)
	if err != nil { // These details always encode.
		return failure.Err()
	}
	return full.Err()
}
