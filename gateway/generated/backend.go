package generated

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/internal/backend"
	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	"github.com/statusway/statusway/gateway/internal/request"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/route"
	"github.com/statusway/statusway/gateway/policy"
)

// Register is the function that protoc-gen-grpc-gateway generates for a service:
// RegisterYourServiceHandler.
type Register func(ctx context.Context, mux *runtime.ServeMux, conn *grpc.ClientConn) error

// New returns a backend that serves requests with generated handlers. The handlers call conn, a
// connection of grpc-go or of package inprocess. The caller closes conn. New reads the routes and
// options of the registered services from the descriptors that are linked into the program. An
// error lists every problem.
//
// A Register function of your own must register handlers that call the connection that it gets.
// The handlers of RegisterYourServiceHandlerServer do not call it, so their requests get 500.
func New(conn grpc.ClientConnInterface, register ...Register) (*backend.Backend, error) {
	g := &generated{conn: conn, codec: jsoncodec.New(nil), bare: http.Header{}, empty: url.Values{}, targets: map[string][]*target{}}
	relay, err := newRelay(g)
	if err != nil {
		return nil, err
	}
	version, err := g.read(relay, register)
	if err != nil {
		return nil, errors.Join(err, relay.Close())
	}
	return backend.New(backend.Params{Version: version, Targets: nil, Revise: nil, Stop: relay.Close}), nil
}

// newRelay returns a connection for the generated code that passes its calls to g. The connection
// has no server and never dials: its interceptors make every call.
func newRelay(g *generated) (*grpc.ClientConn, error) {
	relay, err := grpc.NewClient(
		"passthrough:///generated-handlers",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, args, reply any, _ *grpc.ClientConn, _ grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return g.invoke(ctx, method, args, reply, opts...)
		}),
		grpc.WithStreamInterceptor(func(
			ctx context.Context, desc *grpc.StreamDesc, _ *grpc.ClientConn, method string, _ grpc.Streamer, opts ...grpc.CallOption,
		) (grpc.ClientStream, error) {
			return g.newStream(ctx, desc, method, opts...)
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("making the connection of the generated handlers: %w", err)
	}
	return relay, nil
}

// generated serves requests with generated handlers.
type generated struct {
	backend.Host

	conn    grpc.ClientConnInterface
	codec   jsoncodec.Codec
	targets map[string][]*target // by the full name of the gRPC method and the number of the route
	bare    http.Header          // the empty header of every request to generated code
	empty   url.Values           // the empty form of every request to generated code
}

// read registers the handlers and reads the contract of their services.
func (g *generated) read(relay *grpc.ClientConn, register []Register) (*backend.Version, error) {
	found := &collector{handlers: nil}
	mux := runtime.NewServeMux(options(found)...)
	for _, one := range register {
		if err := one(context.Background(), mux, relay); err != nil {
			return nil, fmt.Errorf("registering the handlers: %w", err)
		}
	}
	declared, err := found.contract()
	if err != nil {
		return nil, err
	}
	for _, method := range declared.Methods {
		handlers, rules := found.handlersOf(method.FullName), rulesOf(method)
		if len(handlers) != len(rules) {
			return nil, fmt.Errorf("%s: the generated handlers serve %d HTTP rules, but google.api.http declares %d: was the code generated from another proto?",
				method.FullName, len(handlers), len(rules))
		}
		for _, binding := range method.Bindings {
			made, err := g.newTarget(binding, handlers[slices.Index(rules, binding.Template)])
			if err != nil {
				return nil, err
			}
			g.targets[method.FullName] = append(g.targets[method.FullName], made)
		}
	}
	return &backend.Version{Contract: declared, Types: nil, Deadline: nil, Pending: nil, Handler: g.handler}, nil
}

// rulesOf returns the path template of each HTTP rule of a method, in order. A rule for any HTTP
// method has several routes with one template.
func rulesOf(method *contract.Method) []*route.Template {
	var rules []*route.Template
	for _, binding := range method.Bindings {
		if !slices.Contains(rules, binding.Template) {
			rules = append(rules, binding.Template)
		}
	}
	return rules
}

