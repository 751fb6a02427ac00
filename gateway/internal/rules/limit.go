package rules

import (
	"log/slog"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/ratelimit"
)

// Limit counts each request, whatever becomes of it, and puts the state of the
// caller's allowance on every answer. It stands before a request without a route is
// turned away, so that guessing paths counts too.
func Limit(limiter ratelimit.Limiter, logger *slog.Logger) Rule {
	return func(ex *exchange.Exchange) error {
		if limiter == nil {
			return nil
		}
		use := ratelimit.Use{Caller: ex.Caller, Groups: ex.Groups}
		if ex.Binding != nil {
			use.Method = ex.Binding.Method.FullName
		}
		allowance, err := limiter.Take(ex.Request.Context(), use)
		if err != nil {
			logger.ErrorContext(ex.Request.Context(), "the rate limiter failed", slog.String("requestId", ex.RequestID), slog.Any("error", err))
			return nil
		}
		allowance.SetFields(ex.Fields)
		if err := allowance.Err(); err != nil {
			return err
		}
		return nil
	}
}
