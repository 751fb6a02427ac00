package respond

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/rfc9110"
)

const (
	httpBody = "google.api.HttpBody"
	// octets is the media type of what has none (RFC 9110 §8.3).
	octets = "application/octet-stream"
)

// isRaw says whether the answer is the data of a google.api.HttpBody and no JSON. It
// looks for the message's name and not for its Go type, so that it serves dynamic
// messages as well.
func isRaw(binding *contract.Binding) bool {
	of := binding.Method.Descriptor.Output()
	if field := singular(binding); field != nil {
		of = field.Message()
	}
	return of.FullName() == httpBody
}

// singular is the field that response_body names, if it is a single message.
func singular(binding *contract.Binding) protoreflect.FieldDescriptor {
	field := binding.ResponseBody
	if field == nil || field.Message() == nil || field.IsList() || field.IsMap() {
		return nil
	}
	return field
}

// content is the message that is the answer: the response, or the field of it that
// response_body names.
func content(binding *contract.Binding, message proto.Message) protoreflect.Message {
	if field := singular(binding); field != nil {
		return message.ProtoReflect().Get(field).Message()
	}
	return message.ProtoReflect()
}

// rawBody returns the bytes of a google.api.HttpBody and their media type.
func rawBody(message protoreflect.Message) ([]byte, string) {
	fields := message.Descriptor().Fields()
	kind := octets
	// A backend's media type is trusted only if it is one.
	if parsed, err := rfc9110.ParseMediaType(message.Get(fields.ByNumber(1)).String()); err == nil {
		kind = parsed.String()
	}
	return message.Get(fields.ByNumber(2)).Bytes(), kind
}
