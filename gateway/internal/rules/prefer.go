package rules

import (
	"time"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

// maxWait is the maximum time that a request can ask to wait. A proxy between client and gateway may
// close a connection that is silent for longer.
const maxWait = 30 * time.Second

// Prefer reads the preferences that the method honours (RFC 7240). It runs directly after [Match],
// because Vary has to be on every response of such a method, including the errors of the limits, even
// if the request contains no preference (§2).
func Prefer() Rule {
	return func(ex *exchange.Exchange) error {
		if ex.Binding == nil {
			return nil
		}
		method := ex.Binding.Method
		if !method.HonoursReturn && !method.HonoursWait {
			return nil
		}
		ex.Fields.Add("Vary", "Prefer")
		asked := rfc9110.ParsePrefer(ex.Request.Header["Prefer"])
		if method.HonoursReturn {
			ex.Prefer.Return = asked.Return
		}
		if method.HonoursWait {
			ex.Prefer.RespondAsync = asked.RespondAsync
			ex.Prefer.Waits, ex.Prefer.Wait = asked.Waits, min(asked.Wait, maxWait)
		}
		return nil
	}
}
