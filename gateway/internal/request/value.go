package request

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/statusway/statusway/gateway/internal/jsoncodec"
)

var (
	errBase64    = errors.New("not base64")
	errEnum      = errors.New("not a value of the enum")
	errEmpty     = errors.New("the message is empty, so only an empty text or {} is allowed")
	errNoText    = errors.New("a message of this type cannot be written in a URL")
	errNumber    = errors.New("not a number as JSON writes it")
	errPrecision = errors.New("a digit would be lost")
)

// parse parses one value of a field from a path or a query. If the field is a message, fresh creates it; if
// fresh is nil, the message is a dynamic one.
// parse accepts the forms of grpc-gateway, so that clients need not change, and those of ProtoJSON. For
// numbers it only accepts ProtoJSON.
func parse(field protoreflect.FieldDescriptor, text string, fresh func() protoreflect.Value) (protoreflect.Value, error) {
	switch field.Kind() {
	case protoreflect.BoolKind:
		value, err := strconv.ParseBool(text)
		return protoreflect.ValueOfBool(value), err
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		value, err := parseInt(text, 32)
		return protoreflect.ValueOfInt32(int32(value)), err //nolint:gosec // parseInt has checked the size.
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		value, err := parseInt(text, 64)
		return protoreflect.ValueOfInt64(value), err
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		value, err := parseUint(text, 32)
		return protoreflect.ValueOfUint32(uint32(value)), err //nolint:gosec // as above.
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		value, err := parseUint(text, 64)
		return protoreflect.ValueOfUint64(value), err
	case protoreflect.FloatKind:
		value, err := parseFloat(text, 32)
		return protoreflect.ValueOfFloat32(float32(value)), err
	case protoreflect.DoubleKind:
		value, err := parseFloat(text, 64)
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
		if fresh == nil {
			message := dynamicpb.NewMessage(field.Message())
			return protoreflect.ValueOfMessage(message), parseMessage(message, text)
		}
		value := fresh()
		return value, parseMessage(value.Message(), text)
	}
}

// numberPattern matches a JSON number (RFC 8259 §6).
var numberPattern = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// parseInt accepts what ProtoJSON accepts: any JSON number that is an integer, such as 1e3 and 1.0.
func parseInt(text string, bits int) (int64, error) {
	return parseInteger(text, func(digits string) (int64, error) { return strconv.ParseInt(digits, 10, bits) })
}

func parseUint(text string, bits int) (uint64, error) {
	return parseInteger(text, func(digits string) (uint64, error) {
		if digits == "-0" {
			digits = "0"
		}
		return strconv.ParseUint(digits, 10, bits)
	})
}

func parseInteger[T any](text string, parse func(digits string) (T, error)) (T, error) {
	var none T
	if digits := strings.TrimPrefix(text, "-"); digits == "0" || strings.Trim(digits, "0123456789") == "" && !strings.HasPrefix(digits, "0") {
		return parse(text)
	}
	parts := numberPattern.FindStringSubmatch(text)
	if parts == nil || len(text) > maxNumber {
		return none, errNumber
	}
	// More than three digits of an exponent could make a number of any size.
	if exponent := strings.TrimLeft(parts[3], "eE+-0"); len(exponent) > 3 {
		return none, errNumber
	}
	number, ok := new(big.Rat).SetString(text)
	if !ok || !number.IsInt() {
		return none, errNumber
	}
	return parse(number.Num().String())
}

// maxNumber is the maximum length of an integer that is written with a fraction or an exponent.
const maxNumber = 64

// parseFloat accepts a JSON number and the three names that ProtoJSON adds. strconv.ParseFloat alone would
// also accept 0x1p-2 and nan, and turn a number that is too small into 0.
func parseFloat(text string, bits int) (float64, error) {
	if text == "NaN" || text == "Infinity" || text == "-Infinity" {
		return strconv.ParseFloat(text, bits) //nolint:wrapcheck // it is only compared with nil.
	}
	parts := numberPattern.FindStringSubmatch(text)
	if parts == nil {
		return 0, errNumber
	}
	value, err := strconv.ParseFloat(text, bits)
	if value == 0 && strings.Trim(parts[1]+parts[2], "0.") != "" {
		return 0, errPrecision
	}
	return value, err //nolint:wrapcheck // as above.
}

// parseBytes accepts both alphabets of base64 (RFC 4648 §4, §5), with or without padding.
func parseBytes(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // The decoders would skip them.
		return nil, errBase64
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
		if value, err := encoding.Strict().DecodeString(text); err == nil {
			return value, nil
		}
	}
	return nil, errBase64
}

// parseEnum accepts a name or a number. An open enum accepts a number without a name, as in ProtoJSON; a
// closed enum does not.
func parseEnum(enum protoreflect.EnumDescriptor, text string) (protoreflect.EnumNumber, error) {
	if value := enum.Values().ByName(protoreflect.Name(text)); value != nil {
		return value.Number(), nil
	}
	number, err := strconv.ParseInt(text, 10, 32)
	if err != nil || enum.IsClosed() && enum.Values().ByNumber(protoreflect.EnumNumber(number)) == nil {
		return 0, errEnum
	}
	return protoreflect.EnumNumber(number), nil
}

// parseMessage parses the well-known types with a text form.
func parseMessage(message protoreflect.Message, text string) error {
	name := message.Descriptor().FullName()
	switch name {
	case "google.protobuf.Timestamp":
		if strings.Contains(text, ",") {
			return errNumber // Package time would take it for the decimal point.
		}
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
	// A wrapper has one field, the value.
	field := message.Descriptor().Fields().ByNumber(1)
	value, err := parse(field, text, nil)
	if err != nil {
		return err
	}
	message.Set(field, value)
	return nil
}

// parseDuration accepts ProtoJSON's "1.5s" and, like grpc-gateway, Go's "1m30s".
func parseDuration(message protoreflect.Message, text string) error {
	err := fromJSON(message, quoted(text))
	if err == nil {
		return nil
	}
	parsed, failure := time.ParseDuration(text)
	if failure != nil {
		return err
	}
	if !isWholeNanoseconds(text) {
		return errPrecision
	}
	fields := message.Descriptor().Fields()
	message.Set(fields.ByNumber(1), protoreflect.ValueOfInt64(int64(parsed/time.Second)))
	message.Set(fields.ByNumber(2), protoreflect.ValueOfInt32(int32(parsed%time.Second)))
	return nil
}

// partPattern matches one number and unit of a Go duration.
var partPattern = regexp.MustCompile(`([0-9.]+)([a-zµμ]+)`)

// isWholeNanoseconds reports whether time.ParseDuration has parsed text without loss: it truncates to
// nanoseconds.
func isWholeNanoseconds(text string) bool {
	for _, part := range partPattern.FindAllStringSubmatch(text, -1) {
		number, ok := new(big.Rat).SetString(part[1])
		unit, err := time.ParseDuration("1" + part[2])
		if !ok || err != nil || !number.Mul(number, big.NewRat(int64(unit), 1)).IsInt() {
			return false
		}
	}
	return true
}

// parseMask stores the paths unchanged; see [Builder.protoPaths].
func parseMask(message protoreflect.Message, text string) error {
	if text == "" {
		return nil
	}
	setPaths(message, strings.Split(text, ","))
	return nil
}

func fromJSON(message protoreflect.Message, text []byte) error {
	return jsoncodec.Unmarshal(text, message.Interface())
}

func quoted(text string) []byte {
	out, err := json.Marshal(text)
	if err != nil {
		return []byte(`""`) // This cannot happen: a string always encodes.
	}
	return out
}
