package policy_test

import (
	"math"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/policy"
)

const (
	quotaFailure = "google.rpc.QuotaFailure"
	badRequest   = "google.rpc.BadRequest"
)

// answer is an HTTP status, and whether it comes with Retry-After.
type answer struct {
	status     int
	retryAfter bool
}

func answerTo(table *policy.Table, in policy.Input) answer {
	decision := table.Decide(in)
	return answer{status: decision.Status(), retryAfter: decision.Rule.GetRetryAfter() != nil}
}

// local is an error that the gateway itself raises.
func local(code codes.Code, reason string) policy.Input {
	return policy.Input{Code: int32(code), Domain: policy.Domain, Reason: reason}
}

// backend is an error that says no more than its code.
func backend(code codes.Code) policy.Input { return policy.Input{Code: int32(code)} }

// TestConditions is the promise: what each condition becomes under each policy.
func TestConditions(t *testing.T) {
	t.Parallel()
	documented, canonical := builtin(t, policy.Documented), builtin(t, policy.Canonical)

	tests := []struct {
		condition             string
		in                    policy.Input
		documented, canonical answer
	}{
		{"INVALID_ARGUMENT", backend(codes.InvalidArgument), answer{400, false}, answer{400, false}},
		{"OUT_OF_RANGE", backend(codes.OutOfRange), answer{400, false}, answer{400, false}},
		{"malformed JSON", local(codes.InvalidArgument, policy.ReasonInvalidArgument), answer{400, false}, answer{400, false}},
		{"unknown field", local(codes.InvalidArgument, policy.ReasonInvalidArgument), answer{400, false}, answer{400, false}},
		{"bad query or path value", local(codes.InvalidArgument, policy.ReasonInvalidArgument), answer{400, false}, answer{400, false}},
		{"reserved header", local(codes.InvalidArgument, policy.ReasonReservedHeader), answer{400, false}, answer{400, false}},
		{"bytes that are no HTTP", local(codes.InvalidArgument, policy.ReasonMalformedRequest), answer{400, false}, answer{400, false}},
		{"condition that the method cannot evaluate", local(codes.InvalidArgument, policy.ReasonPreconditionUnsupported), answer{400, false}, answer{400, false}},
		{"FAILED_PRECONDITION", backend(codes.FailedPrecondition), answer{409, false}, answer{400, false}},
		{"ABORTED", backend(codes.Aborted), answer{409, false}, answer{409, false}},
		{"ALREADY_EXISTS", backend(codes.AlreadyExists), answer{409, false}, answer{409, false}},
		{"stale version in the message, not in a header", local(codes.Aborted, policy.ReasonPreconditionFailed), answer{409, false}, answer{409, false}},
		{"UNAUTHENTICATED", backend(codes.Unauthenticated), answer{401, false}, answer{401, false}},
		{"PERMISSION_DENIED", backend(codes.PermissionDenied), answer{403, false}, answer{403, false}},
		{"NOT_FOUND", backend(codes.NotFound), answer{404, false}, answer{404, false}},
		{"no such route", local(codes.NotFound, policy.ReasonRouteNotFound), answer{404, false}, answer{404, false}},
		{"wrong method on a known route", local(codes.Unimplemented, policy.ReasonMethodNotAllowed), answer{405, false}, answer{405, false}},
		{"retired API version", local(codes.FailedPrecondition, policy.ReasonRetired), answer{410, false}, answer{410, false}},
		{"request over the size limit", local(codes.ResourceExhausted, policy.ReasonRequestTooLarge), answer{413, false}, answer{413, false}},
		{"target or fields over the size limit", local(codes.ResourceExhausted, policy.ReasonHeaderTooLarge), answer{413, false}, answer{431, false}},
		{"request media type not supported", local(codes.InvalidArgument, policy.ReasonUnsupportedMediaType), answer{415, false}, answer{415, false}},
		{"request coding not supported", local(codes.InvalidArgument, policy.ReasonUnsupportedCoding), answer{415, false}, answer{415, false}},
		{"nothing acceptable to Accept", local(codes.InvalidArgument, policy.ReasonNotAcceptable), answer{415, false}, answer{406, false}},
		{"Expect that cannot be met", local(codes.InvalidArgument, policy.ReasonExpectationFailed), answer{418, false}, answer{417, false}},
		{"RESOURCE_EXHAUSTED", backend(codes.ResourceExhausted), answer{429, true}, answer{429, true}},
		{"RESOURCE_EXHAUSTED by quota", policy.Input{Code: 8, Details: []string{quotaFailure}}, answer{429, true}, answer{429, true}},
		{"rate limit of the gateway", local(codes.ResourceExhausted, policy.ReasonRateLimited), answer{429, true}, answer{429, true}},
		{"UNKNOWN", backend(codes.Unknown), answer{500, false}, answer{500, false}},
		{"INTERNAL", backend(codes.Internal), answer{500, false}, answer{500, false}},
		{"DATA_LOSS", backend(codes.DataLoss), answer{500, false}, answer{500, false}},
		{"code 17", backend(17), answer{500, false}, answer{500, false}},
		{"response too large", local(codes.ResourceExhausted, policy.ReasonResponseTooLarge), answer{500, false}, answer{500, false}},
		{"panic", local(codes.Internal, policy.ReasonInternal), answer{500, false}, answer{500, false}},
		{"UNIMPLEMENTED from the backend", backend(codes.Unimplemented), answer{500, false}, answer{501, false}},
		{"transfer coding not supported", local(codes.Unimplemented, policy.ReasonTransferCodingUnsupported), answer{400, false}, answer{501, false}},
		{"HTTP version not supported", local(codes.Unimplemented, policy.ReasonVersionUnsupported), answer{400, false}, answer{505, false}},
		{"UNAVAILABLE, overload", backend(codes.Unavailable), answer{503, true}, answer{503, true}},
		{"draining", local(codes.Unavailable, policy.ReasonDraining), answer{503, true}, answer{503, true}},
		{"maintenance", local(codes.Unavailable, policy.ReasonMaintenance), answer{503, true}, answer{503, true}},
		{"storage that takes no writes", local(codes.Unavailable, policy.ReasonReadOnly), answer{503, true}, answer{503, true}},
		{"DEADLINE_EXCEEDED", backend(codes.DeadlineExceeded), answer{503, true}, answer{504, false}},
		{"CANCELLED, the client still there", backend(codes.Canceled), answer{503, true}, answer{503, true}},
	}
	for _, test := range tests {
		t.Run(test.condition, func(t *testing.T) {
			t.Parallel()
			in, conditional := test.in, test.in
			conditional.Conditional = true
			if got := answerTo(documented, in); got != test.documented {
				t.Errorf("documented: got %+v, want %+v", got, test.documented)
			}
			if got := answerTo(canonical, in); got != test.canonical {
				t.Errorf("canonical: got %+v, want %+v", got, test.canonical)
			}
			if in.Reason == policy.ReasonPreconditionFailed {
				// In the request's own headers, the same condition is 412.
				test.documented, test.canonical = answer{412, false}, answer{412, false}
			}
			// No other result depends on a condition in the request.
			if got := answerTo(documented, conditional); got != test.documented {
				t.Errorf("documented, conditional request: got %+v, want %+v", got, test.documented)
			}
			if got := answerTo(canonical, conditional); got != test.canonical {
				t.Errorf("canonical, conditional request: got %+v, want %+v", got, test.canonical)
			}
		})
	}
}

