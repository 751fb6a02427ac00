package interceptor

import (
	"context"

	"google.golang.org/grpc"
)

// Check looks at a call before its handler. It returns the context for the rest of
// the call, or why the call ends here.
type Check func(ctx context.Context, fullMethod string) (context.Context, error)

// Unary runs a check on unary calls.
func (c Check) Unary() grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		ctx, err := c(ctx, info.FullMethod)
		if err != nil {
			return nil, err
		}
		return handler(ctx, request)
	}
}

// Stream runs a check on streams.
func (c Check) Stream() grpc.StreamServerInterceptor {
	return func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		ctx, err := c(stream.Context(), info.FullMethod)
		if err != nil {
			return err
		}
		return handler(service, withContext{ServerStream: stream, ctx: ctx})
	}
}

// withContext is a stream whose context a check has replaced.
type withContext struct {
	grpc.ServerStream

	ctx context.Context //nolint:containedctx // grpc.ServerStream hands out its context by a method.
}

func (s withContext) Context() context.Context { return s.ctx }
