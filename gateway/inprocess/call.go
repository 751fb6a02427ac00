package inprocess

import (
	"context"
	"maps"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// call is the server side of one call: the context and transport of its handler.
type call struct {
	base      serverContext
	transport transport
	// ctx is the handler's context: base with incoming metadata and transport.
	ctx context.Context //nolint:containedctx // a call is what the context belongs to
}

// newCall begins a call on the server side. It fails if the caller's context is
// done or contains metadata that cannot be sent. The caller must end the call.
func (c *Conn) newCall(ctx context.Context, name string) (*call, error) {
	if err := ctx.Err(); err != nil {
		return nil, status.FromContextError(err).Err()
	}
	incoming, err := incomingMetadata(ctx)
	if err != nil {
		return nil, err
	}
	call := &call{base: serverContext{Context: ctx, boundary: c.boundary}, transport: transport{method: name}}
	call.ctx = &call.base
	if len(incoming) > 0 {
		call.ctx = metadata.NewIncomingContext(call.ctx, incoming)
	}
	call.ctx = grpc.NewContextWithServerTransportStream(call.ctx, &call.transport)

	return call, nil
}

func (call *call) end() {
	call.transport.end()
	call.base.end()
}

type outgoingKey struct{}

// Outgoing is like metadata.NewOutgoingContext for calls of this connection, but it
// does not copy md. Do not change md afterwards.
func (*Conn) Outgoing(ctx context.Context, md metadata.MD) context.Context {
	return context.WithValue(ctx, outgoingKey{}, md)
}

// incomingMetadata returns the caller's outgoing metadata as the handler gets it. It
// may be nil.
func incomingMetadata(ctx context.Context) (metadata.MD, error) {
	md, _ := ctx.Value(outgoingKey{}).(metadata.MD)
	if md == nil {
		md, _ = metadata.FromOutgoingContext(ctx) // a copy
	}
	if err := checkMetadata(md, printable); err != nil {
		return nil, err
	}
	for key := range md {
		if reserved(key) {
			md = maps.Clone(md)
			maps.DeleteFunc(md, func(key string, _ []string) bool { return reserved(key) })
			break
		}
	}

	return md, nil
}
