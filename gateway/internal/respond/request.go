package respond

import (
	"net/http"
	"strconv"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

// Request is the part of a request that the response depends on.
type Request struct {
	// Method is the HTTP method. The response to HEAD has no body.
	Method string
	// Prefix is the path prefix under which clients reach the API; "" if the API is at the root.
	Prefix string
	// Path is the path that the client sent, with the prefix. It is the instance of a problem.
	Path string
	// BodyField is the field of the gRPC request that the body fills; pointers of violations do not
	// contain it. Empty or "*" means the whole request.
	BodyField string
	// Accept is the Accept header; nil if there is none.
	Accept []rfc9110.MediaRange
	// Languages are the lines of Accept-Language.
	Languages []string
	// Conditional reports whether the request has a precondition.
	Conditional bool
	// Credentials reports whether the request has credentials.
	Credentials bool
	// Held is for how many seconds the caller's allowance is used up; 0 while there is some left.
	Held int64
	// RequestID and TraceID identify the request. They may be empty.
	RequestID, TraceID string
}

// RequestOf returns the part of r that the response depends on.
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
	if ex.Fields.Get("X-Rate-Limit-Remaining") == "0" {
		request.Held, _ = strconv.ParseInt(ex.Fields.Get("X-Rate-Limit-Reset"), 10, 64)
	}
	if ex.Binding != nil {
		request.BodyField = ex.Binding.Body
	}
	return request
}
