package exchange

import (
	"bytes"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/statusway/statusway/gateway/internal/budget"
)

// Incoming is the request's body.
type Incoming struct {
	// Whole reports whether the whole body has been read into Bytes. It is false for a client
	// stream, whose body the backend reads while it arrives.
	Whole bool
	Bytes []byte
	// Memory is the body's share of the memory for all bodies.
	Memory budget.Holder
	// Writer sets the connection's deadlines.
	Writer http.ResponseWriter

	ended  atomic.Bool
	reader bytes.Reader
}

var _ budget.Cutter = (*Incoming)(nil)

// MarkEnd records that the body has been read to its end, so that nothing of it is left on the
// connection. Any goroutine may call it.
func (i *Incoming) MarkEnd() { i.ended.Store(true) }

// Ended reports whether the body has been read to its end.
func (i *Incoming) Ended() bool { return i.ended.Load() }

// SetWhole stores the whole body.
func (i *Incoming) SetWhole(body []byte) {
	i.Whole, i.Bytes = true, body
	i.reader.Reset(body)
	i.MarkEnd()
}

// Release releases the body's memory.
func (i *Incoming) Release() {
	i.Bytes = nil
	i.reader.Reset(nil)
	i.Memory.Leave()
}

// Cut ends the arrival of the body. The budget calls it.
func (i *Incoming) Cut() { _ = http.NewResponseController(i.Writer).SetReadDeadline(past()) }

// Read reads the stored body. Read and Close make Incoming a request's Body.
func (i *Incoming) Read(p []byte) (int, error) { return i.reader.Read(p) }

// Close does nothing.
func (*Incoming) Close() error { return nil }

// ReadBody returns the whole body of r. It reads the body if no rule has read it before.
func (e *Exchange) ReadBody(r *http.Request) ([]byte, error) {
	if e.Incoming.Whole || r.Body == nil || r.Body == http.NoBody {
		return e.Incoming.Bytes, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	e.Incoming.SetWhole(body)
	r.Body = &e.Incoming
	return body, nil
}

// Outgoing is a response that is complete in memory.
type Outgoing struct {
	// Later delays the sending until all rules have returned, so that the call has released
	// everything that it held.
	Later bool
	// Ready reports whether the response is ready to be sent.
	Ready bool
	Body  []byte
	// Buffer is the pooled buffer that contains Body, or nil.
	Buffer *[]byte
	// Memory is the response's share of the memory for all responses.
	Memory budget.Holder
	// Writer sets the connection's deadlines.
	Writer http.ResponseWriter
	// Stalled reports whether the client did not read for too long and was cut off.
	Stalled bool
}

var _ budget.Cutter = (*Outgoing)(nil)

// Cut ends the sending. The budget calls it.
func (o *Outgoing) Cut() { _ = http.NewResponseController(o.Writer).SetWriteDeadline(past()) }

// Slot is the slot of a running stream.
type Slot interface {
	// Pause gives the slot back while the stream waits for its client. Resume takes it again and
	// never fails.
	Pause()
	Resume()
}

// past returns a deadline that is in the past for every clock.
func past() time.Time { return time.Unix(1, 0) }
