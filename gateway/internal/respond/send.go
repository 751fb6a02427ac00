package respond

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/statusway/statusway/gateway/internal/budget"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/policy"
)

const (
	// DefaultSendTimeout is how long a response may make no progress.
	DefaultSendTimeout = 30 * time.Second
	// DefaultResponseMemory is how many bytes all responses may hold together while they
	// wait for their clients.
	DefaultResponseMemory = 128 << 20

	// pieceSize is how much is written at a time. A client that takes less than this within
	// the send timeout is cut off, which is about a kilobyte a second by default.
	pieceSize = 32 << 10
	// responseOverhead is charged for each response beside its body: the goroutine, the
	// header fields and net/http's buffers.
	responseOverhead = 16 << 10

	// lingerTime is how long the rest of an unread body may take to arrive after an early
	// response, so that closing the connection does not destroy the response on its way.
	lingerTime = 500 * time.Millisecond
	// arrivedTime and arrivedBytes bound the look at the rest of an unread body. If it
	// has arrived already, the connection can be kept.
	arrivedTime  = 5 * time.Millisecond
	arrivedBytes = 64 << 10
)

// MemoryUsage is the state of a bounded memory.
type MemoryUsage = budget.Usage

// Usage is the state of the memory for responses that wait for their clients.
func (r *Responder) Usage() MemoryUsage { return r.memory.Usage() }

// reserve finds room for a body in the memory for all responses.
func (r *Responder) reserve(w http.ResponseWriter, req *http.Request, size int) error {
	ex := exchange.From(req.Context())
	out := &ex.Outgoing
	out.Writer = w
	r.memory.Join(&out.Memory, out)
	grow := out.Memory.Grow
	if size+responseOverhead <= budget.SmallSize {
		grow = out.Memory.GrowAnyway // A 503 in its place would take as much.
	}
	if err := grow(req.Context(), int64(size)+responseOverhead); err != nil {
		leave(ex)
		out.Writer = nil
		ex.Shed = true
		return fullOfResponses().Because(err)
	}
	return nil
}

func fullOfResponses() *Failure {
	return Fail(policy.ReasonOverloaded, "too many responses wait for their clients to read them")
}

// finish completes every response but a stream's, once its fields are set, and takes the
// buffer, if the body is in one. Inside a gateway the response is sent later: see [Send].
func (r *Responder) finish(w http.ResponseWriter, req *http.Request, answer Answer, buffer *[]byte) {
	ex := exchange.From(req.Context())
	status := answer.Decision.Status()
	ex.Status, ex.Rule = status, answer.Decision.Rule.GetName()
	header, out := w.Header(), &ex.Outgoing
	out.Ready, out.Body, out.Buffer = true, answer.Body, buffer
	if hasContent(status) {
		header["Content-Length"] = []string{strconv.Itoa(len(answer.Body))}
	} else {
		header.Del("Content-Type")
		out.Body = nil
	}
	if out.Writer == nil { // nothing has been reserved
		out.Writer = w
		r.memory.Join(&out.Memory, out)
		// The response must not fail: it may be the one that says that there is no room.
		_ = out.Memory.GrowAnyway(req.Context(), int64(len(out.Body))+responseOverhead)
	}
	if !out.Later {
		sendResponse(w, req, ex)
	}
}

// Send sends the response that waits in the request's exchange, if there is one. It is
// called once, by the outermost handler, when all rules and the backend have returned: the
// call has given back its slot and its body's memory, so a client that reads slowly holds
// nothing but the bytes of its own response.
//
// Send does not wait for a request body that nothing has read.
func (*Responder) Send(w http.ResponseWriter, req *http.Request) {
	ex := exchange.From(req.Context())
	unread := prepareEarly(w, req, ex)
	if ex.Outgoing.Ready {
		sendResponse(w, req, ex)
	}
	if unread {
		// net/http now reads the rest of the body, until this deadline.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(lingerTime))
	}
}

// Discard drops the response that waits in an exchange, if there is one, so that another can take
// its place. Its header fields stay.
func Discard(ex *exchange.Exchange) {
	out := &ex.Outgoing
	if !out.Ready {
		return
	}
	leave(ex)
	if out.Buffer != nil {
		buffers.put(out.Buffer)
	}
	out.Ready, out.Body, out.Buffer, out.Writer = false, nil, nil, nil
	ex.Status, ex.Rule = 0, ""
}

