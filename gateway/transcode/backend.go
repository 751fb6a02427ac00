package transcode

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/forward"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
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
}

// New returns a backend.
func New(p Params) *Backend {
	if p.Forward == nil {
		p.Forward = forward.New(forward.Params{RequestHeaders: nil, ResponseHeaders: nil, GRPCGateway: false, Logger: nil})
	}
	return &Backend{responder: p.Responder, rules: p.Forward}
}

// Options are what runtime.NewServeMux needs so that this backend owns its hooks.
// An option of the caller's that sets one of the same hooks must not follow them.
func (b *Backend) Options() []runtime.ServeMuxOption {
	strict := &marshaler{}
	return []runtime.ServeMuxOption{
		runtime.WithErrorHandler(func(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, _ http.ResponseWriter, _ *http.Request, err error) {
			callFrom(ctx).failed(ctx, err)
		}),
		runtime.WithRoutingErrorHandler(func(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, _ http.ResponseWriter, _ *http.Request, _ int) {
			// The route was matched before; a mux without it lacks a registration.
			callFrom(ctx).err = respond.Fail(codes.Unimplemented, "HANDLER_NOT_REGISTERED", "no handler is registered for this route")
		}),
		runtime.WithStreamErrorHandler(streamError),
		runtime.WithForwardResponseOption(forwardResponse),
		runtime.WithIncomingHeaderMatcher(never),
		runtime.WithOutgoingHeaderMatcher(never),
		runtime.WithOutgoingTrailerMatcher(never),
		runtime.WithMarshalerOption(runtime.MIMEWildcard, strict),
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
		if r.Method == http.MethodHead {
			inner.Method = http.MethodGet
		}
		respell(ex, inner)
		mux.ServeHTTP(c, inner)
		return c.outcome()
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

// noAnswer is a mux that neither answered nor failed, which no request can cause.
func noAnswer() error {
	return respond.Fail(codes.Internal, mapping.ReasonInternal, "the handler gave no answer")
}
