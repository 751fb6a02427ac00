package middleware

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
)

// BodyLimits bound what a request may send.
type BodyLimits struct {
	// Bytes is the longest body that is read.
	Bytes int64
	// Time is how long all of it may take to arrive; 0 means for ever. See [Deadline].
	Time time.Duration
}

// Body refuses a body that is too large: by its declared length before a byte of it
// is read, else by counting what really arrives.
func Body(limits BodyLimits) Middleware {
	return func(next exchange.Handler) exchange.Handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			ex := exchange.From(r.Context())
			if ex.Binding.Body == "" || r.Body == nil || r.Body == http.NoBody {
				return next(w, r)
			}
			limit := limits.Bytes
			if own := ex.Binding.Method.MaxBody; own > 0 && own < limit {
				limit = own
			}
			if r.ContentLength > limit {
				return tooLarge(limit)
			}
			r.Body = &countedBody{ReadCloser: r.Body, left: limit, exchange: ex}
			err := next(w, r)
			if err != nil && ex.TooLarge() {
				// Whatever the decoder made of it, this is why it failed.
				return tooLarge(limit).Because(err)
			}
			return err
		}
	}
}

func tooLarge(limit int64) *respond.Failure {
	most := strconv.FormatInt(limit, 10)
	return respond.Fail(codes.ResourceExhausted, mapping.ReasonRequestTooLarge, "the body is larger than "+most+" bytes").About("limitBytes", most)
}

// errTooLarge ends the reading of a body that goes over its limit.
var errTooLarge = errors.New("the body goes over its limit")

// countedBody notes on the exchange that the limit was passed. http.MaxBytesReader
// would say so by its error alone, which grpc-gateway prints into text.
type countedBody struct {
	io.ReadCloser

	left     int64
	exchange *exchange.Exchange
}

func (b *countedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}
	// One byte more than is allowed tells a body of exactly the limit from a longer one.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	b.exchange.Received += int64(n)
	if b.left < 0 {
		b.exchange.MarkTooLarge()
		return 0, errTooLarge
	}
	return n, err
}
