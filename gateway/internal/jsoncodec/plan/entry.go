package plan

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// entry is an entry of a map. Its places are in the wire form of the map's field.
type entry struct {
	// key is the place of a string key. number is any other key; an unsigned one has
	// the same bits.
	key    place
	number int64
	// value is the place of the value, if set.
	value place
	set   bool
}

type place struct{ begin, end int }

func (p place) of(wire []byte) []byte { return wire[p.begin:p.end] }

// entriesOf writes a map, sorted by its keys; number keys sort as numbers.
func (w *writer) entriesOf(f *field, wire []byte) bool {
	base := len(w.entries)
	for pos := 0; pos < len(wire); {
		number, kind, length := tag(wire[pos:])
		pos += length // scan has checked all of it
		size := skip(kind, number, wire[pos:])
		content := place{pos, pos + size}
		pos += size
		if number != f.number {
			continue
		}
		if kind != protowire.BytesType {
			return false
		}
		_, prefix := protowire.ConsumeVarint(content.of(wire))
		content.begin += prefix
		one, ok := f.entry(wire, content)
		if !ok {
			return false
		}
		w.entries = append(w.entries, one)
	}
	slices.SortFunc(w.entries[base:], func(a, b entry) int { return f.compare(wire, a, b) })
	w.out = append(w.out, '{')
	for i := base; i < len(w.entries); i++ {
		if i > base {
			if f.compare(wire, w.entries[i-1], w.entries[i]) == 0 {
				return false // duplicate key
			}
			w.out = append(w.out, ',')
		}
		if !w.key(f.key, wire, w.entries[i]) || !w.entryValue(f.value, wire, w.entries[i]) {
			return false
		}
	}
	w.entries = w.entries[:base]
	w.out = append(w.out, '}')
	return true
}

// entry reads the entry at a place. It returns false for a form that no encoder writes.
func (f *field) entry(wire []byte, at place) (entry, bool) {
	var one entry
	keyed := false
	for pos := at.begin; pos < at.end; {
		number, kind, length := tag(wire[pos:at.end])
		if length < 0 {
			return one, false
		}
		pos += length
		size := skip(kind, number, wire[pos:at.end])
		if size < 0 {
			return one, false
		}
		content := place{pos, pos + size}
		pos += size
		if kind == protowire.BytesType {
			_, prefix := protowire.ConsumeVarint(content.of(wire))
			content.begin += prefix
		}
		switch {
		case number == 1 && kind == f.key.wire && !keyed:
			keyed = true
			one.key, one.number = content, keyNumber(f.key, content.of(wire))
		case number == 2 && kind == f.value.wire && !one.set:
			one.value, one.set = content, true
		default:
			return one, false
		}
	}
	return one, true
}

// keyNumber reads a key as a number, truncated like in [writer.number]. For a string it
// returns 0.
//
//nolint:gosec // cutting is what is meant.
func keyNumber(key *field, content []byte) int64 {
	bits := bitsOf(key.wire, content)
	switch key.kind {
	case protoreflect.BoolKind:
		return int64(min(bits, 1))
	case protoreflect.Int32Kind, protoreflect.Sfixed32Kind:
		return int64(int32(bits))
	case protoreflect.Sint32Kind:
		return int64(int32(protowire.DecodeZigZag(bits & math.MaxUint32)))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return int64(uint32(bits))
	case protoreflect.Sint64Kind:
		return protowire.DecodeZigZag(bits)
	default:
		return int64(bits)
	}
}

// compare compares two entries of a map by their keys.
//
//nolint:gosec // an unsigned key keeps its bits.
func (f *field) compare(wire []byte, a, b entry) int {
	switch f.key.kind {
	case protoreflect.StringKind:
		return bytes.Compare(a.key.of(wire), b.key.of(wire))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return cmp.Compare(uint64(a.number), uint64(b.number))
	default:
		return cmp.Compare(a.number, b.number)
	}
}

// key writes a key and the colon. In JSON a key of any type is a string.
//
//nolint:gosec // as in compare.
func (w *writer) key(key *field, wire []byte, e entry) bool {
	switch key.kind {
	case protoreflect.StringKind:
		if !w.octets(e.key.of(wire)) {
			return false
		}
		w.out = append(w.out, ':')
		return true
	case protoreflect.BoolKind:
		w.out = append(w.out, '"')
		w.bool(e.number != 0)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		w.out = append(w.out, '"')
		w.out = strconv.AppendUint(w.out, uint64(e.number), 10)
	default:
		w.out = append(w.out, '"')
		w.out = strconv.AppendInt(w.out, e.number, 10)
	}
	w.out = append(w.out, '"', ':')
	return true
}

// entryValue writes an entry's value, or the default if there is none.
func (w *writer) entryValue(f *field, wire []byte, e entry) bool {
	if !e.set && f.nested == nil {
		return w.absent(f)
	}
	return w.single(f, e.value.of(wire))
}
