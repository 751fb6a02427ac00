package forward

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"
)

// What passes by [Params.GRPCGateway], under the names that grpc-gateway gives it.
const (
	// metadataField begins the header fields that are metadata, in either direction.
	metadataField = "Grpc-Metadata-"
	// permanentPrefix begins the metadata that a registered header field becomes.
	permanentPrefix = "grpcgateway-"
	// binarySuffix ends the keys whose values are any octets, in base64 outside of gRPC.
	binarySuffix = "-bin"
)

// permanent are the registered header fields that grpc-gateway passes on.
func permanent() []string {
	return []string{
		"Accept", "Accept-Charset", "Accept-Language", "Accept-Ranges", "Authorization", "Cache-Control", "Content-Type", "Cookie", "Date",
		"Expect", "From", "If-Match", "If-Modified-Since", "If-None-Match", "If-Schedule-Tag-Match", "If-Unmodified-Since", "Max-Forwards",
		"Origin", "Pragma", "Referer", "User-Agent", "Via", "Warning",
	}
}

// keyPattern is what metadata may be called (Header-Name of gRPC's PROTOCOL-HTTP2).
var keyPattern = regexp.MustCompile(`^[0-9a-z_.-]+$`)

// addClient adds the metadata that a client sends as such, but for keys that mean
// something to the gateway or to gRPC itself: a backend has to be able to believe those.
// Grpc-Metadata-Authorization is one of them, because Authorization is what proxies and
// the gateway look at.
func (r *Rules) addClient(md metadata.MD, fields http.Header) {
	for _, name := range permanent() {
		add(md, permanentPrefix+strings.ToLower(name), fields[name])
	}
	for name, values := range fields {
		key, ok := strings.CutPrefix(name, metadataField)
		key = strings.ToLower(key)
		switch {
		case !ok || !keyPattern.MatchString(key) || r.isReserved(key):
		case strings.HasSuffix(key, binarySuffix):
			for _, value := range values {
				// gRPC encodes it again. What is no base64 the middleware has refused.
				if octets, ok := decodeBinary(value); ok {
					md[key] = append(md[key], octets)
				}
			}
		default:
			add(md, key, values)
		}
	}
}

// isReserved says whether only the gateway, or gRPC, may set metadata.
func (r *Rules) isReserved(key string) bool {
	for _, own := range r.inbound {
		if key == own {
			return true
		}
	}
	for _, prefix := range []string{permanentPrefix, "grpc-", "statusway-", "x-forwarded-"} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return slices.Contains([]string{
		"x-request-id", "prefer-wait", "if-match", "if-none-match", "if-unmodified-since",
		// Of the connection to the backend (RFC 9113 §8.2.2), or of gRPC on it.
		"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te", "content-length", "content-type", "host", "user-agent",
	}, key)
}

// decodeBinary reads the value of a binary key, which may lack its padding.
func decodeBinary(value string) (string, bool) {
	octets, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "="))
	return string(octets), err == nil
}

// addAnswered adds the metadata of an answer as header fields. Binary values leave in
// base64: as they are they could end the line. What else does not fit one is left out
// where the fields are written.
func addAnswered(out http.Header, md metadata.MD) {
	for key, values := range md {
		if strings.HasPrefix(key, "grpc-") || strings.HasPrefix(key, "statusway-") {
			continue
		}
		for _, value := range values {
			if strings.HasSuffix(key, binarySuffix) {
				value = base64.StdEncoding.EncodeToString([]byte(value))
			}
			out.Add(metadataField+key, value)
		}
	}
}

// withoutContentType is the metadata of a Trailers-Only answer without the type of the
// content that it does not have.
func withoutContentType(trailer metadata.MD) metadata.MD {
	plain := trailer.Copy()
	delete(plain, "content-type")
	return plain
}
