// Package tracing follows requests by OpenTelemetry: a span for each request that the
// gateway answers, named by its route, and one below it for the call to the backend.
//
// It stands apart from the gateway, which knows no more than [observe.Tracer]: a program
// that imports the gateway without tracing links nothing of OpenTelemetry.
//
// Why not otelhttp: it begins a span before the route is known and ends it without the
// gRPC code, the reason and the rule, wraps the ResponseWriter of every request, and puts
// the path, the client's address and its User-Agent into attributes. The attributes of this
// package have only what a log may have; see [observe.Record.Attrs]. Why not otelgrpc for the
// call: it is a stats handler, which a connection within the process does not have.
package tracing
