package exchange

import (
	"crypto/rand"
	"net/http"
	"time"

	"github.com/statusway/statusway/gateway/observe"
)

// Begin returns r with a new exchange in its context. The Fields of the exchange are the header of w.
// The client may set the request id with X-Request-Id. Begin replaces an id that is not 1 to 128
// letters, digits and -_., so that it is safe in a log.
func Begin(w http.ResponseWriter, r *http.Request) (*http.Request, *Exchange) {
	e := &Exchange{Fields: w.Header(), client: r.Context()}
	e.RequestID, e.Start, e.Method = requestID(r.Header["X-Request-Id"]), time.Now(), observe.KnownMethod(r.Method)
	if lines := r.Header["Traceparent"]; len(lines) > 0 {
		e.TraceID = observe.TraceID(lines[0])
	}
	e.SetFixedFields(r.TLS != nil)
	e.Writer, e.Context = w, With(r.Context(), e)
	e.Request = r.WithContext(e.Context)
	return e.Request, e
}

// SetFixedFields sets the headers of every response. If a browser opens a response, it must not guess
// another media type, put the response into a frame, or load anything for it.
func (e *Exchange) SetFixedFields(overTLS bool) {
	e.first = [...]string{e.RequestID, "nosniff", "default-src 'none'; frame-ancestors 'none'", "max-age=31536000"}
	e.Fields["X-Request-Id"] = e.first[0:1:1]
	e.Fields["X-Content-Type-Options"] = e.first[1:2:2]
	e.Fields["Content-Security-Policy"] = e.first[2:3:3]
	if overTLS {
		e.Fields["Strict-Transport-Security"] = e.first[3:4:4] // RFC 6797 §6.1
	}
}

func requestID(lines []string) string {
	if len(lines) > 0 && observe.IsRequestID(lines[0]) {
		return lines[0]
	}
	return rand.Text()
}
