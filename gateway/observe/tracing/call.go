package tracing

import (
	"context"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/observe"
	"github.com/statusway/statusway/gateway/policy"
)

// errorType returns a low-cardinality name of a failure: the HTTP status if it is an error, else the
// gRPC code, for a stream that failed after a success status was sent.
func errorType(record *observe.Record) string {
	if record.Status >= 500 {
		return strconv.Itoa(record.Status)
	}
	return policy.CodeName(record.Code)
}

// Call implements observe.Trace.
func (r request) Call(ctx context.Context, method string, local bool) (context.Context, observe.Call) {
	kind := trace.SpanKindClient
	if local {
		kind = trace.SpanKindInternal
	}
	name := strings.TrimPrefix(method, "/")
	//nolint:spancheck // the caller ends the span with call.End.
	ctx, span := r.spans.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(semconv.RPCSystemNameGRPC, semconv.RPCMethod(name)))
	carrier := propagation.MapCarrier{}
	W3C{}.Inject(ctx, carrier)
	return ctx, call{request: r.ctx, span: span, parent: carrier["traceparent"], state: carrier["tracestate"]} //nolint:spancheck // as above.
}

// call is the span of one call.
type call struct {
	request       context.Context //nolint:containedctx // End checks whether the client has left.
	span          trace.Span
	parent, state string
}

var _ observe.Call = call{}

// Fields implements observe.Call.
func (c call) Fields() (traceparent, tracestate string) { return c.parent, c.state }

// End implements observe.Call. The span does not contain the message of a failure, because it may
// quote the request. A call that failed because the client left is not an error of the backend.
func (c call) End(err error) {
	code := policy.CodeName(int32(status.Code(err))) //nolint:gosec // no code is near 2^31.
	c.span.SetAttributes(semconv.RPCResponseStatusCode(code))
	switch {
	case err != nil && c.request.Err() == context.Canceled:
		c.span.SetAttributes(attribute.Bool(clientClosed, true))
	case err != nil:
		c.span.SetStatus(codes.Error, "")
		c.span.SetAttributes(semconv.ErrorTypeKey.String(code))
	}
	c.span.End()
}
