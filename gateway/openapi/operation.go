package openapi

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/internal/contract"
)

// bearer names the one security scheme. What the gateway challenges with is Bearer.
const bearer = "bearer"

// operation is a route.
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

// operationID is the gRPC method's full name, and from its second route on the route's
// number. It depends on no other method, so that it stays when others come and go. No proto
// name has a hyphen, and a generator does not take what follows one for a method of its own,
// as it does what follows a dot.
func operationID(binding *contract.Binding) string {
	name := string(binding.Method.Descriptor.FullName())
	if binding.Number == 0 {
		return name
	}
	return name + "-" + strconv.Itoa(binding.Number+1)
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
	case binding.RawBody:
		body.Content.set(anyType, &mediaType{})
	case binding.Method.ClientStreams:
		body.Description = strings.TrimSpace("One message a line. " + body.Description)
		body.Content.set(contract.NDJSONType, &mediaType{Schema: &schema{Type: typeArray, Items: content}})
		body.Content.set(contract.JSONType, sent)
	default:
		for _, one := range binding.MediaTypes {
			body.Content.set(one, sent)
		}
	}
	return body
}

// bodySchema is of what the body fills, and whether it has to be there; nil if it is raw.
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
	// What the path says already the body need not.
	object := b.schemas.object(input, func(field protoreflect.FieldDescriptor) bool { return bound[string(field.Name())] })
	if isPatch(binding) {
		object.Required = nil
	}
	return object, len(object.Required) > 0
}
