package problem

import (
	"encoding/json"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// Error is a response with a status of 400 or more. Fields that the response does not contain are
// empty.
type Error struct {
	// HTTPStatus is the status of the response.
	HTTPStatus int
	// Type is a URI that identifies the kind of problem, and Title is a short summary of that kind
	// (RFC 9457 §3.1). Only problem+json contains them.
	Type, Title string
	// Instance is the path of the request, or a URI from the backend.
	Instance string
	// Violations list the invalid parts of the request.
	Violations []Violation
	// RetryAfter is how long to wait before you send the request again. It is 0 if the response
	// has no Retry-After, or has one with a date.
	RetryAfter time.Duration
	// RequestID identifies the request in the server's log, TraceID in its traces.
	RequestID, TraceID string
	// Members are all members of a problem by name, including extension members of the backend.
	Members map[string]json.RawMessage

	status *status.Status
	cause  error
}

// Violation is one invalid part of a request.
type Violation struct {
	// Pointer is a JSON pointer into the request's body (RFC 6901). For a query parameter or a
	// path variable, it is a pointer with its name.
	Pointer string `json:"pointer"`
	// Detail describes the problem, and Reason is UPPER_SNAKE_CASE. Either may be empty.
	Detail string `json:"detail"`
	Reason string `json:"reason"`
}

// Error returns a text for a log.
func (e *Error) Error() string {
	text := strconv.Itoa(e.HTTPStatus) + " " + e.status.Code().String()
	if info := e.Info(); info != nil {
		text += " " + info.GetReason()
	}
	if message := e.status.Message(); message != "" {
		text += ": " + message
	}
	return text
}

// Unwrap returns the error of reading the body, or nil.
func (e *Error) Unwrap() error { return e.cause }

// GRPCStatus returns the gRPC status. It is never OK.
func (e *Error) GRPCStatus() *status.Status { return e.status }

// Info returns the first google.rpc.ErrorInfo of the status, or nil if there is none. Use its domain
// and reason to distinguish errors.
func (e *Error) Info() *errdetails.ErrorInfo {
	for _, detail := range e.status.Proto().GetDetails() {
		info := &errdetails.ErrorInfo{}
		if detail.MessageIs(info) && detail.UnmarshalTo(info) == nil {
			return info
		}
	}
	return nil
}
