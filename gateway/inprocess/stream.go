package inprocess

import (
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// window is how many messages a sender can be ahead of the receiver. A larger window
// would save switches between goroutines but use more memory.
const window = 8

var (
	// errLeft means that the call was cancelled or has ended while one side waited.
	errLeft = errors.New("inprocess: the stream was left")
	// errExited is the error of a handler that called runtime.Goexit.
	errExited = status.Error(codes.Internal, "the handler exited its goroutine")
)

// lane is one direction of a stream: a bounded channel with copies of messages or
// their wire form, so that a fast sender waits for a slow receiver.
type lane struct {
	messages chan any
	closed   chan struct{} // no more messages will follow
	once     sync.Once
}

func newLane() lane {
	return lane{messages: make(chan any, window), closed: make(chan struct{})}
}

// close closes the lane for new messages. It may be called more than once.
func (l *lane) close() {
	l.once.Do(func() { close(l.closed) })
}

func (l *lane) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// send waits for room, or returns errLeft if left is closed before there is any.
func (l *lane) send(message any, left <-chan struct{}) error {
	select {
	case <-left: // checked first, because select below picks at random
		return errLeft
	default:
	}
	select {
	case l.messages <- message:
		return nil
	case <-left:
		return errLeft
	}
}

// receive waits for a message. It returns io.EOF after the last one, and errLeft
// as soon as left is closed.
func (l *lane) receive(left <-chan struct{}) (any, error) {
	select {
	case <-left:
		return nil, errLeft
	default:
	}
	select {
	case message := <-l.messages:
		return message, nil
	case <-left:
		return nil, errLeft
	case <-l.closed:
	}
	select {
	case message := <-l.messages: // sent before the close
		return message, nil
	default:
		return nil, io.EOF
	}
}

// pipe is the part of a stream that both sides share.
type pipe struct {
	call                *call
	requests, responses lane
	messages            *handover
	limits              limits

	once sync.Once
	// err is the error of the handler, nil for OK. Read it only after responses is
	// closed.
	err error
}

// finish ends the stream from the handler's side. Only the first end counts, as
// only one status can be sent.
func (p *pipe) finish(err error) {
	p.once.Do(func() {
		p.call.transport.end()
		p.err = err
		p.responses.close()
		p.call.base.end()
	})
}

// NewStream implements [grpc.ClientConnInterface]. The handler runs on its own
// goroutine. To release it, receive until there is an error, or cancel ctx, as with
// grpc-go.
func (c *Conn) NewStream(
	ctx context.Context, desc *grpc.StreamDesc, name string, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	ctx, cancel := context.WithCancel(peer.NewContext(ctx, loopback()))
	call, err := c.newCall(ctx, name)
	if err != nil {
		cancel()
		options(opts).report(nil, nil, err)

		return nil, err
	}
	call.transport.arrived = make(chan struct{})
	p := &pipe{call: call, requests: newLane(), responses: newLane(), messages: c.messages, limits: c.limits}

	if m := c.methods[name]; m != nil {
		go c.serveStream(m, &serverStream{pipe: p, clientStreams: m.stream != nil && m.stream.ClientStreams})
	} else {
		p.finish(c.unimplemented(name))
	}

	return &clientStream{
		pipe:    p,
		ctx:     ctx,
		cancel:  cancel,
		desc:    desc,
		options: opts,
		codec:   options(opts).codec(),
		limits:  options(opts).limits(limits{request: -1, response: c.limits.response}),
	}, nil
}

// callOnce makes a unary call of a streaming method: one message each way.
func callOnce(stream grpc.ClientStream, args, reply any) error {
	if err := stream.SendMsg(args); err != nil {
		return err
	}

	return stream.RecvMsg(reply)
}

// serveStream runs a handler and ends its stream.
func (c *Conn) serveStream(m *method, stream *serverStream) {
	err := errExited // unless the handler returns or panics
	defer func() { stream.finish(err) }()
	err = c.handleGuarded(m, stream)
}

// handleGuarded returns the error that the caller sees.
func (c *Conn) handleGuarded(m *method, stream *serverStream) (err error) { //nolint:nonamedreturns // for catch
	defer catch(&err)

	err = c.handle(m, stream)
	st, ok := status.FromError(err)
	if !ok {
		st = status.FromContextError(err)
	}

	return statusError(st)
}

func (c *Conn) handle(m *method, stream *serverStream) error {
	if m.unary != nil {
		return c.handleUnary(m, stream)
	}
	if c.stream == nil {
		return m.stream.Handler(m.impl, stream)
	}
	info := &grpc.StreamServerInfo{
		FullMethod:     stream.call.transport.method,
		IsClientStream: m.stream.ClientStreams,
		IsServerStream: m.stream.ServerStreams,
	}

	return c.stream(m.impl, stream, info, m.stream.Handler)
}

// handleUnary serves a unary method to a caller that opens a stream, as proxies do.
func (c *Conn) handleUnary(m *method, stream *serverStream) error {
	reply, err := m.unary.Handler(m.impl, stream.call.ctx, stream.RecvMsg, c.unary)
	if err != nil {
		return err
	}
	if absent(reply) {
		return errNoReply()
	}

	return stream.SendMsg(reply)
}
