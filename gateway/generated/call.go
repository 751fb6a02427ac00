package generated

import (
	"context"
	"errors"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/forward"
	"github.com/statusway/statusway/gateway/internal/request"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// call is one request to a generated handler. It is the ResponseWriter that runtime gets, and
// discards everything that runtime writes: the hooks have already written the response to w or
// recorded the error.
type call struct {
	backend  *generated
	exchange *exchange.Exchange
	target   *target
	w        http.ResponseWriter
	r        *http.Request
	body     []byte

	called   bool // the handler has called the backend
	answered bool // the response has been written to w
	streams  bool // the response is a stream of messages
	followed forward.Call
	stream   *respond.Stream
	upload   *request.Upload
	cancel   context.CancelCauseFunc // of a stream
	header   metadata.MD
	trailer  metadata.MD // of a stream, because runtime does not pass it on
	err      error
	own      error // why the gateway ended the call, if it did
	scratch  http.Header
}

var (
	_ http.ResponseWriter = (*call)(nil)
	_ http.Flusher        = (*call)(nil)
)

func callFrom(ctx context.Context) *call {
	if c, ok := exchange.From(ctx).Call.(*call); ok {
		return c
	}
	return &call{} // A hook outside of a request has no call to report to.
}

// Header returns the header that runtime sets. It is not sent.
func (c *call) Header() http.Header {
	if c.scratch == nil {
		c.scratch = http.Header{}
	}
	return c.scratch
}

func (*call) Write(p []byte) (int, error) { return len(p), nil }
func (*call) WriteHeader(int)             {}
func (*call) Flush()                      {}

// run calls the generated handler, and returns the error of the request.
func (c *call) run(r *http.Request, params map[string]string) error {
	defer c.release()
	c.target.handler(c, r, params)
	if errors.Is(c.err, respond.ErrEnough) {
		c.err = nil
	}
	c.followed.End(c.err)
	switch {
	case c.err != nil && !c.called:
		return c.err
	case c.streams:
		if c.err == nil && !c.stream.Started() { // Nothing is sent yet, so trailers can still set headers.
			c.stream.SetHeader(c.backend.Forward.Answered(c.r.Context(), c.header, c.trailer))
		}
		return c.stream.End(c.err)
	case c.err != nil:
		return c.err
	case !c.answered:
		return noResponse()
	default:
		return nil
	}
}

// release stops the call and the upload of a stream.
func (c *call) release() {
	if c.cancel != nil {
		c.cancel(nil) // first, so that the upload does not wait for the backend
	}
	if c.upload != nil {
		c.upload.Stop()
	}
}

// begin begins a streamed response, when the backend's metadata has arrived.
func (c *call) begin(header metadata.MD) {
	c.streams, c.header = true, header
	c.stream = c.backend.Responder.Stream(c.w, c.r, c.backend.Forward.Answered(c.r.Context(), header, nil))
}

func (c *call) reply(ctx context.Context, message proto.Message) error {
	md, _ := runtime.ServerMetadataFromContext(ctx)
	return c.backend.Responder.Reply(c.w, c.r, c.backend.Forward.Reply(c.r.Context(), message, md.HeaderMD, md.TrailerMD))
}

// recordError records why the call failed, with the headers from the backend's metadata.
func (c *call) recordError(ctx context.Context, err error) {
	switch {
	case c.called || c.exchange == nil:
	case c.err != nil:
		return // The reason is already recorded.
	case status.Code(err) != codes.InvalidArgument:
		// Middleware may refuse a request with INVALID_ARGUMENT. Generated code itself finds
		// nothing to refuse: it gets no body, no query, and only parameters that it accepts.
		c.err = bypassed().Because(err)
		return
	}
	if c.own != nil {
		c.err = c.own
		return
	}
	// HTTPStatusError has no Unwrap method, so the status inside would be lost.
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
	c.err = c.backend.Forward.Failed(c.r.Context(), err, md.HeaderMD, md.TrailerMD)
}

func streamError(ctx context.Context, err error) *status.Status {
	callFrom(ctx).recordError(ctx, err)
	return status.New(codes.Internal, "")
}

// checkMethod returns an error if the generated handler calls another method than the route that
// the gateway has matched.
func (c *call) checkMethod(method string) error {
	if routed := c.exchange.Binding.Method.FullName; routed != method {
		c.err = respond.Fail(policy.ReasonInternal, "the request was routed to "+method+" and not to "+routed)
		return c.err
	}
	return nil
}

// fill fills the request message from the body and the target of the HTTP request.
func (c *call) fill(message any) error {
	filled, ok := message.(proto.Message)
	if !ok || filled.ProtoReflect().Descriptor() != c.target.input.Descriptor() {
		c.err = respond.Fail(policy.ReasonInternal, "the handler's client sends a message of another type than the method declares")
		return c.err
	}
	proto.Reset(filled)
	c.err = c.target.builder.Fill(filled.ProtoReflect(), c.r, c.body)
	return c.err
}

// invoke makes a unary call for a generated client. It sends the message of the HTTP request in
// place of the empty message of the generated code.
//
//nolint:revive // the arguments are those of grpc's interface.
func (g *generated) invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	one := callFrom(ctx)
	if one.target == nil {
		return noResponse() // The handler did not pass on its context.
	}
	if err := one.checkMethod(method); err != nil {
		return err
	}
	if err := one.fill(args); err != nil {
		return err
	}
	one.called = true
	ctx, followed := one.backend.Forward.Begin(ctx, g.conn, one.r)
	err := g.conn.Invoke(ctx, method, args, reply, opts...)
	followed.End(err)
	return err
}