// TestCodes walks every gRPC code and one beyond on both sides. A detail that no
// rule names, and a reason that no rule knows, change nothing.
func TestCodes(t *testing.T) {
	t.Parallel()
	documented, canonical := builtin(t, policy.Documented), builtin(t, policy.Canonical)

	tests := []struct {
		code                  int32
		rule                  string
		documented, canonical int
	}{
		{math.MinInt32, "other", 500, 500},
		{-1, "other", 500, 500},
		{0, "ok", 200, 200},
		{1, "cancelled", 503, 503},
		{2, "unknown", 500, 500},
		{3, "invalid-argument", 400, 400},
		{4, "deadline-exceeded", 503, 504},
		{5, "not-found", 404, 404},
		{6, "already-exists", 409, 409},
		{7, "permission-denied", 403, 403},
		{8, "resource-exhausted", 429, 429},
		{9, "failed-precondition", 409, 400},
		{10, "aborted", 409, 409},
		{11, "out-of-range", 400, 400},
		{12, "unimplemented", 500, 501},
		{13, "internal", 500, 500},
		{14, "unavailable", 503, 503},
		{15, "data-loss", 500, 500},
		{16, "unauthenticated", 401, 401},
		{17, "other", 500, 500},
		{18, "other", 500, 500},
		{42, "other", 500, 500},
		{math.MaxInt32, "other", 500, 500},
	}
	inputs := map[string]policy.Input{
		"bare":            {},
		"unknown detail":  {Details: []string{"", badRequest, "example.Unknown"}},
		"unknown reason":  {Domain: policy.Domain, Reason: "NO_SUCH_REASON"},
		"foreign domain":  {Domain: "example.com", Reason: policy.ReasonRouteNotFound},
		"reason alone":    {Reason: policy.ReasonRouteNotFound},
		"domain alone":    {Domain: policy.Domain},
		"conditional":     {Conditional: true},
		"success's parts": {Declared: nil, Chosen: 204},
	}
	for name, in := range inputs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, test := range tests {
				in.Code = test.code
				for _, policy := range []struct {
					table *policy.Table
					want  int
				}{{documented, test.documented}, {canonical, test.canonical}} {
					got := policy.table.Decide(in)
					if got.Status() != policy.want || got.Rule.GetName() != test.rule {
						t.Errorf("%s, code %d: got %d by %s, want %d by %s",
							policy.table.Name(), test.code, got.Status(), got.Rule.GetName(), policy.want, test.rule)
					}
					if got.IsError() != (test.code != 0) {
						t.Errorf("%s, code %d: IsError is %t", policy.table.Name(), test.code, got.IsError())
					}
				}
			}
		})
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	table := load(t, layered)
	const aborted, notFound = int32(codes.Aborted), int32(codes.NotFound)

	tests := []struct {
		name string
		in   policy.Input
		want string
	}{
		{
			"a reason goes before a detail and a code",
			policy.Input{Code: aborted, Domain: "example.com", Reason: "BUSY", Details: []string{"example.Fault"}},
			"reason",
		},
		{
			"a reason's conditional rule goes first",
			policy.Input{Code: aborted, Domain: "example.com", Reason: "BUSY", Conditional: true},
			"reason-conditional",
		},
		{
			"a reason holds whatever the code",
			policy.Input{Code: 99, Domain: "example.com", Reason: "BUSY"},
			"reason",
		},
		{
			"a reason is compared whole",
			policy.Input{Code: notFound, Domain: "example.com", Reason: "BUSY2"},
			"not-found",
		},
		{
			"case counts in a reason",
			policy.Input{Code: notFound, Domain: "example.com", Reason: "busy"},
			"not-found",
		},
		{
			"case counts in a domain",
			policy.Input{Code: notFound, Domain: "Example.com", Reason: "BUSY"},
			"not-found",
		},
		{
			"an unknown reason falls through to a detail",
			policy.Input{Code: notFound, Domain: "example.com", Reason: "X", Details: []string{"example.Fault"}},
			"detail",
		},
		{
			"an unknown reason falls through to a code",
			policy.Input{Code: notFound, Domain: "example.com", Reason: "X"},
			"not-found",
		},
		{
			"a reason for conditional requests holds for them",
			policy.Input{Code: notFound, Domain: "example.com", Reason: "STALE", Conditional: true},
			"reason-only-conditional",
		},
		{
			"a reason for conditional requests falls through for others",
			policy.Input{Code: notFound, Domain: "example.com", Reason: "STALE"},
			"not-found",
		},
		{
			"a detail goes before a code",
			policy.Input{Code: notFound, Details: []string{"example.Fault"}},
			"detail",
		},
		{
			"a detail's conditional rule goes first",
			policy.Input{Code: notFound, Details: []string{"example.Fault"}, Conditional: true},
			"detail-conditional",
		},
		{
			"a detail with a code goes before any code",
			policy.Input{Code: aborted, Details: []string{"example.Fault"}},
			"detail-aborted",
		},
		{
			"the conditional rule of a detail with a code goes first",
			policy.Input{Code: aborted, Details: []string{"example.Fault"}, Conditional: true},
			"detail-aborted-conditional",
		},
		{
			"a detail with OTHER: 17",
			policy.Input{Code: 17, Details: []string{"example.Fault"}},
			"detail-other",
		},
		{
			"a detail with OTHER: -1",
			policy.Input{Code: -1, Details: []string{"example.Fault"}},
			"detail-other",
		},
		{
			"a detail with OTHER has no conditional rule of its own",
			policy.Input{Code: -1, Details: []string{"example.Fault"}, Conditional: true},
			"detail-other",
		},
		{
			"a detail with another code does not hold",
			policy.Input{Code: notFound, Details: []string{"example.Narrow"}},
			"not-found",
		},
		{
			"the first detail goes first",
			policy.Input{Code: notFound, Details: []string{"example.Plain", "example.Fault"}},
			"plain",
		},
		{
			"the first detail goes first, turned round",
			policy.Input{Code: notFound, Details: []string{"example.Fault", "example.Plain"}},
			"detail",
		},
		{
			"the first detail for any code goes before the second with its code",
			policy.Input{Code: aborted, Details: []string{"example.Plain", "example.Narrow"}},
			"plain",
		},
		{
			"a detail without a rule is passed over",
			policy.Input{Code: aborted, Details: []string{"example.None", "", "example.Narrow"}},
			"narrow",
		},
		{
			"a detail for conditional requests holds for them",
			policy.Input{Code: aborted, Details: []string{"example.Guarded"}, Conditional: true},
			"guarded",
		},
		{
			"a detail for conditional requests falls through to any code for others",
			policy.Input{Code: aborted, Details: []string{"example.Guarded"}},
			"guarded-any",
		},
		{
			"a detail is compared whole",
			policy.Input{Code: notFound, Details: []string{"example.FaultX", "Fault", "type.googleapis.com/example.Fault"}},
			"not-found",
		},
		{
			"a code",
			policy.Input{Code: aborted},
			"aborted",
		},
		{
			"a code's conditional rule goes first",
			policy.Input{Code: aborted, Conditional: true},
			"aborted-conditional",
		},
		{
			"a code without a conditional rule",
			policy.Input{Code: notFound, Conditional: true},
			"not-found",
		},
		{
			"a number without a name",
			policy.Input{Code: 17},
			"other",
		},
		{
			"the conditional rule of numbers without a name goes first",
			policy.Input{Code: 17, Conditional: true},
			"other-conditional",
		},
		{
			"an error is never a success",
			policy.Input{Code: notFound, Declared: []int32{200}, Chosen: 200, NotModified: true},
			"not-found",
		},
		{
			"a success has no reason",
			policy.Input{Code: 0, Domain: "example.com", Reason: "BUSY", Details: []string{"example.Fault"}, Conditional: true},
			"ok",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := table.Decide(test.in)
			want := ruleNamed(table, test.want)
			if got.Rule != want {
				t.Errorf("decided by %q, want %q", got.Rule.GetName(), want.GetName())
			}
			if got.Row != table.Row(int(want.GetStatus())) {
				t.Errorf("the row is %d, want %d", got.Status(), want.GetStatus())
			}
		})
	}
}
