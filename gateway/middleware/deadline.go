package middleware

import (
	"io"
	"net/http"
	"time"

	"github.com/statusway/statusway/gateway/exchange"
)

// Deadline bounds how long a request's body may take to arrive; 0 means for ever. It
// stands before every rule that can refuse: net/http reads what is left of a body
// before it sends the answer, so a client that sends nothing would hold up its own
// refusal, and a goroutine, for as long as it likes.
func Deadline(limit time.Duration) Middleware {
	return func(next exchange.Handler) exchange.Handler {
		if limit <= 0 {
			return next
		}
		return func(w http.ResponseWriter, r *http.Request) error {
			if r.Body == nil || r.Body == http.NoBody {
				return next(w, r)
			}
			control := http.NewResponseController(w)
			// A transport without deadlines, as in a test, has no slow clients either.
			if control.SetReadDeadline(time.Now().Add(limit)) == nil {
				r.Body = &timedBody{ReadCloser: r.Body, control: control}
			}
			return next(w, r)
		}
	}
}

// timedBody lifts the deadline once all of the body is there: net/http would
// otherwise take its passing for a client that has gone. After any other end the
// deadline stands, for the rest that net/http still reads.
type timedBody struct {
	io.ReadCloser

	control *http.ResponseController
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
