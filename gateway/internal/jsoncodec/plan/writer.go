package plan

import (
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Strict says what happens to unknown fields.
type Strict bool

const (
	// Lenient skips unknown fields, like protojson.
	Lenient Strict = false
	// Lossless declines them, at any depth, because JSON would not show them.
	Lossless Strict = true
)

// writer turns one message into JSON.
type writer struct {
	text

	set    *Set
	strict Strict
	depth  int
	// partial is true if required fields may be missing, as in an Any.
	partial bool
	// slots are those of the open messages, the innermost last; entries are those of
	// maps, keys those of maps in a struct.
	slots   []slot
	entries []entry
	keys    []string
}

// mostDepth limits the depth of nested messages; their JSON is at most twice as deep.
// Deeper messages are rare, so protojson may write them.
const mostDepth = 48

// writers are reused: their buffers grow to the size that messages need.
//
//nolint:gochecknoglobals // a pool is shared by its nature; nothing can be observed through it
var writers = sync.Pool{New: func() any { return new(writer) }}

// write runs do with a writer that appends to dst. If do returns false, write returns the
// unchanged dst and false.
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

// AppendWire appends the JSON of the message with this wire form. False means that the
// plan cannot write it; dst is then unchanged.
func (s *Set) AppendWire(dst []byte, of protoreflect.MessageDescriptor, wire []byte, strict Strict) ([]byte, bool) {
	plan := s.of(of)
	return s.write(dst, strict, func(w *writer) bool { return w.message(plan, wire) })
}
