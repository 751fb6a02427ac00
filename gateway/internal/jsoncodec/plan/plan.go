package plan

import (
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Set makes plans and keeps them. It is safe for concurrent use.
type Set struct {
	types    protoregistry.MessageTypeResolver
	byType   sync.Map // protoreflect.MessageDescriptor: *message
	byGo     sync.Map // reflect.Type of a pointer to a message: *layout
	byHolder sync.Map // reflect.Type of a oneof's content, a pointer to a struct: protowire.Number
	making   sync.Mutex
}

// NewSet returns a set that looks up the types of Anys in types.
func NewSet(types protoregistry.MessageTypeResolver) *Set { return &Set{types: types} }

// message is the plan of one message type.
type message struct {
	form form
	// fields are in the order of their declaration, like the members in JSON.
	fields []field
	// dense is a field's index in fields by its number, or -1; sparse has the larger
	// numbers.
	dense  []int16
	sparse map[protowire.Number]int16
	// names are the fields' indexes by the possible names of a member.
	names map[string]int
	// extensions are the numbers for extensions.
	extensions protoreflect.FieldRanges
	// requires is true if the type has a required field.
	requires bool
	// unknown is true if a plan cannot write this type.
	unknown bool
}

// form is the form of a message in JSON.
type form uint8

const (
	object    form = iota // its fields are its members
	timestamp             // this and the next ones are types of google.protobuf with a form of their own
	duration
	mask
	wrapper
	anything
	structure
	value
	list
)

// field is the plan of one field.
type field struct {
	number protowire.Number
	kind   protoreflect.Kind
	// wire is the wire type of one value.
	wire protowire.Type
	// member is its name in an object, in quotes and with a colon.
	member string
	// repeated is true for lists but not for maps. packed is true if all numbers of a
	// list are in one piece.
	repeated, packed bool
	// presence is true if it is omitted when not set; required, if it must be set.
	presence, required bool
	// oneof is 0, or 1 + the index of its oneof.
	oneof int
	// enum is the plan of an enum, nested that of a message.
	enum   *enum
	nested *message
	// key and value are the fields of a map's entry.
	key, value *field
}

// enum is the plan of an enum.
type enum struct {
	// names are in quotes; the keys of numbers are names without quotes.
	names   map[protoreflect.EnumNumber]string
	numbers map[string]protoreflect.EnumNumber
	// closed is true if an unnamed number is an unknown field (proto2).
	closed bool
	// null is true for google.protobuf.NullValue.
	null bool
}

// isMap reports whether the field is a map.
func (f *field) isMap() bool { return f.key != nil }

// of returns the plan of a type.
func (s *Set) of(descriptor protoreflect.MessageDescriptor) *message {
	if found, ok := s.byType.Load(descriptor); ok {
		return found.(*message) //nolint:forcetypeassert // only plans are stored.
	}
	s.making.Lock()
	defer s.making.Unlock()
	maker := maker{set: s, begun: map[protoreflect.MessageDescriptor]*message{}}
	made := maker.message(descriptor)
	// A plan is stored only when all plans below it are complete.
	for of, one := range maker.begun {
		s.byType.Store(of, one)
	}
	return made
}

// maker makes a plan and the plans of all types below it, which may contain one another.
type maker struct {
	set   *Set
	begun map[protoreflect.MessageDescriptor]*message
}

func (m maker) message(descriptor protoreflect.MessageDescriptor) *message {
	if found, ok := m.set.byType.Load(descriptor); ok {
		return found.(*message) //nolint:forcetypeassert // as above.
	}
	if found, ok := m.begun[descriptor]; ok {
		return found
	}
	made := &message{form: formOf(descriptor), extensions: descriptor.ExtensionRanges()}
	m.begun[descriptor] = made
	options, _ := descriptor.Options().(*descriptorpb.MessageOptions)
	if options.GetMessageSetWireFormat() {
		made.unknown = true
		return made
	}
	fields := descriptor.Fields()
	made.fields = make([]field, fields.Len())
	made.names = make(map[string]int, fields.Len())
	made.requires = descriptor.RequiredNumbers().Len() > 0
	for i := range fields.Len() {
		made.fields[i] = m.field(fields.Get(i))
		made.place(fields.Get(i).Number(), i)
		made.names[fields.Get(i).TextName()] = i
	}
	for i := range fields.Len() {
		made.names[fields.Get(i).JSONName()] = i // it overrides another field's proto name
	}
	return made
}

// mostDense limits the table of numbers; few messages have larger ones.
const mostDense = 128

func (m *message) place(number protowire.Number, at int) {
	if number >= mostDense {
		if m.sparse == nil {
			m.sparse = map[protowire.Number]int16{}
		}
		m.sparse[number] = int16(at) //nolint:gosec // a message has no 32 768 fields: protoc refuses it.
		return
	}
	for len(m.dense) <= int(number) {
		m.dense = append(m.dense, -1)
	}
	m.dense[number] = int16(at) //nolint:gosec // as above.
}

// find returns the index of a field, or a negative number if there is none.
func (m *message) find(number protowire.Number) int {
	if int(number) < len(m.dense) {
		return int(m.dense[number])
	}
	if at, ok := m.sparse[number]; ok {
		return int(at)
	}
	return -1
}

func (m maker) field(descriptor protoreflect.FieldDescriptor) field {
	f := field{
		number:   descriptor.Number(),
		kind:     descriptor.Kind(),
		wire:     wireOf(descriptor.Kind()),
		member:   quoted(descriptor.JSONName()) + ":",
		repeated: descriptor.IsList(),
		packed:   descriptor.IsPacked(),
		presence: descriptor.HasPresence(),
		required: descriptor.Cardinality() == protoreflect.Required,
	}
	if oneof := descriptor.ContainingOneof(); oneof != nil && !oneof.IsSynthetic() {
		f.oneof = oneof.Index() + 1
	}
	switch {
	case descriptor.IsMap():
		key, value := m.field(descriptor.MapKey()), m.field(descriptor.MapValue())
		f.key, f.value = &key, &value
	case descriptor.Message() != nil:
		f.nested = m.message(descriptor.Message())
	case descriptor.Enum() != nil:
		f.enum = enumOf(descriptor.Enum())
	}
	return f
}

func enumOf(descriptor protoreflect.EnumDescriptor) *enum {
	values := descriptor.Values()
	made := &enum{
		names:   make(map[protoreflect.EnumNumber]string, values.Len()),
		numbers: make(map[string]protoreflect.EnumNumber, values.Len()),
		closed:  descriptor.IsClosed(),
		null:    descriptor.FullName() == "google.protobuf.NullValue",
	}
	for i := range values.Len() {
		made.numbers[string(values.Get(i).Name())] = values.Get(i).Number()
		// If two names have the same number, the first counts.
		if _, taken := made.names[values.Get(i).Number()]; !taken {
			made.names[values.Get(i).Number()] = quoted(string(values.Get(i).Name()))
		}
	}
	return made
}

// quoted returns a name as a JSON string: json_name can be any text.
func quoted(name string) string {
	out, _ := AppendString(nil, name)
	return string(out)
}

func wireOf(kind protoreflect.Kind) protowire.Type {
	switch kind {
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.GroupKind:
		return -1 // no value has this type, so a plan never writes a group
	default:
		return protowire.VarintType
	}
}

// formOf returns the form of a type: some of google.protobuf have their own.
func formOf(descriptor protoreflect.MessageDescriptor) form {
	if descriptor.FullName().Parent() != "google.protobuf" {
		return object
	}
	switch descriptor.Name() {
	case "Timestamp":
		return timestamp
	case "Duration":
		return duration
	case "FieldMask":
		return mask
	case "BoolValue", "StringValue", "BytesValue", "Int32Value", "Int64Value", "UInt32Value", "UInt64Value", "FloatValue", "DoubleValue":
		return wrapper
	case "Any":
		return anything
	case "Struct":
		return structure
	case "Value":
		return value
	case "ListValue":
		return list
	default:
		return object
	}
}
