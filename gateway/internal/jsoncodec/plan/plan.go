package plan

import (
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Set makes plans, and keeps them. It is safe for concurrent use.
type Set struct {
	types    protoregistry.MessageTypeResolver
	byType   sync.Map // protoreflect.MessageDescriptor: *message
	byGo     sync.Map // reflect.Type of a pointer to a message: *layout
	byHolder sync.Map // reflect.Type of a pointer to what a oneof holds: protowire.Number
	making   sync.Mutex
}

// NewSet returns a set that looks up in types what an Any holds.
func NewSet(types protoregistry.MessageTypeResolver) *Set { return &Set{types: types} }

// message is the plan of one message type.
type message struct {
	form form
	// fields are in the order of their declaration, which is that of the members.
	fields []field
	// dense is a field's place in fields by its number, -1 for none; sparse has the
	// numbers beyond it.
	dense  []int16
	sparse map[protowire.Number]int16
	// names are the fields' places by the names that a member may have.
	names map[string]int
	// extensions are the numbers that extensions may have.
	extensions protoreflect.FieldRanges
	// requires says that a field of it must be set.
	requires bool
	// unknown says that a plan cannot write this type at all.
	unknown bool
}

// form is how a message looks in JSON.
type form uint8

const (
	object    form = iota // its fields are its members
	timestamp             // and the rest are google.protobuf's, with a form of their own
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
	// wire is how its values are encoded, one by one.
	wire protowire.Type
	// member is its name, as it stands in an object: in quotes and with a colon.
	member string
	// repeated is true of lists, and not of maps; packed says that all of a list's
	// numbers stand in one piece.
	repeated, packed bool
	// presence says that it is left out where it is not set; required, that it must be set.
	presence, required bool
	// oneof is 0, or 1 more than the place of its oneof.
	oneof int
	// enum is of an enum, nested of a message.
	enum   *enum
	nested *message
	// key and value are those of a map.
	key, value *field
}

// enum is what JSON shows of an enum.
type enum struct {
	// names are in quotes; numbers are by names without.
	names   map[protoreflect.EnumNumber]string
	numbers map[string]protoreflect.EnumNumber
	// closed says that an unnamed number is an unknown field (proto2).
	closed bool
	// null says that it is google.protobuf.NullValue.
	null bool
}

// isMap says whether the field is a map.
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
	// A plan is stored only when all that it leads to is complete.
	for of, one := range maker.begun {
		s.byType.Store(of, one)
	}
	return made
}

// maker makes a plan and those of all types below it, which may contain one another.
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
		made.names[fields.Get(i).JSONName()] = i // it goes before another field's proto name
	}
	return made
}

// mostDense bounds the table of numbers; few messages have larger ones.
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

// find is the place of a field; below 0 there is none.
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
		// Of two names for one number the first counts.
		if _, taken := made.names[values.Get(i).Number()]; !taken {
			made.names[values.Get(i).Number()] = quoted(string(values.Get(i).Name()))
		}
	}
	return made
}

// quoted is a name as a JSON string: json_name may be any text.
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
		return -1 // no value has it, so that a plan never writes a group
	default:
		return protowire.VarintType
	}
}

// formOf finds the types of google.protobuf that have a form of their own.
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
