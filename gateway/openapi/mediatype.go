package openapi

import "github.com/statusway/statusway/gateway/contract"

// The media types that the gateway reads and sends; package respond, which imports
// net/http, has them too, and a test holds the two equal.
const (
	jsonType       = "application/json"
	mergePatchType = "application/merge-patch+json"
	linesType      = "application/x-ndjson"
	eventsType     = "text/event-stream"
	problemType    = "application/problem+json"
	statusType     = "application/vnd.google.rpc.status+json"
	errorType      = "application/vnd.google.rpc.error+json"
	htmlType       = "text/html"
	anyType        = "*/*"
)

// httpBody is the message of bytes of any type.
const httpBody = "google.api.HttpBody"

// success is what a success sends.
func (b *builder) success(binding *contract.Binding) *ordered[*mediaType] {
	content := &ordered[*mediaType]{}
	output := binding.Method.Descriptor.Output()
	field := binding.ResponseBody
	switch {
	case output.FullName() == httpBody,
		field != nil && field.Message() != nil && field.Message().FullName() == httpBody && !field.IsList() && !field.IsMap():
		content.set(anyType, &mediaType{})
	case binding.Method.Descriptor.IsStreamingServer():
		b.stream(content, b.schemas.message(output))
	case field != nil:
		of := b.schemas.plainField(field)
		if field.HasPresence() {
			of = &schema{AnyOf: []*schema{of, {Type: "null"}}}
		}
		content.set(jsonType, &mediaType{Schema: of})
	default:
		content.set(jsonType, &mediaType{Schema: b.schemas.message(output)})
	}
	if b.HasPage != nil && b.HasPage(binding) {
		content.set(htmlType, &mediaType{Schema: &schema{Type: typeString, Description: "The same as a page for people."}})
	}
	return content
}

// stream is of many messages. Of what comes one after the other the document shows the
// list, which is how the next version of OpenAPI reads such a schema.
func (b *builder) stream(content *ordered[*mediaType], message *schema) {
	failure := b.failureSchema()
	line := &schema{Type: typeObject, MinProperties: 1, MaxProperties: new(uint64), Properties: &ordered[*schema]{}}
	*line.MaxProperties = 1
	line.Properties.set("result", message)
	line.Properties.set("error", failure)
	content.set(linesType, &mediaType{Schema: &schema{
		Type: typeArray, Items: line,
		Description: "One object a line. Where the stream fails after its first message, the last line says why.",
	}})
	event := &schema{Type: typeObject, Properties: &ordered[*schema]{}, Required: []string{"data"}}
	event.Properties.set("event", &schema{Const: "error", Description: "It is there where the stream failed: data then says why."})
	event.Properties.set("data", &schema{Type: typeString, ContentMediaType: jsonType, ContentSchema: &schema{AnyOf: []*schema{message, failure}}})
	content.set(eventsType, &mediaType{Schema: &schema{Type: typeArray, Items: event, Description: "Server-sent events, one for each message."}})
}
