// Package observe is the record that a gateway makes of each request, and the interfaces of
// those that read it. Package gateway writes a record to its log. The packages metrics and
// tracing below this one count records and make spans of them; a program that imports neither
// links nothing for them.
package observe

import (
	"context"
	"net/http"
)

// Observer counts requests. It is safe for concurrent use.
type Observer interface {
	// Begin is called when a request has arrived.
	Begin()
	// End is called when a request is over. The record is valid until End returns.
	End(record *Record)
}

// Tracer follows requests through the gateway and on to the backends. It is safe for
// concurrent use.
type Tracer interface {
	// Trace begins to follow a request. It returns the context for everything that is done
	// for this request.
	Trace(r *http.Request) (context.Context, Trace)
}

// Trace follows one request. The goroutine of the request calls its methods.
type Trace interface {
	// ID returns the trace's id as 32 hexadecimal digits, or "" if the request belongs to no
	// trace.
	ID() string
	// Call begins to follow a call of a gRPC method, "/service/method", and returns the call's
	// context. local reports whether the service is in this process.
	Call(ctx context.Context, method string, local bool) (context.Context, Call)
	// End is called last, when the request is over. The record is valid until End returns.
	End(record *Record)
}

// Call follows one gRPC call.
type Call interface {
	// Fields returns the call's position in its trace (W3C Trace Context §3), which is sent to
	// the backend. Each may be empty.
	Fields() (traceparent, tracestate string)
	// End is called when the call is over. err is a gRPC status or nil.
	End(err error)
}
