package dynamic

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// carrier is the form in which a method's messages go to its server and come back.
type carrier interface {
	// new returns an empty request message.
	new() protoreflect.Message
	// request returns what a connection takes for a request message.
	request(message protoreflect.Message) (any, error)
	// reply returns what a connection fills with a response of at most so many bytes.
	reply(most int) any
	// response returns the message that a connection has filled reply with.
	response(reply any) (proto.Message, error)
}

// framed carries messages in their wire form, as any connection takes them.
type framed struct {
	codec         jsoncodec.Codec
	input, output protoreflect.MessageType
}

var _ carrier = framed{}

func newFramed(codec jsoncodec.Codec, method protoreflect.MethodDescriptor) framed {
	return framed{codec: codec, input: dynamicpb.NewMessageType(method.Input()), output: dynamicpb.NewMessageType(method.Output())}
}

func (f framed) new() protoreflect.Message { return f.input.New() }

func (framed) request(message protoreflect.Message) (any, error) {
	wire, err := proto.Marshal(message.Interface())
	if err != nil {
		// What JSON cannot say is refused before, so this is a required field that is missing.
		return nil, respond.Fail(policy.ReasonInvalidArgument, "the request is not complete").Because(err)
	}
	return &frame{wire: wire}, nil
}

func (framed) reply(most int) any { return &frame{most: most} }

// response decodes nothing: see [jsoncodec.Wire].
func (f framed) response(reply any) (proto.Message, error) {
	filled, ok := reply.(*frame)
	if !ok {
		return nil, errFrame
	}
	message, err := f.codec.NewWire(f.output, filled.wire)
	if err != nil {
		return nil, respond.Fail(policy.ReasonInternal, "the backend's message cannot be read").Because(err)
	}
	return message, nil
}

// linked carries messages of the program's own types as they are, to services in the
// same process.
type linked struct{ input, output protoreflect.MessageType }

var _ carrier = linked{}

func newLinked(method protoreflect.MethodDescriptor) (linked, error) {
	input, err := protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName())
	if err != nil {
		return linked{}, fmt.Errorf("%s: the type of the request is not linked in: %w", method.FullName(), err)
	}
	output, err := protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName())
	if err != nil {
		return linked{}, fmt.Errorf("%s: the type of the response is not linked in: %w", method.FullName(), err)
	}
	return linked{input: input, output: output}, nil
}

func (l linked) new() protoreflect.Message { return l.input.New() }

func (linked) request(message protoreflect.Message) (any, error) { return message.Interface(), nil }

func (l linked) reply(int) any { return l.output.New().Interface() }

func (linked) response(reply any) (proto.Message, error) {
	message, ok := reply.(proto.Message)
	if !ok {
		return nil, errFrame
	}
	return message, nil
}
