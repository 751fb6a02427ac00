package forward

import (
	"log/slog"
	"maps"
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
	// to the client, and the header fields that they become. No other key leaves, but
	// for those of the backend's allowance. A key or a field that means something to
	// the gateway itself is left out.
	ResponseHeaders map[string]string
	// GRPCGateway lets metadata pass as grpc-gateway did for years, for clients and
	// backends that rely on it. A request's Grpc-Metadata-… are metadata, and so are the
	// registered header fields, as grpcgateway-…; a response's leading metadata leaves as
	// Grpc-Metadata-…, and so does that of an answer of trailers only. Not for backends
	// that trust a key because only a gateway sets it: a client sets any but those of
	// this gateway.
	GRPCGateway bool
	// Logger is told, at debug, which metadata is ignored because it cannot be read.
	// Nil means nobody.
	Logger *slog.Logger
}

// Rules are the two allow-lists. They do not change.
type Rules struct {
	inbound  map[string]string // header field, canonical: metadata key
	outbound map[string]string // metadata key: header field
	all      bool              // Params.GRPCGateway
	logger   *slog.Logger
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
	if p.Logger == nil {
		p.Logger = slog.New(slog.DiscardHandler)
	}
	outbound := maps.Clone(p.ResponseHeaders)
	maps.DeleteFunc(outbound, func(key, name string) bool { return isOwn(key) || isOwn(strings.ToLower(name)) })
	return &Rules{inbound: inbound, outbound: outbound, all: p.GRPCGateway, logger: p.Logger}
}

// isOwn says whether metadata has a meaning for the gateway, and so cannot have
// another one by an allow-list.
func isOwn(key string) bool {
	switch key {
	case limitKey, remainingKey, resetKey, stateKey, policyKey:
		return true
	default:
		return strings.HasPrefix(key, "statusway-")
	}
}
