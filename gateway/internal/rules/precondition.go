package rules

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/policy"
)

// Preconditions parses the conditional headers (RFC 9110 §13.1). It does not evaluate them, because a
// check here would race with writes: the responder evaluates the conditions of a read when it has the
// representation, and the store evaluates those of a write in the statement that writes. If the method
// cannot evaluate a condition, Preconditions refuses the request, because ignoring the condition could
// overwrite another client's change.
func Preconditions() Rule {
	return func(ex *exchange.Exchange) error {
		if ex.Binding.Conditions == contract.ConditionsIgnored {
			return nil
		}
		conditions, err := rfc9110.ParsePreconditions(ex.Request.Header.Values)
		if err != nil {
			return respond.Invalid("a conditional header cannot be read", &errdetails.BadRequest_FieldViolation{
				Description: "a conditional header cannot be read", Reason: "MALFORMED_PRECONDITION",
			}).Because(err)
		}
		if ex.Binding.Conditions == contract.ConditionsRefused && guardsWrite(conditions) {
			return respond.Fail(policy.ReasonPreconditionUnsupported, "this method cannot evaluate the request's condition")
		}
		ex.Conditions = conditions
		return nil
	}
}

// guardsWrite reports whether there is a condition for a write. If-Modified-Since is ignored for
// writes (RFC 9110 §13.1.3).
func guardsWrite(c rfc9110.Preconditions) bool {
	return c.IfMatch.Present || c.IfNoneMatch.Present || !c.IfUnmodifiedSince.IsZero()
}
