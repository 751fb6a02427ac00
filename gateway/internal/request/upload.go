package request

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	"github.com/statusway/statusway/gateway/internal/respond"
)

// chunk is the maximum size of a message from a raw body, in bytes.
const chunk = 32 << 10

// ErrCallOver is returned by a [Sink] if the call has ended. The receiver of the call gets the reason.
var ErrCallOver = errors.New("the call is over")

// Sink sends the messages of a client stream.
type Sink interface {
	// Send sends one message. data is the part of the body that fills the message.
	Send(data []byte) error
	// CloseSend ends the client's side of the call.
	CloseSend() error
}

// Upload reads the body of a client stream on its own goroutine, while the response is written.
type Upload struct {
	request *http.Request
	control *http.ResponseController
	silence time.Duration
	next    func() ([]byte, error)
	done    chan struct{}
	once    sync.Once
}

// UploadParams configure an [Upload]. All fields except Silence are required.
type UploadParams struct {
	Writer  http.ResponseWriter
	Request *http.Request
	// Silence is the maximum time for each message to arrive; 0 means no limit.
	Silence time.Duration
	// Sink sends the messages.
	Sink Sink
	// Fail is called if the body cannot be read or a message is invalid. The upload then does not
	// close its side of the call, so that the backend does not mistake a part for the whole.
	Fail func(error)
}

// StartUpload starts to send the messages of a request's body as they arrive. The caller must call
// [Upload.Stop] before it returns.
func (b *Builder) StartUpload(p UploadParams) *Upload {
	u := &Upload{
		request: p.Request, control: http.NewResponseController(p.Writer), silence: p.Silence, next: nil, done: make(chan struct{}), once: sync.Once{},
	}
	// Without full duplex, an HTTP/1.1 server reads the rest of the body before it writes. HTTP/2 is
	// always full duplex.
	_ = u.control.EnableFullDuplex()
	u.next = b.NewReader(p.Request)
	go func() {
		defer close(u.done)
		if err := u.send(p.Sink, p.Fail); err != nil {
			p.Fail(err)
		}
	}()
	return u
}

// Stop stops the goroutine and waits for it. Cancel the call before, unless it has ended, so that the
// goroutine does not wait for the backend.
func (u *Upload) Stop() {
	u.once.Do(func() {
		select {
		case <-u.done:
			return
		default:
		}
		// The rest of the body is not needed, so the goroutine must not wait for it.
		if u.control.SetReadDeadline(time.Now()) != nil {
			_ = u.request.Body.Close() // This transport has no deadlines.
		}
		<-u.done
	})
}

// send sends all messages. It uses a timer for the silence and not a read deadline, because over HTTP/1.1
// net/http cancels the request when a read deadline passes.
func (u *Upload) send(sink Sink, fail func(error)) error {
	silence := time.AfterFunc(time.Hour, func() { fail(respond.BrokenBody(os.ErrDeadlineExceeded)) })
	defer silence.Stop()
	for {
		silence.Stop()
		if u.silence > 0 {
			silence.Reset(u.silence)
		}
		data, err := u.next()
		silence.Stop() // There is no limit for the backend.
		if errors.Is(err, io.EOF) {
			return sink.CloseSend()
		}
		if err != nil {
			return err
		}
		err = sink.Send(data)
		exchange.From(u.request.Context()).Incoming.Memory.Reset() // The message has been sent.
		switch {
		case errors.Is(err, ErrCallOver):
			return nil
		case err != nil:
			return err
		}
	}
}

// NoteSent records the size of a message of a client stream before it is sent.
func NoteSent(r *http.Request, size int) {
	largest := &exchange.From(r.Context()).LargestSent
	largest.Store(max(largest.Load(), int64(size)))
}

