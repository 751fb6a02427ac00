package jsoncodec

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/internal/jsoncodec/plan"
)

// Wire is a message of which only the wire form is there. [Codec.Append] writes its JSON without decoding it, and
// [Wire.Find] reads single fields; it is decoded only for whoever asks for more, by ProtoReflect. It belongs to one
// goroutine.
type Wire struct {
	codec   Codec
	of      protoreflect.MessageType
	wire    []byte
	decoded protoreflect.Message
}

var _ proto.Message = (*Wire)(nil)

// NewWire returns the message of a type that has this wire form, of which it keeps hold. An error says that the bytes
// are no message at all; what is wrong below its fields is found by whoever decodes them.
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

// ProtoReflect returns the message decoded, as far as it can be.
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

// Find returns the value of the field to which path leads through singular messages, as protoreflect.Message.Get does
// once the message is decoded; set is false where a message on the way is not there. known is false where the wire form
// does not tell: then it has to be decoded.
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
