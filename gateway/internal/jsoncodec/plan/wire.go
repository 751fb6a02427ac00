package plan

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// slot is the place of a field in its message's wire form.
type slot struct {
	// begin and end are around its content. For a list or a map, begin is before the tag
	// of the first element, and end after the last element.
	begin, end int
	// set is true if the field is present.
	set bool
}

// message writes a message of any form.
func (w *writer) message(m *message, wire []byte) bool {
	if m.unknown || w.depth > mostDepth {
		return false
	}
	w.depth++
	ok := w.form(m, wire)
	w.depth--
	return ok
}

func (w *writer) form(m *message, wire []byte) bool {
	if m.form == anything {
		return w.any(m, wire)
	}
	base := len(w.slots)
	if !w.scan(m, wire) {
		return false
	}
	var ok bool
	switch m.form {
	case object:
		w.out = append(w.out, '{')
		ok = w.members(m, wire, base, false)
		w.out = append(w.out, '}')
	case timestamp:
		ok = w.timestamp(w.pair(wire, base))
	case duration:
		ok = w.duration(w.pair(wire, base))
	case mask:
		ok = w.maskOfWire(&m.fields[0], wire[w.slots[base].begin:w.slots[base].end])
	case value:
		ok = w.anyValue(m, wire, base)
	default: // a wrapper, a Struct or a ListValue: the value of its only field
		ok = w.field(&m.fields[0], wire, w.slots[base])
	}
	w.slots = w.slots[:base]
	return ok
}

// scan finds the fields of a message and appends their slots.
func (w *writer) scan(m *message, wire []byte) bool {
	base := len(w.slots)
	for range m.fields {
		w.slots = append(w.slots, slot{})
	}
	slots := w.slots[base:]
	var met oneofs
	for pos := 0; pos < len(wire); {
		number, kind, length := tag(wire[pos:])
		if length < 0 {
			return false
		}
		content := pos + length
		size := skip(kind, number, wire[content:])
		if size < 0 {
			return false
		}
		end := content + size
		if at := m.find(number); at >= 0 {
			f := &m.fields[at]
			if !met.add(f.oneof) || !slots[at].take(f, kind, pos, content, wire) {
				return false
			}
			slots[at].end, slots[at].set = end, true
		} else if w.strict == Lossless || m.extensions.Len() > 0 && m.extensions.Has(number) {
			return false
		}
		pos = end
	}
	return true
}

// take notes the place of a field, whose tag is at pos and whose value at content. False
// means that it is a duplicate, or not encoded as declared.
//
//nolint:revive // one value each of what scan has at hand; a struct would be made for each field of each message.
func (s *slot) take(f *field, kind protowire.Type, pos, content int, wire []byte) bool {
	switch {
	case f.repeated || f.isMap():
		if !s.set {
			s.begin = pos
		}
		return true
	case s.set || kind != f.wire:
		return false
	case kind == protowire.BytesType:
		_, prefix := protowire.ConsumeVarint(wire[content:])
		s.begin = content + prefix
		return true
	default:
		s.begin = content
		return true
	}
}

// oneofs has a bit for each oneof with a member so far.
type oneofs uint64

// add notes a member of a oneof. False means that there already is one, of this oneof or,
// rarely, of one that shares its bit.
func (o *oneofs) add(oneof int) bool {
	if oneof == 0 {
		return true
	}
	bit := oneofs(1) << (oneof % 64)
	if *o&bit != 0 {
		return false
	}
	*o |= bit
	return true
}

// tag reads a tag. A negative length means that there is none.
func tag(wire []byte) (protowire.Number, protowire.Type, int) {
	if wire[0] < 0x80 { // a number below 16, like most
		number := protowire.Number(wire[0] >> 3)
		if number == 0 {
			return 0, 0, -1
		}
		return number, protowire.Type(wire[0] & 7), 1
	}
	number, kind, length := protowire.ConsumeTag(wire)
	if number > protowire.MaxValidNumber {
		return 0, 0, -1
	}
	return number, kind, length
}

// skip returns the size of a value with its length prefix.
func skip(kind protowire.Type, number protowire.Number, wire []byte) int {
	switch {
	case kind == protowire.VarintType && len(wire) > 0 && wire[0] < 0x80:
		return 1
	case kind == protowire.BytesType && len(wire) > 0 && wire[0] < 0x80:
		if size := 1 + int(wire[0]); size <= len(wire) {
			return size
		}
		return -1
	default:
		return protowire.ConsumeFieldValue(number, kind, wire)
	}
}

