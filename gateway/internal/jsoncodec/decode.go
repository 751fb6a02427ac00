package jsoncodec

import (
	"errors"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Unmarshal reads exactly one JSON value into m, which it clears first. After an error m may be partly filled. The error
// is always an [*Error].
//
// It accepts what protojson accepts, except depth beyond [MaxDepth], a number without the digits of its exponent, and an
// invalid type URL. It also accepts an Any as "@type" and "value" with base64, if the type is not linked in or has no
// member "value" of its own.
func Unmarshal(data []byte, m proto.Message) error { return linked.Unmarshal(data, m) }

// Unmarshal is [Unmarshal] with the types of c.
func (c Codec) Unmarshal(data []byte, m proto.Message) error {
	if c.unmarshalFast(data, m) {
		return nil
	}
	return c.read(data, reading{
		decode: func(types inbound) error {
			return protojson.UnmarshalOptions{Resolver: types, AllowPartial: c.partial}.Unmarshal(data, m)
		},
		diagnose: func(w *walker) *Error { return w.message(m.ProtoReflect().Descriptor()) },
		closed:   c.hasClosedEnum(m.ProtoReflect().Descriptor()),
	})
}

// unmarshalFast reads data with a plan, through the wire form. It returns false if the plan does not accept data.
func (c Codec) unmarshalFast(data []byte, m proto.Message) bool {
	buffer, ok := scratch.Get().(*[]byte)
	if !ok {
		buffer = new([]byte)
	}
	defer scratch.Put(buffer)
	wire, ok := c.plans.ParseWire((*buffer)[:0], m.ProtoReflect().Descriptor(), data)
	if cap(wire) <= maxScratch {
		*buffer = wire
	}
	return ok && proto.UnmarshalOptions{Resolver: c.types}.Unmarshal(wire, m) == nil
}

// AppendWire appends the wire form of the message in data, if the JSON has a usual form. False does not mean that data is
// wrong: the caller then has to use [Codec.Unmarshal].
func (c Codec) AppendWire(dst []byte, of protoreflect.MessageDescriptor, data []byte) ([]byte, bool) {
	return c.plans.ParseWire(dst, of, data)
}

// UnmarshalField reads exactly one JSON value into the field fd of m, for the body of google.api.http. It does not change
// other fields of m. The value is the one in {"field": value}, so null clears the field. After an error m is unchanged.
// The error is always an [*Error], with a pointer relative to the value. fd must be a field of m.
func UnmarshalField(data []byte, m protoreflect.Message, fd protoreflect.FieldDescriptor) error {
	return linked.UnmarshalField(data, m, fd)
}

// UnmarshalField is [UnmarshalField] with the types of c.
func (c Codec) UnmarshalField(data []byte, m protoreflect.Message, fd protoreflect.FieldDescriptor) error {
	// protojson reads only whole messages.
	holder := m.New()
	walk := func(w *walker) *Error { return w.field(fd) }
	err := c.read(data, reading{
		decode: func(types inbound) error {
			object := slices.Concat(AppendString([]byte("{"), fd.JSONName()), []byte(":"), data, []byte("}"))
			// Other required fields are absent, which is not an error here.
			partial := m.Descriptor().RequiredNumbers().Len() > 0
			err := protojson.UnmarshalOptions{Resolver: types, AllowPartial: partial || c.partial}.Unmarshal(object, holder.Interface())
			if err == nil && partial && !c.partial && walk(c.newWalker(data)) != nil {
				return errPartial // below fd they are required
			}
			return err //nolint:wrapcheck // it is only compared with nil
		},
		diagnose: walk,
		closed:   c.hasClosedEnum(m.Descriptor()),
	})
	if err != nil {
		return err
	}
	if !holder.Has(fd) {
		m.Clear(fd)
		return nil
	}
	m.Set(fd, holder.Get(fd))
	return nil
}

var errPartial = errors.New("a required field is missing")

// reading is one way to read a text: with protojson, and with a walk that finds the error.
type reading struct {
	decode   func(types inbound) error
	diagnose func(w *walker) *Error
	// closed says that the message may hold closed enums, of which protojson takes any number.
	closed bool
}

func (c Codec) read(data []byte, r reading) error {
	if fault := validate(data); fault != nil {
		return fault
	}
	isDecoded := r.decode(inbound{Types: c.types}) == nil
	if isDecoded && !r.closed {
		return nil
	}
	w := c.newWalker(data)
	if fault := r.diagnose(w); fault != nil {
		return fault
	}
	if isDecoded {
		return nil
	}
	// Nothing is wrong, so protojson has found an Any in a form that it does not know.
	if w.opaque && r.decode(inbound{Types: c.types, forms: w.forms, next: new(int)}) == nil {
		return nil
	}
	return errUnexplained()
}

// errUnexplained is for a text that protojson refuses and the walk accepts. No such text is known; the fuzz test looks for one.
func errUnexplained() *Error { return invalid("cannot be read as the message that is expected") }

// hasClosedEnum reports whether a message has a closed enum at any depth.
func (c Codec) hasClosedEnum(md protoreflect.MessageDescriptor) bool {
	if found, ok := c.closed.Load(md); ok {
		return found.(bool) //nolint:forcetypeassert // only bools are stored.
	}
	found := leadsToClosedEnum(md, map[protoreflect.MessageDescriptor]bool{})
	c.closed.Store(md, found)
	return found
}

func leadsToClosedEnum(md protoreflect.MessageDescriptor, seen map[protoreflect.MessageDescriptor]bool) bool {
	if seen[md] {
		return false
	}
	seen[md] = true
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		if fd.Enum() != nil && fd.Enum().IsClosed() || fd.Message() != nil && leadsToClosedEnum(fd.Message(), seen) {
			return true
		}
	}
	return false
}