// NewReader returns a function that reads the next message of a client stream's body, and returns io.EOF
// after the last one. The body is a sequence of JSON values, with or without white space between them, or a
// single JSON array. If the route takes a google.api.HttpBody, a message is a part of the raw body.
func (b *Builder) NewReader(r *http.Request) func() ([]byte, error) {
	if b.binding.RawBody {
		return func() ([]byte, error) {
			data, err := readChunk(r.Body)
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, unreadBody(err)
			}
			return data, err
		}
	}
	values := &valueReader{body: bufio.NewReader(r.Body), decoder: nil, arrays: !b.mayBeArray(), inArray: false}
	return func() ([]byte, error) {
		value, err := values.next()
		if err == nil || errors.Is(err, io.EOF) {
			return value, err
		}
		if bad, ok := errors.AsType[*jsoncodec.Error](err); ok {
			return nil, invalidBody(bad)
		}
		return nil, unreadBody(err)
	}
}

// readChunk reads a part of a raw body.
func readChunk(body io.Reader) ([]byte, error) {
	data := make([]byte, chunk)
	for {
		n, err := body.Read(data)
		switch {
		case n > 0:
			return data[:n], nil // The next Read returns the error again.
		case err != nil:
			return nil, err
		}
	}
}

// valueReader splits a body into JSON values.
type valueReader struct {
	body    *bufio.Reader
	decoder *json.Decoder // nil before the first value
	// arrays means that an array is a list of values; inArray means that it has begun.
	arrays, inArray bool
}

// next returns the next value, and io.EOF after the last one. For invalid JSON, the error is a
// [*jsoncodec.Error].
func (v *valueReader) next() ([]byte, error) {
	if v.decoder == nil {
		if err := v.begin(); err != nil {
			return nil, err
		}
	}
	if v.inArray && !v.decoder.More() {
		return nil, v.end()
	}
	var value json.RawMessage
	err := v.decoder.Decode(&value)
	if v.inArray && errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return value, v.explain(err)
}

// begin checks whether the body is an array.
func (v *valueReader) begin() error {
	first, err := peekValue(v.body)
	if err != nil {
		return err
	}
	v.decoder = json.NewDecoder(v.body)
	if v.arrays && first == '[' {
		v.inArray = true
		_, err = v.decoder.Token()
	}
	return v.explain(err)
}

// peekValue skips white space, and returns the next byte without consuming it.
func peekValue(r *bufio.Reader) (byte, error) {
	for {
		c, err := r.ReadByte()
		switch {
		case err != nil:
			return 0, err //nolint:wrapcheck // the caller tells io.EOF from the rest.
		case c != ' ' && c != '\t' && c != '\r' && c != '\n':
			return c, r.UnreadByte() //nolint:wrapcheck // a byte was read.
		}
	}
}

// end reads the end of the array, which must be the end of the body. It returns io.EOF.
func (v *valueReader) end() error {
	if _, err := v.decoder.Token(); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return v.explain(err)
	}
	v.inArray = false
	rest := bufio.NewReader(io.MultiReader(v.decoder.Buffered(), v.body))
	switch _, err := peekValue(rest); err {
	case nil:
		return &jsoncodec.Error{Reason: jsoncodec.ReasonTrailingData, Detail: "is followed by more data"}
	default:
		return err
	}
}

// explain converts an error of the decoder to an error for the client, except read errors of the body.
func (v *valueReader) explain(err error) error {
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return &jsoncodec.Error{
			Pointer: "", Reason: jsoncodec.ReasonMalformedJSON, Detail: fmt.Sprintf("is not valid JSON at offset %d", v.decoder.InputOffset()),
		}
	}
	return err
}

// EndReason returns the reason why a call ended with err. If the gateway has cancelled the call, with a
// [respond.Failure] as the cause of ctx, the reason is that failure and isOwn is true.
func EndReason(ctx context.Context, err error) (isOwn bool, reason error) {
	failure, ok := errors.AsType[*respond.Failure](context.Cause(ctx))
	if ok && (errors.Is(err, context.Canceled) || status.Code(err) == codes.Canceled) {
		return true, failure
	}
	return false, err
}
