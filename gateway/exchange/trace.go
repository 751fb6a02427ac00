package exchange

import (
	"context"
	"net/http"
	"strings"
)

// Tracer follows requests through the gateway and on to the backends. It is an interface
// of our own, so that whoever follows none links nothing for it; gateway/tracing has the
// one for OpenTelemetry. It is safe for concurrent use.
type Tracer interface {
	// Trace begins to follow a request, and returns the context of all that is done
	// for it.
	Trace(r *http.Request) (context.Context, Trace)
}

// Trace is one request that is followed. Its methods are called by the request's
// goroutine.
type Trace interface {
	// ID is as [Exchange].TraceID.
	ID() string
	// Call begins to follow a call of a gRPC method, "/service/method", and returns its
	// context. Local says that the service is in this process.
	Call(ctx context.Context, method string, local bool) (context.Context, Call)
	// End is told what has come of the request. Nothing is called after it.
	End(ex *Exchange)
}

// Call is one call that is followed.
type Call interface {
	// Fields are the call's place in its trace (W3C Trace Context §3), for whoever is
	// called. Each may be empty.
	Fields() (traceparent, tracestate string)
	// End is told how the call ended: a gRPC status, or nil.
	End(err error)
}

// TraceID is the trace that a request belongs to, by the Traceparent field of version
// 00 or later (W3C Trace Context §3.2); empty if it belongs to none.
func TraceID(traceparent string) string {
	if traceparent == "" {
		return ""
	}
	const lowerHex = "0123456789abcdef"
	version, rest, _ := strings.Cut(traceparent, "-")
	id, rest, _ := strings.Cut(rest, "-")
	parent, _, _ := strings.Cut(rest, "-")
	isHex := strings.Trim(version, lowerHex) == "" && strings.Trim(id, lowerHex) == "" && strings.Trim(parent, lowerHex) == ""
	if !isHex || len(version) != 2 || version == "ff" || len(id) != 32 || len(parent) != 16 || strings.Trim(id, "0") == "" {
		return ""
	}
	return id
}
