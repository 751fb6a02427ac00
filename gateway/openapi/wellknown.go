package openapi

import "google.golang.org/protobuf/reflect/protoreflect"

// wellKnown is the schema of a message that ProtoJSON writes in a way of its own; nil
// for all others.
func wellKnown(message protoreflect.MessageDescriptor) *schema {
	if message.FullName().Parent() != "google.protobuf" {
		return nil
	}
	switch message.Name() {
	case "Timestamp":
		return &schema{Type: typeString, Format: "date-time"}
	case "Duration":
		return &schema{Type: typeString, Pattern: `^-?[0-9]+(\.[0-9]{1,9})?s$`, Description: `Seconds, such as "1.5s".`}
	case "FieldMask":
		return &schema{Type: typeString, Description: `Paths of fields with commas between them, such as "displayName,labels.size".`}
	case "Struct":
		return &schema{Type: typeObject, AdditionalProperties: &schema{}}
	case "ListValue":
		return &schema{Type: typeArray, Items: &schema{}}
	case "Value":
		return &schema{Description: "Any value of JSON."}
	case "Any":
		return schemaRef(anyName)
	case "BoolValue", "Int32Value", "UInt32Value", "Int64Value", "UInt64Value", "FloatValue", "DoubleValue", "StringValue", "BytesValue":
		return scalar(message.Fields().ByNumber(1).Kind())
	default:
		return nil
	}
}

// scalar is the schema of a kind that is neither an enum nor a message.
func scalar(kind protoreflect.Kind) *schema {
	switch kind {
	case protoreflect.BoolKind:
		return &schema{Type: "boolean"}
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return &schema{Type: typeInteger, Format: "int32"}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return &schema{Type: typeInteger, Format: "uint32", Minimum: "0"}
	// 64 bits are more than a number of JavaScript holds.
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return &schema{Type: typeString, Format: "int64", Pattern: "^-?[0-9]+$"}
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return &schema{Type: typeString, Format: "uint64", Pattern: "^[0-9]+$"}
	case protoreflect.FloatKind:
		return number("float")
	case protoreflect.DoubleKind:
		return number("double")
	case protoreflect.BytesKind:
		return &schema{Type: typeString, ContentEncoding: "base64"}
	default:
		return &schema{Type: typeString}
	}
}

// number has the three values that JSON has no number for.
func number(format string) *schema {
	return &schema{AnyOf: []*schema{
		{Type: "number", Format: format},
		{Type: typeString, Enum: []any{"NaN", "Infinity", "-Infinity"}},
	}}
}
