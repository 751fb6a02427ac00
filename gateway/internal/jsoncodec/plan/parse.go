package plan

import (
	"bytes"
	"math"
	"strconv"
	"sync"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// parser turns JSON into a message's wire form. Each method reads one value, and reports
// whether it could.
type parser struct {
	text  []byte
	pos   int
	out   []byte
	depth int
	// keys are the keys of the open maps, to find duplicates.
	keys [][]byte
	// plain contains strings without their escapes.
	plain []byte
}

//nolint:gochecknoglobals // a pool is shared by its nature; nothing can be observed through it
var parsers = sync.Pool{New: func() any { return new(parser) }}

// ParseWire appends the wire form of the message in a JSON text. False means that the
// plan declines the text, which may be valid; dst is then unchanged.
func (s *Set) ParseWire(dst []byte, of protoreflect.MessageDescriptor, text []byte) ([]byte, bool) {
	if !utf8.Valid(text) {
		return dst, false
	}
	p := parsers.Get().(*parser) //nolint:forcetypeassert // the pool makes nothing else.
	p.text, p.pos, p.out, p.depth = text, 0, dst, 0
	p.space()
	ok := p.message(s.of(of))
	p.space()
	ok = ok && p.pos == len(p.text)
	out := p.out
	clear(p.keys) // the pool must not keep the text
	p.text, p.out, p.keys, p.plain = nil, nil, p.keys[:0], p.plain[:0]
	parsers.Put(p)
	if !ok {
		return dst, false
	}
	return out, true
}

// message reads a message and writes its content.
func (p *parser) message(m *message) bool {
	if m.unknown || p.depth > mostDepth {
		return false
	}
	p.depth++
	ok := false
	switch m.form {
	case object:
		ok = p.object(m)
	case timestamp:
		ok = p.timestamp()
	case duration:
		ok = p.duration()
	case wrapper:
		ok = p.scalar(&m.fields[0], false)
	case structure:
		ok = p.freeObject()
	case value:
		ok = p.free()
	case list:
		ok = p.freeArray()
	case anything, mask:
	}
	p.depth--
	return ok
}

// mostFields limits the set of fields that have been read.
const mostFields = 256

func (p *parser) object(m *message) bool {
	if m.requires || len(m.fields) > mostFields {
		return false
	}
	var met [mostFields / 64]uint64
	var chosen oneofs
	return p.members(func() bool {
		name, ok := p.string()
		if !ok || !p.colon() {
			return false
		}
		at, known := m.names[string(name)]
		bit := uint64(1) << (at % 64)
		if !known || met[at/64]&bit != 0 {
			return false
		}
		met[at/64] |= bit
		f := &m.fields[at]
		if p.peek() == 'n' && !f.takesNull() {
			return p.word("null") // the same as an absent member
		}
		return chosen.add(f.oneof) && p.field(f)
	})
}

// takesNull reports whether null is a value of the field's type; for other types it means
// absence. Instead of a list of that type it is neither.
func (f *field) takesNull() bool {
	return f.enum != nil && f.enum.null || f.nested != nil && f.nested.form == value
}

func (p *parser) field(f *field) bool {
	switch {
	case f.isMap():
		return p.entries(f)
	case f.repeated && f.packed:
		start := p.begin(f.number)
		empty := len(p.out)
		if !p.elements(func() bool { return p.content(f) }) {
			return false
		}
		if len(p.out) == empty {
			p.out = p.out[:start-protowire.SizeTag(f.number)]
			return true
		}
		p.finish(start)
		return true
	case f.repeated:
		return p.elements(func() bool { return p.single(f, true) })
	default:
		return p.single(f, f.presence)
	}
}

// single reads one value. With always, it writes the default too.
func (p *parser) single(f *field, always bool) bool {
	if f.nested == nil {
		return p.scalar(f, always)
	}
	if f.wire < 0 {
		return false // a group
	}
	start := p.begin(f.number)
	if !p.message(f.nested) {
		return false
	}
	p.finish(start)
	return true
}

// begin begins a field with a length. finish inserts the length before the content.
func (p *parser) begin(number protowire.Number) int {
	p.out = protowire.AppendTag(p.out, number, protowire.BytesType)
	return len(p.out)
}

func (p *parser) finish(start int) {
	size := len(p.out) - start
	var prefix [10]byte
	length := protowire.AppendVarint(prefix[:0], uint64(size)) //nolint:gosec // a size is not negative.
	p.out = append(p.out, length...)
	copy(p.out[start+len(length):], p.out[start:start+size])
	copy(p.out[start:], length)
}

// scalar reads a value and writes it with its tag. Without always, it removes a default
// again.
func (p *parser) scalar(f *field, always bool) bool {
	before := len(p.out)
	p.out = protowire.AppendTag(p.out, f.number, f.wire)
	start := len(p.out)
	if !p.content(f) {
		return false
	}
	if !always && isDefault(p.out[start:]) {
		p.out = p.out[:before]
	}
	return true
}

// isDefault reports whether a value is the default of a scalar: all its bits, or its
// length, are 0.
func isDefault(content []byte) bool {
	for _, b := range content {
		if b != 0 {
			return false
		}
	}
	return len(content) > 0
}

// content reads a scalar and writes its value without a tag.
func (p *parser) content(f *field) bool {
	switch f.kind {
	case protoreflect.StringKind:
		text, ok := p.string()
		p.out = protowire.AppendBytes(p.out, text)
		return ok
	case protoreflect.BytesKind:
		return p.base64()
	case protoreflect.BoolKind:
		return p.bool()
	case protoreflect.EnumKind:
		return p.enum(f.enum)
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return p.float(f.kind)
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return false
	default:
		return p.integer(f.kind)
	}
}

func (p *parser) bool() bool {
	if p.peek() == 't' {
		p.out = append(p.out, 1)
		return p.word("true")
	}
	p.out = append(p.out, 0)
	return p.word("false")
}

func (p *parser) enum(e *enum) bool {
	if e.null {
		p.out = append(p.out, 0)
		return p.word("null")
	}
	var number int64
	if p.peek() == '"' {
		name, ok := p.string()
		known, there := e.numbers[string(name)]
		if !ok || !there {
			return false
		}
		number = int64(known)
	} else {
		var ok bool
		if number, ok = p.signed(32); !ok || e.closed {
			return false
		}
	}
	p.out = protowire.AppendVarint(p.out, uint64(number)) //nolint:gosec // the wire form is bits.
	return true
}

// integer reads an integer with only digits; one of 64 bits can be in quotes.
//
//nolint:gosec // the wire form is bits.
func (p *parser) integer(kind protoreflect.Kind) bool {
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		number, ok := p.signed(32)
		p.appendSigned(kind, number)
		return ok
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		number, ok := p.signed(64)
		p.appendSigned(kind, number)
		return ok
	case protoreflect.Fixed32Kind:
		number, ok := p.unsigned(32)
		p.out = protowire.AppendFixed32(p.out, uint32(number))
		return ok
	case protoreflect.Fixed64Kind:
		number, ok := p.unsigned(64)
		p.out = protowire.AppendFixed64(p.out, number)
		return ok
	case protoreflect.Uint32Kind:
		number, ok := p.unsigned(32)
		p.out = protowire.AppendVarint(p.out, number)
		return ok
	default:
		number, ok := p.unsigned(64)
		p.out = protowire.AppendVarint(p.out, number)
		return ok
	}
}

