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
// Scalars, lists and maps are written even if they have their default (0, "", false, [], {}), so a client can rely on the
// member. Fields with presence (messages, `optional`, oneofs) are omitted if they are not set.
//
// An Any whose type is not linked in is written with its bytes, at any depth; see the package comment. Marshal fails if a
// message has no JSON form: a Timestamp out of range, a Value without a kind, a string that is not UTF-8, an Any whose
// bytes are not of its type, a missing required field.
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

// scratch contains the buffers in which messages grow, so that Marshal allocates its result once, in its final size.
//
//nolint:gochecknoglobals // a pool is shared by its nature; nothing can be observed through it
var scratch sync.Pool

// A buffer that grew for one huge response is not kept.
const maxScratch = 1 << 20

// Append appends the result of [Marshal] to dst. On an error it returns dst unchanged.
func Append(dst []byte, m proto.Message) ([]byte, error) { return linked.Append(dst, m) }

// Append is [Append] with the types of c.
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

// appendSlowly writes any message with a JSON form. It has the only call of protojson's encoder.
func (c Codec) appendSlowly(dst []byte, m proto.Message) ([]byte, error) {
	out, err := protojson.MarshalOptions{EmitDefaultValues: true, Resolver: c.encoding}.MarshalAppend(dst, m)
	if err != nil {
		return dst, fmt.Errorf("protobuf to JSON: %w", err)
	}
	return out[:len(dst)+compact(out[len(dst):])], nil
}

// AppendField appends the value of one field, for the response_body of google.api.http: an object, a list, a map or a
// scalar. A field with presence that is not set is null. fd must be a field of m.
func AppendField(dst []byte, m protoreflect.Message, fd protoreflect.FieldDescriptor) ([]byte, error) {
	return linked.AppendField(dst, m, fd)
}

// AppendField is [AppendField] with the types of c.
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
	// protojson writes only whole messages, so put the field into an empty message, and cut its value out of the JSON.
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

// compact removes the white space between the tokens of valid JSON, in place, and returns the new length. A hash of the
// binary decides whether protojson adds spaces, so that nobody relies on its bytes; but an ETag has to.
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

// AppendString appends a string as JSON. Each octet that is not UTF-8 becomes U+FFFD.
func AppendString(dst []byte, s string) []byte {
	if out, ok := plan.AppendString(dst, s); ok {
		return out
	}
	// The conversion to runes gives U+FFFD for each such octet.
	out, _ := plan.AppendString(dst, string([]rune(s)))
	return out
}
