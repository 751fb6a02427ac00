package dynamic

import (
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
)

// coder is all that this package knows of a message's form: what a request is built
// in, and what the bytes of a response are. A faster one can take its place method by
// method.
type coder interface {
	// request returns an empty request message.
	request() protoreflect.Message
	// encode returns the wire form of a request.
	encode(request protoreflect.Message) ([]byte, error)
	// decode reads a response from its wire form, of which it keeps nothing.
	decode(wire []byte) (proto.Message, error)
}

// reflective is the coder of every message.
type reflective struct {
	input, output protoreflect.MessageType
}

var _ coder = reflective{}

func newReflective(method protoreflect.MethodDescriptor) reflective {
	return reflective{input: dynamicpb.NewMessageType(method.Input()), output: dynamicpb.NewMessageType(method.Output())}
}

func (c reflective) request() protoreflect.Message { return c.input.New() }

func (reflective) encode(request protoreflect.Message) ([]byte, error) {
	wire, err := proto.Marshal(request.Interface())
	if err != nil {
		// What JSON cannot say is refused before, so this is a required field that is missing.
		return nil, respond.Fail(codes.InvalidArgument, mapping.ReasonInvalidArgument, "the request is not complete").Because(err)
	}
	return wire, nil
}

func (c reflective) decode(wire []byte) (proto.Message, error) {
	message := c.output.New().Interface()
	if err := proto.Unmarshal(wire, message); err != nil {
		return nil, respond.Fail(codes.Internal, mapping.ReasonInternal, "the backend's message cannot be read").
			Because(fmt.Errorf("decoding a %s: %w", c.output.Descriptor().FullName(), err))
	}
	return message, nil
}
