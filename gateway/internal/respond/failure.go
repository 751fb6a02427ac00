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

// Failure is an error as data: what a backend answered, or what the gateway found
// wrong itself. It is not yet an answer; the policy decides what it becomes.
type Failure struct { //nolint:errname // it is an outcome as data, which can also be returned as an error.
	// Status is the gRPC code, message and details.
	Status *spb.Status
	// Header are fields that go with this failure only, such as Allow.
	Header http.Header
	// Cause is for the log and for errors.Is; no client reads it. May be nil.
	Cause error
}

// Fail returns a failure of the gateway's own. reason is one of the mapping package's Reason
// constants, which implies the code. The message is for the client.
func Fail(reason, message string) *Failure { return FailAs(policy.CodeOf(reason), reason, message) }

// FailAs returns a failure with a code that its reason does not imply.
func FailAs(code codes.Code, reason, message string) *Failure {
	failure := &Failure{Status: &spb.Status{Code: int32(code), Message: message}} //nolint:gosec // no code is near 2^31.
	return failure.With(&errdetails.ErrorInfo{Domain: policy.Domain, Reason: reason})
}

// Invalid makes a failure for a part of the request that cannot be read, which the
// violation names.
func Invalid(message string, violation *errdetails.BadRequest_FieldViolation) *Failure {
	return Fail(policy.ReasonInvalidArgument, message).
		With(&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{violation}})
}

// BrokenBody is the failure of a request whose body could not be read to its end: cause, if
// that is a failure itself.
func BrokenBody(cause error) *Failure {
	if failure, ok := errors.AsType[*Failure](cause); ok {
		return failure
	}
	detail, reason := "the body ended before its end", "BODY_INCOMPLETE"
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
		// Only a message with invalid UTF-8 gets here. The error itself matters more
		// than what goes with it.
		f.Cause = errors.Join(f.Cause, err)
		return f
	}
	f.Status.Details = append(f.Status.Details, packed)
	return f
}

// About adds to the metadata of the failure's ErrorInfo what its message says of this
// one request, under a key in camelCase, and returns f: a client reads it there and
// not in the text (AIP-193). A failure without ErrorInfo stays as it is.
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

// WithHeader adds a header field and returns f.
func (f *Failure) WithHeader(name, value string) *Failure {
	if f.Header == nil {
		f.Header = http.Header{}
	}
	f.Header.Add(name, value)
	return f
}

// Because notes the cause, for the log, and returns f.
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

// GRPCStatus makes a failure an error that grpc-go sends as it is.
func (f *Failure) GRPCStatus() *status.Status { return status.FromProto(f.Status) }

// AsFailure makes a failure of any error. A gRPC status is found however deep it is
// wrapped, and is taken as the backend sent it: the text of the wrapping would
// otherwise reach the client. An error of any other kind is the server's own fault.
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
