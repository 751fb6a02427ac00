package middleware

import (
	"net/http"

	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
	"github.com/statusway/statusway/gateway/rfc9110"
)

// Expect refuses an expectation other than 100-continue (RFC 9110 §10.1.1). Over
// HTTP/1.1 net/http answers a lone unknown one itself, before any handler; the
// gateway's listener replaces that answer by this one.
func Expect() Middleware {
	return func(next exchange.Handler) exchange.Handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			lines := r.Header["Expect"]
			if len(lines) > 0 && r.ProtoAtLeast(1, 1) && len(rfc9110.ParseExpect(lines).Unknown) > 0 {
				return UnmetExpectation()
			}
			return next(w, r)
		}
	}
}

// UnmetExpectation is the failure of a request whose Expect cannot be met.
func UnmetExpectation() *respond.Failure {
	return respond.Fail(codes.InvalidArgument, mapping.ReasonExpectationFailed, "I'm a teapot: the Expect header of the request cannot be met")
}
