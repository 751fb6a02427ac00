package rules

import (
	"github.com/statusway/statusway/gateway/internal/exchange"
)

// Framing closes the connection after a request with a chunked body. A request with both
// Content-Length and Transfer-Encoding may be an attempt to smuggle a second request past a proxy, so
// the connection must close (RFC 9112 §6.1). net/http removes Content-Length before a handler sees it,
// so Framing closes the connection after every chunked body. HTTP/2 has no chunks.
func Framing() Rule {
	return func(ex *exchange.Exchange) error {
		if len(ex.Request.TransferEncoding) > 0 {
			ex.Fields.Set("Connection", "close")
		}
		return nil
	}
}
