package contract

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// FieldPath is the path from a message to one of its fields, through singular messages.
type FieldPath []protoreflect.FieldDescriptor

// ParseFieldPath parses a dotted path of proto field names, such as "entity.id".
func ParseFieldPath(message protoreflect.MessageDescriptor, path string) (FieldPath, error) {
	var found FieldPath
	for name := range strings.SplitSeq(path, ".") {
		if message == nil {
			return nil, fmt.Errorf("%q: %s is not a message", path, found.leaf().Name())
		}
		field := message.Fields().ByName(protoreflect.Name(name))
		if field == nil {
			return nil, fmt.Errorf("%s has no field %q", message.FullName(), name)
		}
		if len(found) > 0 && found.leaf().IsList() {
			return nil, fmt.Errorf("%q: %s has many values", path, found.leaf().Name())
		}
		found = append(found, field)
		message = field.Message()
		if field.IsMap() {
			message = nil
		}
	}
	return found, nil
}

// hasText reports whether [FieldPath.Text] can return a text.
func (p FieldPath) hasText() bool {
	leaf := p.leaf()
	return !leaf.IsList() && leaf.Message() == nil && leaf.Kind() != protoreflect.BytesKind
}

// isTimestamp reports whether the field is a google.protobuf.Timestamp.
func (p FieldPath) isTimestamp() bool {
	leaf := p.leaf()
	return !leaf.IsList() && leaf.Message() != nil && leaf.Message().FullName() == "google.protobuf.Timestamp"
}

func (p FieldPath) leaf() protoreflect.FieldDescriptor { return p[len(p)-1] }

// String returns the path in proto names.
func (p FieldPath) String() string {
	names := make([]string, len(p))
	for i, field := range p {
		names[i] = string(field.Name())
	}
	return strings.Join(names, ".")
}

// jsonName returns the path in JSON names.
func (p FieldPath) jsonName() string {
	names := make([]string, len(p))
	for i, field := range p {
		names[i] = field.JSONName()
	}
	return strings.Join(names, ".")
}

// finder is a message that may find a field's value without decoding the message, such as
// jsoncodec.Wire.
type finder interface {
	Find(path []protoreflect.FieldDescriptor) (value protoreflect.Value, set, known bool)
}

// Get returns the field's value in message. It returns false if a message on the path is not set.
func (p FieldPath) Get(message proto.Message) (protoreflect.Value, bool) {
	if wire, ok := message.(finder); ok {
		if value, set, known := wire.Find(p); known {
			return value, set
		}
	}
	inner := message.ProtoReflect()
	for _, field := range p[:len(p)-1] {
		if !inner.Has(field) {
			return protoreflect.Value{}, false
		}
		inner = inner.Get(field).Message()
	}
	return inner.Get(p.leaf()), true
}

// Text returns the field's value as text for a path or a header. It returns false if there is no
// value, or if the value has no text form.
func (p FieldPath) Text(message proto.Message) (string, bool) {
	if !p.hasText() {
		return "", false
	}
	value, ok := p.Get(message)
	if !ok {
		return "", false
	}
	switch p.leaf().Kind() {
	case protoreflect.StringKind:
		return value.String(), true
	case protoreflect.EnumKind:
		if name := p.leaf().Enum().Values().ByNumber(value.Enum()); name != nil {
			return string(name.Name()), true
		}
		return strconv.Itoa(int(value.Enum())), true
	default:
		return fmt.Sprint(value.Interface()), true
	}
}

// TimePath is the path to a google.protobuf.Timestamp, by its two fields.
type TimePath struct{ seconds, nanos FieldPath }

// timePath returns the TimePath of a Timestamp field.
func (p FieldPath) timePath() *TimePath {
	fields := p.leaf().Message().Fields()
	return &TimePath{seconds: slices.Concat(p, FieldPath{fields.ByNumber(1)}), nanos: slices.Concat(p, FieldPath{fields.ByNumber(2)})}
}

// Time returns the value of the Timestamp. It returns false if the Timestamp is not set or outside the
// years 1 to 9999. It finds the fields by number and not by Go type, so it also works on dynamic
// messages.
func (p *TimePath) Time(message proto.Message) (time.Time, bool) {
	seconds, ok := p.seconds.Get(message)
	if !ok {
		return time.Time{}, false
	}
	nanos, _ := p.nanos.Get(message)
	// The range that google/protobuf/timestamp.proto and an HTTP-date allow.
	const first, last = -62135596800, 253402300799
	if seconds.Int() < first || seconds.Int() > last {
		return time.Time{}, false
	}
	return time.Unix(seconds.Int(), nanos.Int()).UTC(), true
}
