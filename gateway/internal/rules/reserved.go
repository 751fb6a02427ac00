package rules

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// Reserved refuses headers that only the gateway may set: Grpc-Metadata-…, which would become
// metadata that backends may trust, Grpcgateway-… and Statusway-…. It refuses them and does not
// drop them, so that the client notices. If metadata is true, clients may send Grpc-Metadata-…; the
// value of a binary key must be base64. Reserved also refuses a malformed Grpc-Timeout.
func Reserved(metadata bool) Rule {
	return func(ex *exchange.Exchange) error {
		for name, values := range ex.Request.Header {
			if metadata && strings.HasPrefix(name, metadataField) {
				if err := checkBinary(name, values); err != nil {
					return err
				}
			} else if isReserved(name) {
				return respond.Fail(policy.ReasonReservedHeader, "the request sets a header that only the gateway may set")
			}
		}
		if slices.ContainsFunc(ex.Request.Header["Grpc-Timeout"], func(value string) bool { _, ok := parseTimeout(value); return !ok }) {
			return respond.Fail(policy.ReasonInvalidArgument, "Grpc-Timeout is up to 8 digits and one of H, M, S, m, u and n")
		}
		return nil
	}
}

const metadataField = "Grpc-Metadata-"

// checkBinary refuses a value of a binary key that is not base64.
func checkBinary(name string, values []string) error {
	if !strings.HasSuffix(name, "-Bin") {
		return nil
	}
	for _, value := range values {
		if _, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "=")); err != nil {
			return respond.Fail(policy.ReasonInvalidArgument, "the value of a Grpc-Metadata-…-Bin header is not base64")
		}
	}
	return nil
}

// isReserved reports whether a header is reserved. name is in canonical form, as in net/http.
func isReserved(name string) bool {
	switch name[0] {
	case 'G':
		return strings.HasPrefix(name, metadataField) || strings.HasPrefix(name, "Grpcgateway-")
	case 'S':
		return strings.HasPrefix(name, "Statusway-")
	default:
		return false
	}
}
