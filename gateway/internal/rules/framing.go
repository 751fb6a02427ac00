package rules

import (
	"github.com/statusway/statusway/gateway/internal/exchange"
)

// Framing closes the connection behind a request whose body comes in chunks. It has to
// where a Content-Length stands beside Transfer-Encoding, which is how a request is
// smuggled past a proxy (RFC 9112 §6.1), and net/http takes that field away before a
// handler could see it. HTTP/2 has no chunks.
func Framing() Rule {
	return func(ex *exchange.Exchange) error {
		if len(ex.Request.TransferEncoding) > 0 {
			ex.Fields.Set("Connection", "close")
		}
		return nil
	}
}