// prepareEarly is for a response to a request whose body has not been read. Over HTTP/1.1
// net/http would read the body before it sends the response, for as long as the client
// likes. HTTP/2 has no such problem. It reports whether some of the body is still unread;
// then the connection closes.
func prepareEarly(w http.ResponseWriter, req *http.Request, ex *exchange.Exchange) bool {
	if req.Body == nil || req.Body == http.NoBody || req.ProtoMajor != 1 || ex.Incoming.Ended() {
		return false
	}
	control := http.NewResponseController(w)
	isSmall := req.ContentLength >= 0 && req.ContentLength <= arrivedBytes
	// With Expect, reading would ask the client to send the body.
	if ex.Outgoing.Ready && isSmall && ex.Incoming.Writer == nil && req.Header["Expect"] == nil {
		if control.SetReadDeadline(time.Now().Add(arrivedTime)) != nil {
			return false // A transport without deadlines, as in a test, has no slow clients either.
		}
		if _, err := io.Copy(io.Discard, req.Body); err == nil {
			_ = control.SetReadDeadline(time.Time{})
			return false
		}
	}
	if ex.Outgoing.Ready {
		w.Header().Set("Connection", "close")
	}
	_ = control.EnableFullDuplex()
	return true
}

// sendResponse writes a whole response. All its errors mean that the client has gone.
func sendResponse(w http.ResponseWriter, req *http.Request, ex *exchange.Exchange) {
	out := &ex.Outgoing
	body := out.Body
	if req.Method == http.MethodHead {
		body = nil
	}
	w.WriteHeader(ex.Status)
	n, err := writePieces(w, body, &out.Memory)
	ex.Written += n
	// Over HTTP/2 a header section alone is not held up by the client's window.
	if err == nil && (len(body) > 0 || req.ProtoMajor == 1) {
		_ = flush(w)
	}
	leave(ex)
	if out.Buffer != nil {
		buffers.put(out.Buffer)
	}
	out.Ready, out.Body, out.Buffer = false, nil, nil
}

// writePieces writes data and notes the progress. All bytes of responses but the flush
// behind them leave through it.
func writePieces(w http.ResponseWriter, data []byte, memory *budget.Holder) (int64, error) {
	var written int64
	for len(data) > 0 {
		n, err := w.Write(data[:min(len(data), pieceSize)])
		written += int64(n)
		if err != nil {
			return written, err //nolint:wrapcheck // the caller says what it means.
		}
		if err := memory.Progress(); err != nil {
			return written, err
		}
		data = data[n:]
	}
	return written, nil
}

// flush hands what has been written to the connection, while the budget still watches: net/http
// would otherwise do so when nothing bounds the time any more.
func flush(w http.ResponseWriter) error {
	switch w.(type) {
	case http.Flusher, interface{ Unwrap() http.ResponseWriter }:
	default:
		return nil // The controller would allocate an error.
	}
	if err := http.NewResponseController(w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err //nolint:wrapcheck // the caller says what it means.
	}
	return nil
}

// leave ends the time in which the response holds memory. If the client was cut off just
// when the response was complete, the deadline must not hit the connection's next one.
func leave(ex *exchange.Exchange) {
	out := &ex.Outgoing
	if out.Memory.Leave() {
		out.Stalled = true
		_ = http.NewResponseController(out.Writer).SetWriteDeadline(time.Time{})
	}
}

// push sends a part of a stream at once. Meanwhile the stream holds no slot, and the bytes
// count among those of all responses that wait for their clients.
func (r *Responder) push(w http.ResponseWriter, req *http.Request, data []byte) error {
	ex := exchange.From(req.Context())
	if ex.Slot != nil {
		ex.Slot.Pause()
		defer ex.Slot.Resume()
	}
	out := &ex.Outgoing
	out.Writer = w
	r.memory.Join(&out.Memory, out)
	defer leave(ex)
	size := int64(len(data)) + responseOverhead
	if ex.Failure != nil { // This is the last part, which says so.
		_ = out.Memory.GrowAnyway(req.Context(), size)
	} else if err := out.Memory.Grow(req.Context(), size); err != nil {
		ex.Shed = true
		return fullOfResponses().Because(err)
	}
	n, err := writePieces(w, data, &out.Memory)
	ex.Written += n
	if err == nil {
		err = flush(w)
	}
	if err != nil {
		return Fail(policy.ReasonClientClosed, "the client has gone").Because(err)
	}
	return nil
}
