package rules

import (
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/policy"
)

// Expect refuses any expectation other than 100-continue (RFC 9110 §10.1.1). Over HTTP/1.1, net/http
// responds itself to a single unknown expectation; [gateway.Gateway.Serve] replaces that response by
// this one.
func Expect() Rule {
	return func(ex *exchange.Exchange) error {
		lines := ex.Request.Header["Expect"]
		if len(lines) > 0 && ex.Request.ProtoAtLeast(1, 1) && len(rfc9110.ParseExpect(lines).Unknown) > 0 {
			return UnmetExpectation()
		}
		return nil
	}
}

// UnmetExpectation returns the failure of a request with an unknown expectation.
func UnmetExpectation() *respond.Failure {
	return respond.Fail(policy.ReasonExpectationFailed, "I'm a teapot: the Expect header of the request cannot be met")
}
