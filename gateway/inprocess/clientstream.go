package inprocess

import (
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// clientStream is the caller's side of a stream.
type clientStream struct {
	*pipe
	ctx     context.Context //nolint:containedctx // grpc.ClientStream has to return it
	cancel  context.CancelFunc
	desc    *grpc.StreamDesc
	options options
	codec   encoding.CodecV2 // the caller's own; nil: none
	limits  limits           // the caller's own; those in pipe are the server's

	received bool // a response was received

	mu      sync.Mutex // guards what follows
	over    bool
	result  error // how the stream ended for the caller, io.EOF for OK; set when over
	trailer metadata.MD
}

var _ grpc.ClientStream = (*clientStream)(nil)

// Context implements [grpc.ClientStream].
func (s *clientStream) Context() context.Context { return s.ctx }

// Header implements [grpc.ClientStream].
func (s *clientStream) Header() (metadata.MD, error) {
	arrived := s.call.transport.arrived
	select {
	case <-arrived:
	case <-s.responses.closed:
	case <-s.ctx.Done():
	}
	select {
	case <-arrived: // true in any of the cases above
		header, _ := s.call.transport.received()

		return header.Copy(), nil
	default:
		return nil, nil //nolint:nilnil // the contract of grpc.ClientStream: RecvMsg has the error
	}
}

// Trailer implements [grpc.ClientStream]. It is empty until RecvMsg has returned an
// error, and stays empty if that error does not come from the handler.
func (s *clientStream) Trailer() metadata.MD {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.trailer.Copy()
}

// CloseSend implements [grpc.ClientStream].
func (s *clientStream) CloseSend() error {
	s.requests.close()

	return nil
}

// SendMsg implements [grpc.ClientStream].
func (s *clientStream) SendMsg(message any) error {
	kept, err := s.keep(message)
	if err != nil {
		s.conclude(err)

		return err
	}
	err = s.requests.send(kept, s.call.base.Done())
	if !s.desc.ClientStreams {
		return s.CloseSend()
	}
	if err != nil {
		return io.EOF // the contract of grpc.ClientStream: RecvMsg has the error
	}

	return nil
}

// keep checks a message and copies it for sending.
func (s *clientStream) keep(message any) (any, error) {
	if s.requests.isClosed() {
		return nil, status.Error(codes.Internal, "SendMsg called after CloseSend")
	}
	message, err := encode(message, s.codec)
	if err != nil {
		return nil, err
	}
	if err := s.messages.checkSize(message, s.limits.request, ReasonRequestTooLarge); err != nil {
		return nil, err
	}

	return s.messages.keep(message)
}

// RecvMsg implements [grpc.ClientStream].
func (s *clientStream) RecvMsg(message any) error {
	if over, result := s.concluded(); over {
		return result
	}
	err := s.receive(message)
	if err == nil && s.desc.ServerStreams {
		return nil
	}
	if err == nil {
		if err = s.expectEnd(); errors.Is(err, io.EOF) {
			s.conclude(err)

			return nil
		}
	}
	s.conclude(err)
	_, result := s.concluded() // not err: SendMsg may have been first

	return result
}

func (s *clientStream) receive(message any) error {
	kept, err := s.next()
	if errors.Is(err, io.EOF) && !s.desc.ServerStreams && !s.received {
		return errNoReply()
	}
	if err != nil {
		return err
	}
	if err := s.messages.checkSize(kept, s.limits.response, ReasonResponseTooLarge); err != nil {
		return err
	}
	s.received = true

	return s.messages.fill(message, kept, s.codec)
}

// expectEnd waits for the end of the stream after its only response.
func (s *clientStream) expectEnd() error {
	if _, err := s.next(); err != nil {
		return err
	}

	return status.Error(codes.Internal, "cardinality violation: expected <EOF> for non server-streaming RPCs, but received another message")
}

// next returns the next response. After the last one it returns the error of the
// handler, or io.EOF for OK.
func (s *clientStream) next() (any, error) {
	kept, err := s.responses.receive(s.ctx.Done())
	if errors.Is(err, errLeft) {
		return nil, status.FromContextError(s.ctx.Err()).Err()
	}
	if err == nil {
		return kept, nil
	}

	_, trailer := s.call.transport.received()
	s.mu.Lock()
	s.trailer = trailer
	s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}

	return nil, io.EOF
}

func (s *clientStream) concluded() (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.over, s.result
}

// conclude ends the stream from the caller's side with err, unless it has already
// ended.
func (s *clientStream) conclude(err error) {
	s.mu.Lock()
	if s.over {
		s.mu.Unlock()

		return
	}
	s.over, s.result = true, err
	trailer := s.trailer.Copy()
	s.mu.Unlock() // not deferred: grpc.OnFinish may call back

	s.cancel()
	header, _ := s.call.transport.received()
	if errors.Is(err, io.EOF) {
		err = nil
	}
	s.options.report(header.Copy(), trailer, err)
}
