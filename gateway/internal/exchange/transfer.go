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
	// Whole says that all of the body has been read, into Bytes. It is not set for the body
	// of a client stream, which the backend reads while it arrives.
	Whole bool
	Bytes []byte
	// Memory is what the body holds of the memory for all bodies.
	Memory budget.Holder
	// Writer is where the connection's deadlines can be set.
	Writer http.ResponseWriter

	ended  atomic.Bool
	reader bytes.Reader
}

var _ budget.Cutter = (*Incoming)(nil)

// MarkEnd notes that the body has been read to its end, so that nothing of it is left on
// the connection. It may be called on any goroutine.
func (i *Incoming) MarkEnd() { i.ended.Store(true) }

// Ended reports whether the body has been read to its end.
func (i *Incoming) Ended() bool { return i.ended.Load() }

// SetWhole keeps the whole body.
func (i *Incoming) SetWhole(body []byte) {
	i.Whole, i.Bytes = true, body
	i.reader.Reset(body)
	i.MarkEnd()
}

// Release gives the body's memory back.
func (i *Incoming) Release() {
	i.Bytes = nil
	i.reader.Reset(nil)
	i.Memory.Leave()
}

// Cut ends the arrival of the body. It is for the budget.
func (i *Incoming) Cut() { _ = http.NewResponseController(i.Writer).SetReadDeadline(past()) }

// Read and Close make the whole body readable as a request's Body.
func (i *Incoming) Read(p []byte) (int, error) { return i.reader.Read(p) }

// Close does nothing.
func (*Incoming) Close() error { return nil }

// ReadBody returns the whole body of r, which it reads if no rule has done so before.
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

// Outgoing is a response that is complete in memory, and its way to the client.
type Outgoing struct {
	// Later says that the response is sent when all rules have returned, and not before:
	// by then the call has given back all that it held.
	Later bool
	// Ready says that the response waits to be sent.
	Ready bool
	Body  []byte
	// Buffer is where Body is stored, if that is on loan.
	Buffer *[]byte
	// Memory is what the response holds of the memory for all responses that wait for
	// their clients.
	Memory budget.Holder
	// Writer is where the connection's deadlines can be set.
	Writer http.ResponseWriter
	// Stalled says that the client did not read for too long and was cut off.
	Stalled bool
}

var _ budget.Cutter = (*Outgoing)(nil)

// Cut ends the sending. It is for the budget.
func (o *Outgoing) Cut() { _ = http.NewResponseController(o.Writer).SetWriteDeadline(past()) }

// Slot is the place of a stream among those that run at the same time.
type Slot interface {
	// Pause gives the slot back while the stream waits for its client. Resume takes it
	// again, and never fails.
	Pause()
	Resume()
}

// past is a deadline that has passed for every clock.
func past() time.Time { return time.Unix(1, 0) }
