package inprocess

import (
	"reflect"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/structpb"
)

// fieldOverhead is the maximum size of a field's tag (5 bytes) plus the longest scalar
// or the length of a text or message (10 bytes).
const fieldOverhead = 15

// checkSize fails if the wire form of a message is over its limit. A negative limit
// means no limit.
//
// Why not proto.Size alone: it allocates for each map entry, so for a list of 100
// entities with free-form attributes it takes 100 times as long as the call itself.
// For nearly all messages an upper bound is enough.
func (h *handover) checkSize(message any, limit int, reason string) error {
	if encoded, ok := message.(wire); ok && limit >= 0 && len(encoded) > limit {
		return tooLarge(reason, len(encoded), limit)
	}
	m := messageOf(message)
	if limit < 0 || m == nil || h.bound(m) <= limit {
		return nil
	}
	if size := proto.Size(m); size > limit {
		return tooLarge(reason, size, limit)
	}

	return nil
}

// messageOf returns v as a message, or nil if it is not one.
func messageOf(v any) proto.Message {
	switch v := v.(type) {
	case proto.Message:
		return v
	case protoadapt.MessageV1:
		return protoadapt.MessageV2Of(v)
	}

	return nil
}

// bound returns an upper bound of the size of m on the wire, in bytes. It does not
// allocate for messages with plain fields.
func (h *handover) bound(m proto.Message) int {
	return h.layouts.of(reflect.TypeOf(m)).bound(reflect.ValueOf(m))
}

func (l *layout) bound(message reflect.Value) int {
	if l.measure == byField {
		return l.boundFields(message)
	}
	switch m := message.Interface().(type) {
	case *structpb.Value:
		return boundValue(m)
	case *structpb.Struct:
		return boundStruct(m)
	case *structpb.ListValue:
		return boundList(m)
	}
	m, _ := reflect.TypeAssert[proto.Message](message)

	return proto.Size(m)
}

func (l *layout) boundFields(message reflect.Value) int {
	if message.IsNil() {
		return 0
	}
	fields := message.Elem()
	total := l.scalars
	if l.unknown >= 0 {
		total += fields.Field(l.unknown).Len()
	}
	for i := range l.sized {
		total += l.sized[i].bound(fields.Field(l.sized[i].index))
	}

	return total
}

func (f *sizedField) bound(v reflect.Value) int {
	switch f.shape {
	case shapeText:
		return fieldOverhead + v.Len()
	case shapeTextPointer:
		if v.IsNil() {
			return 0
		}

		return fieldOverhead + v.Elem().Len()
	case shapeScalars:
		return (1 + v.Len()) * fieldOverhead
	case shapeMessage:
		if v.IsNil() {
			return 0
		}

		return fieldOverhead + f.nested.bound(v)
	case shapeTextMap:
		return boundTextMap(v)
	default:
		return f.boundEach(v)
	}
}

// boundEach bounds a list of texts or messages.
func (f *sizedField) boundEach(list reflect.Value) int {
	total := list.Len() * fieldOverhead
	for i := range list.Len() {
		if f.shape == shapeMessages {
			total += f.nested.bound(list.Index(i))
		} else {
			total += list.Index(i).Len()
		}
	}

	return total
}

func boundTextMap(v reflect.Value) int {
	total := 0
	entries, _ := reflect.TypeAssert[map[string]string](v)
	for key, value := range entries {
		total += 3*fieldOverhead + len(key) + len(value)
	}

	return total
}

func boundValue(v *structpb.Value) int {
	total := fieldOverhead
	if v != nil {
		total += len(v.ProtoReflect().GetUnknown())
	}
	switch kind := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		total += len(kind.StringValue)
	case *structpb.Value_StructValue:
		total += boundStruct(kind.StructValue)
	case *structpb.Value_ListValue:
		total += boundList(kind.ListValue)
	}

	return total
}

func boundStruct(s *structpb.Struct) int {
	if s == nil {
		return 0
	}
	total := len(s.ProtoReflect().GetUnknown())
	for key, value := range s.GetFields() {
		total += 3*fieldOverhead + len(key) + boundValue(value)
	}

	return total
}

func boundList(l *structpb.ListValue) int {
	if l == nil {
		return 0
	}
	total := len(l.ProtoReflect().GetUnknown())
	for _, value := range l.GetValues() {
		total += fieldOverhead + boundValue(value)
	}

	return total
}
