package inprocess

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What the google.rpc.ErrorInfo of a size error says. grpc-go's own error has
// only a text, which cannot be told from an exhausted quota.
const (
	// Domain is the domain of the reasons below.
	Domain = "statusway.v1"
	// ReasonRequestTooLarge is the reason where a request was over its limit.
	ReasonRequestTooLarge = "REQUEST_TOO_LARGE"
	// ReasonResponseTooLarge is the reason where a response was over its limit.
	ReasonResponseTooLarge = "RESPONSE_TOO_LARGE"
)

// PanicError is the error of a call whose handler or interceptor panicked. As a
// status it is INTERNAL with a fixed message: what a panic says is for a log, not
// for a client. Find it with errors.As.
type PanicError struct {
	// Value is what was given to panic.
	Value any
	// Stack is the stack of the panicking goroutine, as runtime/debug.Stack has it.
	Stack []byte
}

// Error returns the text of the status. It does not contain Value, because a
// wrapped error shows this text to clients.
func (e *PanicError) Error() string {
	return e.GRPCStatus().String()
}

// LogValue is what [PanicError.Error] does not say.
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

// errNoReply is what grpc-go's client says of a call that succeeded without a message.
func errNoReply() error {
	return status.Error(codes.Internal, "cardinality violation: received no response message from non-server-streaming RPC")
}

// tooLarge is the error of a message of size bytes over its limit.
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
