package problem

import (
	"encoding/json"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// Error is an answer with a status from 400 on. What the answer did not say is empty.
type Error struct {
	// HTTPStatus is the status of the answer.
	HTTPStatus int
	// Type is a URI that names the problem, and Title says in a few words what it is
	// (RFC 9457 §3.1). Only problem+json has them.
	Type, Title string
	// Instance is the path of the request, or the URI that the backend stated.
	Instance string
	// Violations say which parts of the request are wrong.
	Violations []Violation
	// RetryAfter is how long to wait before the request is worth sending again; 0 means
	// that the answer does not say, or says it by a date.
	RetryAfter time.Duration
	// RequestID names the exchange in the server's log. TraceID is that of its trace.
	RequestID, TraceID string
	// Members are all of a problem, by name, those of the backend's own among them.
	Members map[string]json.RawMessage

	status *status.Status
	cause  error
}

// Violation is one part of a request that is wrong.
type Violation struct {
	// Pointer is a JSON pointer into the request's body (RFC 6901). A query parameter or a
	// path variable has its name as one.
	Pointer string `json:"pointer"`
	// Detail says what is wrong, and Reason is UPPER_SNAKE_CASE. Either may be empty.
	Detail string `json:"detail"`
	Reason string `json:"reason"`
}

// Error says what happened, for a log.
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

// Unwrap is why the body could not be read; nil if it could.
func (e *Error) Unwrap() error { return e.cause }

// GRPCStatus is the status that the answer was made of. It is never OK.
func (e *Error) GRPCStatus() *status.Status { return e.status }

// Info is the first google.rpc.ErrorInfo of the status, whose domain and reason are what
// to branch on; nil if there is none.
func (e *Error) Info() *errdetails.ErrorInfo {
	for _, detail := range e.status.Proto().GetDetails() {
		info := &errdetails.ErrorInfo{}
		if detail.MessageIs(info) && detail.UnmarshalTo(info) == nil {
			return info
		}
	}
	return nil
}