//nolint:gosec // as in integer.
func (p *parser) appendSigned(kind protoreflect.Kind, number int64) {
	switch kind {
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		p.out = protowire.AppendVarint(p.out, protowire.EncodeZigZag(number))
	case protoreflect.Sfixed32Kind:
		p.out = protowire.AppendFixed32(p.out, uint32(number))
	case protoreflect.Sfixed64Kind:
		p.out = protowire.AppendFixed64(p.out, uint64(number))
	default:
		p.out = protowire.AppendVarint(p.out, uint64(number))
	}
}

func (p *parser) signed(bits int) (int64, bool) {
	digits, ok := p.digits(bits)
	if !ok {
		return 0, false
	}
	number, err := strconv.ParseInt(string(digits), 10, bits)
	return number, err == nil
}

func (p *parser) unsigned(bits int) (uint64, bool) {
	digits, ok := p.digits(bits)
	if !ok {
		return 0, false
	}
	number, err := strconv.ParseUint(string(digits), 10, bits)
	return number, err == nil
}

// digits reads an integer without an exponent or a fraction. One of 64 bits can be in
// quotes.
func (p *parser) digits(bits int) ([]byte, bool) {
	quoted := p.peek() == '"'
	if quoted {
		if bits < 64 {
			return nil, false
		}
		p.pos++
	}
	start := p.pos
	if p.at('-') {
		p.pos++
	}
	first := p.pos
	for p.pos < len(p.text) && isDigit(p.text[p.pos]) {
		p.pos++
	}
	digits := p.text[start:p.pos]
	// No zero before other digits, and no negative zero.
	if p.pos == first || p.text[first] == '0' && len(digits) > 1 {
		return nil, false
	}
	if quoted {
		if !p.at('"') {
			return nil, false
		}
		p.pos++
	}
	return digits, quoted || p.ends()
}

