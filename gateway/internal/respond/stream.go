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

// The media types of a stream of messages. The first is sent unless Accept prefers
// the other.
const (
	// NDJSONType: a JSON object a line, {"result": message}, or with the field of the message
	// that response_body names. If the stream fails after its header section was sent, the
	// last line is {"error": problem}.
	NDJSONType = contract.NDJSONType
	// EventType: server-sent events, each with the message as data. If the stream fails,
	// the last event has the name "error" and the problem as data, and says by "retry"
	// when to connect again, if the failure does.
	EventType = contract.EventType
)

// The defaults of [Params].
const (
	DefaultOpenDelay       = 100 * time.Millisecond
	DefaultCommentInterval = 15 * time.Second
)

// ErrEnough is what [Stream.Send] returns when nothing more needs to be sent,
// because the request was HEAD. It is no failure.
var ErrEnough = errors.New("the answer is complete")

// Stream sends a response of many messages. It belongs to the goroutine of the request,
// which does all writing. The header section is sent with the first message, or if that
// is late; see [Stream.Wait]. A call that fails before gets its own status.
type Stream struct {
	responder *Responder
	w         http.ResponseWriter
	req       *http.Request
	exchange  *exchange.Exchange
	header    http.Header
	events    bool
	started   bool
	raw       string // the media type of the first raw bytes
	typeless  bool   // the header section is sent before that type is known
	buffer    []byte
}

// Stream begins an answer that consists of many messages. header are fields that the
// backend may set, by the gateway's allow-list; it may be nil.
func (r *Responder) Stream(w http.ResponseWriter, req *http.Request, header http.Header) *Stream {
	ex := exchange.From(req.Context())
	offer, _ := rfc9110.Negotiate(ex.Accept, []string{NDJSONType, EventType})
	return &Stream{responder: r, w: w, req: req, exchange: ex, header: header, events: offer == EventType}
}

// isRaw reports whether the bytes of each message are sent as they are.
func (s *Stream) isRaw() bool { return s.exchange.Binding.RawResponse }

// Started reports whether anything has been written.
func (s *Stream) Started() bool { return s.started }

// SetHeader replaces the fields that the backend may set, if nothing has been written.
func (s *Stream) SetHeader(header http.Header) {
	if !s.started {
		s.header = header
	}
}

// Wait calls receive, which waits for the backend's next message or its end, and returns
// its error. It is to be called once the backend has sent its metadata. While receive
// takes its time, Wait sends the header section and comment lines, so that the client
// sees that the stream is open; meanwhile receive runs on another goroutine. Wait may
// return an error of its own before receive has returned, and the caller then has to
// cancel the call.
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
				panic(done.panicked) //nolint:forbidigo // it goes on where it would have been without the goroutine.
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

// pause is how long the stream may now be silent; negative if for ever.
func (s *Stream) pause() time.Duration {
	switch {
	case !s.started && s.isRaw() && s.req.Method != http.MethodHead:
		return -1 // The first message says what Content-Type is.
	case !s.started:
		return s.responder.openDelay
	case s.events:
		return s.responder.commentInterval
	default:
		return -1
	}
}

// showOpen sends what an idle stream sends: the header section, and later comments.
func (s *Stream) showOpen() error {
	switch {
	case s.started:
		return s.write([]byte(":\n\n"))
	case s.req.Method == http.MethodHead:
		s.typeless = s.isRaw() // RFC 9110 §9.3.2: a field that needs the content may be left out
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

// End ends the stream. With an error and nothing sent it returns that error, which
// then is answered like any other; after the first message it sends the last frame.
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
	// The status line has gone out as 200, so only this frame can tell of the failure.
	if s.events {
		_ = s.write(fmt.Appendf(nil, "event: error\n%sdata: %s\n\n", retryLine(failure), answer.Body))
		return nil
	}
	_ = s.frame("error", answer.Body)
	return nil
}

// retryLine is the line of an event that tells the client when to connect again; empty
// if the failure does not.
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

// frame writes one line or one event. JSON contains no raw line break, so neither form
// needs more than this.
func (s *Stream) frame(kind string, text []byte) error {
	var out []byte
	if s.events {
		out = append(append(append(out, "data: "...), text...), "\n\n"...)
	} else {
		out = append(append(append(out, `{"`+kind+`":`...), text...), "}\n"...)
	}
	return s.write(out)
}

// write sends bytes at once; without any, it sends the header section.
func (s *Stream) write(out []byte) error { return s.responder.push(s.w, s.req, out) }

// sendRaw sends a google.api.HttpBody as it is. The first one says of what type all of
// them are.
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

// abort breaks the connection: raw bytes have no frame that could say that they are
// not all, and their end must not look like one (RFC 9112 §8).
func (s *Stream) abort(err error) error {
	Note(s.exchange, err, s.responder.Render(AsFailure(err), RequestOf(s.req)))
	panic(http.ErrAbortHandler) //nolint:forbidigo // it is how a handler tells net/http to break the connection.
}
