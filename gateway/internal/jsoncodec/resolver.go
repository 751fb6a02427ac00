package jsoncodec

import (
	"errors"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/runtime/protoiface"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// outbound returns a type for every URL, so that no Any can destroy the message around it.
type outbound struct{ Types }

func (o outbound) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	mt, err := o.Types.FindMessageByURL(url)
	if err != nil {
		return newRawType(), nil //nolint:nilerr // not found, or found to be no message: either way its bytes are all we have
	}
	return mt, nil
}

// inbound does the same for every URL that is valid.
type inbound struct {
	Types

	// The forms of the Anys in this text, in the order in which they begin. It is nil if the URL alone shows the form,
	// which is nearly always.
	forms []anyForm
	next  *int
}

// anyForm is the form of one Any.
type anyForm struct {
	url    string
	opaque bool // as "value" with the bytes
}

var (
	errTypeURL = errors.New("not a type URL")
	errForms   = errors.New("the types are asked for in another order")
)

func (in inbound) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	if !validTypeURL(url) {
		return nil, errTypeURL
	}
	opaque, err := in.opaque(url)
	if err != nil {
		return nil, err
	}
	if !opaque {
		if mt, err := in.Types.FindMessageByURL(url); err == nil {
			return mt, nil
		}
	}
	return newRawType(), nil
}

func (in inbound) opaque(url string) (bool, error) {
	if in.forms == nil {
		return false, nil
	}
	// protojson asks once for each Any, from outside to inside and from start to end. If it ever asks differently, the
	// text is refused, not misread.
	if *in.next == len(in.forms) || in.forms[*in.next].url != url {
		return false, errForms
	}
	*in.next++
	return in.forms[*in.next-1].opaque, nil
}

// rawType is the type of messages with known bytes and an unknown type. protojson sees a BytesValue, whose form in an Any
// is {"@type": …, "value": base64}. On the wire it is the bytes themselves.
type rawType struct{ protoreflect.MessageType }

func newRawType() rawType { return rawType{new(wrapperspb.BytesValue).ProtoReflect().Type()} }

// New returns an empty message.
func (t rawType) New() protoreflect.Message { return rawMessage{t.MessageType.New()} }

type rawMessage struct{ protoreflect.Message }

var (
	_ protoreflect.MessageType = rawType{}
	_ protoreflect.Message     = rawMessage{}
	_ proto.Message            = rawMessage{}
)

// Interface returns m itself, because the inner BytesValue would be encoded as one.
func (m rawMessage) Interface() protoreflect.ProtoMessage { return m }

// ProtoReflect makes m its own Interface.
func (m rawMessage) ProtoReflect() protoreflect.Message { return m }

// ProtoMethods returns the methods that proto.Marshal and proto.Unmarshal call instead of their own code.
func (m rawMessage) ProtoMethods() *protoiface.Methods {
	value := m.Descriptor().Fields().ByNumber(1)
	return &protoiface.Methods{
		Flags: protoiface.SupportMarshalDeterministic,
		Marshal: func(in protoiface.MarshalInput) (protoiface.MarshalOutput, error) {
			return protoiface.MarshalOutput{Buf: append(in.Buf, m.Get(value).Bytes()...)}, nil
		},
		Unmarshal: func(in protoiface.UnmarshalInput) (protoiface.UnmarshalOutput, error) {
			m.Set(value, protoreflect.ValueOfBytes(slices.Clone(in.Buf)))
			return protoiface.UnmarshalOutput{Flags: protoiface.UnmarshalInitialized}, nil
		},
	}
}
