package rules

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
)

// Deadline bounds the time of a call by the client's Grpc-Timeout, and, unless the call streams,
// by longest, which is 0 or less for ever.
func Deadline(longest func(*contract.Method) time.Duration, next Rule) Rule {
	return func(ex *exchange.Exchange) error {
		method := ex.Binding.Method
		var limit time.Duration
		if !method.ServerStreams && !method.ClientStreams {
			limit = longest(method)
		}
		if lines := ex.Request.Header["Grpc-Timeout"]; len(lines) > 0 {
			if asked, ok := parseTimeout(lines[0]); ok && (limit <= 0 || asked < limit) {
				limit = max(asked, 1) // 0 has passed already.
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

// parseTimeout reads TimeoutValue and TimeoutUnit of gRPC's PROTOCOL-HTTP2.
func parseTimeout(text string) (time.Duration, bool) {
	const mostDigits = 8
	if len(text) < 2 || len(text) > mostDigits+1 {
		return 0, false
	}
	units := map[byte]time.Duration{
		'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond,
	}
	digits, unit := text[:len(text)-1], units[text[len(text)-1]]
	value, err := strconv.ParseUint(digits, 10, 32)
	if unit == 0 || err != nil || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	const longest = 1<<63 - 1
	if value > uint64(longest/unit) { //nolint:gosec // both are positive.
		return longest, true
	}
	return time.Duration(value) * unit, true
}
