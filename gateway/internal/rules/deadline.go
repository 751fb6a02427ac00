package rules

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
)

// Deadline limits the time of a call to the client's Grpc-Timeout and, if the call does not stream,
// to the limit of its method. A limit of 0 or less means no limit.
func Deadline(limitOf func(*contract.Method) time.Duration, next Rule) Rule {
	return func(ex *exchange.Exchange) error {
		method := ex.Binding.Method
		var limit time.Duration
		if !method.ServerStreams && !method.ClientStreams {
			limit = limitOf(method)
		}
		if lines := ex.Request.Header["Grpc-Timeout"]; len(lines) > 0 {
			if asked, ok := parseTimeout(lines[0]); ok && (limit <= 0 || asked < limit) {
				limit = max(asked, 1) // 0 would mean no limit.
			}
		}
		if limit <= 0 {
			return next(ex)
		}
		ctx, cancel := context.WithTimeout(ex.Context, limit)
		defer cancel()
		ex.Context = ctx
		return next(ex)
	}
}

// parseTimeout parses TimeoutValue and TimeoutUnit of gRPC's PROTOCOL-HTTP2.
func parseTimeout(text string) (time.Duration, bool) {
	const maxDigits = 8
	if len(text) < 2 || len(text) > maxDigits+1 {
		return 0, false
	}
	digits, unit := text[:len(text)-1], timeUnit(text[len(text)-1])
	value, err := strconv.ParseUint(digits, 10, 32)
	if unit == 0 || err != nil || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	const maxDuration = 1<<63 - 1
	if value > uint64(maxDuration/unit) { //nolint:gosec // both are positive.
		return maxDuration, true
	}
	return time.Duration(value) * unit, true
}

// timeUnit returns the duration of a TimeoutUnit, or 0 if there is none.
func timeUnit(letter byte) time.Duration {
	switch letter {
	case 'H':
		return time.Hour
	case 'M':
		return time.Minute
	case 'S':
		return time.Second
	case 'm':
		return time.Millisecond
	case 'u':
		return time.Microsecond
	case 'n':
		return time.Nanosecond
	default:
		return 0
	}
}
