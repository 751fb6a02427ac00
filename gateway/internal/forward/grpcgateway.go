package forward

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"
)

// The names that grpc-gateway uses, for [Params.GRPCGateway].
const (
	// metadataField is the prefix of headers that are metadata, in both directions.
	metadataField = "Grpc-Metadata-"
	// permanentPrefix is the prefix of metadata from registered headers.
	permanentPrefix = "grpcgateway-"
	// binarySuffix is the suffix of binary keys. Outside of gRPC their values are in base64.
	binarySuffix = "-bin"
)

// permanent are the registered headers that grpc-gateway passes on.
//
//nolint:gochecknoglobals // a constant list.
var permanent = []string{
	"Accept", "Accept-Charset", "Accept-Language", "Accept-Ranges", "Authorization", "Cache-Control", "Content-Type", "Cookie", "Date",
	"Expect", "From", "If-Match", "If-Modified-Since", "If-None-Match", "If-Schedule-Tag-Match", "If-Unmodified-Since", "Max-Forwards",
	"Origin", "Pragma", "Referer", "User-Agent", "Via", "Warning",
}

// keyPattern matches a metadata key (Header-Name of gRPC's PROTOCOL-HTTP2).
var keyPattern = regexp.MustCompile(`^[0-9a-z_.-]+$`)

// addClient adds the Grpc-Metadata-… headers of a client, except keys with a meaning for the gateway or
// for gRPC, because backends trust these. Grpc-Metadata-Authorization is one of them, because proxies and
// the gateway only check Authorization.
func (r *Rules) addClient(md metadata.MD, fields http.Header) {
	for _, name := range permanent {
		add(md, permanentPrefix+strings.ToLower(name), fields[name])
	}
	for name, values := range fields {
		key, ok := strings.CutPrefix(name, metadataField)
		key = strings.ToLower(key)
		switch {
		case !ok || !keyPattern.MatchString(key) || r.isReserved(key):
		case strings.HasSuffix(key, binarySuffix):
			for _, value := range values {
				// gRPC encodes it again. The rule Reserved has refused values that are not base64.
				if octets, ok := decodeBinary(value); ok {
					md[key] = append(md[key], octets)
				}
			}
		default:
			add(md, key, values)
		}
	}
}

// isReserved reports whether only the gateway or gRPC may set a key.
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
		// Headers of the connection to the backend (RFC 9113 §8.2.2), or of gRPC.
		"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te", "content-length", "content-type", "host", "user-agent",
	}, key)
}

// decodeBinary decodes the value of a binary key, with or without padding.
func decodeBinary(value string) (string, bool) {
	octets, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "="))
	return string(octets), err == nil
}

// addMetadata adds the metadata of a response as headers. Binary values are encoded in base64, because
// they may contain line ends. The responder leaves out other invalid values.
func addMetadata(out http.Header, md metadata.MD) {
	for key, values := range md {
		if strings.HasPrefix(key, "grpc-") || strings.HasPrefix(key, "statusway-") {
			continue
		}
		for _, value := range values {
			switch {
			case strings.HasSuffix(key, binarySuffix):
				value = base64.StdEncoding.EncodeToString([]byte(value))
			case key == "content-type":
				value, _, _ = strings.Cut(value, "+") // The name of the codec is the backend connection's own.
			}
			out.Add(metadataField+key, value)
		}
	}
}

// withoutContentType returns the metadata of a Trailers-Only response without Content-Type, because there
// is no content.
func withoutContentType(trailer metadata.MD) metadata.MD {
	plain := trailer.Copy()
	delete(plain, "content-type")
	return plain
}
