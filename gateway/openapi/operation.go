package openapi

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/internal/contract"
)

// bearer is the name of the only security scheme, because the gateway's challenge is Bearer.
const bearer = "bearer"

// operation returns the operation of a route.
func (b *builder) operation(binding *contract.Binding) *operation {
	method := binding.Method
	text := comment(method.Descriptor)
	o := &operation{
		Tags:        []string{string(method.Descriptor.Parent().FullName())},
		Summary:     summary(text),
		OperationID: operationID(binding),
		Deprecated:  !method.Lifecycle.Deprecated.IsZero() || !method.Lifecycle.Sunset.IsZero() || isDeprecated(method.Descriptor),
		Security:    []requirement{},
		Parameters:  b.parameters(binding),
		RequestBody: b.body(binding),
		Responses:   b.responses(binding),
	}
	if o.Summary == "" {
		o.Summary = string(method.Descriptor.Name())
	}
	if text != o.Summary {
		o.Description = text
	}
	if !method.Anonymous {
		o.Security = []requirement{{bearer: {}}}
	}
	return o
}

// operationID returns the full name of the gRPC method, followed by the number of the route from the second
// route on. It does not depend on other methods, so it stays the same when they change. The separator is a
// hyphen, because proto names contain none, and because client generators treat the text after a dot as a
// method name.
func operationID(binding *contract.Binding) string {
	name := string(binding.Method.Descriptor.FullName())
	if binding.Number == 0 {
		return name
	}
	return name + "-" + strconv.Itoa(binding.Number+1)
}

// body returns the request body, or nil if the route has none.
func (b *builder) body(binding *contract.Binding) *requestBody {
	if binding.Body == "" {
		return nil
	}
	content, needed := b.bodySchema(binding)
	body := &requestBody{Required: needed, Content: &ordered[*mediaType]{}}
	if most := binding.Method.MaxBody; most > 0 {
		body.Description = "At most " + strconv.FormatInt(most, 10) + " bytes."
	}
	sent := &mediaType{Schema: content, Example: b.schemas.sample(content)}
	switch {
	case binding.RawBody:
		body.Content.set(anyType, &mediaType{})
	case binding.Method.ClientStreams:
		body.Description = strings.TrimSpace("One message per line. " + body.Description)
		body.Content.set(contract.NDJSONType, &mediaType{Schema: &schema{Type: typeArray, Items: content}})
		body.Content.set(contract.JSONType, sent)
	default:
		for _, one := range binding.MediaTypes {
			body.Content.set(one, sent)
		}
	}
	return body
}

// bodySchema returns the schema of the body, nil for a raw body, and reports whether the body is required.
func (b *builder) bodySchema(binding *contract.Binding) (*schema, bool) {
	field := binding.BodyField
	if field == nil {
		return b.wholeBody(binding, binding.BodyMessage)
	}
	of, needed := b.schemas.field(field)
	switch {
	case binding.BodyMessage == nil:
		return of, needed
	case binding.RawBody:
		return nil, needed
	case isPatch(binding):
		return b.schemas.patch(binding.BodyMessage), needed
	default:
		return b.schemas.message(binding.BodyMessage), needed
	}
}

func (b *builder) wholeBody(binding *contract.Binding, input protoreflect.MessageDescriptor) (*schema, bool) {
	if binding.RawBody {
		return nil, false
	}
	if known := wellKnown(input); known != nil {
		return known, false
	}
	bound := map[string]bool{}
	for _, name := range binding.Template.Fields() {
		bound[name] = true
	}
	if len(bound) == 0 {
		if isPatch(binding) {
			return b.schemas.patch(input), false
		}
		object := b.schemas.object(input, nil)
		return b.schemas.message(input), len(object.Required) > 0
	}
	// The body does not contain the fields of the path.
	object := b.schemas.object(input, func(field protoreflect.FieldDescriptor) bool { return bound[string(field.Name())] })
	if isPatch(binding) {
		object.Required = nil
	}
	return object, len(object.Required) > 0
}
