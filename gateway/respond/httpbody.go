package respond

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/rfc9110"
)

const (
	httpBody = "google.api.HttpBody"
	// octets is the media type of what has none (RFC 9110 §8.3).
	octets = "application/octet-stream"
)

// rawBody returns the bytes of a google.api.HttpBody and their media type. It looks
// for the message's name and not for its Go type, so that it serves dynamic messages
// as well.
func rawBody(message protoreflect.Message) ([]byte, string, bool) {
	if message.Descriptor().FullName() != httpBody {
		return nil, "", false
	}
	fields := message.Descriptor().Fields()
	kind := octets
	// A backend's media type is trusted only if it is one.
	if parsed, err := rfc9110.ParseMediaType(message.Get(fields.ByNumber(1)).String()); err == nil {
		kind = parsed.String()
	}
	return message.Get(fields.ByNumber(2)).Bytes(), kind, true
}

// content is the message that is the answer: the response, or its field that
// response_body names, where that is a message.
func content(binding *contract.Binding, message protoreflect.Message) protoreflect.Message {
	field := binding.ResponseBody
	if field == nil || field.Message() == nil || field.IsList() || field.IsMap() {
		return message
	}
	return message.Get(field).Message()
}
