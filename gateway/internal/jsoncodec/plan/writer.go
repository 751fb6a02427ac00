package plan

import (
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Strict says how much has to be known.
type Strict bool

const (
	// Lenient passes over unknown fields, as protojson does.
	Lenient Strict = false
	// Lossless fails on them, at any depth: JSON would not show them.
	Lossless Strict = true
)

// writer is one message on its way to JSON.
type writer struct {
	text

	set    *Set
	strict Strict
	depth  int
	// partial says that required fields may be missing, as they may in an Any.
	partial bool
	// slots are those of the messages begun, the innermost last; entries those of maps,
	// and keys those of maps in a struct.
	slots   []slot
	entries []entry
	keys    []string
}

// mostDepth bounds how deep messages are nested, so that their JSON is at most twice as deep.
// What is deeper is rare enough for protojson.
const mostDepth = 48

// writers are used again: what they hold grows to what messages need.
//
//nolint:gochecknoglobals // a pool is shared by its nature; nothing can be observed through it
var writers = sync.Pool{New: func() any { return new(writer) }}

// write runs do with a writer that appends to dst. It returns dst as it was, and false,
// if do does.
func (s *Set) write(dst []byte, strict Strict, do func(w *writer) bool) ([]byte, bool) {
	w := writers.Get().(*writer) //nolint:forcetypeassert // the pool makes nothing else.
	w.out, w.set, w.strict, w.depth, w.partial = dst, s, strict, 0, false
	ok := do(w)
	out := w.out
	w.out, w.set = nil, nil
	w.slots, w.entries, w.keys = w.slots[:0], w.entries[:0], w.keys[:0]
	writers.Put(w)
	if !ok {
		return dst, false
	}
	return out, true
}

// AppendWire appends the JSON of the message that has this wire form. False means that
// the plan cannot write it, and that dst is as it was.
func (s *Set) AppendWire(dst []byte, of protoreflect.MessageDescriptor, wire []byte, strict Strict) ([]byte, bool) {
	plan := s.of(of)
	return s.write(dst, strict, func(w *writer) bool { return w.message(plan, wire) })
}