// options replace all hooks of runtime, so that its own error handler, status table and header rules
// are never used.
func options(found *collector) []runtime.ServeMuxOption {
	return []runtime.ServeMuxOption{
		runtime.WithErrorHandler(func(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, _ http.ResponseWriter, _ *http.Request, err error) {
			callFrom(ctx).recordError(ctx, err)
		}),
		runtime.WithStreamErrorHandler(streamError),
		runtime.WithForwardResponseOption(forwardResponse),
		runtime.WithForwardResponseRewriter(dropResponse),
		runtime.WithIncomingHeaderMatcher(never),
		runtime.WithOutgoingHeaderMatcher(never),
		runtime.WithOutgoingTrailerMatcher(never),
		runtime.WithMarshalerOption(runtime.MIMEWildcard, marshaler{}),
		runtime.WithMetadata(found.stopProbe),
		runtime.WithMiddlewares(found.add),
		runtime.WithDisableChunkedEncoding(),
	}
}

// handler returns the handler that serves the requests of a gateway.
func (g *generated) handler(host backend.Host) exchange.Handler {
	bound := *g
	bound.Host = host
	return bound.handle
}

// handle serves a request that matches a route of the contract.
func (g *generated) handle(w http.ResponseWriter, r *http.Request) error {
	ex := exchange.From(r.Context())
	if err := request.ReadTarget(r); err != nil {
		return err
	}
	c := &call{backend: g, exchange: ex, target: g.targets[ex.Binding.Method.FullName][ex.Binding.Number], w: w, r: r}
	if !ex.Binding.Uploads {
		var err error
		if c.body, err = request.ReadBody(r); err != nil {
			return err
		}
	}
	return c.run(g.bareRequest(c), c.target.pathParams(ex.Binding, ex.Params))
}

// bareRequest returns the request for the generated code, without body, query and headers. The
// relay sends the message and the metadata of the real request.
func (g *generated) bareRequest(c *call) *http.Request {
	c.exchange.Call = c
	inner := c.r.WithContext(c.exchange.Context)
	inner.Method, inner.Body, inner.Host, inner.RemoteAddr = c.exchange.Binding.Verb, http.NoBody, "", ""
	inner.Form, inner.PostForm = g.empty, g.empty // ParseForm then parses no query.
	inner.Header = g.bare
	return inner
}

func never(string) (string, bool) { return "", false }

// forwardResponse passes a response to the responder. For a stream, runtime calls it first with a
// nil message, when the backend's metadata has arrived.
func forwardResponse(ctx context.Context, _ http.ResponseWriter, message proto.Message) error {
	c := callFrom(ctx)
	switch {
	case !c.called && c.exchange != nil:
		c.err = bypassed()
		return nil
	case c.streams:
		err := c.stream.Send(message)
		if err != nil {
			c.own = err
		}
		return err
	case message == nil:
		md, _ := runtime.ServerMetadataFromContext(ctx)
		c.begin(md.HeaderMD)
		return nil
	default:
		c.err = c.reply(ctx, message)
		c.answered = true
		return nil
	}
}

// dropResponse keeps the message from runtime, which has nothing left to do with it. To select the
// field of a response_body, generated code panics if that field is an unset member of a oneof.
func dropResponse(context.Context, proto.Message) (any, error) { return struct{}{}, nil }

// bypassed is the failure of a handler that does not call the connection that Register got. Its
// response is not sent, because the call had neither the token nor the conditions of the request.
func bypassed() *respond.Failure {
	return respond.Fail(policy.ReasonInternal, "the handler does not call the connection that it was registered with")
}

// noResponse is the failure of a handler that returned neither a response nor an error. No
// request can cause it: the handler is wrong.
func noResponse() error {
	return respond.Fail(policy.ReasonInternal, "the handler gave no response")
}
