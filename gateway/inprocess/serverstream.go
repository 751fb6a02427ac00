package inprocess

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// serverStream is the handler's side of a stream.
type serverStream struct {
	*pipe
	clientStreams bool // the method takes any number of requests
	received      bool // a request was received
}

var _ grpc.ServerStream = (*serverStream)(nil)

// Context implements [grpc.ServerStream].
func (s *serverStream) Context() context.Context { return s.call.ctx }

// SetHeader implements [grpc.ServerStream].
func (s *serverStream) SetHeader(md metadata.MD) error { return s.call.transport.SetHeader(md) }

// SendHeader implements [grpc.ServerStream].
func (s *serverStream) SendHeader(md metadata.MD) error { return s.call.transport.SendHeader(md) }

// SetTrailer implements [grpc.ServerStream]. There is no way to return an error,
// so a trailer that cannot be sent is dropped.
func (s *serverStream) SetTrailer(md metadata.MD) { _ = s.call.transport.SetTrailer(md) }

// SendMsg implements [grpc.ServerStream]. An error also ends the stream.
func (s *serverStream) SendMsg(message any) error {
	err := s.send(message)
	if err != nil {
		s.finish(err)
	}

	return err
}

func (s *serverStream) send(message any) error {
	kept, err := s.messages.keep(message)
	if err != nil {
		return err
	}
	s.call.transport.flush()
	if err := s.responses.send(kept, s.call.base.Done()); err != nil {
		return s.canceled()
	}

	return nil
}

// RecvMsg implements [grpc.ServerStream]. An error other than io.EOF also ends the
// stream.
func (s *serverStream) RecvMsg(message any) error {
	err := s.receive(message)
	if err != nil && !errors.Is(err, io.EOF) {
		s.finish(err)
	}

	return err
}

func (s *serverStream) receive(message any) error {
	kept, err := s.requests.receive(s.call.base.Done())
	switch {
	case errors.Is(err, errLeft):
		return s.canceled()
	case err != nil && !s.clientStreams && !s.received:
		return status.Error(codes.Internal, "cardinality violation: received no request message from non-client-streaming RPC")
	case err != nil:
		return err
	}
	if err := s.messages.checkSize(kept, s.limits.request, ReasonRequestTooLarge); err != nil {
		return err
	}
	if err := s.messages.give(message, kept); err != nil {
		return err
	}
	s.received = true
	if s.clientStreams {
		return nil
	}

	return s.expectEnd()
}

// expectEnd waits until the caller closes its side, after the only request.
func (s *serverStream) expectEnd() error {
	switch _, err := s.requests.receive(s.call.base.Done()); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return s.canceled()
	}

	return status.Error(codes.Internal, "cardinality violation: received multiple request messages for non-client-streaming RPC")
}

// canceled returns the error of a stream that the caller has left, or that has ended.
func (s *serverStream) canceled() error {
	return status.FromContextError(s.call.base.Err()).Err()
}
