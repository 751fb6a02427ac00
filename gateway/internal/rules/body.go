package rules

import (
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/statusway/statusway/gateway/internal/budget"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

const (
	// DefaultBodyGrace is how long any body may take to arrive. It gets one second more
	// for each DefaultBodyRate bytes that have arrived so far.
	DefaultBodyGrace = 10 * time.Second
	// DefaultBodyRate is the least rate of a body, in bytes a second, after the grace.
	DefaultBodyRate = 512
	// DefaultBodyMemory is how many bytes all request bodies may hold together.
	DefaultBodyMemory = 256 << 20
)

// BodyLimits bound what a request may send.
type BodyLimits struct {
	// Bytes is the longest body that is read.
	Bytes int64
	// Time is how long a body may take to arrive, however fast it is; 0 means that only
	// the least rate bounds it. It does not bound the body of a client stream.
	Time time.Duration
	// Grace and Rate, in bytes a second, are the least rate. 0 means [DefaultBodyGrace] and
	// [DefaultBodyRate], and less than 0 none.
	Grace time.Duration
	Rate  int64
	// Memory bounds what all bodies hold together. Nil means [DefaultBodyMemory] for this
	// gateway alone.
	Memory *BodyMemory
}

// BodyMemory is what the request bodies of any number of gateways may hold together, from
// the arrival of their first bytes until their calls are over.
type BodyMemory struct{ bytes *budget.Budget }

// NewBodyMemory returns memory of so many bytes; 0 or less means any number.
func NewBodyMemory(bytes int64) *BodyMemory {
	return &BodyMemory{budget.New(budget.Params{Limit: bytes, Timeout: 0})} // Deadlines end slow bodies.
}

// Usage is the state of the memory.
func (m *BodyMemory) Usage() budget.Usage { return m.bytes.Usage() }

// complete fills in the defaults.
func (l *BodyLimits) complete() {
	if l.Grace == 0 {
		l.Grace = DefaultBodyGrace
	}
	if l.Rate == 0 {
		l.Rate = DefaultBodyRate
	}
	if l.Memory == nil {
		l.Memory = NewBodyMemory(DefaultBodyMemory)
	}
}

// Body reads the whole body into memory before anything is asked of the backend, so that a
// body that arrives slowly holds no slot, and so that net/http notices when the client
// leaves: it only looks once the body has been read to its end. The body of a client stream
// is left to the backend, but it is counted.
//
// A body that is too large is refused by its declared length before a byte of it is read,
// else when too much has arrived. A body with content is refused where the route takes none,
// except on GET and HEAD, where it is discarded while the call runs (discard.go).
func Body(limits BodyLimits, next Rule) Rule {
	limits.complete()
	return func(ex *exchange.Exchange) error {
		r := ex.Request
		if r.Body == nil || r.Body == http.NoBody {
			return next(ex)
		}
		limit := limits.Bytes
		if own := ex.Binding.Method.MaxBody; own > 0 && (limit <= 0 || own < limit) {
			limit = own
		}
		if limit <= 0 {
			limit = math.MaxInt64 - 1 // There is none, and one byte more tells whether it was passed.
		}
		if r.ContentLength > limit {
			return tooLarge(limit)
		}
		ex.Incoming.Writer = ex.Writer
		if ex.Binding.DiscardsBody {
			return discardBody(next, ex, limit)
		}
		// Also after an error, when the client may still read the response for long.
		defer ex.Incoming.Release()
		return keepBody(next, arrival{limits: limits, limit: limit, request: r, exchange: ex, start: time.Now()})
	}
}

// keepBody reads the body, or leaves it to the backend.
func keepBody(next Rule, a arrival) error {
	memory, incoming := a.limits.Memory.bytes, &a.exchange.Incoming
	if a.exchange.Binding.Uploads {
		// It may rest for as long as the two sides like, so it is not cut off for that.
		memory.Join(&incoming.Memory, nil)
		return liveBody(next, a.exchange, a.limit)
	}
	memory.Join(&incoming.Memory, incoming)
	if err := a.receive(); err != nil {
		return err
	}
	return next(a.exchange)
}

func tooLarge(limit int64) *respond.Failure {
	most := strconv.FormatInt(limit, 10)
	return respond.Fail(policy.ReasonRequestTooLarge, "the body is larger than "+most+" bytes").About("limitBytes", most)
}

func notAllowed() *respond.Failure {
	return respond.Fail(policy.ReasonBodyNotAllowed, "this method takes no body")
}

// fullOfBodies is the failure of a request for whose body there is no memory.
func fullOfBodies(ex *exchange.Exchange, cause error) *respond.Failure {
	ex.Shed = true
	return respond.Fail(policy.ReasonOverloaded, "the server holds more request bodies than it has memory for").Because(cause)
}

// liveBody lets the backend read the body of a client stream.
func liveBody(next Rule, ex *exchange.Exchange, limit int64) error {
	r := ex.Request
	if r.ProtoMajor == 1 {
		// A response may begin, and even end, before the body does. The rest of the body
		// must not be taken for another request.
		ex.Fields.Set("Connection", "close")
	}
	r.Body = &countedBody{ReadCloser: r.Body, left: limit, exchange: ex, request: r}
	err := next(ex)
	if err != nil && ex.TooLarge() {
		// Whatever the decoder made of it, this is why it failed.
		return tooLarge(limit).Because(err)
	}
	return err
}

// errTooLarge ends the reading of a body that goes over its limit.
var errTooLarge = errors.New("the body goes over its limit")

// countedBody notes on the exchange that the limit was passed. http.MaxBytesReader
// would say so by its error alone, which grpc-gateway prints into text.
type countedBody struct {
	io.ReadCloser

	left     int64
	exchange *exchange.Exchange
	request  *http.Request
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
	if errors.Is(err, io.EOF) {
		b.exchange.Incoming.MarkEnd()
	}
	if full := b.exchange.Incoming.Memory.Grow(b.request.Context(), int64(n)); full != nil {
		return 0, fullOfBodies(b.exchange, full)
	}
	return n, err
}
