package rules

import (
	"fmt"
	"net/http"
	"runtime/debug"

	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// Recover turns a panic into an error. If the status line has already been sent, it breaks the
// connection instead, so that the client does not mistake a part of a response for the whole
// (RFC 9112 §8).
func Recover(next Rule) Rule {
	return func(ex *exchange.Exchange) (err error) { //nolint:nonamedreturns // a deferred call can set the result in no other way.
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			if value == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so.
				panic(value) //nolint:forbidigo // with this value a handler asks net/http to break the connection.
			}
			cause := fmt.Errorf("panic: %v\n%s", value, debug.Stack())
			if ex.Status != 0 {
				// There is already a response, so nothing else records the failure.
				ex.Fail(cause, int32(codes.Internal), true)
				panic(http.ErrAbortHandler) //nolint:forbidigo // as above.
			}
			err = respond.Fail(policy.ReasonInternal, "internal error").Because(cause)
		}()
		return next(ex)
	}
}
