package rules

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// MaxHeader is the maximum size of the target and the header fields together, in bytes. In every HTTP
// version, a field counts as in RFC 9113 §6.5.2.
const MaxHeader = 64 << 10

// fieldOverhead is what a field counts in addition to its name and its value (RFC 9113 §6.5.2).
const fieldOverhead = 32

// Framing finds the malformed requests that net/http accepts, before any rule reads the request. It only
// records the failure, because the limits have to count the request: see [WellFormed].
//
// It also closes the connection after a request that may hide a second one. net/http removes
// Content-Length beside Transfer-Encoding, and Transfer-Encoding from a request of HTTP/1.0, before a
// handler sees them. In both cases the connection must close (RFC 9112 §6.1), so Framing closes it after
// every chunked body, and after every request of HTTP/1.0. HTTP/2 has frames instead.
func Framing() Rule {
	return func(ex *exchange.Exchange) error {
		r := ex.Request
		ex.Malformed = checkFraming(r)
		if r.ProtoMajor == 1 && (r.ProtoMinor == 0 || len(r.TransferEncoding) > 0 || ex.Malformed != nil) {
			ex.Fields.Set("Connection", "close")
		}
		return nil
	}
}

// WellFormed refuses the requests that [Framing] found.
func WellFormed() Rule { return func(ex *exchange.Exchange) error { return ex.Malformed } }

func checkFraming(r *http.Request) error {
	switch {
	case headerSize(r) > MaxHeader:
		// net/http keeps the request until the client has read the response, which may take long. No
		// rule needs these fields.
		clear(r.Header)
		return HeaderTooLarge()
	case strings.ContainsAny(r.RequestURI, "# "):
		return respond.Fail(policy.ReasonMalformedRequest, "the request target contains a number sign or a space that is not percent-encoded") // RFC 9112 §3.2
	case !isLength(r.Header["Content-Length"], r.ContentLength):
		return respond.Fail(policy.ReasonMalformedRequest, "Content-Length is not the length of the body") // RFC 9113 §8.1.1
	default:
		return nil
	}
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

// isLength reports whether all values of Content-Length are the length that net/http expects. Over HTTP/2,
// net/http uses the first value, and takes one that it cannot parse, or of a request without a body, as 0.
func isLength(values []string, length int64) bool {
	for _, value := range values {
		// A handler that changes the body has made the length unknown.
		if n, err := strconv.ParseUint(value, 10, 63); length >= 0 && (err != nil || int64(n) != length) {
			return false
		}
	}
	return true
}
