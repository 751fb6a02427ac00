package jsoncodec

import (
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// checkScalar checks the text of one scalar or enum value.
func checkScalar(fd protoreflect.FieldDescriptor, text []byte) *Error {
	if obvious(fd.Kind(), text) {
		return nil
	}
	if fd.Kind() == protoreflect.EnumKind {
		return checkEnum(fd, text)
	}
	if accepts(scalarOf(fd.Kind()), text) {
		return nil
	}
	if isSort(fd.Kind(), text) {
		return invalid("must be %s", Expectation(fd))
	}
	return mismatch(text[0], Expectation(fd))
}

// isSort reports whether a refused text has the right JSON type for the kind, so that something else is wrong. A number
// can be a string too.
func isSort(kind protoreflect.Kind, text []byte) bool {
	switch kind {
	case protoreflect.StringKind, protoreflect.BoolKind:
		return false
	case protoreflect.BytesKind:
		return text[0] == '"'
	default:
		return isNumber(text[0]) || text[0] == '"' && accepts(new(wrapperspb.DoubleValue), text)
	}
}

func isNumber(c byte) bool { return c == '-' || '0' <= c && c <= '9' }

// obvious reports whether a text is clearly a value of the kind. A call of protojson costs a microsecond, and a hostile
// body can have a million values before the wrong one.
func obvious(kind protoreflect.Kind, text []byte) bool {
	switch kind {
	case protoreflect.StringKind:
		return text[0] == '"'
	case protoreflect.BoolKind:
		return text[0] == 't' || text[0] == 'f'
	case protoreflect.BytesKind:
		return string(text) == `""`
	case protoreflect.EnumKind:
		return false
	default:
		// Nine digits fit any number.
		return len(text) <= 9 && strings.Trim(string(text), "0123456789") == ""
	}
}

// accepts reports whether protojson reads a text as m. Its error is a text for programmers, so it is not used.
func accepts(m proto.Message, text []byte) bool { return protojson.Unmarshal(text, m) == nil }

// scalarOf returns the well-known wrapper of a kind: the smallest message into which protojson reads such a value.
func scalarOf(kind protoreflect.Kind) proto.Message {
	switch kind {
	case protoreflect.BoolKind:
		return new(wrapperspb.BoolValue)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return new(wrapperspb.Int32Value)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return new(wrapperspb.Int64Value)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return new(wrapperspb.UInt32Value)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return new(wrapperspb.UInt64Value)
	case protoreflect.FloatKind:
		return new(wrapperspb.FloatValue)
	case protoreflect.DoubleKind:
		return new(wrapperspb.DoubleValue)
	case protoreflect.BytesKind:
		return new(wrapperspb.BytesValue)
	default:
		return new(wrapperspb.StringValue)
	}
}

// checkEnum takes names and numbers. An open enum (proto3) takes numbers without a name too; a closed one would lose them.
func checkEnum(fd protoreflect.FieldDescriptor, text []byte) *Error {
	values, number := fd.Enum().Values(), new(wrapperspb.Int32Value)
	switch c := text[0]; {
	case c == '"' && values.ByName(protoreflect.Name(unquote(text))) != nil,
		c == 'n' && isNullValue(fd),
		isNumber(c) && accepts(number, text) && (!fd.Enum().IsClosed() || values.ByNumber(protoreflect.EnumNumber(number.GetValue())) != nil):
		return nil
	}
	return invalid("must be one of %s", enumNames(fd.Enum()))
}

// enumerate lists a limited number of names.
func enumerate(names []string) string {
	const most = 20
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// Expectation describes the values of a field for a client, such as "true or false".
func Expectation(fd protoreflect.FieldDescriptor) string {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return "an integer from -2147483648 to 2147483647"
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return "an integer from -9223372036854775808 to 9223372036854775807"
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return "an integer from 0 to 4294967295"
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return "an integer from 0 to 18446744073709551615"
	case protoreflect.FloatKind:
		return "a number from -3.4028235e38 to 3.4028235e38"
	case protoreflect.DoubleKind:
		return "a number from -1.7976931348623157e308 to 1.7976931348623157e308"
	case protoreflect.BytesKind:
		return "a string of base64"
	case protoreflect.EnumKind:
		return "one of " + enumNames(fd.Enum())
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return knownFormat(fd.Message())
	default:
		return "a string"
	}
}

func enumNames(of protoreflect.EnumDescriptor) string {
	var names []string
	for i := range of.Values().Len() {
		names = append(names, string(of.Values().Get(i).Name()))
	}
	return enumerate(names)
}

// knownFormat describes the text of a well-known type.
func knownFormat(md protoreflect.MessageDescriptor) string {
	switch md.FullName() {
	case "google.protobuf.Timestamp":
		return `an RFC 3339 date and time in the years 0001 to 9999, such as "2006-01-02T15:04:05Z"`
	case "google.protobuf.Duration":
		return `a number of seconds with "s" behind it, such as "1.5s": at most 9 decimals, and 315576000000 seconds`
	case "google.protobuf.FieldMask":
		return `a list of lowerCamelCase field paths with commas between them, such as "displayName,labels.size"`
	}
	if isWrapper(md) {
		return Expectation(md.Fields().ByNumber(1))
	}
	return "a " + string(md.FullName())
}

// checkKnown checks a well-known type whose JSON is a string with a format.
func checkKnown(md protoreflect.MessageDescriptor, text []byte) *Error {
	var m proto.Message
	switch md.Name() {
	case "Timestamp":
		m = new(timestamppb.Timestamp)
	case "Duration":
		m = new(durationpb.Duration)
	default:
		m = new(fieldmaskpb.FieldMask)
	}
	switch {
	case text[0] != '"':
		return mismatch(text[0], "a string")
	case !accepts(m, text):
		return invalid("must be %s", knownFormat(md))
	default:
		return nil
	}
}
