package contract

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// The media types that a gateway reads and sends.
const (
	// JSONType is the type of requests and successes, except raw bytes. A stream is an array then.
	JSONType = "application/json"
	// MergePatchType is the type of a JSON merge patch, which PATCH accepts (RFC 7396).
	MergePatchType = "application/merge-patch+json"
	// NDJSONType is a stream with one JSON object on each line.
	NDJSONType = "application/x-ndjson"
	// EventType is a stream of server-sent events.
	EventType = "text/event-stream"
	// ProblemType is an error (RFC 9457).
	ProblemType = "application/problem+json"
	// StatusType is an error as a google.rpc.Status.
	StatusType = "application/vnd.google.rpc.status+json"
	// ErrorType is an error in the format of AIP-193.
	ErrorType = "application/vnd.google.rpc.error+json"
)

const (
	get       = "GET"
	httpBody  = "google.api.HttpBody"
	fieldMask = "google.protobuf.FieldMask"
)

// Conditions says how a route treats conditional headers (RFC 9110 §13.1).
type Conditions int

const (
	// ConditionsRefused means: a write with If-Match, If-None-Match or If-Unmodified-Since fails,
	// because the backend does not declare that it evaluates them.
	ConditionsRefused Conditions = iota
	// ConditionsForwarded means: the backend evaluates them together with the write.
	ConditionsForwarded
	// ConditionsCompared means: the gateway compares them with the response, for GET, HEAD and
	// QUERY (RFC 10008).
	ConditionsCompared
	// ConditionsIgnored means: they have no meaning for OPTIONS and TRACE (RFC 9110 §13.2.1).
	ConditionsIgnored
)

func conditions(verb string, method *Method) Conditions {
	switch verb {
	case get, "HEAD", "QUERY":
		return ConditionsCompared
	case "OPTIONS", "TRACE":
		return ConditionsIgnored
	}
	if method.Preconditions {
		return ConditionsForwarded
	}
	return ConditionsRefused
}

// isSafe reports whether the verb is safe by IANA's registry of HTTP methods.
func isSafe(verb string) bool {
	switch verb {
	case get, "HEAD", "OPTIONS", "PROPFIND", "QUERY", "REPORT", "SEARCH", "TRACE":
		return true
	default:
		return false
	}
}

// derive sets the fields that follow from the route's rule and its method.
func (b *Binding) derive() {
	method := b.Method
	b.bound = b.Template.Fields()
	b.Safe, b.Conditions = isSafe(b.Verb), conditions(b.Verb, method)
	switch b.Body {
	case "":
		b.DiscardsBody = b.Verb == get || b.Verb == "HEAD"
	case "*":
		b.BodyMessage = method.Descriptor.Input()
	default:
		b.BodyMessage = singleMessage(b.BodyField)
		b.Mask = b.findMask()
	}
	b.Uploads = b.Body != "" && method.ClientStreams
	b.RawBody = isHTTPBody(b.BodyMessage)
	if b.Body != "" && !b.RawBody {
		b.MediaTypes = b.mediaTypes()
	}
	response := method.Descriptor.Output()
	if b.ResponseBody != nil {
		response = singleMessage(b.ResponseBody)
	}
	b.RawResponse = isHTTPBody(response)
	b.Offers = b.offers()
}

// singleMessage returns the message type of a singular field, else nil.
func singleMessage(field protoreflect.FieldDescriptor) protoreflect.MessageDescriptor {
	if field == nil || field.IsList() || field.IsMap() {
		return nil
	}
	return field.Message()
}

// isHTTPBody compares the message's name, because dynamic messages have no Go type.
func isHTTPBody(message protoreflect.MessageDescriptor) bool {
	return message != nil && message.FullName() == httpBody
}

func (b *Binding) mediaTypes() []string {
	switch {
	case b.Method.ClientStreams:
		return []string{NDJSONType, JSONType}
	case b.Verb == "PATCH":
		return []string{MergePatchType, JSONType}
	default:
		return []string{JSONType}
	}
}

// offers begins with the type for a client that accepts any.
func (b *Binding) offers() []string {
	switch {
	case b.RawResponse, slices.Equal(b.Method.Success, []int32{204}):
		return nil
	case b.Method.ServerStreams:
		return []string{NDJSONType, EventType, JSONType}
	default:
		return []string{JSONType}
	}
}

// findMask returns the field for the update mask of a PATCH whose body is a resource. As in
// grpc-gateway, the request must have exactly one such field.
func (b *Binding) findMask() protoreflect.FieldDescriptor {
	if b.Verb != "PATCH" {
		return nil
	}
	var found protoreflect.FieldDescriptor
	fields := b.Method.Descriptor.Input().Fields()
	for i := range fields.Len() {
		message := singleMessage(fields.Get(i))
		if message == nil || message.FullName() != fieldMask {
			continue
		}
		if found != nil {
			return nil
		}
		found = fields.Get(i)
	}
	return found
}
