package middleware

import (
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
)

// Reserved refuses header fields that only the gateway may set: Grpc-Metadata-…,
// which other gateways turn into metadata that a backend trusts, Grpcgateway-… and
// Statusway-…. They are refused and not dropped, so that a client which relies on
// them learns of it. Grpc-Timeout is read, and must be well formed.
func Reserved() Middleware {
	return func(next exchange.Handler) exchange.Handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			for name := range r.Header {
				if isReserved(name) {
					return respond.Fail(codes.InvalidArgument, mapping.ReasonReservedHeader, "the request sets a header that only the gateway may set")
				}
			}
			for _, value := range r.Header["Grpc-Timeout"] {
				if !isTimeout(value) {
					return respond.Fail(codes.InvalidArgument, mapping.ReasonInvalidArgument, "Grpc-Timeout is up to 8 digits and one of H, M, S, m, u and n")
				}
			}
			return next(w, r)
		}
	}
}

// isReserved takes names in canonical form, as net/http has them.
func isReserved(name string) bool {
	switch name[0] {
	case 'G':
		return strings.HasPrefix(name, "Grpc-Metadata-") || strings.HasPrefix(name, "Grpcgateway-")
	case 'S':
		return strings.HasPrefix(name, "Statusway-")
	default:
		return false
	}
}

// isTimeout follows TimeoutValue and TimeoutUnit of gRPC's PROTOCOL-HTTP2.
func isTimeout(value string) bool {
	const maxDigits = 8
	if len(value) < 2 || len(value) > maxDigits+1 || !strings.ContainsRune("HMSmun", rune(value[len(value)-1])) {
		return false
	}
	return strings.Trim(value[:len(value)-1], "0123456789") == ""
}
