package forward

import (
	"context"
	"net/http"

	"google.golang.org/grpc/metadata"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/observe"
)

// Call is a call to the backend. The zero Call is one that nothing follows.
type Call struct{ followed observe.Call }

// End is to be called when the call is over.
func (c Call) End(err error) {
	if c.followed != nil {
		c.followed.End(err)
	}
}

// Begin begins the call that a request leads to, over conn, and returns its context with
// the metadata that goes on. Where the request is followed the trace context among it is
// the call's own: with the client's, whatever the backend does would stand beside the
// gateway and not below it.
func (r *Rules) Begin(ctx context.Context, conn any, req *http.Request) (context.Context, Call) {
	md := r.Metadata(req)
	local, isLocal := conn.(inProcess)
	var call Call
	ex := exchange.From(ctx)
	if ex.Incoming.Whole && ex.Binding.Method.ServerStreams {
		// A stream may stay open for hours; by now its request has been decoded.
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

// inProcess is a connection within the process, as gateway/inprocess, which needs no copy of
// the metadata.
type inProcess interface {
	Outgoing(ctx context.Context, md metadata.MD) context.Context
}

// IsInProcess reports whether conn leads to a server in this process. It is false for a
// wrapper that hides such a connection.
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
