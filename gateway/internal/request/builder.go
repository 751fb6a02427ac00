package request

import (
	"bytes"
	"net/http"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/jsoncodec"
)

const httpBody = "google.api.HttpBody"

// Builder fills the request messages of one route. It is made once per route and does
// not change.
type Builder struct {
	// HasBody reports whether the route reads a body.
	HasBody bool
	// Body is the field that the body fills; nil if it fills the whole message, or if
	// the route has no body.
	Body protoreflect.FieldDescriptor
	// Content is the message type of what the body fills; nil if that is a list, a map
	// or a scalar.
	Content protoreflect.MessageDescriptor
	// Raw reports whether the body is the data of a google.api.HttpBody, of any media
	// type, and not JSON.
	Raw bool
	// Mask is the field for the update mask that a PATCH makes of its body; nil if there
	// is none.
	Mask protoreflect.FieldDescriptor

	codec     jsoncodec.Codec
	variables []contract.FieldPath
	// masked are the messages that the paths of a FieldMask may lead into.
	masked []protoreflect.MessageDescriptor
}

// New returns the builder of a route for messages of the type input. The type may come
// from other descriptors than the contract; its error names a field that input lacks.
func New(codec jsoncodec.Codec, binding *contract.Binding, input protoreflect.MessageDescriptor) (*Builder, error) {
	b := &Builder{
		HasBody: binding.Body != "", Body: nil, Content: input, Raw: false, Mask: findMask(binding, input),
		codec: codec, variables: make([]contract.FieldPath, len(binding.Variables)), masked: nil,
	}
	for i, variable := range binding.Variables {
		path, err := contract.ParseFieldPath(input, variable.String())
		if err != nil {
			return nil, err
		}
		b.variables[i] = path
	}
	if b.HasBody && binding.Body != "*" {
		path, err := contract.ParseFieldPath(input, binding.Body)
		if err != nil {
			return nil, err
		}
		b.Body = path[0]
		if b.Content = b.Body.Message(); b.Body.IsList() || b.Body.IsMap() {
			b.Content = nil
		}
	}
	b.Raw = b.HasBody && b.Content != nil && b.Content.FullName() == httpBody
	if b.Body != nil && b.Content != nil {
		b.masked = append(b.masked, b.Content)
	}
	b.masked = append(b.masked, binding.Method.Descriptor.Output())
	return b, nil
}

// Fill fills an empty message from the body, the path and the query of a request. What
// the path and the query name wins over the body. Its error is a [*respond.Failure].
func (b *Builder) Fill(message protoreflect.Message, r *http.Request, body []byte) error {
	if err := b.setBody(message, r, body); err != nil {
		return err
	}
	if bad := b.setVariables(message, exchange.From(r.Context()).Params); bad != nil {
		return InvalidParameter(bad)
	}
	if bad := b.setQuery(message, r.URL.RawQuery); bad != nil {
		return InvalidParameter(bad)
	}
	if b.Mask != nil && !message.Has(b.Mask) {
		return b.setMask(message, body)
	}
	return nil
}

// setBody fills what the body fills. A body that is empty, or only white space, sets
// nothing.
func (b *Builder) setBody(message protoreflect.Message, r *http.Request, data []byte) error {
	switch {
	case b.Raw:
		b.setRaw(message, r.Header.Get("Content-Type"), data)
		return nil
	case !b.HasBody || isBlank(data):
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

// setRaw puts the body as it is into a google.api.HttpBody.
func (b *Builder) setRaw(message protoreflect.Message, contentType string, data []byte) {
	if b.Body != nil {
		message = message.Mutable(b.Body).Message()
	}
	fields := message.Descriptor().Fields()
	message.Set(fields.ByName("content_type"), protoreflect.ValueOfString(contentType))
	message.Set(fields.ByName("data"), protoreflect.ValueOfBytes(data))
}

// mayBeArray reports whether the JSON of one body may itself be an array. Then an array
// is not read as a list of messages.
func (b *Builder) mayBeArray() bool {
	switch {
	case b.Content != nil:
		name := b.Content.FullName()
		return name == "google.protobuf.ListValue" || name == "google.protobuf.Value"
	default:
		return b.Body.IsList()
	}
}
