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

// chunk is how many bytes of a raw body one message takes at most.
const chunk = 32 << 10

// ErrCallOver is what a [Sink] returns when the call has ended, so that no more messages
// can be sent. The receiver of the call knows why it ended.
var ErrCallOver = errors.New("the call is over")

// Sink takes the messages of a client stream.
type Sink interface {
	// Send sends one message, given the part of the body that fills it.
	Send(data []byte) error
	// CloseSend ends the client's side of the call.
	CloseSend() error
}

// Upload reads the body of a client stream on a goroutine of its own, while the response
// is written.
type Upload struct {
	request *http.Request
	control *http.ResponseController
	silence time.Duration
	next    func() ([]byte, error)
	done    chan struct{}
	once    sync.Once
}

// UploadParams are what an [Upload] is made of. All are needed but Silence.
type UploadParams struct {
	Writer  http.ResponseWriter
	Request *http.Request
	// Silence is how long each message may take to arrive; 0 means for ever.
	Silence time.Duration
	// Sink gets the messages.
	Sink Sink
	// Fail is called if the body cannot be read or a message is invalid. The client's side
	// of the call is not ended then, so that the backend does not take a part for the whole.
	Fail func(error)
}

// StartUpload sends the body of a request, message by message as they arrive. The caller
// must call [Upload.Stop] before it returns.
func (b *Builder) StartUpload(p UploadParams) *Upload {
	u := &Upload{
		request: p.Request, control: http.NewResponseController(p.Writer), silence: p.Silence, next: nil, done: make(chan struct{}), once: sync.Once{},
	}
	// Without it an HTTP/1.1 server reads the rest of the body before it writes. HTTP/2
	// needs no permission.
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

// Stop makes the goroutine end, and waits for it. The call must have been cancelled, or
// be over, so that the goroutine does not wait for the backend.
func (u *Upload) Stop() {
	u.once.Do(func() {
		select {
		case <-u.done:
			return
		default:
		}
		// The rest of the body is not needed, so its reader must not wait for it.
		if u.control.SetReadDeadline(time.Now()) != nil {
			_ = u.request.Body.Close() // This transport has no deadlines.
		}
		<-u.done
	})
}

// send sends all messages. A timer ends a silence: when a read deadline passes, net/http
// cancels the request over HTTP/1.1, as if the client had left.
func (u *Upload) send(sink Sink, fail func(error)) error {
	silence := time.AfterFunc(time.Hour, func() { fail(respond.BrokenBody(os.ErrDeadlineExceeded)) })
	defer silence.Stop()
	for {
		silence.Stop()
		if u.silence > 0 {
			silence.Reset(u.silence)
		}
		data, err := u.next()
		silence.Stop() // The backend may take as long as it likes.
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

// NewReader returns a function that reads the next message of a client stream's body,
// and io.EOF after the last. A message is one value of a sequence of JSON values, with
// or without white space between, or one element of a single JSON array. If the route
// takes a google.api.HttpBody, a message is what has arrived of the raw body.
func (b *Builder) NewReader(r *http.Request) func() ([]byte, error) {
	ex := exchange.From(r.Context())
	if b.binding.RawBody {
		return func() ([]byte, error) {
			data, err := readChunk(r.Body)
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, unreadBody(ex, err)
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
		return nil, unreadBody(ex, err)
	}
}

// readChunk reads some of a raw body.
func readChunk(body io.Reader) ([]byte, error) {
	data := make([]byte, chunk)
	for {
		n, err := body.Read(data)
		switch {
		case n > 0:
			return data[:n], nil // An error comes again with the next Read.
		case err != nil:
			return nil, err
		}
	}
}

// valueReader splits a body into JSON values.
type valueReader struct {
	body    *bufio.Reader
	decoder *json.Decoder // nil before the first value
	// arrays says that an array is a list of values; inArray says that it has begun.
	arrays, inArray bool
}

// next returns the next value, and io.EOF after the last. A value that breaks the
// grammar is a [*jsoncodec.Error].
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

// begin looks whether the body is an array.
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

// peekValue skips white space, and returns the first byte behind it without taking it.
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

// end reads the end of the array, behind which nothing may follow. It returns io.EOF.
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
		return &jsoncodec.Error{Reason: jsoncodec.ReasonTrailingData, Detail: "is followed by something else"}
	default:
		return err
	}
}

// explain makes an error of the decoder one for the client, unless it is of the body.
func (v *valueReader) explain(err error) error {
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return &jsoncodec.Error{
			Pointer: "", Reason: jsoncodec.ReasonMalformedJSON, Detail: fmt.Sprintf("is not valid JSON at offset %d", v.decoder.InputOffset()),
		}
	}
	return err
}

// EndReason returns why a call ended with err, as its caller reads it from ctx. If this
// side cancelled the call with a [respond.Failure] as the cause, that is the reason, and
// isOwn is true.
func EndReason(ctx context.Context, err error) (isOwn bool, reason error) {
	failure, ok := errors.AsType[*respond.Failure](context.Cause(ctx))
	if ok && (errors.Is(err, context.Canceled) || status.Code(err) == codes.Canceled) {
		return true, failure
	}
	return false, err
}
