package openapi

import "google.golang.org/protobuf/reflect/protoreflect"

// wellKnown returns the schema of a message with a special ProtoJSON form, or nil for other messages.
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

// scalar returns the schema of a scalar kind other than an enum.
func scalar(kind protoreflect.Kind) *schema {
	switch kind {
	case protoreflect.BoolKind:
		return &schema{Type: "boolean"}
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return &schema{Type: typeInteger, Format: "int32"}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return &schema{Type: typeInteger, Format: "uint32", Minimum: "0"}
	// A JavaScript number cannot represent all 64-bit integers.
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

// number returns the schema of a floating-point number, including the three values that JSON numbers cannot
// express.
func number(format string) *schema {
	return &schema{AnyOf: []*schema{
		{Type: "number", Format: format},
		{Type: typeString, Enum: []any{"NaN", "Infinity", "-Infinity"}},
	}}
}
