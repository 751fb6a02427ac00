package respond

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/policy"
)

// The media types of a stream of messages. NDJSONType is the default; Accept can choose EventType.
const (
	// NDJSONType: one JSON object per line, {"result": message}, or with the field that
	// response_body names. If the stream fails after its headers were sent, the last line is
	// {"error": problem}.
	NDJSONType = contract.NDJSONType
	// EventType: server-sent events, each with a message as data. If the stream fails, the last
	// event has the name "error" and the problem as data. Its "retry" says when to connect again, if
	// the failure says so.
	EventType = contract.EventType
)

// The defaults of [Params].
const (
	DefaultOpenDelay       = 100 * time.Millisecond
	DefaultCommentInterval = 15 * time.Second
)

// ErrEnough is returned by [Stream.Send] when the response to HEAD is complete. It is not a failure.
var ErrEnough = errors.New("the response is complete")

// Stream sends a response of many messages. Only the goroutine of the request may use it. The headers
// are sent with the first message, or earlier if the first message is late; see [Stream.Wait]. If the
// call fails before that, the response has the status of the failure.
type Stream struct {
	responder *Responder
	w         http.ResponseWriter
	req       *http.Request
	exchange  *exchange.Exchange
	header    http.Header
	events    bool
	started   bool
	raw       string // the media type of the first raw bytes
	typeless  bool   // the headers were sent before that type was known
	buffer    []byte
}

// Stream begins a response of many messages. header contains the headers from the backend's metadata that
// the allow-list permits; it may be nil.
func (r *Responder) Stream(w http.ResponseWriter, req *http.Request, header http.Header) *Stream {
	ex := exchange.From(req.Context())
	offer, _ := rfc9110.Negotiate(ex.Accept, []string{NDJSONType, EventType})
	return &Stream{responder: r, w: w, req: req, exchange: ex, header: header, events: offer == EventType}
}

// isRaw reports whether the messages are raw bytes.
func (s *Stream) isRaw() bool { return s.exchange.Binding.RawResponse }

// Started reports whether anything has been written.
func (s *Stream) Started() bool { return s.started }

// SetHeader replaces the headers from the backend's metadata, if nothing has been written.
func (s *Stream) SetHeader(header http.Header) {
	if !s.started {
		s.header = header
	}
}

// Wait calls receive, which waits for the backend's next message or the end of the call, and returns its
// error. Call it only after the backend has sent its metadata. While receive waits, Wait sends the
// headers and comment lines, so that the client sees that the stream is open; receive then runs on another
// goroutine. Wait may return an error of its own before receive has returned. Then the caller must cancel
// the call.
func (s *Stream) Wait(receive func() error) error {
	pause := s.pause()
	if pause < 0 {
		return receive()
	}
	type result struct {
		err      error
		panicked any
	}
	results := make(chan result, 1)
	go func() {
		var done result
		defer func() {
			done.panicked = recover()
			results <- done
		}()
		done.err = receive()
	}()
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case done := <-results:
			if done.panicked != nil {
				panic(done.panicked) //nolint:forbidigo // re-panic on the goroutine of the request.
			}
			return done.err
		case <-timer.C:
			if err := s.showOpen(); err != nil {
				return err
			}
			if pause = s.pause(); pause >= 0 {
				timer.Reset(pause)
			}
		}
	}
}

// pause returns how long the stream may be silent now; a negative value means no limit.
func (s *Stream) pause() time.Duration {
	switch {
	case !s.started && s.isRaw() && s.req.Method != http.MethodHead:
		return -1 // The first message determines Content-Type.
	case !s.started:
		return s.responder.openDelay
	case s.events:
		return s.responder.commentInterval
	default:
		return -1
	}
}

// showOpen shows the client that an idle stream is open: it sends the headers, and later comments.
func (s *Stream) showOpen() error {
	switch {
	case s.started:
		return s.write([]byte(":\n\n"))
	case s.req.Method == http.MethodHead:
		s.typeless = s.isRaw() // RFC 9110 §9.3.2: a header that depends on the content may be left out.
		s.start()
		return ErrEnough
	default:
		s.start()
		return s.write(nil)
	}
}

