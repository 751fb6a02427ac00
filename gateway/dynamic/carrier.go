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

// carrier converts a method's messages to and from the form that the connection accepts.
type carrier interface {
	// new returns an empty request message.
	new() protoreflect.Message
	// request returns the value to send for a request message.
	request(message protoreflect.Message) (any, error)
	// reply returns an empty value for the connection to fill with a response of at most limit bytes.
	reply(limit int) any
	// response returns the message that the connection has put into reply.
	response(reply any) (proto.Message, error)
}

// framed carries messages in their wire form, which any connection accepts.
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
		// Only a missing required field gets here: the JSON decoder has refused everything else.
		return nil, respond.Fail(policy.ReasonInvalidArgument, "the request is not complete").Because(err)
	}
	return &frame{wire: wire}, nil
}

func (framed) reply(limit int) any { return &frame{max: limit} }

// response returns a message that is still encoded; see [jsoncodec.Wire].
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

// linked carries messages of linked Go types without encoding, to services in the same process.
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
