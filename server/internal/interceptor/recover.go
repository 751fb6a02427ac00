package interceptor

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// RecoverUnary turns a panic into INTERNAL: in a grpc.Server it would end the process.
func RecoverUnary(logger *slog.Logger) grpc.UnaryServerInterceptor {
	//nolint:nonamedreturns // see recovered.
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (_ any, err error) {
		defer recovered(ctx, logger, info.FullMethod, &err)
		return handler(ctx, request)
	}
}

// RecoverStream is RecoverUnary for streams.
func RecoverStream(logger *slog.Logger) grpc.StreamServerInterceptor {
	//nolint:nonamedreturns // see recovered.
	return func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
		defer recovered(stream.Context(), logger, info.FullMethod, &err)
		return handler(service, stream)
	}
}

// recovered is to be deferred; it sets the caller's named result.
func recovered(ctx context.Context, logger *slog.Logger, method string, err *error) {
	value := recover()
	if value == nil {
		return
	}
	logger.ErrorContext(ctx, "panic in a handler",
		slog.String("rpc", method), slog.String("panic", fmt.Sprint(value)), slog.String("stack", string(debug.Stack())))
	*err = status.Error(codes.Internal, "internal error")
}
