package interceptor

import (
	"context"
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
	"github.com/statusway/statusway/server/internal/entity"
)

// Reasons of the contract (statusway/v1/annotations.proto) that this service raises:
// a policy knows them from any service.
const (
	reasonPreconditionFailed = "PRECONDITION_FAILED"
	reasonMaintenance        = "SERVICE_IN_MAINTENANCE"
	reasonReadOnly           = "SERVICE_READ_ONLY"
)

// Report receives the cause of a failed call. The caller gets only the result of [Status].
type Report func(ctx context.Context, cause error)

// ErrorsUnary turns the domain's errors into statuses.
func ErrorsUnary(report Report) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		response, err := handler(ctx, request)
		return response, report.convert(ctx, err)
	}
}

// ErrorsStream is ErrorsUnary for streams.
func ErrorsStream(report Report) grpc.StreamServerInterceptor {
	return func(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		return report.convert(stream.Context(), handler(service, stream))
	}
}

func (r Report) convert(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	r(ctx, err)
	return Status(err).Err()
}

// Status returns the status that a caller gets for an error. A gRPC status stays the same,
// without the text of wrapping errors. Errors of the context have their own codes. Any
// other error becomes an internal error without text.
func Status(err error) *status.Status {
	if failure, ok := errors.AsType[*entity.Error](err); ok {
		return ofDomain(failure)
	}
	// status.FromError would put the wrapping text into the message.
	already, ok := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err)
	if ok && already.GRPCStatus().Code() != codes.OK {
		return already.GRPCStatus()
	}
	switch {
	case errors.Is(err, context.Canceled):
		return status.New(codes.Canceled, "the call was cancelled")
	case errors.Is(err, context.DeadlineExceeded):
		return status.New(codes.DeadlineExceeded, "the deadline has passed")
	default:
		return status.New(codes.Internal, "internal error")
	}
}

func ofDomain(failure *entity.Error) *status.Status {
	info := &errdetails.ErrorInfo{
		Domain:   string(entityv1.File_entity_v1_entity_service_proto.Package()),
		Reason:   failure.Reason,
		Metadata: failure.Metadata,
	}
	contract := string(statuswayv1.File_statusway_v1_annotations_proto.Package())
	switch {
	case failure.Kind == entity.KindPreconditionFailed:
		info.Domain, info.Reason = contract, reasonPreconditionFailed
	case failure.Reason == entity.ReasonMaintenance:
		info.Domain, info.Reason = contract, reasonMaintenance
	case failure.Reason == entity.ReasonStoreNotWritable:
		info.Domain, info.Reason = contract, reasonReadOnly
	}
	details := []protoadapt.MessageV1{info}
	if len(failure.Violations) > 0 {
		bad := &errdetails.BadRequest{}
		for _, one := range failure.Violations {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
				Field: one.Field, Description: one.Description, Reason: one.Reason,
			})
		}
		details = append(details, bad)
	}
	if failure.RetryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(failure.RetryAfter)})
	}
	plain := status.New(codeOf(failure.Kind), failure.Message)
	if full, err := plain.WithDetails(details...); err == nil {
		return full
	}
	return plain // Details that cannot be encoded must not cost the error.
}

func codeOf(kind entity.Kind) codes.Code {
	switch kind {
	case entity.KindInvalid:
		return codes.InvalidArgument
	case entity.KindNotFound:
		return codes.NotFound
	case entity.KindAlreadyExists:
		return codes.AlreadyExists
	case entity.KindConflict, entity.KindPreconditionFailed:
		// A stale version is ABORTED (AIP-154); the reason distinguishes the two kinds.
		return codes.Aborted
	case entity.KindPermissionDenied:
		return codes.PermissionDenied
	case entity.KindUnauthenticated:
		return codes.Unauthenticated
	case entity.KindUnavailable:
		return codes.Unavailable
	case entity.KindInternal:
		return codes.Internal
	default:
		return codes.Internal
	}
}
