package openapi

import (
	"slices"
	"strconv"

	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/policy"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// cause is one way in which a request fails.
type cause struct {
	code           codes.Code
	domain, reason string
	details        []string
}

// codeOther represents all numbers that are not gRPC codes.
const codeOther = codes.Code(17)

// failures returns the statuses of 400 or more of a route.
func (b *builder) failures(binding *contract.Binding) map[int]bool {
	found := map[int]bool{}
	for _, one := range slices.Concat(b.anywhere(), b.raised(binding)) {
		for _, conditional := range []bool{false, true} {
			if one.reason == policy.ReasonPreconditionFailed && one.domain == policy.Domain && !conditional && b.isConditionalRead(binding) {
				continue // The gateway raises this reason only for a request with a condition.
			}
			found[b.decide(one, conditional).Status()] = true
		}
	}
	return found
}

func (b *builder) decide(one cause, conditional bool) policy.Decision {
	return b.Table.Decide(policy.Input{
		Code: int32(one.code), Domain: one.domain, Reason: one.reason, Details: one.details, Conditional: conditional, //nolint:gosec // no code is near 2^31.
	})
}

// anywhere returns the causes that can occur on every route: a backend may fail with any code and any
// detail, and with any reason of another domain than the gateway's.
func (b *builder) anywhere() []cause {
	var all []cause
	for code := codes.Canceled; code <= codeOther; code++ {
		all = append(all, cause{code: code})
	}
	for _, rule := range b.Table.Policy().GetRules() {
		one := cause{code: codeNamed(rule.GetCode()), domain: rule.GetDomain(), reason: rule.GetReason()}
		if rule.GetDetail() != "" {
			one.details = []string{rule.GetDetail()}
		}
		if rule.GetDetail() != "" || rule.GetReason() != "" && rule.GetDomain() != policy.Domain {
			all = append(all, one)
		}
	}
	return all
}

// codeNamed returns the code with this name, or UNKNOWN if there is none.
func codeNamed(name string) codes.Code {
	var code codes.Code
	if name == "" || code.UnmarshalJSON([]byte(strconv.Quote(name))) != nil || code == codes.OK {
		return codes.Unknown
	}
	return code
}

// raised returns the gateway's own causes that can occur on a route.
func (b *builder) raised(binding *contract.Binding) []cause {
	method := binding.Method
	reasons := []string{
		policy.ReasonMethodNotAllowed, // for other HTTP methods on the path
		policy.ReasonInvalidArgument, policy.ReasonReservedHeader, policy.ReasonExpectationFailed, policy.ReasonHeaderTooLarge,
		policy.ReasonRequestTooLarge, policy.ReasonRateLimited, policy.ReasonConcurrencyLimited, policy.ReasonOverloaded,
		policy.ReasonDraining, policy.ReasonMaintenance,
		policy.ReasonResponseTooLarge, policy.ReasonInternal,
	}
	switch {
	case binding.Body != "":
		reasons = append(reasons, policy.ReasonUnsupportedMediaType, policy.ReasonUnsupportedCoding)
	case !binding.DiscardsBody:
		reasons = append(reasons, policy.ReasonBodyNotAllowed)
	}
	if binding.Offers != nil {
		reasons = append(reasons, policy.ReasonNotAcceptable)
	}
	switch {
	case b.isConditionalRead(binding), binding.Conditions == contract.ConditionsForwarded:
		reasons = append(reasons, policy.ReasonPreconditionFailed)
	case binding.Conditions == contract.ConditionsRefused:
		reasons = append(reasons, policy.ReasonPreconditionUnsupported)
	}
	switch {
	case binding.Safe:
	case !b.honoursKey(method):
		reasons = append(reasons, policy.ReasonKeyUnsupported)
	default:
		reasons = append(reasons, policy.ReasonKeyMissing, policy.ReasonKeyReused, policy.ReasonKeyInUse)
	}
	if !method.Lifecycle.Sunset.IsZero() {
		reasons = append(reasons, policy.ReasonRetired)
	}
	all := make([]cause, 0, len(reasons))
	for _, reason := range reasons {
		all = append(all, cause{code: policy.CodeOf(reason), domain: policy.Domain, reason: reason})
	}
	return all
}

// failureResponse returns a reference to the component for a status. Routes with the same headers share a
// component; the suffixes of its name list these headers.
func (b *builder) failureResponse(binding *contract.Binding, status int) *response {
	method := binding.Method
	name := "Error" + strconv.Itoa(status)
	r := &response{Description: describe(b.Table.Row(status)), Headers: &ordered[*header]{}}
	b.failureHeaders(r, status)
	if b.readsBody(binding, status) {
		accept := "Accept"
		if isPatch(binding) {
			accept = "Accept-Patch"
			name += "-patch"
		}
		b.headers(r, accept, "Accept-Encoding")
		name += "-body"
	}
	if b.isReplayed(binding, status) {
		b.headers(r, "Idempotency-Replayed")
		name += "-replayed"
	}
	if !method.Lifecycle.Deprecated.IsZero() {
		b.headers(r, "Deprecation")
		name += "-deprecated"
	}
	if !method.Lifecycle.Sunset.IsZero() {
		b.headers(r, "Sunset")
		name += "-sunset"
	}
	if _, ok := b.root.Components.Responses.get(name); !ok {
		r.Content = b.failureContent(status)
		b.root.Components.Responses.set(name, r)
	}
	return &response{Ref: "#/components/responses/" + name}
}

func (b *builder) failureHeaders(r *response, status int) {
	cacheControl := b.Table.Row(status).GetCacheControl()
	if cacheControl == "" {
		cacheControl = noStore
	}
	b.headers(r, "X-Request-Id")
	r.Headers.set("Cache-Control", fixed(cacheControl))
	b.headers(r, "Vary")
	switch status {
	case 401:
		b.headers(r, "WWW-Authenticate")
	case 405:
		b.headers(r, "Allow")
	case 409, 429, 503, 504:
		b.headers(r, "Retry-After")
		// If every rule for the status sets Retry-After, every response contains it.
		if isEvery(b.Table.RulesTo(status), func(rule *statuswayv1.Rule) bool { return rule.GetRetryAfter() != nil }) {
			always, _ := b.root.Components.Headers.get("Retry-After")
			r.Headers.set("Retry-After", &header{Description: always.Description, Required: true, Schema: always.Schema})
		}
	}
	b.headers(r, "Link", "Content-Language")
	b.limits(r)
}

func isEvery(rules []*statuswayv1.Rule, holds func(*statuswayv1.Rule) bool) bool {
	return len(rules) > 0 && !slices.ContainsFunc(rules, func(rule *statuswayv1.Rule) bool { return !holds(rule) })
}

// readsBody reports whether a body with an unsupported type or coding gets this status.
func (b *builder) readsBody(binding *contract.Binding, status int) bool {
	if binding.Body == "" {
		return false
	}
	for _, reason := range []string{policy.ReasonUnsupportedMediaType, policy.ReasonUnsupportedCoding} {
		if b.decide(cause{code: codes.InvalidArgument, domain: policy.Domain, reason: reason}, false).Status() == status {
			return true
		}
	}
	return false
}

// isReplayed reports whether a failure with this status can be stored and repeated for an Idempotency-Key:
// it comes from the backend and is not temporary.
func (b *builder) isReplayed(binding *contract.Binding, status int) bool {
	if !b.honoursKey(binding.Method) || status == 401 || status == 429 || status >= 500 {
		return false
	}
	causes := b.anywhere()
	if binding.Method.Preconditions {
		causes = append(causes, cause{code: codes.Aborted, domain: policy.Domain, reason: policy.ReasonPreconditionFailed})
	}
	return slices.ContainsFunc(causes, func(one cause) bool {
		return b.decide(one, false).Status() == status || b.decide(one, true).Status() == status
	})
}
