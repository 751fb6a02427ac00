package request

import (
	"strconv"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/internal/respond"
)

// mayLackField reports whether a message has a required field (proto2) at any depth.
func mayLackField(message protoreflect.MessageDescriptor, seen map[protoreflect.MessageDescriptor]bool) bool {
	if seen[message] {
		return false
	}
	seen[message] = true
	if message.RequiredNumbers().Len() > 0 {
		return true
	}
	for i := range message.Fields().Len() {
		if inner := message.Fields().Get(i).Message(); inner != nil && mayLackField(inner, seen) {
			return true
		}
	}
	return false
}

// checkRequired refuses a request that lacks a required field. A message without it cannot be sent.
func checkRequired(message protoreflect.Message) error {
	path := missingField(message)
	if path == "" {
		return nil
	}
	return respond.Invalid("the field "+path+" is required", &errdetails.BadRequest_FieldViolation{
		Field: path, Description: "is required", Reason: "MISSING_FIELD",
	})
}

// missingField returns the path of a required field that is not set, or "".
func missingField(message protoreflect.Message) string {
	required := message.Descriptor().RequiredNumbers()
	for i := range required.Len() {
		if field := message.Descriptor().Fields().ByNumber(required.Get(i)); !message.Has(field) {
			return string(field.Name())
		}
	}
	missing := ""
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		missing = missingIn(field, value)
		return missing == ""
	})
	return missing
}

func missingIn(field protoreflect.FieldDescriptor, value protoreflect.Value) string {
	inner, at := "", ""
	switch {
	case field.IsMap():
		if field.MapValue().Message() == nil {
			return ""
		}
		value.Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
			inner, at = missingField(value.Message()), `["`+key.String()+`"]`
			return inner == ""
		})
	case field.Message() == nil:
		return ""
	case field.IsList():
		for i := 0; i < value.List().Len() && inner == ""; i++ {
			inner, at = missingField(value.List().Get(i).Message()), "["+strconv.Itoa(i)+"]"
		}
	default:
		inner = missingField(value.Message())
	}
	if inner == "" {
		return ""
	}
	return string(field.Name()) + at + "." + inner
}
