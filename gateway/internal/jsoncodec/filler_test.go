package jsoncodec_test

import (
	"math"
	"math/rand/v2"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// filler fills messages at random, often with limit values. All its messages have a JSON form.
type filler struct {
	*rand.Rand

	unknownTypes bool // Anys may hold types that are not linked in
	budget       int  // how many messages it may still make
}

func newFiller(seed uint64, unknownTypes bool) *filler {
	return &filler{Rand: rand.New(rand.NewPCG(seed, 0)), unknownTypes: unknownTypes, budget: 60}
}

func pick[T any](f *filler, values ...T) T { return values[f.IntN(len(values))] }

func (f *filler) message(m protoreflect.Message) {
	f.budget--
	if f.wellKnown(m) {
		return
	}
	fields := m.Descriptor().Fields()
	// A few fields each: the chance of a field falls with how many there are.
	for i := range fields.Len() {
		fd := fields.Get(i)
		if fd.Cardinality() == protoreflect.Required || f.IntN(fields.Len()) < 6 {
			f.field(m, fd)
		}
	}
}

func (f *filler) field(m protoreflect.Message, fd protoreflect.FieldDescriptor) {
	if fd.Message() != nil && f.budget <= 0 {
		return
	}
	switch {
	case fd.IsMap():
		entries := m.Mutable(fd).Map()
		for range f.IntN(4) {
			entries.Set(f.scalar(fd.MapKey()).MapKey(), f.value(fd.MapValue(), entries.NewValue))
		}
	case fd.IsList():
		list := m.Mutable(fd).List()
		for range f.IntN(4) {
			list.Append(f.value(fd, list.NewElement))
		}
	default:
		m.Set(fd, f.value(fd, func() protoreflect.Value { return m.NewField(fd) }))
	}
}

func (f *filler) value(fd protoreflect.FieldDescriptor, empty func() protoreflect.Value) protoreflect.Value {
	if fd.Message() == nil {
		return f.scalar(fd)
	}
	value := empty()
	f.message(value.Message())
	return value
}

func (f *filler) scalar(fd protoreflect.FieldDescriptor) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(f.IntN(2) == 0)
	case protoreflect.EnumKind:
		return f.enum(fd.Enum())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(pick(f, 0, 1, -1, math.MinInt32, math.MaxInt32, f.Int32()))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(pick(f, 0, 1, -1, math.MinInt64, math.MaxInt64, f.Int64()))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(pick(f, 0, 1, math.MaxUint32, f.Uint32()))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(pick(f, 0, 1, math.MaxUint64, f.Uint64()))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(pick(f, 0, float32(math.Copysign(0, -1)), math.MaxFloat32,
			math.SmallestNonzeroFloat32, 1e21, 1e-7, 0.1, float32(math.NaN()), float32(math.Inf(1)), math.Float32frombits(f.Uint32())))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(pick(f, math.NaN(), math.Inf(1), math.Inf(-1), f.finite()))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(f.bytes())
	default:
		return protoreflect.ValueOfString(f.text())
	}
}

func (f *filler) enum(ed protoreflect.EnumDescriptor) protoreflect.Value {
	if !ed.IsClosed() && ed.FullName() != "google.protobuf.NullValue" && f.IntN(3) == 0 {
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(f.Int32() - math.MaxInt32/2))
	}
	return protoreflect.ValueOfEnum(ed.Values().Get(f.IntN(ed.Values().Len())).Number())
}

func (f *filler) finite() float64 {
	number := math.Float64frombits(f.Uint64())
	if math.IsNaN(number) || math.IsInf(number, 0) {
		number = 0.5
	}
	return pick(f, 0, math.Copysign(0, -1), math.MaxFloat64, math.SmallestNonzeroFloat64, 1e21, 1e-7, 1<<53, number)
}

func (f *filler) bytes() []byte {
	bytes := make([]byte, f.IntN(9))
	for i := range bytes {
		bytes[i] = byte(f.Uint32())
	}
	return bytes
}

func (f *filler) text() string {
	const alphabet = "ab01 _/~\\\"<>&\x00\x01\x1f\x7f\n\té€\u2028\ufffd\U0001f600,:{}[]"
	runes := []rune(alphabet)
	var text strings.Builder
	for range f.IntN(8) {
		text.WriteRune(runes[f.IntN(len(runes))])
	}
	return text.String()
}

// wellKnown fills types of which only some combinations of fields have a JSON form.
func (f *filler) wellKnown(m protoreflect.Message) bool {
	fields := m.Descriptor().Fields()
	set := func(number protoreflect.FieldNumber, value protoreflect.Value) { m.Set(fields.ByNumber(number), value) }
	switch m.Descriptor().FullName() {
	case "google.protobuf.Timestamp":
		set(1, protoreflect.ValueOfInt64(pick(f, -62135596800, 253402300799, 0, -1, f.Int64N(253402300799))))
		set(2, protoreflect.ValueOfInt32(pick(f, 0, 1, 999999999, 500000000, 1000, f.Int32N(1e9))))
	case "google.protobuf.Duration":
		sign := pick(f, int64(1), -1)
		set(1, protoreflect.ValueOfInt64(sign*pick(f, 0, 1, 315576000000, f.Int64N(315576000000))))
		set(2, protoreflect.ValueOfInt32(int32(sign)*pick(f, 0, 1, 999999999, 500000000, 1000, f.Int32N(1e9))))
	case "google.protobuf.FieldMask":
		paths := m.Mutable(fields.ByNumber(1)).List()
		for range f.IntN(3) {
			paths.Append(protoreflect.ValueOfString(pick(f, "a", "display_name", "a.b_c.d", "x1")))
		}
	case "google.protobuf.Value":
		f.freeValue(m)
	case "google.protobuf.Any":
		packed := f.any()
		set(1, protoreflect.ValueOfString(packed.GetTypeUrl()))
		set(2, protoreflect.ValueOfBytes(packed.GetValue()))
	default:
		return false
	}
	return true
}

func (f *filler) freeValue(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	number := protoreflect.FieldNumber(1 + f.IntN(6))
	if f.budget <= 0 {
		number = 2
	}
	fd := fields.ByNumber(number)
	if number == 2 {
		m.Set(fd, protoreflect.ValueOfFloat64(f.finite()))
		return
	}
	f.field(m, fd)
}

func (f *filler) any() *anypb.Any {
	if f.IntN(6) == 0 {
		return new(anypb.Any)
	}
	if f.unknownTypes && f.IntN(2) == 0 {
		url := pick(f, "type.googleapis.com/acme.Unknown", "/x.Y", "https://acme.test/a%20b?q=1&r=(2)/acme.v1.Z")
		return &anypb.Any{TypeUrl: url, Value: f.bytes()}
	}
	content := pick[proto.Message](f, new(errdetails.ErrorInfo), new(errdetails.BadRequest), new(errdetails.RetryInfo),
		new(structpb.Struct), new(structpb.Value), new(durationpb.Duration), new(wrapperspb.StringValue), new(wrapperspb.BytesValue),
		new(anypb.Any))
	f.message(content.ProtoReflect())
	// Deterministic, because a map in another order would be other bytes.
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(content)
	if err != nil {
		return new(anypb.Any)
	}
	return &anypb.Any{TypeUrl: "type.googleapis.com/" + string(content.ProtoReflect().Descriptor().FullName()), Value: value}
}
