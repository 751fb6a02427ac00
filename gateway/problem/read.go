package problem

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/statusway/statusway/gateway/internal/jsoncodec"
)

// mostBytes is how much of a body is read. The gateway's errors are far smaller: they
// have come through a gRPC client, which takes a few KiB of metadata.
const mostBytes = 4 << 20

// FromResponse returns nil for an answer below 400, else an [*Error]. It reads the body
// and leaves it to be closed.
func FromResponse(response *http.Response) error {
	if response.StatusCode < http.StatusBadRequest {
		return nil
	}
	e := &Error{HTTPStatus: response.StatusCode, RequestID: response.Header.Get("X-Request-Id"), RetryAfter: retryAfter(response.Header)}
	text, err := io.ReadAll(io.LimitReader(response.Body, mostBytes))
	if err != nil {
		e.cause = fmt.Errorf("reading the error's body: %w", err)
	}
	if !e.read(text) {
		e.status = status.New(codeOf(response.StatusCode), http.StatusText(response.StatusCode))
	}
	return e
}

func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.ParseUint(header.Get("Retry-After"), 10, 32)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// The members that are read of each shape. The code is a name in a problem, a number in
// a google.rpc.Status, and in AIP-193's error the HTTP status.
type (
	problemBody struct {
		Type      string            `json:"type"`
		Title     string            `json:"title"`
		Detail    string            `json:"detail"`
		Instance  string            `json:"instance"`
		Code      codes.Code        `json:"code"`
		Errors    []Violation       `json:"errors"`
		RequestID string            `json:"requestId"`
		TraceID   string            `json:"traceId"`
		Details   []json.RawMessage `json:"details"`
	}
	statusBody struct {
		Code    int32             `json:"code"`
		Message string            `json:"message"`
		Details []json.RawMessage `json:"details"`
	}
	errorBody struct {
		Error *struct {
			Message string            `json:"message"`
			Status  codes.Code        `json:"status"`
			Details []json.RawMessage `json:"details"`
		} `json:"error"`
	}
)

// read reads a body of any of the shapes, and returns whether it is of one. The shape is
// found by what is in it: the type of a body is plain JSON for two of them.
func (e *Error) read(text []byte) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return false
	}
	var inError errorBody
	if members["error"] != nil && json.Unmarshal(text, &inError) == nil && inError.Error != nil && inError.Error.Status != codes.OK {
		e.status = statusOf(int32(inError.Error.Status), inError.Error.Message, inError.Error.Details) //nolint:gosec // no code is near 2^31.
		return true
	}
	var plain statusBody
	if json.Unmarshal(text, &plain) == nil && plain.Code != 0 {
		e.status = statusOf(plain.Code, plain.Message, plain.Details)
		return true
	}
	var problem problemBody
	if json.Unmarshal(text, &problem) != nil || problem.Code == codes.OK {
		return false
	}
	e.Type, e.Title, e.Instance, e.Violations = problem.Type, problem.Title, problem.Instance, problem.Errors
	e.RequestID, e.TraceID, e.Members = problem.RequestID, problem.TraceID, members
	e.status = statusOf(int32(problem.Code), problem.Detail, problem.Details) //nolint:gosec // no code is near 2^31.
	return true
}

func statusOf(code int32, message string, details []json.RawMessage) *status.Status {
	whole := &spb.Status{Code: code, Message: message}
	for _, text := range details {
		if detail := detailOf(text); detail != nil {
			whole.Details = append(whole.Details, detail)
		}
	}
	return status.FromProto(whole)
}

// detailOf reads a detail. One whose members the gateway knew and this program does not
// is kept as a google.protobuf.Struct of them, with its "@type" among them: it has no
// bytes that could be known.
func detailOf(text json.RawMessage) *anypb.Any {
	detail := &anypb.Any{}
	if jsoncodec.Unmarshal(text, detail) == nil {
		return detail
	}
	members := &structpb.Struct{}
	if jsoncodec.Unmarshal(text, members) != nil || detail.MarshalFrom(members) != nil {
		return nil // It is no object, so it is no detail.
	}
	return detail
}

// codeOf is the code of an answer that does not say one, as gRPC clients have it
// (https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
func codeOf(httpStatus int) codes.Code {
	switch httpStatus {
	case http.StatusBadRequest:
		return codes.Internal
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusNotFound:
		return codes.Unimplemented
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return codes.Unavailable
	default:
		return codes.Unknown
	}
}
