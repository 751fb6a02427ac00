package jsoncodec

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/internal/jsoncodec/plan"
)

// Wire is a message in its wire form. [Codec.Append] writes its JSON, and [Wire.Find] reads single fields, without decoding
// the message. Only ProtoReflect decodes it. It belongs to one goroutine.
type Wire struct {
	codec   Codec
	of      protoreflect.MessageType
	wire    []byte
	decoded protoreflect.Message
}

var _ proto.Message = (*Wire)(nil)

// NewWire returns a message of a type from its wire form, which it keeps. An error means that the bytes are not a message.
// NewWire does not check the contents of the fields; decoding does.
func (c Codec) NewWire(of protoreflect.MessageType, wire []byte) (*Wire, error) {
	for rest := wire; len(rest) > 0; {
		_, _, size := protowire.ConsumeField(rest)
		if size < 0 {
			return nil, fmt.Errorf("reading a %s: %w", of.Descriptor().FullName(), protowire.ParseError(size))
		}
		rest = rest[size:]
	}
	return &Wire{codec: c, of: of, wire: wire}, nil
}

// ProtoReflect returns the decoded message, as far as it can be decoded.
func (w *Wire) ProtoReflect() protoreflect.Message {
	if w.decoded == nil {
		w.decoded, _ = w.decode()
	}
	return w.decoded
}

func (w *Wire) decode() (protoreflect.Message, error) {
	m := w.of.New()
	if err := (proto.UnmarshalOptions{Resolver: w.codec.types}).Unmarshal(w.wire, m.Interface()); err != nil {
		return m, fmt.Errorf("reading a %s: %w", w.of.Descriptor().FullName(), err)
	}
	return m, nil
}

// Find returns the value of the field at path, through singular messages, like protoreflect.Message.Get on the decoded
// message. set is false if a message on the path is missing. known is false if the wire form does not show the value:
// then the message has to be decoded.
func (w *Wire) Find(path []protoreflect.FieldDescriptor) (value protoreflect.Value, set, known bool) {
	return plan.Find(w.wire, path)
}

// append is [Codec.Append] for a message in its wire form.
func (w *Wire) append(dst []byte) ([]byte, error) {
	if out, ok := w.codec.plans.AppendWire(dst, w.of.Descriptor(), w.wire, plan.Lenient); ok {
		return out, nil
	}
	m, err := w.decode()
	if err != nil {
		return dst, err
	}
	return w.codec.appendSlowly(dst, m.Interface())
}
