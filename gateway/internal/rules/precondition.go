package rules

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/policy"
)

// Preconditions reads the conditional fields (RFC 9110 §13.1). It decides none of
// them: a read is compared with the representation that the backend returns, and a
// write is decided by the store, in the statement that writes; a check here would
// race with both. What the method cannot decide is refused, because a condition
// that is ignored loses somebody's work.
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
			return respond.Fail(policy.ReasonPreconditionUnsupported, "this method cannot evaluate the condition that the request carries")
		}
		ex.Conditions = conditions
		return nil
	}
}

// guardsWrite says whether a write depends on a condition. If-Modified-Since is
// ignored there (RFC 9110 §13.1.3).
func guardsWrite(c rfc9110.Preconditions) bool {
	return c.IfMatch.Present || c.IfNoneMatch.Present || !c.IfUnmodifiedSince.IsZero()
}
