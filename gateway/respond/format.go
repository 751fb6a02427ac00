package respond

import (
	"encoding/json"
	"fmt"

	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/rfc9110"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// The media types of an error. A request that names one in Accept gets it, whatever
// the policy's default; to any other the default is sent, as RFC 9457 §3 allows.
const (
	// ProblemType is RFC 9457's.
	ProblemType = "application/problem+json"
	// StatusType is google.rpc.Status as JSON; its code is the gRPC number.
	StatusType = "application/vnd.google.rpc.status+json"
	// ErrorType is AIP-193's {"error": {…}}; its code is the HTTP status.
	ErrorType = "application/vnd.google.rpc.error+json"
)

// format is the shape of an error's body and the media type that says so.
type format struct {
	shape       statuswayv1.ErrorFormat
	contentType string
}

// choose returns the format that the request names, else the policy's.
func (r *Responder) choose(accept []rfc9110.MediaRange) format {
	var named []rfc9110.MediaRange
	for _, one := range accept {
		if one.Type != "*" && one.Subtype != "*" {
			named = append(named, one)
		}
	}
	if len(named) > 0 {
		offer, ok := rfc9110.Negotiate(named, []string{ProblemType, StatusType, ErrorType})
		switch {
		case ok && offer == ProblemType:
			return format{statuswayv1.ErrorFormat_ERROR_FORMAT_PROBLEM, ProblemType}
		case ok && offer == StatusType:
			return format{statuswayv1.ErrorFormat_ERROR_FORMAT_STATUS, StatusType}
		case ok:
			return format{statuswayv1.ErrorFormat_ERROR_FORMAT_ERROR, ErrorType}
		}
	}
	switch r.format {
	case statuswayv1.ErrorFormat_ERROR_FORMAT_STATUS, statuswayv1.ErrorFormat_ERROR_FORMAT_ERROR:
		// By default these are plain JSON, as the clients that expect them know it.
		return format{r.format, JSONType}
	default:
		return format{statuswayv1.ErrorFormat_ERROR_FORMAT_PROBLEM, ProblemType}
	}
}

// problem is the body of RFC 9457 with this project's extensions, in the order in
// which they are sent.
type problem struct {
	Type       string            `json:"type"`
	Title      string            `json:"title"`
	Status     int               `json:"status"`
	Detail     string            `json:"detail,omitempty"`
	Instance   string            `json:"instance,omitempty"`
	Code       string            `json:"code"`
	Reason     string            `json:"reason,omitempty"`
	Domain     string            `json:"domain,omitempty"`
	Metadata   map[string]string `json:"metadata,omitempty"`
	Errors     []violation       `json:"errors,omitempty"`
	RetryAfter int64             `json:"retryAfter,omitempty"`
	// Violated names the exhausted quotas, as draft-ietf-httpapi-ratelimit-headers-10 §6 does.
	Violated  []string          `json:"violated-policies,omitempty"`
	RequestID string            `json:"requestId,omitempty"`
	TraceID   string            `json:"traceId,omitempty"`
	Details   []json.RawMessage `json:"details,omitempty"`
}

// violation is one google.rpc.BadRequest.FieldViolation.
type violation struct {
	// Pointer is a JSON pointer (RFC 6901) into the request's body.
	Pointer string `json:"pointer"`
	Detail  string `json:"detail,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// rpcStatus is google.rpc.Status as JSON.
type rpcStatus struct {
	Code    int32             `json:"code"`
	Message string            `json:"message"`
	Details []json.RawMessage `json:"details"`
}

// rpcError is AIP-193's.
type rpcError struct {
	Error struct {
		Code    int               `json:"code"`
		Message string            `json:"message"`
		Status  string            `json:"status"`
		Details []json.RawMessage `json:"details,omitempty"`
	} `json:"error"`
}

// body encodes a failure that has been decided in the given shape.
func (d *decided) body(shape statuswayv1.ErrorFormat) ([]byte, error) {
	switch shape {
	case statuswayv1.ErrorFormat_ERROR_FORMAT_STATUS:
		return marshal(rpcStatus{Code: d.code, Message: d.message, Details: d.detailsJSON()})
	case statuswayv1.ErrorFormat_ERROR_FORMAT_ERROR:
		var body rpcError
		body.Error.Code = d.decision.Status()
		body.Error.Message = d.message
		body.Error.Status = mapping.CodeName(d.code)
		body.Error.Details = d.detailsJSON()
		return marshal(body)
	default:
		return d.problemJSON()
	}
}

func marshal(body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encoding an error's body: %w", err)
	}
	return text, nil
}

func (d *decided) detailsJSON() []json.RawMessage {
	all := make([]json.RawMessage, 0, len(d.shown))
	for _, one := range d.shown {
		all = append(all, d.codec.MarshalAny(one))
	}
	return all
}
