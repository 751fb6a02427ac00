package generated

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/internal/request"
	"github.com/statusway/statusway/gateway/internal/respond"
)

// newStream starts a streaming call. If the body is a stream of messages, it sends them while
// generated code reads the responses. Else it makes the only message before the call, so that an
// invalid request starts no call.
func (g *generated) newStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	one := callFrom(ctx)
	if one.target == nil {
		return nil, noResponse() // as in invoke
	}
	var message proto.Message
	if err := one.checkMethod(method); err != nil {
		return nil, err
	}
	if !one.exchange.Binding.Uploads {
		message = one.target.input.New().Interface()
		if err := one.fill(message); err != nil {
			return nil, err
		}
	}
	one.called = true
	ctx, one.followed = one.backend.Forward.Begin(ctx, g.conn, one.r) // It ends with the request.
	ctx, one.cancel = context.WithCancelCause(ctx)
	inner, err := g.conn.NewStream(ctx, desc, method, opts...)
	if err != nil {
		return nil, one.ended(ctx, err)
	}
	s := &stream{ClientStream: inner, ctx: ctx, call: one, desc: desc, message: message, open: false}
	switch {
	case one.exchange.Binding.Uploads:
		one.upload = one.target.builder.StartUpload(request.UploadParams{
			Writer: one.w, Request: one.r, Silence: one.backend.Silence, Sink: uploadSink{s}, Fail: one.cancel,
		})
	case desc.ClientStreams:
		_ = inner.SendMsg(message) // If it fails, the receiver knows why.
	}
	return s, nil
}

// stream is the streaming call that generated code gets. It replaces the messages of the generated
// code with the messages of the request.
type stream struct {
	grpc.ClientStream

	ctx     context.Context //nolint:containedctx // the stream's own: its cause says why the call ended.
	call    *call
	desc    *grpc.StreamDesc
	message proto.Message // the only request; nil if the body is a stream of messages
	open    bool          // the backend's metadata has arrived
}

// SendMsg sends the request's message in place of the message of the generated code.
func (s *stream) SendMsg(any) error {
	if s.message == nil || s.desc.ClientStreams {
		return nil
	}
	return s.ClientStream.SendMsg(s.message)
}

// CloseSend does nothing while the upload sends the body.
func (s *stream) CloseSend() error {
	if s.call.exchange.Binding.Uploads {
		return nil
	}
	return s.ClientStream.CloseSend()
}

func (s *stream) Header() (metadata.MD, error) {
	header, err := s.ClientStream.Header()
	s.open = header != nil // It is nil if the call has ended without metadata.
	if err != nil {
		s.call.trailer = s.Trailer()
		err = s.call.ended(s.ctx, err)
	}
	return header, err
}

func (s *stream) RecvMsg(message any) error {
	receive := func() error { return s.ClientStream.RecvMsg(message) }
	var err error
	if s.call.stream != nil && s.open {
		err = s.call.stream.Wait(receive)
	} else {
		err = receive()
	}
	if err == nil {
		return nil
	}
	if _, failed := errors.AsType[*respond.Failure](err); failed || errors.Is(err, respond.ErrEnough) {
		s.call.own = err // The error comes from Wait, so the trailers must not be read yet.
		return err
	}
	s.call.trailer = s.Trailer()
	return s.call.ended(s.ctx, err)
}

// uploadSink sends the messages of the body.
var _ request.Sink = uploadSink{}

type uploadSink struct{ *stream }

func (s uploadSink) Send(data []byte) error {
	target := s.call.target
	message := target.input.New()
	if err := target.builder.Fill(message, s.call.r, data); err != nil {
		return err
	}
	request.NoteSent(s.call.r, proto.Size(message.Interface()))
	if s.ClientStream.SendMsg(message.Interface()) != nil {
		return request.ErrCallOver
	}
	return nil
}

func (s uploadSink) CloseSend() error { return s.ClientStream.CloseSend() }

// ended returns the reason why a call ended with err, and records it if the gateway ended the call.
func (c *call) ended(ctx context.Context, err error) error {
	if errors.Is(err, io.EOF) {
		return err
	}
	isOwn, reason := request.EndReason(ctx, err)
	if isOwn {
		c.own = reason
	}
	return reason
}
