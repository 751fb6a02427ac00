package forward

import (
	"net/http"
	"strings"
)

// Params say what passes beyond what always does.
type Params struct {
	// RequestHeaders are the header fields, in canonical form, that are passed on as
	// metadata under the same name in lower case. Authorization, the trace context
	// and what the contract asks for are passed on always; nothing else is.
	RequestHeaders []string
	// ResponseHeaders are the metadata keys, in lower case, that a backend may send
	// to the client, and the header fields that they become. No other key leaves.
	ResponseHeaders map[string]string
}

// Rules are the two allow-lists. They do not change.
type Rules struct {
	inbound  map[string]string // header field, canonical: metadata key
	outbound map[string]string // metadata key: header field
}

// New returns the rules.
func New(p Params) *Rules {
	inbound := map[string]string{
		"Accept-Language": "accept-language", "Authorization": "authorization",
		"Traceparent": "traceparent", "Tracestate": "tracestate",
	}
	for _, name := range p.RequestHeaders {
		inbound[http.CanonicalHeaderKey(name)] = strings.ToLower(name)
	}
	return &Rules{inbound: inbound, outbound: p.ResponseHeaders}
}
