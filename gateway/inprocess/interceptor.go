package inprocess

import (
	"context"

	"google.golang.org/grpc"
)

// chainUnary combines interceptors into one, the first one outermost. It returns nil
// if there are none.
func chainUnary(chain []grpc.UnaryServerInterceptor) grpc.UnaryServerInterceptor {
	switch len(chain) {
	case 0:
		return nil
	case 1:
		return chain[0]
	}
	outer, inner := chain[0], chainUnary(chain[1:])

	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		return outer(ctx, req, info, func(ctx context.Context, req any) (any, error) {
			return inner(ctx, req, info, handler)
		})
	}
}

// chainStream is chainUnary for streams.
func chainStream(chain []grpc.StreamServerInterceptor) grpc.StreamServerInterceptor {
	switch len(chain) {
	case 0:
		return nil
	case 1:
		return chain[0]
	}
	outer, inner := chain[0], chainStream(chain[1:])

	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		return outer(srv, ss, info, func(srv any, ss grpc.ServerStream) error {
			return inner(srv, ss, info, handler)
		})
	}
}
