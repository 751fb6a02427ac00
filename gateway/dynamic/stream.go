package dynamic

import (
	"cmp"
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/request"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// streaming is a streaming call, in one direction or both.
type streaming struct {
	*call
	grpc.ClientStream

	seen *events
	// cancel ends the call. The client gets its cause as the reason, unless the server has
	// responded before.
	cancel context.CancelCauseFunc
	out    *respond.Stream
	open   bool // the server's metadata has arrived
}

var _ request.Sink = (*streaming)(nil)

// stream serves a streaming call. It returns when both directions have ended.
func (c *call) stream() error {
	var only any
	if !c.uploads() {
		data, err := request.ReadBody(c.r)
		if err != nil {
			return err
		}
		if only, err = c.request(data); err != nil {
			return err
		}
	}
	ctx, followed := c.backend.Forward.Begin(exchange.From(c.r.Context()).Context, c.method.conn, c.r)
	err := c.runStream(ctx, only)
	// If the call fails after the first message, runStream sends and records the failure.
	followed.End(cmp.Or(err, exchange.From(ctx).Failure))
	return err
}

// runStream makes the call. If the body is not a stream of messages, only is the request message.
func (c *call) runStream(ctx context.Context, only any) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx, seen := watch(ctx)
	name := exchange.From(ctx).Binding.Method.FullName
	inner, err := c.method.conn.NewStream(ctx, c.method.desc, name, c.backend.codecOption, c.method.limitOption)
	if err != nil {
		if own, reason := request.EndReason(ctx, err); own {
			return reason
		}
		return c.backend.Forward.Failed(ctx, err, nil, nil)
	}
	s := &streaming{call: c, ClientStream: inner, seen: seen, cancel: cancel}
	if c.uploads() {
		upload := c.method.builder.StartUpload(request.UploadParams{Writer: c.w, Request: c.r, Silence: c.backend.Silence, Sink: s, Fail: cancel})
		defer upload.Stop()
		defer cancel(nil) // first, so that the upload does not wait for the server
		return s.receive()
	}
	if err := s.sendOne(only); err != nil {
		return err
	}
	return s.receive()
}

// uploads reports whether the body is a stream of messages. For a route without a body, the gateway
// makes the only message from the target.
func (c *call) uploads() bool { return exchange.From(c.r.Context()).Binding.Uploads }

// sendOne sends the only request. receive reports an error of the stream itself.
func (s *streaming) sendOne(message any) error {
	if err := s.SendMsg(message); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return s.CloseSend()
}

// Send sends the message for one part of the body.
func (s *streaming) Send(data []byte) error {
	message, err := s.request(data)
	if err != nil {
		return err
	}
	if f, ok := message.(*frame); ok {
		request.NoteSent(s.r, len(f.wire))
	}
	if s.SendMsg(message) != nil {
		return request.ErrCallOver
	}
	return nil
}

// receive sends the server's messages to the client.
func (s *streaming) receive() error {
	if !s.method.desc.ServerStreams {
		return s.receiveOne()
	}
	header := s.header()
	s.open = header != nil // It is nil if the call has ended without metadata.
	s.out = s.backend.Responder.Stream(s.w, s.r, s.backend.Forward.Answered(s.r.Context(), header, nil))
	for {
		message, err := s.next()
		if err == nil {
			err = s.out.Send(message)
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			if !s.out.Started() { // Then the trailers may still set fields.
				s.out.SetHeader(s.backend.Forward.Answered(s.r.Context(), s.header(), s.Trailer()))
			}
			return s.out.End(nil)
		default:
			return s.out.End(err)
		}
	}
}

// receiveOne responds to a stream of requests with the one response.
func (s *streaming) receiveOne() error {
	message, err := s.next()
	if errors.Is(err, io.EOF) {
		err = respond.Fail(policy.ReasonInternal, "the backend sent no message")
	}
	if err != nil {
		return err
	}
	return s.backend.Responder.Reply(s.w, s.r, s.backend.Forward.Reply(s.r.Context(), message, s.header(), s.Trailer()))
}

// header waits for the server's header metadata. If there is none, next returns the reason.
func (s *streaming) header() metadata.MD {
	header, err := s.Header()
	if err != nil {
		return nil
	}
	return header
}

// next returns the server's next message, io.EOF after the last.
func (s *streaming) next() (proto.Message, error) {
	reply := s.method.carrier.reply(s.method.maxMessage)
	receive := func() error { return s.RecvMsg(reply) }
	var err error
	if s.out != nil && s.open {
		err = s.out.Wait(receive)
	} else {
		err = receive()
	}
	if isOwn(err) || errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := receiveError(err, reply, s.seen); err != nil {
		if own, reason := request.EndReason(s.Context(), err); own {
			return nil, reason
		}
		return nil, s.backend.Forward.Failed(s.r.Context(), err, s.header(), s.Trailer())
	}
	return s.method.carrier.response(reply)
}

// isOwn reports whether an error comes from [respond.Stream.Wait] and not from the server. In that
// case the trailers must not be read yet.
func isOwn(err error) bool {
	_, failed := errors.AsType[*respond.Failure](err)
	return failed || errors.Is(err, respond.ErrEnough)
}
