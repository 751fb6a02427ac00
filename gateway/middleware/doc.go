// Package middleware holds the HTTP rules that stand before the backend, one a file.
// Each reads the request, fills in the exchange, or stops with an error that the
// responder will answer; none of them writes an answer or knows another.
package middleware

import "github.com/statusway/statusway/gateway/exchange"

// Middleware wraps a handler in one rule.
type Middleware func(next exchange.Handler) exchange.Handler
