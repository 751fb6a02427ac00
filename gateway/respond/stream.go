package respond

import (
	"errors"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/rfc9110"
)

// The media types of a stream of messages. The first is sent unless Accept prefers
// the other.
const (
	// NDJSONType: a JSON object a line, {"result": message}; where the stream fails
	// after its first message the last line is {"error": problem}.
	NDJSONType = "application/x-ndjson"
	// EventType: server-sent events, each with the message as data; where the stream
	// fails the last event is named "error" and has the problem as data.
	EventType = "text/event-stream"
)

// ErrEnough is what [Stream.Send] returns when nothing more needs to be sent,
// because the request was HEAD. It is no failure.
var ErrEnough = errors.New("the answer is complete")

// Stream answers with a stream of messages. Until the first one nothing is written,
// so that a call which fails before it gets its real status.
type Stream struct {
	responder *Responder
	w         http.ResponseWriter
	req       *http.Request
	exchange  *exchange.Exchange
	header    http.Header
	events    bool
	started   bool
	isRaw     bool   // each message is a google.api.HttpBody
	raw       string // the media type of the first of them
	buffer    []byte
}

// Stream begins an answer that consists of many messages. header are fields that the
// backend may set, by the gateway's allow-list; it may be nil.
func (r *Responder) Stream(w http.ResponseWriter, req *http.Request, header http.Header) *Stream {
	ex := exchange.From(req.Context())
	offer, _ := rfc9110.Negotiate(ex.Accept, []string{NDJSONType, EventType})
	isRaw := ex.Binding.Method.Descriptor.Output().FullName() == httpBody
	return &Stream{responder: r, w: w, req: req, exchange: ex, header: header, events: offer == EventType, isRaw: isRaw}
}

// Started says whether anything has been written.
func (s *Stream) Started() bool { return s.started }

// Send sends one message and flushes it.
func (s *Stream) Send(message proto.Message) error {
	if s.isRaw {
		data, kind := rawBody(message.ProtoReflect())
		return s.sendRaw(data, kind)
	}
	text, err := s.responder.codec.Append(s.buffer[:0], message)
	if err != nil {
		return Fail(codes.Internal, mapping.ReasonInternal, "a message could not be encoded").Because(err)
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
	if s.isRaw {
		return s.abort(err)
	}
	answer := s.responder.Render(AsFailure(err), RequestOf(s.req))
	Note(s.exchange, err, answer)
	// The status line has gone out as 200; this frame is all that is left to say it.
	_ = s.frame("error", answer.Body)
	return nil
}

func (s *Stream) start() {
	if s.started {
		return
	}
	s.started = true
	decision := s.responder.table.Decide(mapping.Input{Declared: s.exchange.Binding.Method.Success})
	s.exchange.Status, s.exchange.Rule = decision.Status(), decision.Rule.GetName()
	if s.isRaw && s.raw == "" {
		s.raw = octets // not one came
	}
	header := s.w.Header()
	merge(header, s.header)
	header.Set("Cache-Control", noStore)
	header.Set("Content-Type", NDJSONType)
	switch {
	case s.isRaw:
		header.Set("Content-Type", s.raw)
	case s.events:
		header.Set("Content-Type", EventType)
	}
	s.w.WriteHeader(decision.Status())
}

// frame writes one line or one event. JSON holds no raw line break, so neither form
// needs more than this.
func (s *Stream) frame(kind string, text []byte) error {
	var out []byte
	switch {
	case !s.events:
		out = append(append(append(out, `{"`+kind+`":`...), text...), "}\n"...)
	case kind == "error":
		out = append(append(append(out, "event: error\ndata: "...), text...), "\n\n"...)
	default:
		out = append(append(append(out, "data: "...), text...), "\n\n"...)
	}
	return s.write(out)
}

// write sends bytes at once.
func (s *Stream) write(out []byte) error {
	n, err := s.w.Write(out)
	s.exchange.Written += int64(n)
	if err != nil {
		return Fail(codes.Canceled, mapping.ReasonClientClosed, "the client has gone").Because(err)
	}
	if err := http.NewResponseController(s.w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return Fail(codes.Canceled, mapping.ReasonClientClosed, "the client has gone").Because(err)
	}
	return nil
}

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
