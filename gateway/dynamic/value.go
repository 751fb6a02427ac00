package dynamic

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/jsoncodec"
)

var (
	errBase64 = errors.New("it is not base64")
	errEnum   = errors.New("it is no value of the enum")
	errEmpty  = errors.New("it has no content, so only an empty text or {} stands for it")
	errNoText = errors.New("a message of this type cannot be written in a URL")
)

// parse reads one value of a field from a path or a query, into a message of which
// fresh makes a new one. The forms are those that grpc-gateway takes, so that clients
// need not change, and where ProtoJSON has a text for the value, that too.
func parse(field protoreflect.FieldDescriptor, text string, fresh func() protoreflect.Value) (protoreflect.Value, error) {
	switch field.Kind() {
	case protoreflect.BoolKind:
		value, err := strconv.ParseBool(text)
		return protoreflect.ValueOfBool(value), err
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		value, err := strconv.ParseInt(text, 10, 32)
		return protoreflect.ValueOfInt32(int32(value)), err
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		value, err := strconv.ParseInt(text, 10, 64)
		return protoreflect.ValueOfInt64(value), err
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		value, err := strconv.ParseUint(text, 10, 32)
		return protoreflect.ValueOfUint32(uint32(value)), err
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		value, err := strconv.ParseUint(text, 10, 64)
		return protoreflect.ValueOfUint64(value), err
	case protoreflect.FloatKind:
		value, err := strconv.ParseFloat(text, 32)
		return protoreflect.ValueOfFloat32(float32(value)), err
	case protoreflect.DoubleKind:
		value, err := strconv.ParseFloat(text, 64)
		return protoreflect.ValueOfFloat64(value), err
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(text), nil
	case protoreflect.BytesKind:
		value, err := parseBytes(text)
		return protoreflect.ValueOfBytes(value), err
	case protoreflect.EnumKind:
		value, err := parseEnum(field.Enum(), text)
		return protoreflect.ValueOfEnum(value), err
	default:
		value := fresh()
		return value, parseMessage(value.Message(), text)
	}
}

// parseBytes takes both alphabets of base64 (RFC 4648 §4, §5), padded or not.
func parseBytes(text string) ([]byte, error) {
	text = strings.TrimRight(text, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if value, err := encoding.DecodeString(text); err == nil {
			return value, nil
		}
	}
	return nil, errBase64
}

// parseEnum takes a name, or a number, also one that has no name: ProtoJSON keeps it.
func parseEnum(enum protoreflect.EnumDescriptor, text string) (protoreflect.EnumNumber, error) {
	if value := enum.Values().ByName(protoreflect.Name(text)); value != nil {
		return value.Number(), nil
	}
	number, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, errEnum
	}
	return protoreflect.EnumNumber(number), nil
}

// parseMessage reads the well-known types that have a text.
func parseMessage(message protoreflect.Message, text string) error {
	name := message.Descriptor().FullName()
	switch name {
	case "google.protobuf.Timestamp":
		return fromJSON(message, quoted(text))
	case "google.protobuf.Duration":
		return parseDuration(message, text)
	case "google.protobuf.FieldMask":
		return parseMask(message, text)
	case "google.protobuf.Value", "google.protobuf.Struct", "google.protobuf.ListValue":
		return fromJSON(message, []byte(text))
	case "google.protobuf.Empty":
		if text != "" && text != "{}" {
			return errEmpty
		}
		return nil
	}
	if name.Parent() != "google.protobuf" || !strings.HasSuffix(string(name), "Value") {
		return errNoText
	}
	// The wrappers: one field, the value.
	field := message.Descriptor().Fields().ByNumber(1)
	value, err := parse(field, text, nil)
	if err != nil {
		return err
	}
	message.Set(field, value)
	return nil
}

// parseDuration takes ProtoJSON's "1.5s" and, as grpc-gateway does, Go's "1m30s".
func parseDuration(message protoreflect.Message, text string) error {
	err := fromJSON(message, quoted(text))
	if err == nil {
		return nil
	}
	parsed, failure := time.ParseDuration(text)
	if failure != nil {
		return err
	}
	fields := message.Descriptor().Fields()
	message.Set(fields.ByNumber(1), protoreflect.ValueOfInt64(int64(parsed/time.Second)))
	message.Set(fields.ByNumber(2), protoreflect.ValueOfInt32(int32(parsed%time.Second)))
	return nil
}

// parseMask takes the paths as they are written. ProtoJSON's camel case is not undone:
// a path may lead into a google.protobuf.Struct, whose names may be in any case.
func parseMask(message protoreflect.Message, text string) error {
	if text == "" {
		return nil
	}
	setPaths(message, strings.Split(text, ","))
	return nil
}

// setPaths sets the paths of a google.protobuf.FieldMask.
func setPaths(mask protoreflect.Message, paths []string) {
	list := mask.Mutable(mask.Descriptor().Fields().ByNumber(1)).List()
	for _, path := range paths {
		list.Append(protoreflect.ValueOfString(path))
	}
}

func fromJSON(message protoreflect.Message, text []byte) error {
	return jsoncodec.Unmarshal(text, message.Interface())
}

func quoted(text string) []byte {
	out, err := json.Marshal(text)
	if err != nil {
		return []byte(`""`) // cannot be: a string always encodes
	}
	return out
}
