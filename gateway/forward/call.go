package forward

import (
	"context"
	"net/http"

	"google.golang.org/grpc/metadata"

	"github.com/statusway/statusway/gateway/exchange"
)

// Call is a call to the backend. The zero Call is one that nothing follows.
type Call struct{ followed exchange.Call }

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
	local, isLocal := conn.(owner)
	var call Call
	ex := exchange.From(ctx)
	if ex.Incoming.Whole && ex.Binding.Method.Descriptor.IsStreamingServer() {
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

// owner is a connection within the process, as gateway/inprocess, which needs no copy of
// the metadata.
type owner interface {
	Outgoing(ctx context.Context, md metadata.MD) context.Context
}

func setTrace(md metadata.MD, call exchange.Call) {
	parent, state := call.Fields()
	for i, value := range [...]string{parent, state} {
		key := [...]string{"traceparent", "tracestate"}[i]
		delete(md, key)
		add(md, key, []string{value})
	}
}
