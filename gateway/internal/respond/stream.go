package respond

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/internal/budget"
	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/policy"
)

// The media types of a stream of messages. NDJSONType is the default. Accept can choose EventType, or
// [JSONType]: an array of the lines of NDJSON, which grows with each message and is complete also after a
// failure.
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
	mediaType string // of a stream of messages
	started   bool
	filled    bool   // the JSON array has an element
	raw       string // the media type of the first raw bytes
	typeless  bool   // the headers were sent before that type was known
	buffer    []byte
}

// Stream begins a response of many messages. header contains the headers from the backend's metadata that
// the allow-list permits; it may be nil.
func (r *Responder) Stream(w http.ResponseWriter, req *http.Request, header http.Header) *Stream {
	s := &Stream{responder: r, w: w, req: req, exchange: exchange.From(req.Context()), header: header}
	if !s.isRaw() {
		s.mediaType = streamType(s.exchange)
	}
	return s
}

// streamType returns the media type of a stream of messages. If Accept prefers several equally, a type that
// it names goes first: most clients that parse JSON send application/json and */*.
func streamType(ex *exchange.Exchange) string {
	offers := ex.Binding.Offers
	named := make([]string, 0, 8) // room for all offers twice, without an allocation
	for _, offer := range offers {
		if slices.ContainsFunc(ex.Accept, func(r rfc9110.MediaRange) bool { return r.Essence() == offer }) {
			named = append(named, offer)
		}
	}
	if offer, ok := rfc9110.Negotiate(ex.Accept, append(named, offers...)); ok {
		return offer
	}
	return JSONType // Accept has only media types of errors.
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
	case s.mediaType == EventType:
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
	if err := s.write(s.frame("result", text)); err != nil {
		return err
	}
	s.filled = true
	return nil
}

// End ends the stream. If err is not nil and nothing has been sent, End returns err, and the response is
// that of any other error. If something has been sent, End sends err in the last frame.
func (s *Stream) End(err error) error {
	if errors.Is(err, ErrEnough) {
		return nil
	}
	if err == nil {
		return s.complete()
	}
	if !s.started {
		return err
	}
	if s.isRaw() || errors.Is(err, budget.ErrCut) {
		return s.abort(err)
	}
	failure := AsFailure(err)
	answer := s.responder.Render(failure, RequestOf(s.req))
	Note(s.exchange, err, answer)
	// The status 200 has already been sent, so only this frame can report the failure.
	if s.mediaType == EventType {
		_ = s.write(fmt.Appendf(nil, "event: error\n%sdata: %s\n\n", retryLine(failure), answer.Body))
		return nil
	}
	_ = s.write(append(s.frame("error", answer.Body), s.ending(true)...))
	return nil
}

// complete ends a stream that has not failed.
func (s *Stream) complete() error {
	s.start()
	if ending := s.ending(s.filled); ending != "" && s.req.Method != http.MethodHead {
		if err := s.write([]byte(ending)); err != nil {
			return s.End(err)
		}
	}
	return nil
}

// ending returns the end of a JSON array; other streams have none.
func (s *Stream) ending(filled bool) string {
	switch {
	case s.mediaType != JSONType:
		return ""
	case filled:
		return "]"
	default:
		return "[]"
	}
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
	header := s.w.Header()
	merge(header, s.header)
	header.Set("Cache-Control", noStore)
	switch {
	case s.typeless:
		header.Del("Content-Type")
	case s.isRaw():
		header.Set("Content-Type", cmp.Or(s.raw, octets)) // Without bytes there is no type.
	default:
		header.Set("Content-Type", s.mediaType)
	}
	s.w.WriteHeader(decision.Status())
}

// frame returns one line, element or event. The JSON contains no line breaks, so it needs no escaping.
func (s *Stream) frame(kind string, text []byte) []byte {
	begin, end := `{"`+kind+`":`, "}\n"
	switch {
	case s.mediaType == EventType:
		begin, end = "data: ", "\n\n"
	case s.mediaType == JSONType && s.filled:
		begin = "," + begin
	case s.mediaType == JSONType:
		begin = "[" + begin
	}
	return slices.Concat([]byte(begin), text, []byte(end))
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

// abort breaks the connection, because an incomplete response must not look complete (RFC 9112 §8). Raw
// bytes have no frame that could report a failure, and none fits into a message that was cut off.
func (s *Stream) abort(err error) error {
	Note(s.exchange, err, s.responder.Render(AsFailure(err), RequestOf(s.req)))
	panic(http.ErrAbortHandler) //nolint:forbidigo // with this value a handler asks net/http to break the connection.
}
