// Package tracing traces requests with OpenTelemetry. Each request gets a span with the name of its
// route, and a child span for the call to the backend.
//
// It is a separate package, so that a gateway without tracing does not link OpenTelemetry.
//
// Why not otelhttp: it starts a span before the route is known, ends it without the gRPC code, the
// reason and the rule, wraps the ResponseWriter of every request, and records the path, the client's
// address and its User-Agent. The attributes of this package contain only data that a log may
// contain; see [observe.Record.Attrs].
//
// Why not otelgrpc for the call: it is a stats handler, and in-process connections have none.
package tracing
