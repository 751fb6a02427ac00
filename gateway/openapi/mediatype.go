package openapi

import "github.com/statusway/statusway/gateway/internal/contract"

const (
	htmlType = "text/html"
	anyType  = "*/*"
)

// success returns the content of a success.
func (b *builder) success(binding *contract.Binding) *ordered[*mediaType] {
	content := &ordered[*mediaType]{}
	switch {
	case binding.RawResponse:
		content.set(anyType, &mediaType{})
	case binding.Method.ServerStreams:
		b.stream(content, b.responseSchema(binding))
	default:
		content.set(contract.JSONType, &mediaType{Schema: b.responseSchema(binding)})
	}
	if b.pages[binding] {
		content.set(htmlType, &mediaType{Schema: &schema{Type: typeString, Description: "The same as a page for people."}})
	}
	return content
}

// responseSchema returns the schema of the response message, or of its field that is sent.
func (b *builder) responseSchema(binding *contract.Binding) *schema {
	field := binding.ResponseBody
	if field == nil {
		return b.schemas.message(binding.Method.Descriptor.Output())
	}
	of := b.schemas.plainField(field)
	if field.HasPresence() {
		of = &schema{AnyOf: []*schema{of, {Type: "null"}}}
	}
	return of
}

// stream adds the content of a stream. The schema of a sequence of messages is an array, as in the next
// version of OpenAPI.
func (b *builder) stream(content *ordered[*mediaType], message *schema) {
	failure := b.failureSchema()
	line := &schema{Type: typeObject, MinProperties: 1, MaxProperties: new(uint64), Properties: &ordered[*schema]{}}
	*line.MaxProperties = 1
	line.Properties.set("result", message)
	line.Properties.set("error", failure)
	content.set(contract.NDJSONType, &mediaType{Schema: &schema{
		Type: typeArray, Items: line,
		Description: "One object per line. If the stream fails after its first message, the last line is the error.",
	}})
	content.set(contract.JSONType, &mediaType{Schema: &schema{
		Type: typeArray, Items: line,
		Description: "The same objects as one array, which grows with each message. It is complete also if the stream fails.",
	}})
	event := &schema{Type: typeObject, Properties: &ordered[*schema]{}, Required: []string{"data"}}
	event.Properties.set("event", &schema{Const: "error", Description: "Present if the stream failed: data is then the error."})
	event.Properties.set("data", &schema{Type: typeString, ContentMediaType: contract.JSONType, ContentSchema: &schema{AnyOf: []*schema{message, failure}}})
	content.set(contract.EventType, &mediaType{Schema: &schema{Type: typeArray, Items: event, Description: "Server-sent events, one for each message."}})
}
