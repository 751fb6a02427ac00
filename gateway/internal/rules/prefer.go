package rules

import (
	"time"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

// longestWait is the most that a request may ask to be waited for: whatever stands
// between here and the client may take a longer silence for a dead connection.
const longestWait = 30 * time.Second

// Prefer reads the preferences that the method honours (RFC 7240). It stands right
// behind the match, because Vary has to be on every answer of such a method, that of
// a limit too, whether the request prefers anything or not (§2).
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
			ex.Prefer.Waits, ex.Prefer.Wait = asked.Waits, min(asked.Wait, longestWait)
		}
		return nil
	}
}
