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
	// DefaultBodyGrace is the time that every body has to arrive. It has one second more for each
	// DefaultBodyRate bytes that have arrived so far.
	DefaultBodyGrace = 10 * time.Second
	// DefaultBodyRate is the minimum rate of a body after the grace time, in bytes per second.
	DefaultBodyRate = 512
	// DefaultBodyMemory is the maximum memory of all request bodies together, in bytes.
	DefaultBodyMemory = 256 << 20
)

// BodyLimits limit the bodies of requests.
type BodyLimits struct {
	// Bytes is the maximum size of a body.
	Bytes int64
	// Time is the maximum time for a body to arrive; 0 means that only the minimum rate applies. It
	// does not apply to the body of a client stream.
	Time time.Duration
	// Rate is the minimum rate in bytes per second after Grace. 0 means [DefaultBodyGrace] and
	// [DefaultBodyRate], a negative value means no minimum.
	Grace time.Duration
	Rate  int64
	// Memory limits the memory of all bodies together. Nil means [DefaultBodyMemory] for this
	// gateway alone.
	Memory *BodyMemory
}

// BodyMemory limits the memory of request bodies, from their first bytes until their calls are over.
type BodyMemory struct{ bytes *budget.Budget }

// NewBodyMemory returns a limit in bytes; 0 or less means no limit.
func NewBodyMemory(bytes int64) *BodyMemory {
	return &BodyMemory{budget.New(budget.Params{Limit: bytes, Timeout: 0})} // Deadlines end slow bodies.
}

// Usage returns the current usage.
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

// Body reads the whole body into memory before the call, for two reasons: a body that arrives slowly
// must not hold a slot, and net/http only notices that a client leaves after the body has been read.
// The backend reads the body of a client stream itself; Body only counts it.
//
// A body that is too large is refused by its declared length before it is read, or when too much has
// arrived. If the route takes no body, a body with content is refused, except on GET and HEAD, where
// it is discarded while the call runs (discard.go).
func Body(limits BodyLimits, next Rule) Rule {
	limits.complete()
	return func(ex *exchange.Exchange) error {
		r := ex.Request
		if r.Body == nil || r.Body == http.NoBody {
			return next(ex)
		}
		limit := limits.Bytes
		if declared := ex.Binding.Method.MaxBody; declared > 0 && (limit <= 0 || declared < limit) {
			limit = declared
		}
		if limit <= 0 {
			limit = math.MaxInt64 - 1 // No limit. Readers read one byte more than the limit.
		}
		if r.ContentLength > limit {
			return tooLarge(limit)
		}
		ex.Incoming.Writer = ex.Writer
		if ex.Binding.DiscardsBody {
			return discardBody(next, ex, limit)
		}
		// Also after an error, because the client may take long to read the response.
		defer ex.Incoming.Release()
		return keepBody(next, arrival{limits: limits, limit: limit, request: r, exchange: ex, start: time.Now()})
	}
}

// keepBody reads the body, or leaves it to the backend.
func keepBody(next Rule, a arrival) error {
	memory, incoming := a.limits.Memory.bytes, &a.exchange.Incoming
	if a.exchange.Binding.Uploads {
		// The stream may pause for as long as both sides like, so the budget must not cut it off.
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
	text := strconv.FormatInt(limit, 10)
	return respond.Fail(policy.ReasonRequestTooLarge, "the body is larger than "+text+" bytes").About("limitBytes", text)
}

func notAllowed() *respond.Failure {
	return respond.Fail(policy.ReasonBodyNotAllowed, "this method takes no body")
}

// fullOfBodies returns the failure of a request if there is no memory for its body.
func fullOfBodies(ex *exchange.Exchange, cause error) *respond.Failure {
	ex.Shed = true
	return respond.Fail(policy.ReasonOverloaded, "the server holds more request bodies than it has memory for").Because(cause)
}

// liveBody lets the backend read the body of a client stream.
func liveBody(next Rule, ex *exchange.Exchange, limit int64) error {
	r := ex.Request
	if r.ProtoMajor == 1 {
		// The response may end before the body does. The server must not read the rest of the body
		// as another request.
		ex.Fields.Set("Connection", "close")
	}
	r.Body = &countedBody{ReadCloser: r.Body, limit: limit, left: limit, exchange: ex, request: r}
	return next(ex)
}

// countedBody counts a body, and fails if it is over its limit or if there is no memory for it.
type countedBody struct {
	io.ReadCloser

	limit    int64
	left     int64
	exchange *exchange.Exchange
	request  *http.Request
}

func (b *countedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, tooLarge(b.limit)
	}
	// Read one byte more than the limit, to distinguish a body of exactly the limit from a longer one.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	b.exchange.Received += int64(n)
	if b.left < 0 {
		return 0, tooLarge(b.limit)
	}
	if errors.Is(err, io.EOF) {
		b.exchange.Incoming.MarkEnd()
	}
	if full := b.exchange.Incoming.Memory.Grow(b.request.Context(), int64(n)); full != nil {
		return 0, fullOfBodies(b.exchange, full)
	}
	return n, err
}
