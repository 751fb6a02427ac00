package forward

import (
	"context"
	"net/http"

	"google.golang.org/grpc/metadata"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/observe"
)

// Call is a call to the backend. The zero Call has no trace.
type Call struct{ followed observe.Call }

// End ends the trace of the call. Call it at the end of the call.
func (c Call) End(err error) {
	if c.followed != nil {
		c.followed.End(err)
	}
}

// Begin begins the call for a request over conn, and returns the context of the call with its metadata. If
// the request is traced, the metadata contains the trace context of the call, so that the spans of the
// backend are children of the gateway's spans.
func (r *Rules) Begin(ctx context.Context, conn any, req *http.Request) (context.Context, Call) {
	md := r.Metadata(req)
	local, isLocal := conn.(inProcess)
	var call Call
	ex := exchange.From(ctx)
	if ex.Incoming.Whole && ex.Binding.Method.ServerStreams {
		// A stream may stay open for hours, and its request has already been decoded.
		ex.Incoming.Release()
	}
	if ex.Trace != nil {
		ctx, call.followed = ex.Trace.Call(ctx, ex.Binding.Method.FullName, isLocal)
		setTrace(md, call.followed)
	}
	if isLocal {
		return local.Outgoing(ctx, md), call
	}
	return metadata.NewOutgoingContext(ctx, md), call
}

// inProcess is an in-process connection, such as that of gateway/inprocess, which does not need to copy
// the metadata.
type inProcess interface {
	Outgoing(ctx context.Context, md metadata.MD) context.Context
}

// IsInProcess reports whether conn is an in-process connection. It returns false for a wrapper around one.
func IsInProcess(conn any) bool {
	_, ok := conn.(inProcess)
	return ok
}

func setTrace(md metadata.MD, call observe.Call) {
	parent, state := call.Fields()
	for i, value := range [...]string{parent, state} {
		key := [...]string{"traceparent", "tracestate"}[i]
		delete(md, key)
		add(md, key, []string{value})
	}
}
