package transcode

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/forward"
	"github.com/statusway/statusway/gateway/internal/request"
	"github.com/statusway/statusway/gateway/jsoncodec"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
)

// Params configure a [Backend].
type Params struct {
	// Responder sends the responses.
	Responder *respond.Responder
	// Forward says what passes in either direction. Nil means no more than always does.
	Forward *forward.Rules
	// Silence is how long the client of a stream may take for its next message; 0 keeps
	// the deadline that the gateway sets for the whole body.
	Silence time.Duration
}

// Backend serves requests with generated grpc-gateway handlers.
type Backend struct {
	responder *respond.Responder
	rules     *forward.Rules
	silence   time.Duration
	codec     jsoncodec.Codec
	bare      http.Header // of a request that runtime need not look at
	empty     url.Values  // as above
}

// New returns a backend.
func New(p Params) *Backend {
	if p.Forward == nil {
		p.Forward = forward.New(forward.Params{RequestHeaders: nil, ResponseHeaders: nil, GRPCGateway: false, Logger: nil})
	}
	return &Backend{
		responder: p.Responder, rules: p.Forward, silence: p.Silence, codec: jsoncodec.New(nil), bare: http.Header{}, empty: url.Values{},
	}
}

// Options are what runtime.NewServeMux needs so that this backend owns its hooks: the
// three error handlers, the forward-response option, the header matchers, the marshaler,
// and what is off by [runtime.WithDisableHTTPMethodOverride] and its like. What an option
// of the caller's says of these before them is not heard, and none may follow them.
// [runtime.WithMetadata] is not heard either: what goes on is decided by package forward.
// A middleware of the caller's may follow. It finds runtime.HTTPPathPattern, but not
// runtime.HTTPPattern; no header fields and no body; and the path parameters that are
// text, booleans or whole numbers. [exchange.From] has all of them.
func (b *Backend) Options() []runtime.ServeMuxOption {
	return []runtime.ServeMuxOption{
		runtime.WithErrorHandler(func(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, _ http.ResponseWriter, _ *http.Request, err error) {
			callFrom(ctx).failed(ctx, err)
		}),
		runtime.WithRoutingErrorHandler(func(context.Context, *runtime.ServeMux, runtime.Marshaler, http.ResponseWriter, *http.Request, int) {
			// See findHandler, which sees that there is no handler.
		}),
		runtime.WithStreamErrorHandler(streamError),
		runtime.WithForwardResponseOption(forwardResponse),
		runtime.WithIncomingHeaderMatcher(never),
		runtime.WithOutgoingHeaderMatcher(never),
		runtime.WithOutgoingTrailerMatcher(never),
		runtime.WithMarshalerOption(runtime.MIMEWildcard, marshaler{}),
		runtime.WithMiddlewares(intercept),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableChunkedEncoding(),
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptReserved),
		runtime.WithStrictDeepWildcardMatching(),
	}
}

// Handler returns the handler that the gateway calls once a request has matched a
// route of the contract.
func (b *Backend) Handler(mux *runtime.ServeMux) exchange.Handler {
	all := &targets{backend: b, mux: mux}
	return func(w http.ResponseWriter, r *http.Request) error {
		ex := exchange.From(r.Context())
		if err := request.CheckTarget(r); err != nil {
			return err
		}
		target, err := all.of(ex.Binding)
		if err != nil {
			return err
		}
		c := &call{backend: b, exchange: ex, target: target, w: w, r: r}
		if !ex.Binding.Uploads {
			if c.body, err = request.ReadBody(r); err != nil {
				return err
			}
		}
		return c.run(b.bareRequest(c), target.pathParams(ex.Binding, ex.Params))
	}
}

// bareRequest is the request as generated code sees it: without a body, a query and header
// fields, because [conn] sends the message and the metadata of the real one.
func (b *Backend) bareRequest(c *call) *http.Request {
	inner := c.r.WithContext(context.WithValue(c.r.Context(), callKey{}, c))
	inner.Method, inner.Body, inner.Host, inner.RemoteAddr = c.exchange.Binding.Verb, http.NoBody, "", ""
	inner.Form, inner.PostForm = b.empty, b.empty // ParseForm then parses no query.
	inner.Header = b.bare
	// The deadline is the one thing that is made of a header field here.
	if timeout := c.r.Header["Grpc-Timeout"]; len(timeout) > 0 {
		if _, ok := forward.Timeout(timeout[0]); ok {
			inner.Header = http.Header{"Grpc-Timeout": timeout[:1]}
		}
	}
	return inner
}

func never(string) (string, bool) { return "", false }

// forwardResponse hands a response to the responder. On a stream a nil message comes
// first, when the backend's metadata has arrived.
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

// bypassed is the failure for a call that did not go through [Backend.Conn]. Its result is
// not sent, because no token and no condition has passed.
func bypassed() *respond.Failure {
	return respond.Fail(codes.Internal, mapping.ReasonInternal, "the handler's client was not made with the connection that Backend.Conn returns")
}

// noAnswer is the failure for a handler that neither responded nor failed. No request can
// cause it.
func noAnswer() error {
	return respond.Fail(codes.Internal, mapping.ReasonInternal,
		"the handler gave no answer: was the mux made with Backend.Options, and does no option of its own follow them?")
}
