package plan

import (
	"reflect"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// layout says where the struct of a generated message has the fields of its plan. Only
// structs of protobuf's open API have one: exported fields with their number in a tag.
type layout struct {
	plan *message
	// fields correspond to those of the plan.
	fields []position
	// unknown is true if the struct cannot be read.
	unknown bool
}

// position says where a struct has one field.
type position struct {
	// index is the index of the struct's field: its own, or that of its oneof.
	index int
	// optional is true if it is a pointer to a scalar.
	optional bool
	// nested is the layout of a message, of a list's messages or of a map's value.
	nested *layout
}

// layoutOf returns the layout of a message's Go type.
func (s *Set) layoutOf(m proto.Message) *layout {
	of := reflect.TypeOf(m)
	if found, ok := s.byGo.Load(of); ok {
		return found.(*layout) //nolint:forcetypeassert // only layouts are stored.
	}
	begun := map[reflect.Type]*layout{}
	made := s.layout(of, m.ProtoReflect().Descriptor(), begun)
	for one, finished := range begun {
		s.byGo.Store(one, finished)
	}
	return made
}

// layout reads a Go type and the types of its fields, which may contain one another.
func (s *Set) layout(of reflect.Type, descriptor protoreflect.MessageDescriptor, begun map[reflect.Type]*layout) *layout {
	if found := begun[of]; found != nil {
		return found
	}
	made := &layout{plan: s.of(descriptor)}
	begun[of] = made
	switch {
	case made.plan.unknown || made.plan.extensions.Len() > 0 || of.Kind() != reflect.Pointer || of.Elem().Kind() != reflect.Struct:
		made.unknown = true
	case made.isKnown(of):
	default:
		made.unknown = !s.positions(made, of.Elem(), descriptor, begun)
	}
	return made
}

// isKnown reports whether the writer reads this type through its methods.
func (l *layout) isKnown(of reflect.Type) bool {
	switch reflect.Zero(of).Interface().(type) {
	case *timestamppb.Timestamp, *durationpb.Duration, *fieldmaskpb.FieldMask, *anypb.Any, *structpb.Struct, *structpb.Value, *structpb.ListValue:
		return true
	default:
		return false
	}
}

// positions finds each field of the plan. It returns false if the struct lacks one.
func (s *Set) positions(l *layout, of reflect.Type, descriptor protoreflect.MessageDescriptor, begun map[reflect.Type]*layout) bool {
	byNumber, byOneof := map[protowire.Number]int{}, map[string]int{}
	for i := range of.NumField() {
		f := of.Field(i)
		number, tagged := numberOf(f)
		oneof, holds := f.Tag.Lookup("protobuf_oneof")
		switch {
		case tagged:
			byNumber[number] = i
		case holds:
			byOneof[oneof] = i
		case f.Name != "state" && f.Name != "sizeCache" && f.Name != "unknownFields":
			return false // not a generated message, such as dynamicpb's, or one with more than fields
		}
	}
	l.fields = make([]position, len(l.plan.fields))
	for i := range l.plan.fields {
		f := descriptor.Fields().Get(i)
		index, ok := byNumber[f.Number()]
		if l.plan.fields[i].oneof > 0 {
			index, ok = byOneof[string(f.ContainingOneof().Name())]
		}
		if !ok {
			return false
		}
		p := position{index: index}
		if l.plan.fields[i].oneof == 0 {
			kind := of.Field(index).Type
			p.optional = kind.Kind() == reflect.Pointer && f.Message() == nil
			p.nested = s.nested(kind, f, begun)
		}
		l.fields[i] = p
	}
	return true
}

// nested returns the layout of the messages in a field, or nil if it contains none.
// Layouts for a oneof are made when a message of it is written.
func (s *Set) nested(of reflect.Type, f protoreflect.FieldDescriptor, begun map[reflect.Type]*layout) *layout {
	switch {
	case f.IsMap() && f.MapValue().Message() != nil:
		return s.layout(of.Elem(), f.MapValue().Message(), begun)
	case f.IsMap() || f.Message() == nil:
		return nil
	case f.IsList():
		return s.layout(of.Elem(), f.Message(), begun)
	default:
		return s.layout(of, f.Message(), begun)
	}
}

// numberOf reads a field's number from the tag of generated code, such as
// protobuf:"bytes,1,opt,name=id,proto3".
func numberOf(f reflect.StructField) (protowire.Number, bool) {
	_, rest, _ := strings.Cut(f.Tag.Get("protobuf"), ",")
	text, _, found := strings.Cut(rest, ",")
	number, err := strconv.ParseInt(text, 10, 32)
	return protowire.Number(number), found && err == nil && f.IsExported()
}
