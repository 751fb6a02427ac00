package plan

import (
	"math"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// pair reads the seconds and nanoseconds of a Timestamp or a Duration.
//
//nolint:gosec // cutting is what is meant.
func (w *writer) pair(wire []byte, base int) (int64, int32) {
	var pair [2]uint64
	for i := range pair {
		if s := w.slots[base+i]; s.set {
			pair[i], _ = protowire.ConsumeVarint(wire[s.begin:s.end])
		}
	}
	return int64(pair[0]), int32(pair[1])
}

// maskOfWire writes a google.protobuf.FieldMask from the elements of its only field.
func (w *writer) maskOfWire(f *field, wire []byte) bool {
	var paths []string
	ok := eachElement(f, wire, func(kind protowire.Type, content []byte) bool {
		paths = append(paths, string(content))
		return kind == f.wire
	})
	return ok && w.fieldMask(paths)
}

// fieldMask writes paths in lowerCamelCase. A path that would not come back as it was is written unchanged:
// a response with such a path is worth more to the client than an error.
func (w *writer) fieldMask(paths []string) bool {
	written := make([]string, len(paths))
	for i, path := range paths {
		camel := camelCase(path)
		isReversible := SnakeCase(camel) == path && protoreflect.FullName(path).IsValid()
		if !isReversible && w.strict == Lossless {
			return false
		}
		written[i] = path
		if isReversible {
			written[i] = camel
		}
	}
	return w.string(strings.Join(written, ","))
}

// camelCase replaces each "_x" by "X", as ProtoJSON does.
func camelCase(path string) string {
	var out strings.Builder
	upper := false
	for _, c := range []byte(path) {
		if upper && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		if upper = c == '_'; !upper {
			out.WriteByte(c)
		}
	}
	return out.String()
}

// SnakeCase replaces each "X" by "_x", as ProtoJSON does in a FieldMask.
func SnakeCase(path string) string {
	var out strings.Builder
	for _, c := range []byte(path) {
		if 'A' <= c && c <= 'Z' {
			out.WriteByte('_')
			c += 'a' - 'A'
		}
		out.WriteByte(c)
	}
	return out.String()
}

// anyValue writes a google.protobuf.Value, whose kind must be set. Only NaN and the
// infinities are numbers without a JSON form.
func (w *writer) anyValue(m *message, wire []byte, base int) bool {
	for i := range m.fields {
		s := w.slots[base+i]
		if !s.set {
			continue
		}
		f, content := &m.fields[i], wire[s.begin:s.end]
		if f.wire == protowire.Fixed64Type {
			bits, _ := protowire.ConsumeFixed64(content)
			if number := math.Float64frombits(bits); math.IsNaN(number) || math.IsInf(number, 0) {
				return false
			}
		}
		return w.single(f, content)
	}
	return false
}

// any writes a google.protobuf.Any: "@type" and the members of its message, or "@type" and
// "value" if the type has a form of its own or, with base64, is unknown.
func (w *writer) any(m *message, wire []byte) bool {
	base := len(w.slots)
	if !w.scan(m, wire) {
		return false
	}
	var parts [2][]byte
	for i := range parts {
		if s := w.slots[base+i]; s.set {
			parts[i] = wire[s.begin:s.end]
		}
	}
	w.slots = w.slots[:base]
	url := string(parts[0])
	if w.strict == Lossless && url != "" && !strings.HasPrefix(url, "type.googleapis.com/") {
		return false // readers may not accept such a URL
	}
	return w.held(url, parts[1])
}

// held writes the message in an Any.
func (w *writer) held(url string, wire []byte) bool {
	if url == "" {
		w.out = append(w.out, '{', '}')
		return len(wire) == 0
	}
	w.out = append(w.out, `{"@type":`...)
	if !w.string(url) {
		return false
	}
	found, err := w.set.types.FindMessageByURL(url)
	if err != nil {
		if w.strict == Lossless && w.depth > 0 {
			return false // as in any
		}
		w.out = append(w.out, `,"value":`...)
		w.bytes(wire)
		w.out = append(w.out, '}')
		return true
	}
	m := w.set.of(found.Descriptor())
	partial := w.partial
	w.partial = true // required fields are not checked in an Any
	var ok bool
	if m.form == object {
		ok = w.besideType(m, wire)
	} else {
		w.out = append(w.out, `,"value":`...)
		ok = w.message(m, wire)
	}
	w.partial = partial
	w.out = append(w.out, '}')
	return ok
}

func (w *writer) besideType(m *message, wire []byte) bool {
	if m.unknown || w.depth > mostDepth {
		return false
	}
	w.depth++
	base := len(w.slots)
	ok := w.scan(m, wire) && w.members(m, wire, base, true)
	w.slots = w.slots[:base]
	w.depth--
	return ok
}

// AppendAny appends the JSON of an Any with this type URL and content. False means that
// the plan cannot write it; dst is then unchanged.
func (s *Set) AppendAny(dst []byte, url string, content []byte, strict Strict) ([]byte, bool) {
	return s.write(dst, strict, func(w *writer) bool { return w.held(url, content) })
}
