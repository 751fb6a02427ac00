package transcode

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/forward"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
	"github.com/statusway/statusway/gateway/route"
)

// Params configure a [Backend].
type Params struct {
	// Responder writes the answers.
	Responder *respond.Responder
	// Forward says what passes in either direction. Nil means no more than always does.
	Forward *forward.Rules
}

// Backend answers requests by generated grpc-gateway handlers.
type Backend struct {
	responder *respond.Responder
	rules     *forward.Rules
	bare      http.Header // of a request that runtime need not look at
	handlers  sync.Map    // *contract.Binding: runtime.HandlerFunc; see [call.remember]
}

// New returns a backend.
func New(p Params) *Backend {
	if p.Forward == nil {
		p.Forward = forward.New(forward.Params{RequestHeaders: nil, ResponseHeaders: nil, GRPCGateway: false, Logger: nil})
	}
	return &Backend{responder: p.Responder, rules: p.Forward, bare: http.Header{}}
}

// Options are what runtime.NewServeMux needs so that this backend owns its hooks: the
// three error handlers, the forward-response option, the header matchers, the marshaler,
// and what is off by [runtime.WithDisableHTTPMethodOverride] and its like. What an option
// of the caller's says of these before them is not heard, and none may follow them.
// [runtime.WithMetadata] is not heard either: what goes on is decided by package forward.
// A middleware of the caller's may follow, and finds runtime.HTTPPathPattern, but not
// always runtime.HTTPPattern.
func (b *Backend) Options() []runtime.ServeMuxOption {
	strict := &marshaler{}
	return []runtime.ServeMuxOption{
		runtime.WithErrorHandler(func(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, _ http.ResponseWriter, _ *http.Request, err error) {
			callFrom(ctx).failed(ctx, err)
		}),
		runtime.WithRoutingErrorHandler(func(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, _ http.ResponseWriter, _ *http.Request, _ int) {
			// The route was matched before; a mux without it lacks a registration.
			callFrom(ctx).err = respond.Fail(codes.Unimplemented, mapping.ReasonHandlerNotRegistered, "no handler is registered for this route")
		}),
		runtime.WithStreamErrorHandler(streamError),
		runtime.WithForwardResponseOption(forwardResponse),
		runtime.WithIncomingHeaderMatcher(never),
		runtime.WithOutgoingHeaderMatcher(never),
		runtime.WithOutgoingTrailerMatcher(never),
		runtime.WithMarshalerOption(runtime.MIMEWildcard, strict),
		runtime.WithMiddlewares(note),
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
	return func(w http.ResponseWriter, r *http.Request) error {
		ex := exchange.From(r.Context())
		if err := forward.CheckTarget(r); err != nil {
			return err
		}
		data, err := forward.ReadBody(r)
		if err != nil {
			return err
		}
		c := &call{backend: b, exchange: ex, w: w, r: r, body: data}
		inner := r.WithContext(context.WithValue(r.Context(), callKey{}, c))
		inner.Body = &body{data: data, contentType: r.Header.Get("Content-Type")}
		// All that runtime makes of these is replaced in [leave], but for the timeout.
		inner.Header, inner.Host, inner.RemoteAddr = b.bare, "", ""
		if timeout := r.Header["Grpc-Timeout"]; len(timeout) > 0 {
			inner.Header = http.Header{"Grpc-Timeout": timeout}
		}
		if r.Method == http.MethodHead {
			inner.Method = http.MethodGet
		}
		if handler := b.known(ex, r); handler != nil {
			handler(c, inner, pathParams(ex.Params))
			return c.outcome()
		}
		respell(ex, inner)
		mux.ServeHTTP(c, inner)
		return c.outcome()
	}
}

// known is the generated handler of a route, once it has been called: ServeMux looks
// through all its routes for each request, and allocates for those that do not match. A
// path with escapes goes to ServeMux all the same, which has its own way with them.
func (b *Backend) known(ex *exchange.Exchange, r *http.Request) runtime.HandlerFunc {
	if r.URL.RawPath != "" || strings.Contains(r.RequestURI, "%") {
		return nil
	}
	handler, _ := b.handlers.Load(ex.Binding)
	known, _ := handler.(runtime.HandlerFunc)
	return known
}

func pathParams(params []route.Param) map[string]string {
	values := make(map[string]string, len(params))
	for _, one := range params {
		values[one.Field] = one.Value
	}
	return values
}

// note is around every generated handler, and notes which one ServeMux has found.
func note(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, params map[string]string) {
		c := callFrom(r.Context())
		c.handler, c.params = next, params
		next(w, r, params)
	}
}

// respell writes an escaped path as the template expands it. ServeMux compares the
// literals of a path byte by byte, where the index that matched it knows that %65 is
// an e (RFC 3986 §6.2.2.2).
func respell(ex *exchange.Exchange, r *http.Request) {
	if r.URL.RawPath == "" && !strings.Contains(r.RequestURI, "%") {
		return
	}
	spelled, err := ex.Binding.Template.Expand(func(field string) (string, bool) {
		for _, param := range ex.Params {
			if param.Field == field {
				return param.Value, true
			}
		}
		return "", false
	})
	if err != nil {
		return // A wildcard without a variable: the path is left as it came.
	}
	plain, err := url.PathUnescape(spelled)
	if err != nil {
		return
	}
	target := *r.URL
	target.Path, target.RawPath = plain, spelled
	r.URL = &target
}

func never(string) (string, bool) { return "", false }

// forwardResponse hands a response to the responder. A nil message comes first on a stream.
func forwardResponse(ctx context.Context, _ http.ResponseWriter, message proto.Message) error {
	c := callFrom(ctx)
	switch {
	case !c.called && c.exchange != nil:
		c.err = bypassed()
		return nil
	case c.streams:
		return c.begin(nil).Send(message)
	case message == nil:
		md, _ := runtime.ServerMetadataFromContext(ctx)
		c.streams, c.header = true, md.HeaderMD
		return nil
	default:
		c.err = c.reply(ctx, message)
		c.answered = true
		return nil
	}
}

// bypassed is what a call came to that did not go through [Backend.Conn]: no answer to the
// request, because no token and no condition has passed.
func bypassed() error {
	return respond.Fail(codes.Internal, mapping.ReasonInternal, "the handler's client was not made with the connection that Backend.Conn returns")
}

// noAnswer is a mux that neither answered nor failed, which no request can cause.
func noAnswer() error {
	return respond.Fail(codes.Internal, mapping.ReasonInternal,
		"the handler gave no answer: was the mux made with Backend.Options, and does no option of its own follow them?")
}
