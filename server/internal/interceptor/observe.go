package interceptor

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Call is one call that came over the network, once it is over.
type Call struct {
	// Method is its full name.
	Method string
	// Start is when it came.
	Start time.Time
	// Status is the status that the caller gets.
	Status *status.Status
	// Cause is why the call failed, with details that the caller does not get; nil for a
	// success.
	Cause error
	// User means that the caller is a known user.
	User bool
}

// Observer is called for every call. It is the first interceptor.
type Observer func(ctx context.Context, call *Call)

// Unary observes unary calls.
func (o Observer) Unary() grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		call := &Call{Method: info.FullMethod, Start: time.Now()}
		response, err := handler(context.WithValue(ctx, callKey{}, call), request)
		return response, o.over(ctx, call, err)
	}
}

// Stream observes streams.
func (o Observer) Stream() grpc.StreamServerInterceptor {
	return func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		call := &Call{Method: info.FullMethod, Start: time.Now()}
		ctx := stream.Context()
		err := handler(service, withContext{ServerStream: stream, ctx: context.WithValue(ctx, callKey{}, call)})
		return o.over(ctx, call, err)
	}
}

// over ends a call, and returns the error to send. A call that failed because its client
// left is CANCELLED, regardless of the handler's error, so that metrics and spans do not
// count it as a fault of the server.
func (o Observer) over(ctx context.Context, call *Call, err error) error {
	if call.Cause == nil {
		call.Cause = err
	}
	if err != nil && ctx.Err() == context.Canceled {
		err = status.Error(codes.Canceled, "the client has left")
	}
	call.Status = status.Convert(err)
	o(ctx, call)
	return err
}

type callKey struct{}

// Noted is the [Report] of calls that an [Observer] sees.
func Noted(ctx context.Context, cause error) {
	if call, ok := ctx.Value(callKey{}).(*Call); ok {
		call.Cause = cause
	}
}

// noteUser notes that a call comes from a known user.
func noteUser(ctx context.Context) {
	if call, ok := ctx.Value(callKey{}).(*Call); ok {
		call.User = true
	}
}
