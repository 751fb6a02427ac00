package jsoncodec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// walker compares a valid text with the descriptor of the expected message, and stops at the first wrong member. Each of
// its methods steps over one value.
type walker struct {
	cursor

	types Types

	partial bool      // in an Any, where required fields are not checked
	forms   []anyForm // of the Anys found so far
	opaque  bool      // an Any has a linked type, but the form of an unknown one
}

func (c Codec) newWalker(data []byte) *walker {
	return &walker{cursor: cursor{data: data}, types: c.types, partial: c.partial}
}

func (w *walker) message(md protoreflect.MessageDescriptor) *Error {
	switch md.FullName() {
	case "google.protobuf.Any":
		return w.any()
	case "google.protobuf.Struct":
		return w.freeObject()
	case "google.protobuf.ListValue":
		return w.freeArray()
	case "google.protobuf.Value":
		return w.freeValue()
	case "google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask":
		return checkKnown(md, w.value())
	}
	if isWrapper(md) {
		return checkScalar(md.Fields().ByNumber(1), w.value())
	}
	return w.fields(md, false)
}

// fields walks a message whose JSON is an object with its fields. In an Any the object also has "@type".
func (w *walker) fields(md protoreflect.MessageDescriptor, inAny bool) *Error {
	if w.peek() != '{' {
		return mismatch(w.peek(), "an object")
	}
	met := membersMet{names: map[protoreflect.FieldNumber]string{}, set: map[protoreflect.FieldNumber]bool{}, oneofs: map[string]string{}}
	if err := w.object(func(name string) *Error {
		if inAny && name == "@type" {
			w.value()
			return nil
		}
		fd := fieldOf(w.types, md, name)
		if fd == nil {
			return unknown(md, name)
		}
		null := w.peek() == 'n' && !takesNull(fd)
		if err := met.add(fd, name, null); err != nil {
			return err
		}
		return w.field(fd)
	}); err != nil || w.partial {
		return err
	}
	for i := range md.RequiredNumbers().Len() {
		if number := md.RequiredNumbers().Get(i); !met.set[number] {
			return invalid("lacks the required member %q", md.Fields().ByNumber(number).JSONName())
		}
	}
	return nil
}

// membersMet remembers the members of one object, to find two that are the same or exclude each other.
type membersMet struct {
	names  map[protoreflect.FieldNumber]string
	set    map[protoreflect.FieldNumber]bool // those with a value, not null
	oneofs map[string]string                 // the member that sets a oneof
}

func (m membersMet) add(fd protoreflect.FieldDescriptor, name string, null bool) *Error {
	if before, ok := m.names[fd.Number()]; ok {
		return duplicate(before, name)
	}
	m.names[fd.Number()] = name
	if null {
		return nil
	}
	m.set[fd.Number()] = true
	oneof := fd.ContainingOneof()
	if oneof == nil {
		return nil
	}
	if before, ok := m.oneofs[string(oneof.Name())]; ok {
		return invalid("cannot be combined with %q: only one of %s may be set", before, oneofNames(oneof))
	}
	m.oneofs[string(oneof.Name())] = name
	return nil
}

// fieldOf returns the field with a member's name, as protojson does, or nil.
func fieldOf(types Types, md protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if strings.HasPrefix(name, "[") && strings.HasSuffix(name, "]") {
		xt, err := types.FindExtensionByName(protoreflect.FullName(name[1 : len(name)-1]))
		if err != nil || xt.TypeDescriptor().ContainingMessage().FullName() != md.FullName() {
			return nil
		}
		return xt.TypeDescriptor()
	}
	if fd := md.Fields().ByJSONName(name); fd != nil {
		return fd
	}
	return md.Fields().ByTextName(name)
}

// takesNull reports whether null is a value of the field; for other fields it means absence.
func takesNull(fd protoreflect.FieldDescriptor) bool {
	return isNullValue(fd) || fd.Message() != nil && fd.Message().FullName() == "google.protobuf.Value"
}

