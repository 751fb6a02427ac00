package dynamic

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/forward"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
)

// streaming is a call with many messages in one direction or both.
type streaming struct {
	*call
	grpc.ClientStream

	seen *events
	// cancel ends the call. Its cause is what is answered, unless the server had
	// answered before.
	cancel context.CancelCauseFunc
	out    *respond.Stream
}

// stream answers a call with many messages. It returns when both directions are over.
func (c *call) stream() error {
	var only any
	if !c.clientStreams() {
		data, err := forward.ReadBody(c.r)
		if err != nil {
			return err
		}
		if only, err = c.request(data); err != nil {
			return err
		}
	}
	ctx, stop := forward.Deadline(c.r, 0)
	defer stop()
	ctx, followed := c.backend.params.Forward.Begin(ctx, c.method.conn, c.r)
	err := c.over(ctx, only)
	// What fails after the first message is answered, and noted there.
	followed.End(cmp.Or(err, exchange.From(ctx).Failure))
	return err
}

// over calls, with the one message there is if the body is not many.
func (c *call) over(ctx context.Context, only any) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx, seen := watch(ctx)
	name := exchange.From(ctx).Binding.Method.FullName
	inner, err := c.method.conn.NewStream(ctx, c.method.desc, name, c.backend.codecOption, c.backend.limitOption)
	if err != nil {
		return c.backend.params.Forward.Failed(ctx, err, nil, nil)
	}
	s := &streaming{call: c, ClientStream: inner, seen: seen, cancel: cancel}
	if c.clientStreams() {
		return s.both()
	}
	if err := s.sendOne(only); err != nil {
		return err
	}
	return s.receive()
}

// clientStreams says whether the body is many messages. A route without a body sends
// the one that its target makes.
func (c *call) clientStreams() bool {
	return c.method.desc.ClientStreams && exchange.From(c.r.Context()).Binding.Body != ""
}

// both sends and receives at the same time.
func (s *streaming) both() error {
	control := http.NewResponseController(s.w)
	// HTTP/1.1 would otherwise read the rest of the body before the first answer, and
	// HTTP/2 needs no such leave.
	_ = control.EnableFullDuplex()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if err := s.sendAll(control); err != nil {
			s.cancel(err)
		}
	}()
	defer func() {
		select {
		case <-sent:
		default:
			// The server is through before the client is: whoever reads the body waits
			// for nothing any more.
			_ = control.SetReadDeadline(time.Now())
			<-sent
		}
	}()
	return s.receive()
}

// receive takes all that the server sends and answers with it.
func (s *streaming) receive() error {
	if !s.method.desc.ServerStreams {
		return s.receiveOne()
	}
	for {
		message, err := s.next()
		switch {
		case errors.Is(err, io.EOF):
			return s.begin(s.Trailer()).End(nil)
		case err != nil && s.out == nil:
			return err
		case err != nil:
			return s.out.End(err)
		}
		if err := s.begin(nil).Send(message); err != nil {
			return s.out.End(err)
		}
	}
}

// receiveOne answers a stream of requests with the one response.
func (s *streaming) receiveOne() error {
	message, err := s.next()
	if errors.Is(err, io.EOF) {
		err = respond.Fail(codes.Internal, mapping.ReasonInternal, "the backend sent no message")
	}
	if err != nil {
		return err
	}
	return s.backend.params.Responder.Reply(s.w, s.r, s.backend.params.Forward.Reply(s.r.Context(), message, s.header(), s.Trailer()))
}

// begin returns the answer. Its header needs the server's, which is there once there
// is a message or the end.
func (s *streaming) begin(trailer metadata.MD) *respond.Stream {
	if s.out == nil {
		s.out = s.backend.params.Responder.Stream(s.w, s.r, s.backend.params.Forward.Answered(s.r.Context(), s.header(), trailer))
	}
	return s.out
}

// header is the server's header metadata. Why it may be missing comes with the next
// message.
func (s *streaming) header() metadata.MD {
	header, err := s.Header()
	if err != nil {
		return nil
	}
	return header
}

// next returns the server's next message, io.EOF after the last.
func (s *streaming) next() (proto.Message, error) {
	reply := s.method.carrier.reply(s.backend.params.MaxMessage)
	err := s.RecvMsg(reply)
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err := received(err, reply, s.seen); err != nil {
		if cause := context.Cause(s.Context()); cause != nil && !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
			return nil, cause // of this side: a message of the client that cannot be read
		}
		return nil, s.backend.params.Forward.Failed(s.r.Context(), err, s.header(), s.Trailer())
	}
	return s.method.carrier.response(reply)
}
