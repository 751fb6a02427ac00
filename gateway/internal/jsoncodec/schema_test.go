package jsoncodec_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	// The well-known types that the schema uses have to be linked in.
	_ "google.golang.org/protobuf/types/known/anypb"
	_ "google.golang.org/protobuf/types/known/durationpb"
	_ "google.golang.org/protobuf/types/known/emptypb"
	_ "google.golang.org/protobuf/types/known/fieldmaskpb"
	_ "google.golang.org/protobuf/types/known/structpb"
	_ "google.golang.org/protobuf/types/known/timestamppb"
	_ "google.golang.org/protobuf/types/known/wrapperspb"
)

// The messages of this file exist only as descriptors, as those of a backend do that the gateway learnt about by
// reflection. They have every kind of field in every position; no linked type has.

const (
	labelOptional = descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL
	labelRequired = descriptorpb.FieldDescriptorProto_LABEL_REQUIRED
	labelRepeated = descriptorpb.FieldDescriptorProto_LABEL_REPEATED
	typeMessage   = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
	typeEnum      = descriptorpb.FieldDescriptorProto_TYPE_ENUM
	typeString    = descriptorpb.FieldDescriptorProto_TYPE_STRING
	typeInt32     = descriptorpb.FieldDescriptorProto_TYPE_INT32
	typeBytes     = descriptorpb.FieldDescriptorProto_TYPE_BYTES
)

// scalarTypes are all types but message, group and enum.
func scalarTypes() []descriptorpb.FieldDescriptorProto_Type {
	var types []descriptorpb.FieldDescriptorProto_Type
	for number := int32(1); number <= 18; number++ {
		kind := descriptorpb.FieldDescriptorProto_Type(number)
		if kind != typeMessage && kind != typeEnum && kind != descriptorpb.FieldDescriptorProto_TYPE_GROUP {
			types = append(types, kind)
		}
	}
	return types
}

// messageBuilder adds fields with the next number each.
type messageBuilder struct {
	*descriptorpb.DescriptorProto
}

func newMessage(name string) messageBuilder {
	return messageBuilder{&descriptorpb.DescriptorProto{Name: new(name)}}
}

func (b messageBuilder) add(
	name string, label descriptorpb.FieldDescriptorProto_Label, kind descriptorpb.FieldDescriptorProto_Type, typeName string,
) *descriptorpb.FieldDescriptorProto {
	field := &descriptorpb.FieldDescriptorProto{
		Name: new(name), Number: new(int32(len(b.Field)) + 1), Label: label.Enum(), Type: kind.Enum(),
	}
	if typeName != "" {
		field.TypeName = new(typeName)
	}
	b.Field = append(b.Field, field)
	return field
}

func (b messageBuilder) addOneof(name string) int32 {
	b.OneofDecl = append(b.OneofDecl, &descriptorpb.OneofDescriptorProto{Name: new(name)})
	return int32(len(b.OneofDecl)) - 1
}

// addMap adds a map field and its entry type.
func (b messageBuilder) addMap(
	name string, key, value descriptorpb.FieldDescriptorProto_Type, valueType string,
) {
	first, word, _ := strings.Cut(name, "_")
	camel := strings.ToUpper(first[:1]) + first[1:] + strings.ToUpper(word[:1]) + word[1:]
	entry := newMessage(camel + "Entry")
	entry.add("key", labelOptional, key, "")
	entry.add("value", labelOptional, value, valueType)
	entry.Options = &descriptorpb.MessageOptions{MapEntry: new(true)}
	b.NestedType = append(b.NestedType, entry.DescriptorProto)
	b.add(name, labelRepeated, typeMessage, ".jsoncodec.test.All."+camel+"Entry")
}

func typeWord(kind descriptorpb.FieldDescriptorProto_Type) string {
	return strings.ToLower(strings.TrimPrefix(kind.String(), "TYPE_"))
}

func wellKnown() []string {
	return []string{
		"Any", "Timestamp", "Duration", "FieldMask", "Struct", "Value", "ListValue", "Empty", "BoolValue", "StringValue",
		"BytesValue", "Int32Value", "Int64Value", "UInt32Value", "UInt64Value", "FloatValue", "DoubleValue",
	}
}

// sort is a type that a field can have.
type sort struct {
	word     string // in the field's name
	kind     descriptorpb.FieldDescriptorProto_Type
	typeName string
}

func sorts() []sort {
	var all []sort
	for _, kind := range scalarTypes() {
		all = append(all, sort{typeWord(kind), kind, ""})
	}
	for _, name := range wellKnown() {
		all = append(all, sort{strings.ToLower(name), typeMessage, ".google.protobuf." + name})
	}
	return append(
		all,
		sort{"color", typeEnum, ".jsoncodec.test.Color"},
		sort{"null", typeEnum, ".google.protobuf.NullValue"},
		sort{"all", typeMessage, ".jsoncodec.test.All"},
		sort{"legacy", typeMessage, ".jsoncodec.test.Legacy"},
	)
}

