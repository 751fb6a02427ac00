package forward

import (
	"log/slog"
	"maps"
	"net/http"
	"strings"
)

// Params configure [Rules].
type Params struct {
	// RequestHeaders are the headers, in canonical form, to pass to the backend as metadata under the
	// same name in lower case. Authorization, the trace context and the headers that the contract
	// declares always pass; no others do.
	RequestHeaders []string
	// ResponseHeaders maps keys of response metadata, in lower case, to headers. No other key passes,
	// except those of the backend's allowance. Keys and headers with a meaning for the gateway itself
	// are ignored.
	ResponseHeaders map[string]string
	// GRPCGateway passes metadata as grpc-gateway does, for clients and backends that rely on it:
	// Grpc-Metadata-… headers of a request become metadata, and registered headers become
	// grpcgateway-…; header metadata of a response, and the trailers of a trailers-only response,
	// become Grpc-Metadata-…. Do not use it if backends trust metadata keys: a client can set any
	// key except those of this gateway.
	GRPCGateway bool
	// Logger logs, at level debug, metadata that is ignored because it is malformed. Nil logs
	// nothing.
	Logger *slog.Logger
}

// Rules are the two allow-lists. They are immutable.
type Rules struct {
	inbound  map[string]string // canonical header to metadata key
	outbound map[string]string // metadata key to header
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

// isOwn reports whether a key has a meaning for the gateway, so that an allow-list cannot change it.
func isOwn(key string) bool {
	switch key {
	case limitKey, remainingKey, resetKey, stateKey, policyKey:
		return true
	default:
		return strings.HasPrefix(key, "statusway-")
	}
}
