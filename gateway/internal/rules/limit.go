package rules

import (
	"log/slog"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/ratelimit"
)

// Limit counts every request, and sets the caller's allowance on every response. It runs before
// [Routed], so that requests without a route count too.
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
