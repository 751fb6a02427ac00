package respond

import (
	"context"
	"errors"
	"net"
	"net/http"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/statusway/statusway/gateway/policy"
)

// Failure is an error as data, from a backend or from the gateway itself. The policy decides which
// response it becomes.
type Failure struct { //nolint:errname // it is an outcome as data, which can also be returned as an error.
	// Status is the gRPC code, message and details.
	Status *spb.Status
	// Header contains the headers that belong to this failure, such as Allow.
	Header http.Header
	// Final means that the backend has said that a retry does not help. Then there is no Retry-After, unless
	// the status has a RetryInfo.
	Final bool
	// Cause is for the log and for errors.Is. It is not sent to the client. It may be nil.
	Cause error
}

// Fail returns a failure of the gateway itself. reason is one of the Reason constants of package policy,
// which determines the code. The message is for the client.
func Fail(reason, message string) *Failure { return FailAs(policy.CodeOf(reason), reason, message) }

// FailAs is like Fail with another code than that of the reason.
func FailAs(code codes.Code, reason, message string) *Failure {
	failure := &Failure{Status: &spb.Status{Code: int32(code), Message: message}} //nolint:gosec // no code is near 2^31.
	return failure.With(&errdetails.ErrorInfo{Domain: policy.Domain, Reason: reason})
}

// Invalid returns a failure for a malformed part of the request. The violation names the part.
func Invalid(message string, violation *errdetails.BadRequest_FieldViolation) *Failure {
	return Fail(policy.ReasonInvalidArgument, message).
		With(&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{violation}})
}

// BrokenBody returns the failure of a request whose body could not be read to its end. If cause is a
// failure, it returns cause.
func BrokenBody(cause error) *Failure {
	if failure, ok := errors.AsType[*Failure](cause); ok {
		return failure
	}
	detail, reason := "the body is incomplete", "BODY_INCOMPLETE"
	var timeout net.Error
	if errors.As(cause, &timeout) && timeout.Timeout() {
		detail, reason = "the body did not arrive in time", "BODY_TIMEOUT"
	}
	return Invalid(detail, &errdetails.BadRequest_FieldViolation{Description: detail, Reason: reason}).Because(cause)
}

// With adds a detail and returns f.
func (f *Failure) With(detail proto.Message) *Failure {
	packed, err := anypb.New(detail)
	if err != nil {
		// Only a message with invalid UTF-8 gets here. The error is more important than its detail.
		f.Cause = errors.Join(f.Cause, err)
		return f
	}
	f.Status.Details = append(f.Status.Details, packed)
	return f
}

// About adds a value that the message mentions to the metadata of the failure's ErrorInfo, and returns f.
// Clients read it there and not in the text (AIP-193). The key is in camelCase. Without ErrorInfo, About
// does nothing.
func (f *Failure) About(key, value string) *Failure {
	for _, detail := range f.Status.GetDetails() {
		info := &errdetails.ErrorInfo{}
		if detail.UnmarshalTo(info) != nil {
			continue
		}
		if info.Metadata == nil {
			info.Metadata = map[string]string{}
		}
		info.Metadata[key] = value
		if err := detail.MarshalFrom(info); err != nil {
			f.Cause = errors.Join(f.Cause, err) // As in With.
		}
		break
	}
	return f
}

// WithHeader adds a header and returns f.
func (f *Failure) WithHeader(name, value string) *Failure {
	if f.Header == nil {
		f.Header = http.Header{}
	}
	f.Header.Add(name, value)
	return f
}

// Because sets the cause, for the log, and returns f.
func (f *Failure) Because(cause error) *Failure {
	f.Cause = cause
	return f
}

func (f *Failure) Error() string {
	text := policy.CodeName(f.Status.GetCode()) + ": " + f.Status.GetMessage()
	if f.Cause != nil {
		text += ": " + f.Cause.Error()
	}
	return text
}

func (f *Failure) Unwrap() error { return f.Cause }

// GRPCStatus returns the status, so that grpc-go sends the failure unchanged.
func (f *Failure) GRPCStatus() *status.Status { return status.FromProto(f.Status) }

// AsFailure converts any error to a failure. It finds a gRPC status however deep it is wrapped, and uses
// the status without the texts of the wrapping errors, which are not for the client. Any other error is
// a fault of the server.
func AsFailure(err error) *Failure {
	var failure *Failure
	var withStatus interface{ GRPCStatus() *status.Status }
	switch {
	case errors.As(err, &failure):
		return failure
	case errors.As(err, &withStatus) && withStatus.GRPCStatus().Code() != codes.OK:
		return &Failure{Status: withStatus.GRPCStatus().Proto(), Cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Failure{Status: &spb.Status{Code: int32(codes.DeadlineExceeded), Message: "the deadline has passed"}, Cause: err}
	case errors.Is(err, context.Canceled):
		return &Failure{Status: &spb.Status{Code: int32(codes.Canceled), Message: "the call was cancelled"}, Cause: err}
	default:
		return Fail(policy.ReasonInternal, "internal error").Because(err)
	}
}