// field walks the value of a field, or null.
func (w *walker) field(fd protoreflect.FieldDescriptor) *Error {
	switch {
	case w.peek() == 'n' && !takesNull(fd):
		w.value()
		return nil
	case fd.IsMap():
		return w.mapEntries(fd)
	case fd.IsList():
		if w.peek() != '[' {
			return mismatch(w.peek(), "an array")
		}
		return w.array(func() *Error { return w.single(fd) })
	default:
		return w.single(fd)
	}
}

// single walks one value of the field's kind.
func (w *walker) single(fd protoreflect.FieldDescriptor) *Error {
	if fd.Message() != nil {
		return w.message(fd.Message())
	}
	return checkScalar(fd, w.value())
}

func (w *walker) mapEntries(fd protoreflect.FieldDescriptor) *Error {
	if w.peek() != '{' {
		return mismatch(w.peek(), "an object")
	}
	seen := map[any]string{}
	return w.object(func(name string) *Error {
		key, ok := mapKey(fd.MapKey(), name)
		if !ok {
			return invalid("is not a valid key: a key must be %s", Expectation(fd.MapKey()))
		}
		if before, ok := seen[key]; ok {
			return duplicate(before, name)
		}
		seen[key] = name
		return w.single(fd.MapValue())
	})
}

// mapKey reads a member's name as a key, like protojson: "01" is the same key as "1".
func mapKey(fd protoreflect.FieldDescriptor, name string) (any, bool) {
	bits := 64
	switch fd.Kind() {
	case protoreflect.StringKind:
		return name, true
	case protoreflect.BoolKind:
		return name, name == "true" || name == "false"
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		key, err := strconv.ParseInt(name, 10, 32)
		return key, err == nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		bits = 32
		fallthrough
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		key, err := strconv.ParseUint(name, 10, bits)
		return key, err == nil
	default:
		key, err := strconv.ParseInt(name, 10, 64)
		return key, err == nil
	}
}

func (w *walker) freeObject() *Error {
	if w.peek() != '{' {
		return mismatch(w.peek(), "an object")
	}
	seen := map[string]bool{}
	return w.object(func(name string) *Error {
		if seen[name] {
			return duplicate(name, name)
		}
		seen[name] = true
		return w.freeValue()
	})
}

func (w *walker) freeArray() *Error {
	if w.peek() != '[' {
		return mismatch(w.peek(), "an array")
	}
	return w.array(w.freeValue)
}

// freeValue walks a google.protobuf.Value, which can be anything except a number out of the range of float64.
func (w *walker) freeValue() *Error {
	switch w.peek() {
	case '{':
		return w.freeObject()
	case '[':
		return w.freeArray()
	case '"', 't', 'f', 'n':
		w.value()
		return nil
	default:
		if _, err := strconv.ParseFloat(string(w.value()), 64); errors.Is(err, strconv.ErrRange) {
			return invalid("must be a number from -1.7976931348623157e308 to 1.7976931348623157e308")
		}
		return nil
	}
}

func mismatch(got byte, want string) *Error {
	return invalid("is %s, but %s is expected", kindOf(got), want)
}

func duplicate(before, name string) *Error {
	if before == name {
		return &Error{Reason: ReasonDuplicateField, Detail: "is given twice"}
	}
	return &Error{Reason: ReasonDuplicateField, Detail: fmt.Sprintf("is the same as %q, which is also given", shorten(before))}
}

// unknown returns the error for a member that the message does not have. The usual mistake is a name in another style.
func unknown(md protoreflect.MessageDescriptor, name string) *Error {
	fold := func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "_", ""), "-", "") }
	folded := fold(name)
	for i := range md.Fields().Len() {
		if fd := md.Fields().Get(i); strings.EqualFold(fold(fd.JSONName()), folded) {
			return &Error{Reason: ReasonUnknownField, Detail: fmt.Sprintf("is not a known field: did you mean %q?", fd.JSONName())}
		}
	}
	return &Error{Reason: ReasonUnknownField, Detail: "is not a known field"}
}

func oneofNames(oneof protoreflect.OneofDescriptor) string {
	var names []string
	for i := range oneof.Fields().Len() {
		names = append(names, oneof.Fields().Get(i).JSONName())
	}
	return enumerate(names)
}
