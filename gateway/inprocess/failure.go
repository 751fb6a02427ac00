package inprocess

import (
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"strconv"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The google.rpc.ErrorInfo of a size error. grpc-go's own error has only a text, so
// a client cannot distinguish it from an exhausted quota.
const (
	// Domain is the domain of the reasons below.
	Domain = "statusway.v1"
	// ReasonRequestTooLarge is the reason if a request is over its limit.
	ReasonRequestTooLarge = "REQUEST_TOO_LARGE"
	// ReasonResponseTooLarge is the reason if a response is over its limit.
	ReasonResponseTooLarge = "RESPONSE_TOO_LARGE"
)

// PanicError is the error of a call whose handler or interceptor panicked. Its
// status is INTERNAL with a fixed message, because the value of a panic is for the
// log and not for clients. Use errors.As to get it.
type PanicError struct {
	// Value is the argument of panic.
	Value any
	// Stack is the stack of the panicking goroutine, from runtime/debug.Stack.
	Stack []byte
}

// Error returns the text of the status. It does not contain Value, because clients
// see this text if the error is wrapped.
func (e *PanicError) Error() string {
	return e.GRPCStatus().String()
}

// LogValue returns Value and Stack, for the log.
func (e *PanicError) LogValue() slog.Value {
	return slog.StringValue(fmt.Sprintf("panic: %v\n%s", e.Value, e.Stack))
}

// GRPCStatus returns INTERNAL with a fixed message.
func (e *PanicError) GRPCStatus() *status.Status {
	return status.New(codes.Internal, "the handler panicked")
}

// catch turns a panic into a [PanicError]. It must be deferred itself.
func catch(err *error) {
	if value := recover(); value != nil {
		*err = &PanicError{Value: value, Stack: debug.Stack()}
	}
}

// statusError returns the error that the caller of a failed call sees. It is not the handler's error,
// because its causes must not cross. A code above the range of int32 is an error of grpc-go's client.
func statusError(st *status.Status) error {
	if st.Code() > math.MaxInt32 {
		text := strconv.FormatUint(uint64(st.Code()), 10)
		return status.Errorf(codes.Unknown, "transport: malformed grpc-status: strconv.ParseInt: parsing %q: value out of range", text)
	}
	return st.Err()
}

// errNoReply returns the error of grpc-go's client for a call that succeeded without
// a message.
func errNoReply() error {
	return status.Error(codes.Internal, "cardinality violation: received no response message from non-server-streaming RPC")
}

// tooLarge returns the error for a message over its limit.
func tooLarge(reason string, size, limit int) error {
	st := status.New(codes.ResourceExhausted, fmt.Sprintf("message of %d bytes is larger than the limit of %d", size, limit))
	detailed, err := st.WithDetails(&errdetails.ErrorInfo{
		Reason:   reason,
		Domain:   Domain,
		Metadata: map[string]string{"sizeBytes": strconv.Itoa(size), "limitBytes": strconv.Itoa(limit)},
	})
	if err != nil { // only for a detail that cannot be encoded
		return st.Err()
	}

	return detailed.Err()
}
