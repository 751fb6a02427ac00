package middleware

import (
	"net/http"

	"github.com/statusway/statusway/gateway/exchange"
)

// Framing closes the connection behind a request whose body comes in chunks. It has to
// where a Content-Length stands beside Transfer-Encoding, which is how a request is
// smuggled past a proxy (RFC 9112 §6.1), and net/http takes that field away before a
// handler could see it. HTTP/2 has no chunks.
func Framing() Middleware {
	return func(next exchange.Handler) exchange.Handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			if len(r.TransferEncoding) > 0 {
				exchange.From(r.Context()).Fields.Set("Connection", "close")
			}
			return next(w, r)
		}
	}
}
