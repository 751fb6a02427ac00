// Package observe defines the record of a request, and the interfaces for metrics and tracing.
// Package gateway writes each record to its log. The packages observe/metrics and observe/tracing
// implement the interfaces for Prometheus and OpenTelemetry. A program that does not import them
// does not link these libraries.
package observe

import (
	"context"
	"net/http"
)

// Observer counts requests. It is safe for concurrent use.
type Observer interface {
	// Begin is called at the start of a request.
	Begin()
	// End is called at the end of a request. The record is valid until End returns.
	End(record *Record)
}

// Tracer traces requests through the gateway to the backends. It is safe for concurrent use.
type Tracer interface {
	// Trace starts the trace of a request. It returns the context for the rest of the request.
	Trace(r *http.Request) (context.Context, Trace)
}

// Trace is the trace of one request. The goroutine of the request calls its methods.
type Trace interface {
	// ID returns the trace's id as 32 hexadecimal digits, or "" if the request belongs to no
	// trace.
	ID() string
	// Call starts the trace of a gRPC call and returns the call's context. method is
	// "/service/method". local reports whether the service is in this process.
	Call(ctx context.Context, method string, local bool) (context.Context, Call)
	// End is called last, at the end of the request. The record is valid until End returns.
	End(record *Record)
}

// Call is the trace of one gRPC call.
type Call interface {
	// Fields returns the trace context of the call for the backend (W3C Trace Context §3). Both
	// values may be empty.
	Fields() (traceparent, tracestate string)
	// End is called at the end of the call. err is a gRPC status or nil.
	End(err error)
}