// Send sends one message and flushes it.
func (s *Stream) Send(message proto.Message) error {
	if s.isRaw() {
		data, kind := rawBody(s.exchange.Binding, message)
		return s.sendRaw(data, kind)
	}
	text, err := s.responder.appendJSON(s.buffer[:0], s.exchange.Binding, message)
	if err != nil {
		return Fail(policy.ReasonInternal, "a message could not be encoded").Because(err)
	}
	s.buffer = text
	s.start()
	if s.req.Method == http.MethodHead {
		return ErrEnough
	}
	return s.frame("result", text)
}

// End ends the stream. If err is not nil and nothing has been sent, End returns err, and the response is
// that of any other error. If something has been sent, End sends err in the last frame.
func (s *Stream) End(err error) error {
	if errors.Is(err, ErrEnough) {
		return nil
	}
	if err == nil {
		s.start()
		return nil
	}
	if !s.started {
		return err
	}
	if s.isRaw() {
		return s.abort(err)
	}
	failure := AsFailure(err)
	answer := s.responder.Render(failure, RequestOf(s.req))
	Note(s.exchange, err, answer)
	// The status 200 has already been sent, so only this frame can report the failure.
	if s.events {
		_ = s.write(fmt.Appendf(nil, "event: error\n%sdata: %s\n\n", retryLine(failure), answer.Body))
		return nil
	}
	_ = s.frame("error", answer.Body)
	return nil
}

// retryLine returns the line of an event that tells the client when to connect again, or "" if the
// failure does not say when.
func retryLine(failure *Failure) string {
	for _, detail := range failure.Status.GetDetails() {
		retry := &errdetails.RetryInfo{}
		if !detail.MessageIs(retry) || detail.UnmarshalTo(retry) != nil {
			continue
		}
		if delay := retry.GetRetryDelay(); delay.CheckValid() == nil && delay.AsDuration() > 0 {
			milliseconds := (delay.AsDuration()-1)/time.Millisecond + 1 // rounded up
			return "retry: " + strconv.FormatInt(int64(milliseconds), 10) + "\n"
		}
	}
	return ""
}

func (s *Stream) start() {
	if s.started {
		return
	}
	s.started = true
	decision := s.responder.table.Decide(policy.Input{Declared: s.exchange.Binding.Method.Success})
	s.exchange.Status, s.exchange.Rule = decision.Status(), decision.Rule.GetName()
	if s.isRaw() && s.raw == "" {
		s.raw = octets // No message came.
	}
	header := s.w.Header()
	merge(header, s.header)
	header.Set("Cache-Control", noStore)
	header.Set("Content-Type", NDJSONType)
	switch {
	case s.typeless:
		header.Del("Content-Type")
	case s.isRaw():
		header.Set("Content-Type", s.raw)
	case s.events:
		header.Set("Content-Type", EventType)
	}
	s.w.WriteHeader(decision.Status())
}

// frame writes one line or one event. The JSON contains no line breaks, so it needs no escaping.
func (s *Stream) frame(kind string, text []byte) error {
	var out []byte
	if s.events {
		out = append(append(append(out, "data: "...), text...), "\n\n"...)
	} else {
		out = append(append(append(out, `{"`+kind+`":`...), text...), "}\n"...)
	}
	return s.write(out)
}

// write sends bytes immediately. Without bytes, it sends the headers.
func (s *Stream) write(out []byte) error { return s.responder.push(s.w, s.req, out) }

// sendRaw sends the bytes of a google.api.HttpBody. The first one determines the media type of all.
func (s *Stream) sendRaw(data []byte, kind string) error {
	if s.raw == "" {
		s.raw = kind
	}
	s.start()
	if s.req.Method == http.MethodHead {
		return ErrEnough
	}
	return s.write(data)
}

// abort breaks the connection. Raw bytes have no frame that could report a failure, and an incomplete
// response must not look complete (RFC 9112 §8).
func (s *Stream) abort(err error) error {
	Note(s.exchange, err, s.responder.Render(AsFailure(err), RequestOf(s.req)))
	panic(http.ErrAbortHandler) //nolint:forbidigo // with this value a handler asks net/http to break the connection.
}