// float reads a number. It declines one that is not finite.
func (p *parser) float(kind protoreflect.Kind) bool {
	width := 64
	if kind == protoreflect.FloatKind {
		width = 32
	}
	number, ok := p.number(width)
	if width == 32 {
		p.out = protowire.AppendFixed32(p.out, math.Float32bits(float32(number)))
	} else {
		p.out = protowire.AppendFixed64(p.out, math.Float64bits(number))
	}
	return ok
}

// number reads a number by the grammar of RFC 8259 §6.
func (p *parser) number(width int) (float64, bool) {
	start := p.pos
	if p.at('-') {
		p.pos++
	}
	zero := p.at('0')
	if n := p.run(); n == 0 || zero && n > 1 {
		return 0, false
	}
	if p.at('.') {
		p.pos++
		if p.run() == 0 {
			return 0, false
		}
	}
	if p.at('e') || p.at('E') {
		p.pos++
		if p.at('+') || p.at('-') {
			p.pos++
		}
		if p.run() == 0 {
			return 0, false
		}
	}
	number, err := strconv.ParseFloat(string(p.text[start:p.pos]), width)
	return number, err == nil && p.ends()
}

// run steps over digits and returns their number.
func (p *parser) run() int {
	start := p.pos
	for p.pos < len(p.text) && isDigit(p.text[p.pos]) {
		p.pos++
	}
	return p.pos - start
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// entries reads a map whose keys are strings.
func (p *parser) entries(f *field) bool {
	if f.key.kind != protoreflect.StringKind {
		return false
	}
	return p.keyed(f.number, func() bool {
		if p.peek() == 'n' && !f.value.takesNull() {
			return false
		}
		return p.single(f.value, true)
	})
}

// mostKeys limits the search for a duplicate key.
const mostKeys = 32

// keyed reads an object as the entries of a map; one reads a value.
func (p *parser) keyed(number protowire.Number, one func() bool) bool {
	base := len(p.keys)
	ok := p.members(func() bool {
		key, ok := p.string()
		if !ok || !p.colon() || len(p.keys)-base >= mostKeys || p.hasKey(base, key) {
			return false
		}
		p.keys = append(p.keys, key)
		start := p.begin(number)
		p.out = protowire.AppendTag(p.out, 1, protowire.BytesType)
		p.out = protowire.AppendBytes(p.out, key)
		if !one() {
			return false
		}
		p.finish(start)
		return true
	})
	clear(p.keys[base:])
	p.keys = p.keys[:base]
	return ok
}

func (p *parser) hasKey(base int, key []byte) bool {
	for _, one := range p.keys[base:] {
		if bytes.Equal(one, key) {
			return true
		}
	}
	return false
}
