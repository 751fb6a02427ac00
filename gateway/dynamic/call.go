package dynamic

import (
	"bytes"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/forward"
)

// call is one request on its way to the server and back.
type call struct {
	backend *Backend
	method  *method
	w       http.ResponseWriter
	r       *http.Request
}

// unary answers a call of one message in either direction.
func (c *call) unary() error {
	data, err := forward.ReadBody(c.r)
	if err != nil {
		return err
	}
	wire, err := c.encode(data)
	if err != nil {
		return err
	}
	ctx, cancel := forward.Deadline(c.r, c.backend.params.Deadline)
	defer cancel()
	ctx, seen := watch(metadata.NewOutgoingContext(ctx, c.backend.params.Forward.Metadata(c.r)))
	var header, trailer metadata.MD
	reply := &frame{most: c.backend.params.MaxMessage}
	err = c.method.conn.Invoke(
		ctx, exchange.From(ctx).Binding.Method.FullName, &frame{wire: wire}, reply,
		grpc.ForceCodecV2(frameCodec{}), grpc.MaxCallRecvMsgSize(receiveLimit(reply.most)), grpc.Header(&header), grpc.Trailer(&trailer),
	)
	if err := received(err, reply, seen); err != nil {
		return c.backend.params.Forward.Failed(ctx, err, header, trailer)
	}
	message, err := c.method.coder.decode(reply.wire)
	if err != nil {
		return err
	}
	return c.backend.params.Responder.Reply(c.w, c.r, c.backend.params.Forward.Reply(ctx, message, header, trailer))
}

// encode makes the request's wire form from the body and the target.
func (c *call) encode(data []byte) ([]byte, error) {
	message := c.method.coder.request()
	if err := c.setBody(message, data); err != nil {
		return nil, forward.Unreadable(exchange.From(c.r.Context()).Binding, data, err)
	}
	return c.finish(message)
}

// finish adds what the target says and returns the wire form. The path and the query
// come after the body: what they name is theirs.
func (c *call) finish(message protoreflect.Message) ([]byte, error) {
	if err := setVariables(message, exchange.From(c.r.Context()).Params); err != nil {
		return nil, forward.BadValue(err)
	}
	if err := setQuery(message, c.r.URL.RawQuery); err != nil {
		return nil, forward.BadValue(err)
	}
	wire, err := c.method.coder.encode(message)
	if err != nil {
		return nil, err
	}
	if len(wire) > c.backend.params.MaxMessage {
		return nil, requestTooLarge(c.backend.params.MaxMessage)
	}
	return wire, nil
}

// setBody fills what the body fills. A body that is empty, or only white space, sets
// nothing.
func (c *call) setBody(message protoreflect.Message, data []byte) error {
	body := c.method.body
	if c.method.raw {
		c.setRaw(message, data)
		return nil
	}
	if len(bytes.TrimSpace(data)) == 0 {
		if c.method.mask != nil {
			message.Mutable(c.method.mask) // an empty one, as grpc-gateway sends
		}
		return nil
	}
	var err error
	switch {
	case body == nil:
		err = c.backend.codec.Unmarshal(data, message.Interface())
	case body.Message() != nil && !body.IsList() && !body.IsMap():
		err = c.backend.codec.Unmarshal(data, message.Mutable(body).Message().Interface())
	default:
		err = c.backend.codec.UnmarshalField(data, message, body)
	}
	if err != nil || c.method.mask == nil {
		return err
	}
	return setMask(message, c.method.mask, body, data)
}

// setRaw puts the body as it is into a google.api.HttpBody.
func (c *call) setRaw(message protoreflect.Message, data []byte) {
	if c.method.body != nil {
		message = message.Mutable(c.method.body).Message()
	}
	fields := message.Descriptor().Fields()
	message.Set(fields.ByName("content_type"), protoreflect.ValueOfString(c.r.Header.Get("Content-Type")))
	message.Set(fields.ByName("data"), protoreflect.ValueOfBytes(data))
}
