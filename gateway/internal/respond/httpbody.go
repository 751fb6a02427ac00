package respond

import (
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

// octets is the media type of what has none (RFC 9110 §8.3).
const octets = "application/octet-stream"

// rawBody returns the bytes of a response that is a google.api.HttpBody, or whose field
// that response_body names is one, and their media type.
func rawBody(binding *contract.Binding, response proto.Message) ([]byte, string) {
	message := response.ProtoReflect()
	if binding.ResponseBody != nil {
		message = message.Get(binding.ResponseBody).Message()
	}
	fields := message.Descriptor().Fields()
	kind := octets
	// A backend's media type is trusted only if it is one.
	if parsed, err := rfc9110.ParseMediaType(message.Get(fields.ByNumber(1)).String()); err == nil {
		kind = parsed.String()
	}
	return message.Get(fields.ByNumber(2)).Bytes(), kind
}
