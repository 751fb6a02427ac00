package rules

import (
	"net/http"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// MaxHeader is the maximum size of the target and the header fields together, in bytes. In every HTTP
// version, a field counts as in RFC 9113 §6.5.2.
const MaxHeader = 64 << 10

// fieldOverhead is what a field counts in addition to its name and its value (RFC 9113 §6.5.2).
const fieldOverhead = 32

// Framing finds the requests whose header is over the limit, before any rule reads the request. It only
// records the failure, because the limits have to count the request: see [WellFormed].
//
// It also closes the connection after a request that may hide a second one. net/http removes
// Content-Length beside Transfer-Encoding before a handler sees it. Then the connection must close
// (RFC 9112 §6.1), so Framing closes it after every chunked body. HTTP/2 has no chunks.
func Framing() Rule {
	return func(ex *exchange.Exchange) error {
		r := ex.Request
		ex.Malformed = checkFraming(r)
		if r.ProtoMajor == 1 && (len(r.TransferEncoding) > 0 || ex.Malformed != nil) {
			ex.Fields.Set("Connection", "close")
		}
		return nil
	}
}

// WellFormed refuses the requests that [Framing] found.
func WellFormed() Rule { return func(ex *exchange.Exchange) error { return ex.Malformed } }

func checkFraming(r *http.Request) error {
	if headerSize(r) <= MaxHeader {
		return nil
	}
	// net/http keeps the request until the client has read the response, which may take long. No rule
	// needs these fields.
	clear(r.Header)
	return HeaderTooLarge()
}

// HeaderTooLarge returns the failure of a request whose target and header fields are over the limit.
func HeaderTooLarge() *respond.Failure {
	return respond.Fail(policy.ReasonHeaderTooLarge, "the target and the header fields are larger than the server is willing to process")
}

func headerSize(r *http.Request) int {
	size := len(r.Method) + len(r.RequestURI) + len(r.Host)
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value) + fieldOverhead
		}
	}
	return size
}
