package openapi

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/contract"
)

// bearer names the one security scheme. What the gateway challenges with is Bearer.
const bearer = "bearer"

// operation is a route. number tells the routes of one method apart, from 0.
func (b *builder) operation(binding *contract.Binding, number int) *operation {
	method := binding.Method
	text := comment(method.Descriptor)
	o := &operation{
		Tags:        []string{string(method.Descriptor.Parent().FullName())},
		Summary:     summary(text),
		OperationID: operationID(method, number),
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

// operationID is the gRPC method's full name, and from its second route on the route's
// number. It depends on no other method, so that it stays when others come and go. No proto
// name has a hyphen, and a generator does not take what follows one for a method of its own,
// as it does what follows a dot.
func operationID(method *contract.Method, number int) string {
	name := string(method.Descriptor.FullName())
	if number == 0 {
		return name
	}
	return name + "-" + strconv.Itoa(number+1)
}

// body is the request's body; nil if the route has none.
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
	case content == nil:
		body.Content.set(anyType, &mediaType{})
	case binding.Method.Descriptor.IsStreamingClient():
		body.Description = strings.TrimSpace("One message a line. " + body.Description)
		body.Content.set(linesType, &mediaType{Schema: &schema{Type: typeArray, Items: content}})
		body.Content.set(jsonType, sent)
	case isPatch(binding):
		body.Content.set(mergePatchType, sent)
		body.Content.set(jsonType, sent)
	default:
		body.Content.set(jsonType, sent)
	}
	return body
}

// bodySchema is of what the body fills, and whether it has to be there; nil is for bytes
// of any type.
func (b *builder) bodySchema(binding *contract.Binding) (*schema, bool) {
	input := binding.Method.Descriptor.Input()
	if binding.Body == "*" {
		return b.wholeBody(binding, input)
	}
	field := input.Fields().ByName(protoreflect.Name(binding.Body))
	if single := field.Message() != nil && !field.IsList() && !field.IsMap(); single {
		_, needed := b.schemas.field(field)
		switch {
		case field.Message().FullName() == httpBody:
			return nil, needed
		case isPatch(binding):
			return b.schemas.patch(field.Message()), needed
		default:
			return b.schemas.message(field.Message()), needed
		}
	}
	return b.schemas.field(field)
}

func (b *builder) wholeBody(binding *contract.Binding, input protoreflect.MessageDescriptor) (*schema, bool) {
	if input.FullName() == httpBody {
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
	// What the path says already the body need not.
	object := b.schemas.object(input, func(field protoreflect.FieldDescriptor) bool { return bound[string(field.Name())] })
	if isPatch(binding) {
		object.Required = nil
	}
	return object, len(object.Required) > 0
}
