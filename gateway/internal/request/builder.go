package request

import (
	"bytes"
	"net/http"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/jsoncodec"
)

// Builder builds the request messages of one route. It is immutable.
type Builder struct {
	// Body is the field that the body fills; nil if it fills the whole message, or if
	// the route has no body.
	Body protoreflect.FieldDescriptor
	// Content is the type of the message that the body fills; nil if the body fills a list, a map or a
	// scalar, or if the route has no body.
	Content protoreflect.MessageDescriptor

	binding   *contract.Binding
	codec     jsoncodec.Codec
	variables []contract.FieldPath
	mask      protoreflect.FieldDescriptor
	// required means that a message of the request may lack a required field (proto2).
	required bool
	// masked are the messages that the paths of a FieldMask may refer to.
	masked []protoreflect.MessageDescriptor
}

// New returns the builder of a route for messages of the type input. The type may come from other
// descriptors than the contract. The error names a field that input does not have.
func New(codec jsoncodec.Codec, binding *contract.Binding, input protoreflect.MessageDescriptor) (*Builder, error) {
	b := &Builder{
		Body: nil, Content: nil, binding: binding, codec: codec,
		variables: make([]contract.FieldPath, len(binding.Variables)), mask: nil, masked: nil,
		required: mayLackField(input, map[protoreflect.MessageDescriptor]bool{}),
	}
	if b.required {
		b.codec = codec.AllowPartial() // The path and the query may set what the body lacks.
	}
	var err error
	for i, variable := range binding.Variables {
		if b.variables[i], err = contract.ParseFieldPath(input, variable.String()); err != nil {
			return nil, err
		}
	}
	if b.Body, err = fieldOf(input, binding.BodyField); err != nil {
		return nil, err
	}
	if b.mask, err = fieldOf(input, binding.Mask); err != nil {
		return nil, err
	}
	switch {
	case binding.BodyMessage == nil:
	case b.Body == nil:
		b.Content = input
	default:
		b.Content = b.Body.Message()
		b.masked = append(b.masked, b.Content)
	}
	b.masked = append(b.masked, binding.Method.Descriptor.Output())
	return b, nil
}

// fieldOf returns the field of input with the name of a field of the contract, or nil for nil.
func fieldOf(input protoreflect.MessageDescriptor, field protoreflect.FieldDescriptor) (protoreflect.FieldDescriptor, error) {
	if field == nil {
		return nil, nil //nolint:nilnil // a route may have no such field.
	}
	path, err := contract.ParseFieldPath(input, string(field.Name()))
	if err != nil {
		return nil, err
	}
	return path[0], nil
}

// Fill fills an empty message from the body, the path and the query of a request. The body may repeat the
// value of a path variable, and must not have another one. An error is a [*respond.Failure].
func (b *Builder) Fill(message protoreflect.Message, r *http.Request, body []byte) error {
	ex := exchange.From(r.Context())
	if err := b.setBody(message, r, body); err != nil {
		return err
	}
	if err := b.setVariables(message, ex.Params); err != nil {
		return err
	}
	if bad := b.setQuery(message, ex.Query); bad != nil {
		return InvalidParameter(bad)
	}
	if b.mask != nil && !hasPaths(message.Get(b.mask).Message()) {
		if err := b.setMask(message, body); err != nil {
			return err
		}
	}
	if b.required {
		return checkRequired(message)
	}
	return nil
}

// setBody sets the message or the field from the body. An empty body, or one of white space, sets nothing.
func (b *Builder) setBody(message protoreflect.Message, r *http.Request, data []byte) error {
	switch {
	case b.binding.RawBody:
		b.setRaw(message, r.Header.Get("Content-Type"), data)
		return nil
	case b.binding.Body == "" || isBlank(data):
		return nil
	case b.Body == nil:
		return invalidBody(b.codec.Unmarshal(data, message.Interface()))
	case b.Content != nil:
		return invalidBody(b.codec.Unmarshal(data, message.Mutable(b.Body).Message().Interface()))
	default:
		return invalidBody(b.codec.UnmarshalField(data, message, b.Body))
	}
}

func isBlank(data []byte) bool { return len(bytes.TrimSpace(data)) == 0 }

// setRaw puts the raw body into a google.api.HttpBody.
func (b *Builder) setRaw(message protoreflect.Message, contentType string, data []byte) {
	if b.Body != nil {
		message = message.Mutable(b.Body).Message()
	}
	fields := message.Descriptor().Fields()
	message.Set(fields.ByName("content_type"), protoreflect.ValueOfString(contentType))
	message.Set(fields.ByName("data"), protoreflect.ValueOfBytes(data))
}

// mayBeArray reports whether the JSON of a single message can be an array. Then an array is not read as a
// list of messages.
func (b *Builder) mayBeArray() bool {
	switch {
	case b.Content != nil:
		name := b.Content.FullName()
		return name == "google.protobuf.ListValue" || name == "google.protobuf.Value"
	default:
		return b.Body.IsList()
	}
}
