package interceptor

import (
	"context"
	"fmt"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// RecoverUnary turns a panic into INTERNAL: in a grpc.Server it would end the process.
func RecoverUnary(report Report) grpc.UnaryServerInterceptor {
	//nolint:nonamedreturns // see recovered.
	return func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (_ any, err error) {
		defer recovered(ctx, report, &err)
		return handler(ctx, request)
	}
}

// RecoverStream is RecoverUnary for streams.
func RecoverStream(report Report) grpc.StreamServerInterceptor {
	//nolint:nonamedreturns // see recovered.
	return func(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
		defer recovered(stream.Context(), report, &err)
		return handler(service, stream)
	}
}

// recovered is to be deferred; it sets the caller's named result.
func recovered(ctx context.Context, report Report, err *error) {
	value := recover()
	if value == nil {
		return
	}
	report(ctx, fmt.Errorf("panic: %v\n%s", value, debug.Stack()))
	*err = status.Error(codes.Internal, "internal error")
}
