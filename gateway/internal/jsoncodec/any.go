package jsoncodec

import (
	"encoding/base64"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/statusway/statusway/gateway/internal/jsoncodec/plan"
)

// MarshalAny returns the JSON of an error detail without loss: {"@type": …, fields…} if the type is linked in and JSON
// can express the whole message, else {"@type": …, "value": base64 of the bytes}. JSON cannot express an unknown field
// at any depth, bytes that are not of the type, a value without a JSON form, and depth beyond [MaxDepth].
//
// It never fails. It writes an invalid type URL unchanged, with U+FFFD for bytes that are not UTF-8.
//
// [Unmarshal] reads both forms: the first to an equal message, the second to the same bytes. It does not read an invalid
// type URL, or the second form of a type whose JSON has a member "value" of its own, such as Duration or StringValue,
// because that looks like the first form.
func MarshalAny(a *anypb.Any) []byte { return linked.AppendAny(nil, a) }

// AppendAny appends the result of [MarshalAny] to dst.
func (c Codec) AppendAny(dst []byte, a *anypb.Any) []byte {
	if out, ok := c.plans.AppendAny(dst, a.GetTypeUrl(), a.GetValue(), plan.Lossless); ok {
		return out
	}
	if !c.faithful(a.GetTypeUrl(), a.GetValue(), 0) {
		return appendOpaque(dst, a)
	}
	text, err := c.appendSlowly(dst, a) // unlike a plan, it refuses paths of a FieldMask that would not come back
	if err != nil || validate(text[len(dst):]) != nil {
		return appendOpaque(dst, a)
	}
	return text
}

func appendOpaque(dst []byte, a *anypb.Any) []byte {
	dst = AppendString(append(dst, `{"@type":`...), a.GetTypeUrl())
	dst = base64.StdEncoding.AppendEncode(append(dst, `,"value":"`...), a.GetValue())
	return append(dst, `"}`...)
}

// faithful reports whether JSON would show everything in the bytes of an Any, which is in
// depth other Anys. Beyond [MaxDepth] the result is always false, because JSON is not used
// there, and each level costs a copy of everything below it.
func (c Codec) faithful(url string, value []byte, depth int) bool {
	if depth > MaxDepth {
		return false
	}
	mt, err := c.types.FindMessageByURL(url)
	if err != nil {
		return true // the JSON contains the bytes themselves
	}
	m := mt.New()
	// protojson does not check required fields in an Any, in either direction.
	if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(value, m.Interface()); err != nil {
		return false
	}
	return c.lossless(m, depth+1)
}

// lossless reports whether JSON can express m and everything below it.
func (c Codec) lossless(m protoreflect.Message, depth int) bool {
	if len(m.GetUnknown()) > 0 {
		return false
	}
	if m.Descriptor().FullName() == "google.protobuf.Any" {
		fields := m.Descriptor().Fields()
		url := m.Get(fields.ByNumber(1)).String()
		return url == "" || validTypeURL(url) && c.faithful(url, m.Get(fields.ByNumber(2)).Bytes(), depth)
	}
	ok := true
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsMap():
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				ok = c.losslessValue(fd.MapValue(), v, depth)
				return ok
			})
		case fd.IsList():
			for i := 0; ok && i < v.List().Len(); i++ {
				ok = c.losslessValue(fd, v.List().Get(i), depth)
			}
		default:
			ok = c.losslessValue(fd, v, depth)
		}
		return ok
	})
	return ok
}

func (c Codec) losslessValue(fd protoreflect.FieldDescriptor, v protoreflect.Value, depth int) bool {
	switch {
	case fd.Message() != nil:
		return c.lossless(v.Message(), depth)
	case isNullValue(fd):
		return v.Enum() == 0 // NullValue has one null in JSON, 2^32 numbers in proto3
	default:
		return true
	}
}

func isNullValue(fd protoreflect.FieldDescriptor) bool {
	return fd.Enum() != nil && fd.Enum().FullName() == "google.protobuf.NullValue"
}

// hasOwnValue reports whether the JSON of an Any of this type has a member "value" other than the bytes: because the type
// has a JSON form of its own, or such a field.
func hasOwnValue(types Types, md protoreflect.MessageDescriptor) bool {
	return hasOwnJSON(md) || fieldOf(types, md, "value") != nil
}

// hasOwnJSON reports whether the member "value" of an Any contains the JSON form of this type, because that form is not
// an object with the message's fields.
func hasOwnJSON(md protoreflect.MessageDescriptor) bool {
	if md.FullName().Parent() != "google.protobuf" {
		return false
	}
	switch md.Name() {
	case "Any", "Timestamp", "Duration", "FieldMask", "Struct", "Value", "ListValue", "Empty":
		return true
	default:
		return isWrapper(md)
	}
}

func isWrapper(md protoreflect.MessageDescriptor) bool {
	switch md.FullName() {
	case "google.protobuf.BoolValue", "google.protobuf.StringValue", "google.protobuf.BytesValue",
		"google.protobuf.Int32Value", "google.protobuf.Int64Value",
		"google.protobuf.UInt32Value", "google.protobuf.UInt64Value",
		"google.protobuf.FloatValue", "google.protobuf.DoubleValue":
		return true
	default:
		return false
	}
}

// validTypeURL reports whether url can name a type: a URI reference whose last segment is a full name
// (google/protobuf/any.proto). The slash is required: without one, other languages refuse the URL.
func validTypeURL(url string) bool {
	slash := strings.LastIndexByte(url, '/')
	if slash < 0 || !protoreflect.FullName(url[slash+1:]).IsValid() {
		return false
	}
	// RFC 3986 §2: the characters of a URI.
	return !strings.ContainsFunc(url, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("-._~:/?#[]@!$&'()*+,;=%", r)
	})
}
