package respond

import (
	"net/http"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

// Request is as much of a request as the answer to it depends on.
type Request struct {
	// Method is the HTTP method. To HEAD no body is sent.
	Method string
	// Prefix is the path below which clients reach the API; "" if it is at the root.
	Prefix string
	// Path is the path of the target as the client sent it, with the prefix: the instance of a
	// problem.
	Path string
	// BodyField is the field of the gRPC request that the body fills; a violation of
	// a field below it is pointed at without it. Empty or "*": the whole request.
	BodyField string
	// Accept is the Accept field; nil if there is none.
	Accept []rfc9110.MediaRange
	// Languages are the lines of Accept-Language.
	Languages []string
	// Conditional says that it carries a precondition.
	Conditional bool
	// Credentials says that it carries credentials.
	Credentials bool
	// RequestID and TraceID name the exchange; empty if they do not.
	RequestID, TraceID string
}

// RequestOf is what an answer to r depends on.
func RequestOf(r *http.Request) Request {
	ex := exchange.From(r.Context())
	request := Request{
		Method:      r.Method,
		Prefix:      ex.Prefix,
		Path:        ex.Prefix + r.URL.EscapedPath(),
		Accept:      ex.Accept,
		Languages:   r.Header["Accept-Language"],
		Conditional: ex.Conditions.Present(),
		Credentials: r.Header.Get("Authorization") != "",
		RequestID:   ex.RequestID,
		TraceID:     ex.TraceID,
	}
	if ex.Binding != nil {
		request.BodyField = ex.Binding.Body
	}
	return request
}
