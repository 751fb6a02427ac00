package tracing

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/statusway/statusway/gateway/observe"
)

// scope is the instrumentation scope of the spans.
const scope = "github.com/statusway/statusway/gateway"

// clientClosed is the attribute of the span of a request that failed because the client left.
const clientClosed = "statusway.client_closed"

// W3C is the propagator of the trace context: Traceparent and Tracestate. It does not propagate
// baggage, because a client's baggage would reach every backend.
type W3C = propagation.TraceContext

type tracer struct{ spans trace.Tracer }

var _ observe.Tracer = tracer{}

// New returns a tracer that sends its spans to provider. It continues the client's trace. The
// provider's sampler decides whether to use the client's sampling decision.
func New(provider trace.TracerProvider) observe.Tracer {
	return tracer{provider.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))}
}

// Trace implements observe.Tracer.
func (t tracer) Trace(r *http.Request) (context.Context, observe.Trace) {
	ctx := W3C{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	method := observe.KnownMethod(r.Method)
	ctx, span := t.spans.Start( //nolint:spancheck // the caller ends the span with request.End.
		ctx, spanName(method, ""), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(semconv.HTTPRequestMethodKey.String(method), semconv.URLScheme(scheme), semconv.NetworkProtocolVersion(version(r))),
	)
	return ctx, request{ctx: ctx, spans: t.spans, span: span, method: method} //nolint:spancheck // as above.
}

// spanName returns the name of a span by OpenTelemetry's conventions for HTTP. Without a route it is
// the method alone, because with the path every request could have another name.
func spanName(method, route string) string {
	if method == observe.KnownMethod("") {
		method = "HTTP"
	}
	if route == "" {
		return method
	}
	return method + " " + route
}

// version returns the HTTP version: "1.0", "1.1" or "2".
func version(r *http.Request) string {
	switch {
	case r.ProtoMajor > 1:
		return "2"
	case r.ProtoAtLeast(1, 1):
		return "1.1"
	default:
		return "1.0"
	}
}

// request is the span of one request.
type request struct {
	ctx    context.Context //nolint:containedctx // a call checks whether the client has left.
	spans  trace.Tracer
	span   trace.Span
	method string
}

var _ observe.Trace = request{}

// ID implements observe.Trace.
func (r request) ID() string {
	if id := r.span.SpanContext().TraceID(); id.IsValid() {
		return id.String()
	}
	return ""
}

// End implements observe.Trace.
func (r request) End(record *observe.Record) {
	defer r.span.End()
	if !r.span.IsRecording() {
		return
	}
	if record.RPC != "" {
		r.span.SetName(spanName(r.method, record.Route))
		r.span.SetAttributes(semconv.HTTPRoute(record.Route))
	}
	if record.Status != 0 {
		r.span.SetAttributes(semconv.HTTPResponseStatusCode(record.Status))
	}
	r.span.SetAttributes(
		attribute.Int("rpc.grpc.status_code", int(record.Code)),
		attribute.String("statusway.request_id", record.RequestID),
		attribute.String("statusway.rule", record.Rule),
	)
	if record.Reason != "" {
		r.span.SetAttributes(
			attribute.String("statusway.domain", observe.Identifier(record.Domain)),
			attribute.String("statusway.reason", observe.Identifier(record.Reason)),
		)
	}
	if record.Replayed {
		r.span.SetAttributes(attribute.Bool("statusway.replayed", true))
	}
	r.setStatus(record)
}

// setStatus marks the span as an error if the server caused the failure. A mistake of the client is
// not an error of a server span, nor is a client that left.
func (r request) setStatus(record *observe.Record) {
	switch {
	case record.ClientClosed:
		r.span.SetAttributes(attribute.Bool(clientClosed, true))
	case record.Fault:
		r.span.SetStatus(codes.Error, "")
		r.span.SetAttributes(semconv.ErrorTypeKey.String(errorType(record)))
	}
}