// allMessage is jsoncodec.test.All of the proto3 file. For each sort of field it has one_, many_, maybe_ and pick_, to_
// as a map's value and by_ as its key.
func allMessage() *descriptorpb.DescriptorProto {
	all := newMessage("All")
	for _, s := range sorts() {
		all.add("one_"+s.word, labelOptional, s.kind, s.typeName)
		all.add("many_"+s.word, labelRepeated, s.kind, s.typeName)
		all.addMap("to_"+s.word, typeString, s.kind, s.typeName)
	}
	for _, kind := range scalarTypes() {
		switch kind {
		case descriptorpb.FieldDescriptorProto_TYPE_DOUBLE, descriptorpb.FieldDescriptorProto_TYPE_FLOAT, typeBytes:
		default:
			all.addMap("by_"+typeWord(kind), kind, typeInt32, "")
		}
	}
	all.add("renamed", labelOptional, typeString, "").JsonName = new("other/na~me \"q\"")
	// The fields of a oneof must be next to each other, and the oneofs of optional fields after all others.
	choice := all.addOneof("choice")
	for _, s := range sorts() {
		all.add("pick_"+s.word, labelOptional, s.kind, s.typeName).OneofIndex = new(choice)
	}
	for _, s := range sorts() {
		maybe := all.add("maybe_"+s.word, labelOptional, s.kind, s.typeName)
		maybe.Proto3Optional = new(true)
		maybe.OneofIndex = new(all.addOneof("_maybe_" + s.word))
	}
	return all.DescriptorProto
}

// legacyMessage is jsoncodec.test.Legacy of the proto2 file: required fields, a closed enum, a group, a default.
func legacyMessage() *descriptorpb.DescriptorProto {
	legacy := newMessage("Legacy")
	legacy.add("must_have", labelRequired, typeString, "")
	legacy.add("shade", labelOptional, typeEnum, ".jsoncodec.test.Shade").DefaultValue = new("DARK")
	legacy.add("next", labelOptional, typeMessage, ".jsoncodec.test.Legacy")
	legacy.add("many", labelRepeated, typeMessage, ".jsoncodec.test.Legacy")
	legacy.add("size", labelOptional, typeInt32, "").DefaultValue = new("7")
	legacy.add("old", labelOptional, descriptorpb.FieldDescriptorProto_TYPE_GROUP, ".jsoncodec.test.Legacy.Old")
	group := newMessage("Old")
	group.add("text", labelOptional, typeString, "")
	legacy.NestedType = append(legacy.NestedType, group.DescriptorProto)
	return legacy.DescriptorProto
}

func enumOf(name string, values ...string) *descriptorpb.EnumDescriptorProto {
	enum := &descriptorpb.EnumDescriptorProto{Name: new(name)}
	for number, value := range values {
		enum.Value = append(enum.Value, &descriptorpb.EnumValueDescriptorProto{
			Name: new(value), Number: new(int32(number)),
		})
	}
	return enum
}

// schema returns the messages All and Legacy.
func schema(tb testing.TB) (protoreflect.MessageType, protoreflect.MessageType) {
	tb.Helper()
	legacy := &descriptorpb.FileDescriptorProto{
		Name: new("jsoncodec/test/legacy.proto"), Package: new("jsoncodec.test"), Syntax: new("proto2"),
		MessageType: []*descriptorpb.DescriptorProto{legacyMessage()},
		EnumType:    []*descriptorpb.EnumDescriptorProto{enumOf("Shade", "LIGHT", "DARK")},
	}
	all := &descriptorpb.FileDescriptorProto{
		Name: new("jsoncodec/test/all.proto"), Package: new("jsoncodec.test"), Syntax: new("proto3"),
		Dependency: []string{
			"google/protobuf/any.proto", "google/protobuf/duration.proto", "google/protobuf/empty.proto",
			"google/protobuf/field_mask.proto", "google/protobuf/struct.proto", "google/protobuf/timestamp.proto",
			"google/protobuf/wrappers.proto", "jsoncodec/test/legacy.proto",
		},
		MessageType: []*descriptorpb.DescriptorProto{allMessage()},
		EnumType:    []*descriptorpb.EnumDescriptorProto{enumOf("Color", "COLOR_UNSPECIFIED", "RED", "GREEN")},
	}
	files := new(protoregistry.Files)
	resolver := joined{files}
	var types [2]protoreflect.MessageType
	for i, file := range []*descriptorpb.FileDescriptorProto{legacy, all} {
		built, err := protodesc.NewFile(file, resolver)
		if err != nil {
			tb.Fatal(err)
		}
		if err := files.RegisterFile(built); err != nil {
			tb.Fatal(err)
		}
		types[i] = dynamicpb.NewMessageType(built.Messages().Get(0))
	}
	return types[1], types[0]
}

// joined finds the types that the test declares and the linked-in types.
type joined struct{ *protoregistry.Files }

func (j joined) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	if file, err := j.Files.FindFileByPath(path); err == nil {
		return file, nil
	}
	return protoregistry.GlobalFiles.FindFileByPath(path)
}

func (j joined) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if descriptor, err := j.Files.FindDescriptorByName(name); err == nil {
		return descriptor, nil
	}
	return protoregistry.GlobalFiles.FindDescriptorByName(name)
}
