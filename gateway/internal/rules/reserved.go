package rules

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// Reserved refuses header fields that only the gateway may set: Grpc-Metadata-…,
// which other gateways turn into metadata that a backend trusts, Grpcgateway-… and
// Statusway-…. They are refused and not dropped, so that a client which relies on
// them learns of it. Where metadata is the clients' to send, Grpc-Metadata-… may pass;
// that of a binary key must be base64. Grpc-Timeout is read, and must be well formed.
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

// checkBinary refuses what could not become the metadata of a binary key.
func checkBinary(name string, values []string) error {
	for _, value := range values {
		if _, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "=")); err != nil && strings.HasSuffix(name, "-Bin") {
			return respond.Fail(policy.ReasonInvalidArgument, "a Grpc-Metadata-…-Bin is not base64")
		}
	}
	return nil
}

// isReserved takes names in canonical form, as net/http has them.
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
