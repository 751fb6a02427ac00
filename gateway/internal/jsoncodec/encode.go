package jsoncodec

import (
	"bytes"
	"fmt"
	"sync"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/internal/jsoncodec/plan"
)

// Marshal returns m as ProtoJSON: lowerCamelCase names, no white space, members in the order of their declaration,
// map keys sorted. The same message gives the same bytes in every build.
//
// Scalars, lists and maps are written even when they hold their default (0, "", false, [], {}), so a client can rely on
// the member being there. What has presence (messages, `optional`, oneofs) is left out when it is not set.
//
// An Any whose type is not linked in is written with its bytes, at any depth; see the package comment. Marshal fails
// where protobuf says that a message has no JSON form: a Timestamp out of range, a Value without a kind, a string that
// is not UTF-8, an Any whose bytes are not of its type, a required field that is missing.
func Marshal(m proto.Message) ([]byte, error) {
	buffer, ok := scratch.Get().(*[]byte)
	if !ok {
		buffer = new([]byte)
	}
	out, err := Append((*buffer)[:0], m)
	if cap(out) <= maxScratch {
		*buffer = out
		defer scratch.Put(buffer)
	}
	if err != nil {
		return nil, err
	}
	return bytes.Clone(out), nil
}

// scratch holds the buffers in which messages grow, so that what Marshal returns is allocated once, in its final size.
//
//nolint:gochecknoglobals // a pool is shared by its nature; nothing can be observed through it
var scratch sync.Pool

// A buffer that one huge answer has grown is not worth keeping.
const maxScratch = 1 << 20

// Append is Marshal to the end of dst. On an error it returns dst as it was.
func Append(dst []byte, m proto.Message) ([]byte, error) { return linked.Append(dst, m) }

// Append is the function of that name.
func (c Codec) Append(dst []byte, m proto.Message) ([]byte, error) {
	if wire, ok := m.(*Wire); ok {
		return wire.append(dst)
	}
	if m != nil {
		if out, ok := c.plans.AppendMessage(dst, m); ok {
			return out, nil
		}
	}
	return c.appendSlowly(dst, m)
}

// appendSlowly writes whatever has a JSON form. It has the only call of protojson's encoder.
func (c Codec) appendSlowly(dst []byte, m proto.Message) ([]byte, error) {
	out, err := protojson.MarshalOptions{EmitDefaultValues: true, Resolver: c.encoding}.MarshalAppend(dst, m)
	if err != nil {
		return dst, fmt.Errorf("protobuf to JSON: %w", err)
	}
	return out[:len(dst)+compact(out[len(dst):])], nil
}

// AppendField appends the value of one field alone, as google.api.http's response_body asks: an object, a list, a map
// or a scalar. A field with presence that is not set is null. fd has to be a field of m.
func AppendField(dst []byte, m protoreflect.Message, fd protoreflect.FieldDescriptor) ([]byte, error) {
	return linked.AppendField(dst, m, fd)
}

// AppendField is the function of that name.
func (c Codec) AppendField(dst []byte, m protoreflect.Message, fd protoreflect.FieldDescriptor) ([]byte, error) {
	switch {
	case fd.HasPresence() && !m.Has(fd):
		return append(dst, "null"...), nil
	case fd.Message() != nil && !fd.IsList() && !fd.IsMap():
		return c.Append(dst, m.Get(fd).Message().Interface())
	case fd.IsList() && !m.Has(fd):
		return append(dst, "[]"...), nil
	case fd.IsMap() && !m.Has(fd):
		return append(dst, "{}"...), nil
	}
	// protojson writes nothing smaller than a message, so the field is lent to a message that has no other, and cut
	// out again.
	holder := m.New()
	if m.Has(fd) {
		holder.Set(fd, m.Get(fd))
	}
	start := len(dst)
	out, err := c.Append(dst, holder.Interface())
	if err != nil {
		return dst, err
	}
	value := memberOf(out[start:], fd.JSONName())
	return out[:start+copy(out[start:], value)], nil
}

// memberOf returns the text of an object's member.
func memberOf(object []byte, name string) []byte {
	c := cursor{data: object}
	var text []byte
	_ = c.object(func(member string) *Error {
		if value := c.value(); member == name {
			text = value
		}
		return nil
	})
	return text
}

// compact removes the white space between the tokens of valid JSON, in place, and returns the new length. protojson
// adds spaces or not by a hash of the binary, precisely so that nobody relies on its bytes; an ETag has to.
func compact(text []byte) int {
	length := 0
	for i := 0; i < len(text); {
		end := i + 1
		switch c := text[i]; {
		case isSpace(c):
			i++
			continue
		case c == '"':
			end = endOfString(text, i)
		}
		if length != i {
			copy(text[length:], text[i:end])
		}
		length += end - i
		i = end
	}
	return length
}

// AppendString appends a string as JSON. What is not UTF-8 becomes U+FFFD, octet by octet.
func AppendString(dst []byte, s string) []byte {
	if out, ok := plan.AppendString(dst, s); ok {
		return out
	}
	// A range over a string gives U+FFFD for each such octet.
	out, _ := plan.AppendString(dst, string([]rune(s)))
	return out
}
