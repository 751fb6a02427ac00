package transcode

import (
	"context"
	"errors"
	"maps"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/forward"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
)

type callKey struct{}

// call is one request on its way through the generated handler. It stands in for
// the ResponseWriter, and what runtime writes to it goes nowhere: by then the
// answer has been written to w, or the error noted.
type call struct {
	backend  *Backend
	exchange *exchange.Exchange
	w        http.ResponseWriter
	r        *http.Request
	body     []byte

	// handler is what ServeMux has found, and params what it has found in the path.
	handler runtime.HandlerFunc
	params  map[string]string

	called   bool // the backend has been reached
	followed forward.Call
	answered bool
	streams  bool // the answer is many messages
	stream   *respond.Stream
	header   metadata.MD
	trailer  metadata.MD // of a stream, which runtime does not hand on
	err      error
	scratch  http.Header
}

var (
	_ http.ResponseWriter = (*call)(nil)
	_ http.Flusher        = (*call)(nil)
)

func callFrom(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{} // A hook outside Handler has nowhere to report to.
}

// Header is where runtime puts its fields, which are not sent.
func (c *call) Header() http.Header {
	if c.scratch == nil {
		c.scratch = http.Header{}
	}
	return c.scratch
}

func (*call) Write(p []byte) (int, error) { return len(p), nil }
func (*call) WriteHeader(int)             {}
func (*call) Flush()                      {}

// outcome is what the handler has to report once runtime is through.
func (c *call) outcome() error {
	c.followed.End(c.err)
	switch {
	case c.err != nil && !c.called:
		c.err = forward.Unreadable(c.exchange.Binding, c.body, c.err)
		return c.err
	case c.streams:
		return c.begin(c.trailer).End(c.err)
	case c.err != nil:
		return c.err
	case !c.answered:
		return noAnswer()
	default:
		return nil
	}
}

// begin returns the answer of a stream. What may leave is known once there is a message
// or the end.
func (c *call) begin(trailer metadata.MD) *respond.Stream {
	if c.stream == nil {
		c.stream = c.backend.responder.Stream(c.w, c.r, c.backend.rules.Answered(c.r.Context(), c.header, trailer))
	}
	return c.stream
}

func (c *call) reply(ctx context.Context, message proto.Message) error {
	md, _ := runtime.ServerMetadataFromContext(ctx)
	return c.backend.responder.Reply(c.w, c.r, c.backend.rules.Reply(c.r.Context(), message, md.HeaderMD, md.TrailerMD))
}

// failed notes why the call failed, with the fields that the backend may send along.
func (c *call) failed(ctx context.Context, err error) {
	switch {
	case c.called || c.exchange == nil:
	case c.err != nil:
		return // What was found out before is why.
	case status.Code(err) != codes.InvalidArgument:
		// Generated code says that, and nothing else, of what it finds out before it calls.
		c.err = bypassed()
		return
	}
	// It does not unwrap, so the status inside would not be found.
	if stated, ok := errors.AsType[*runtime.HTTPStatusError](err); ok {
		err = stated.Err
	}
	c.err = err
	if c.backend == nil {
		return
	}
	md, _ := runtime.ServerMetadataFromContext(ctx)
	if c.trailer != nil {
		md.TrailerMD = c.trailer
	}
	c.err = c.backend.rules.Failed(c.r.Context(), err, md.HeaderMD, md.TrailerMD)
}

func streamError(ctx context.Context, err error) *status.Status {
	callFrom(ctx).failed(ctx, err)
	return status.New(codes.Internal, "")
}

// remember keeps the handler for the next request of this route, where both route tables
// have found the same in the path.
func (c *call) remember() {
	if c.handler == nil || !maps.Equal(c.params, pathParams(c.exchange.Params)) {
		return
	}
	c.backend.handlers.LoadOrStore(c.exchange.Binding, c.handler)
	c.handler = nil
}

// conn notes that a call has left the gateway, so that an error from before can be
// told from the backend's, and refuses a call that is not the one that was matched.
type conn struct{ grpc.ClientConnInterface }

// Conn wraps the connection that generated clients are to be made with.
func (*Backend) Conn(to grpc.ClientConnInterface) grpc.ClientConnInterface { return conn{to} }

//nolint:revive // the interface is grpc's.
func (c conn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	ctx, call, err := c.leave(ctx, method)
	if err != nil {
		return err
	}
	err = c.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
	call.End(err)
	return err
}

func (c conn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	ctx, call, err := c.leave(ctx, method)
	if err != nil {
		return nil, err
	}
	callFrom(ctx).followed = call // which ends with the request
	inner, err := c.ClientConnInterface.NewStream(ctx, desc, method, opts...)
	if err != nil {
		return nil, err
	}
	return stream{ClientStream: inner, call: callFrom(ctx)}, nil
}

// stream notes the trailers at the stream's end.
type stream struct {
	grpc.ClientStream

	call *call
}

func (s stream) Header() (metadata.MD, error) {
	header, err := s.ClientStream.Header()
	if err != nil {
		s.call.trailer = s.Trailer()
	}
	return header, err
}

func (s stream) RecvMsg(message any) error {
	err := s.ClientStream.RecvMsg(message)
	if err != nil {
		s.call.trailer = s.Trailer()
	}
	return err
}

// leave returns the context of a call with the metadata that goes on, in place of all
// that runtime has made of the request. It guards the one thing that two route tables
// can get wrong: that the route whose rules were applied is not the one that is called.
func (c conn) leave(ctx context.Context, method string) (context.Context, forward.Call, error) {
	one := callFrom(ctx)
	one.called = true
	if one.exchange == nil || one.exchange.Binding == nil {
		return ctx, forward.Call{}, nil
	}
	if called := one.exchange.Binding.Method.FullName; called != method {
		return nil, forward.Call{}, respond.Fail(codes.Internal, mapping.ReasonInternal, "the request was routed to "+method+" and not to "+called)
	}
	one.remember()
	ctx, call := one.backend.rules.Begin(ctx, c.ClientConnInterface, one.r)
	return ctx, call, nil
}
