package interceptor

import (
	"context"
	"strconv"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// MaxBytes returns the longest request of a method in bytes; 0 means the server's own
// limit.
type MaxBytes func(fullMethod string) int64

// Unary refuses requests over their method's limit, as the gateway does for REST: with
// RESOURCE_EXHAUSTED and the contract's reason, which a gateway before this server makes 413.
func (m MaxBytes) Unary() grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		message, ok := request.(proto.Message)
		if limit := m(info.FullMethod); ok && limit > 0 && int64(proto.Size(message)) > limit {
			return nil, requestTooLarge(limit)
		}
		return handler(ctx, request)
	}
}

func requestTooLarge(limit int64) error {
	text := strconv.FormatInt(limit, 10)
	plain := status.New(codes.ResourceExhausted, "the request is larger than "+text+" bytes")
	full, err := plain.WithDetails(&errdetails.ErrorInfo{
		Domain: string(statuswayv1.File_statusway_v1_annotations_proto.Package()), Reason: "REQUEST_TOO_LARGE", Metadata: map[string]string{"limitBytes": text},
	})
	if err != nil {
		return plain.Err() // Details that cannot be encoded must not cost the error.
	}
	return full.Err()
}
