package respond

import (
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

// octets is the media type of content without one (RFC 9110 §8.3).
const octets = "application/octet-stream"

// rawBody returns the bytes and the media type of a google.api.HttpBody, which is the response or the
// field that response_body names.
func rawBody(binding *contract.Binding, response proto.Message) ([]byte, string) {
	message := response.ProtoReflect()
	if binding.ResponseBody != nil {
		message = message.Get(binding.ResponseBody).Message()
	}
	fields := message.Descriptor().Fields()
	kind := octets
	// Use the backend's media type only if it is valid.
	if parsed, err := rfc9110.ParseMediaType(message.Get(fields.ByNumber(1)).String()); err == nil {
		kind = parsed.String()
	}
	return message.Get(fields.ByNumber(2)).Bytes(), kind
}
