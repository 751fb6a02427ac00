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

// maxBytes is the maximum number of bytes of a body to read. The gateway's errors are far smaller,
// because a gRPC client accepts only some KiB of metadata.
const maxBytes = 4 << 20

// FromResponse returns an [*Error] for a response with a status of 400 or more, else nil. It reads
// the body of an error but does not close it.
func FromResponse(response *http.Response) error {
	if response.StatusCode < http.StatusBadRequest {
		return nil
	}
	e := &Error{HTTPStatus: response.StatusCode, RequestID: response.Header.Get("X-Request-Id"), RetryAfter: retryAfter(response.Header)}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxBytes))
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

// The members of each format that are read. In a problem, code is the name of the gRPC code; in a
// google.rpc.Status, its number. In AIP-193's error, code is the HTTP status, so status is read.
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

// read reads a body of any format, and reports whether the body is an error. It detects the format by
// the members, because two formats have the media type application/json.
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

// detailOf reads a detail. If its type is not linked into this program, the result is a
// google.protobuf.Struct with the members and the "@type", because the wire form is unknown.
func detailOf(text json.RawMessage) *anypb.Any {
	detail := &anypb.Any{}
	if jsoncodec.Unmarshal(text, detail) == nil {
		return detail
	}
	members := &structpb.Struct{}
	if jsoncodec.Unmarshal(text, members) != nil || detail.MarshalFrom(members) != nil {
		return nil // It is not an object, so it is not a detail.
	}
	return detail
}

// codeOf returns the code of a response without a gRPC code, as gRPC clients do
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