// members writes the fields of a message. after reports whether another member comes before them.
func (w *writer) members(m *message, wire []byte, base int, after bool) bool {
	for i := range m.fields {
		f, s := &m.fields[i], w.slots[base+i]
		if !s.set && f.presence {
			if f.required && !w.partial {
				return false
			}
			continue
		}
		if after {
			w.out = append(w.out, ',')
		}
		after = true
		w.out = append(w.out, f.member...)
		if !w.field(f, wire, s) {
			return false
		}
	}
	return true
}

// field writes a field, or its default if it is not set.
func (w *writer) field(f *field, wire []byte, s slot) bool {
	switch {
	case f.isMap():
		return w.entriesOf(f, wire[s.begin:s.end])
	case f.repeated:
		return w.elements(f, wire[s.begin:s.end])
	case !s.set:
		return w.absent(f)
	default:
		return w.single(f, wire[s.begin:s.end])
	}
}

// absent writes the default of a scalar.
func (w *writer) absent(f *field) bool {
	if f.wire == protowire.BytesType {
		w.out = append(w.out, '"', '"')
		return true
	}
	return w.number(f, 0)
}

// single writes one value from its content, without a length prefix.
func (w *writer) single(f *field, content []byte) bool {
	if f.nested != nil {
		return w.message(f.nested, content)
	}
	return w.scalar(f, content)
}

func (w *writer) scalar(f *field, content []byte) bool {
	switch f.kind {
	case protoreflect.StringKind:
		return w.octets(content)
	case protoreflect.BytesKind:
		w.bytes(content)
		return true
	default:
		return w.number(f, bitsOf(f.wire, content))
	}
}

// number writes a value that is not text, from its bits on the wire. It truncates values
// to 32 bits, like protobuf's own decoders.
//
//nolint:gosec // cutting is what is meant.
func (w *writer) number(f *field, bits uint64) bool {
	switch f.kind {
	case protoreflect.BoolKind:
		w.bool(bits != 0)
	case protoreflect.EnumKind:
		// NullValue has one null in JSON, 2^32 numbers in proto3.
		return w.enum(f.enum, protoreflect.EnumNumber(int32(bits))) && (w.strict == Lenient || !f.enum.null || int32(bits) == 0)
	case protoreflect.Int32Kind, protoreflect.Sfixed32Kind:
		w.int(int64(int32(bits)))
	case protoreflect.Sint32Kind:
		w.int(int64(int32(protowire.DecodeZigZag(bits & math.MaxUint32))))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		w.uint(uint64(uint32(bits)))
	case protoreflect.Int64Kind, protoreflect.Sfixed64Kind:
		w.int64(int64(bits))
	case protoreflect.Sint64Kind:
		w.int64(protowire.DecodeZigZag(bits))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		w.uint64(bits)
	case protoreflect.FloatKind:
		w.float(float64(math.Float32frombits(uint32(bits))), 32)
	case protoreflect.DoubleKind:
		w.float(math.Float64frombits(bits), 64)
	default:
		return false
	}
	return true
}

// elements writes a list. Other fields can be between its elements.
func (w *writer) elements(f *field, wire []byte) bool {
	w.out = append(w.out, '[')
	first := true
	next := func() {
		if !first {
			w.out = append(w.out, ',')
		}
		first = false
	}
	ok := eachElement(f, wire, func(kind protowire.Type, content []byte) bool {
		switch {
		case kind == f.wire:
			next()
			return w.single(f, content)
		case kind != protowire.BytesType || f.wire < 0:
			return false
		default:
			return w.packed(f, content, next)
		}
	})
	w.out = append(w.out, ']')
	return ok
}

// eachElement calls do with each element of a list, without a length prefix, until do returns false.
func eachElement(f *field, wire []byte, do func(kind protowire.Type, content []byte) bool) bool {
	for pos := 0; pos < len(wire); {
		number, kind, length := tag(wire[pos:])
		pos += length // scan has checked all of it
		size := skip(kind, number, wire[pos:])
		content := wire[pos : pos+size]
		pos += size
		if number != f.number {
			continue
		}
		if kind == protowire.BytesType {
			_, prefix := protowire.ConsumeVarint(content)
			content = content[prefix:]
		}
		if !do(kind, content) {
			return false
		}
	}
	return true
}

// packed writes many numbers.
func (w *writer) packed(f *field, content []byte, next func()) bool {
	for len(content) > 0 {
		size := skip(f.wire, f.number, content)
		if size < 0 {
			return false
		}
		next()
		if !w.scalar(f, content[:size]) {
			return false
		}
		content = content[size:]
	}
	return true
}
