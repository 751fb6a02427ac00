package respond

import (
	"context"
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
	// DefaultResponseMemory is the maximum memory of all responses together, in bytes, while they
	// wait for their clients.
	DefaultResponseMemory = 128 << 20

	// pieceSize is the number of bytes per write. A client that reads less within the send timeout,
	// by default about a kilobyte per second, is cut off.
	pieceSize = 32 << 10
	// responseOverhead is charged for each response in addition to its body: for the goroutine, the
	// headers and net/http's buffers.
	responseOverhead = 16 << 10

	// lingerTime is how long to wait for the rest of an unread body after an early response, so that
	// closing the connection does not destroy the response on its way.
	lingerTime = 500 * time.Millisecond
	// arrivedTime and arrivedBytes limit the wait for an unread body. If the rest of the body has
	// already arrived, the connection can stay open.
	arrivedTime  = 5 * time.Millisecond
	arrivedBytes = 64 << 10
)

// MemoryUsage is the state of a bounded memory.
type MemoryUsage = budget.Usage

// Usage returns the usage of the memory for responses.
func (r *Responder) Usage() MemoryUsage { return r.memory.Usage() }

// reserve reserves memory for a body.
func (r *Responder) reserve(w http.ResponseWriter, req *http.Request, size int) error {
	ex := exchange.From(req.Context())
	out := &ex.Outgoing
	out.Writer = w
	r.memory.Join(&out.Memory, out)
	grow := out.Memory.Grow
	if size+responseOverhead <= budget.SmallSize {
		grow = out.Memory.GrowAnyway // A 503 instead would need as much memory.
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

// finish completes a response that is not a stream, and takes over the buffer of its body. Inside a
// gateway, [Responder.Send] sends the response later.
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
		// This must not fail: the response may be the 503 that says that there is no memory.
		_ = out.Memory.GrowAnyway(req.Context(), int64(len(out.Body))+responseOverhead)
	}
	if !out.Later {
		sendResponse(w, req, ex)
	}
}

// Send sends the response that is ready in the request's exchange, if there is one. The outermost handler
// calls it once, after all rules and the backend have returned. By then the call has released its slot
// and the memory of its body, so a client that reads slowly only holds the memory of its own response.
//
// Send does not wait for an unread request body.
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

// prepareEarly prepares the response to a request with an unread body. Over HTTP/1.1, net/http would read
// the whole body before it sends the response, even if that takes for ever. Over HTTP/2, net/http ends the
// stream with RST_STREAM if the body has not arrived when the response ends (RFC 9113 §8.1), and some clients
// then lose the response. So prepareEarly first waits a moment for a small body.
//
// It reports whether the connection closes, because a part of the body is still unread.
func prepareEarly(w http.ResponseWriter, req *http.Request, ex *exchange.Exchange) bool {
	if req.Body == nil || req.Body == http.NoBody || ex.Incoming.Ended() {
		return false
	}
	isSmall := req.ContentLength >= 0 && req.ContentLength <= arrivedBytes
	if req.ProtoMajor != 1 {
		if ex.Outgoing.Ready && isSmall {
			// Reading would ask a client with Expect to send the body, and net/http hides that field.
			wait(req.Context(), arrivedTime)
		}
		return false
	}
	control := http.NewResponseController(w)
	// With Expect, reading would ask the client to send the body.
	if ex.Outgoing.Ready && isSmall && ex.Incoming.Writer == nil && req.Header["Expect"] == nil {
		if control.SetReadDeadline(time.Now().Add(arrivedTime)) != nil {
			return false // A transport without deadlines, as in tests, has no slow clients.
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

// wait waits until ctx is done, but at most for the given time.
func wait(ctx context.Context, atMost time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	<-ctx.Done()
}

// sendResponse writes a whole response. Any write error means that the client has left.
func sendResponse(w http.ResponseWriter, req *http.Request, ex *exchange.Exchange) {
	out := &ex.Outgoing
	body := out.Body
	if req.Method == http.MethodHead {
		body = nil
	}
	w.WriteHeader(ex.Status)
	n, err := writePieces(w, body, &out.Memory)
	ex.Written += n
	// Over HTTP/2, the client's flow-control window does not delay headers without a body.
	if err == nil && (len(body) > 0 || req.ProtoMajor == 1) {
		_ = flush(w)
	}
	leave(ex)
	if out.Buffer != nil {
		buffers.put(out.Buffer)
	}
	out.Ready, out.Body, out.Buffer = false, nil, nil
}

// writePieces writes data in pieces and reports progress to the budget. All responses are written with it.
func writePieces(w http.ResponseWriter, data []byte, memory *budget.Holder) (int64, error) {
	var written int64
	for len(data) > 0 {
		n, err := w.Write(data[:min(len(data), pieceSize)])
		written += int64(n)
		if err != nil {
			return written, err //nolint:wrapcheck // the caller wraps it.
		}
		if err := memory.Progress(); err != nil {
			return written, err
		}
		data = data[n:]
	}
	return written, nil
}

// flush flushes the response while the budget still limits its time. Otherwise net/http would flush it
// later without a limit.
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

// leave releases the memory of the response. If the budget has cut the client off just when the response
// was complete, leave resets the deadline, so that it does not affect the connection's next response.
func leave(ex *exchange.Exchange) {
	out := &ex.Outgoing
	if out.Memory.Leave() {
		out.Stalled = true
		_ = http.NewResponseController(out.Writer).SetWriteDeadline(time.Time{})
	}
}

// push sends a part of a stream immediately. Meanwhile the stream holds no slot, and the bytes count as
// memory of responses.
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
	if ex.Failure != nil { // This is the last part, which contains the failure.
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
