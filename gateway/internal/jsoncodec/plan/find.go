package plan

import (
	"bytes"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Find reads one field from the wire form of a message. The path starts at this message
// and goes through singular messages. The result is that of protoreflect.Message.Get on
// the decoded message. set is false if a message on the path is missing. known is false
// if the field, or a message on the path, is a duplicate, is not a single scalar, or is
// not encoded as declared: then the wire form has to be decoded.
func Find(wire []byte, path []protoreflect.FieldDescriptor) (found protoreflect.Value, set, known bool) {
	for _, step := range path[:len(path)-1] {
		content, there, ok := only(wire, step.Number(), protowire.BytesType)
		if !ok || step.Kind() != protoreflect.MessageKind {
			return protoreflect.Value{}, false, false
		}
		if !there {
			return protoreflect.Value{}, false, true
		}
		wire = content
	}
	leaf := path[len(path)-1]
	if leaf.IsList() || leaf.IsMap() || leaf.Message() != nil || leaf.ContainingOneof() != nil {
		return protoreflect.Value{}, false, false
	}
	content, there, ok := only(wire, leaf.Number(), wireOf(leaf.Kind()))
	switch {
	case !ok:
		return protoreflect.Value{}, false, false
	case !there:
		return leaf.Default(), true, true
	}
	found, ok = scalar(leaf, content)
	return found, true, ok
}

// only returns the content of a field that a message contains at most once.
func only(wire []byte, wanted protowire.Number, as protowire.Type) (content []byte, there, ok bool) {
	for pos := 0; pos < len(wire); {
		number, kind, length := tag(wire[pos:])
		if length < 0 {
			return nil, false, false
		}
		pos += length
		size := skip(kind, number, wire[pos:])
		if size < 0 {
			return nil, false, false
		}
		if number == wanted {
			if there || kind != as {
				return nil, false, false
			}
			content, there = wire[pos:pos+size], true
			if kind == protowire.BytesType {
				_, prefix := protowire.ConsumeVarint(content)
				content = content[prefix:]
			}
		}
		pos += size
	}
	return content, there, true
}

// scalar decodes the value of a field. It truncates values to 32 bits, like protobuf's
// own decoders.
//
//nolint:gosec // cutting is what is meant.
func scalar(f protoreflect.FieldDescriptor, content []byte) (protoreflect.Value, bool) {
	bits := bitsOf(wireOf(f.Kind()), content)
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(string(content)), utf8.Valid(content)
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(bytes.Clone(content)), true
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(bits != 0), true
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(int32(bits))), !f.Enum().IsClosed()
	case protoreflect.Int32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(bits)), true
	case protoreflect.Sint32Kind:
		return protoreflect.ValueOfInt32(int32(protowire.DecodeZigZag(bits & math.MaxUint32))), true
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(bits)), true
	case protoreflect.Int64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(int64(bits)), true
	case protoreflect.Sint64Kind:
		return protoreflect.ValueOfInt64(protowire.DecodeZigZag(bits)), true
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(bits), true
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(math.Float32frombits(uint32(bits))), true
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(math.Float64frombits(bits)), true
	default:
		return protoreflect.Value{}, false
	}
}

// bitsOf returns the bits of a number in its wire form, or 0 for anything else.
func bitsOf(kind protowire.Type, content []byte) uint64 {
	switch kind {
	case protowire.VarintType:
		bits, _ := protowire.ConsumeVarint(content)
		return bits
	case protowire.Fixed32Type:
		bits, _ := protowire.ConsumeFixed32(content)
		return uint64(bits)
	case protowire.Fixed64Type:
		bits, _ := protowire.ConsumeFixed64(content)
		return bits
	default:
		return 0
	}
}
