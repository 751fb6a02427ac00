package dynamic

import (
	"bytes"
	"context"
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

// exchanged is what a call of one message in either direction is made of, in one piece:
// it is made for every request. It is the call's context too.
type exchanged struct {
	context.Context //nolint:containedctx // this is a context itself.

	header, trailer metadata.MD
	options         [4]grpc.CallOption
	seen            events
}

// Value hands the stats handler what it notes events in.
func (e *exchanged) Value(key any) any {
	if key == (callKey{}) {
		return &e.seen
	}
	return e.Context.Value(key)
}

// unary answers a call of one message in either direction.
func (c *call) unary() error {
	data, err := forward.ReadBody(c.r)
	if err != nil {
		return err
	}
	params := &c.backend.params
	request, err := c.request(data)
	if err != nil {
		return err
	}
	ctx, cancel := forward.Deadline(c.r, params.Deadline)
	defer cancel()
	ctx, followed := params.Forward.Begin(ctx, c.method.conn, c.r)
	e := &exchanged{Context: ctx}
	e.options = [...]grpc.CallOption{c.backend.codecOption, c.backend.limitOption, grpc.Header(&e.header), grpc.Trailer(&e.trailer)}
	reply := c.method.carrier.reply(params.MaxMessage)
	err = c.method.conn.Invoke(e, exchange.From(ctx).Binding.Method.FullName, request, reply, e.options[:]...)
	err = received(err, reply, &e.seen)
	followed.End(err)
	if err != nil {
		return params.Forward.Failed(ctx, err, e.header, e.trailer)
	}
	message, err := c.method.carrier.response(reply)
	if err != nil {
		return err
	}
	return params.Responder.Reply(c.w, c.r, params.Forward.Reply(ctx, message, e.header, e.trailer))
}

// request makes what is sent of the body and the target.
func (c *call) request(data []byte) (any, error) {
	ex := exchange.From(c.r.Context())
	if wire, done, err := c.directly(ex, data); done {
		return wire, err
	}
	message := c.method.carrier.new()
	if err := c.setBody(message, data); err != nil {
		return nil, forward.Unreadable(ex.Binding, data, err)
	}
	return c.finish(message)
}

// finish adds what the target says. The path and the query come after the body: what
// they name is theirs.
func (c *call) finish(message protoreflect.Message) (any, error) {
	ex := exchange.From(c.r.Context())
	if err := setVariables(message, ex.Binding.Variables, ex.Params); err != nil {
		return nil, forward.BadValue(err)
	}
	if err := setQuery(message, c.r.URL.RawQuery); err != nil {
		return nil, forward.BadValue(err)
	}
	request, err := c.method.carrier.request(message)
	if err != nil {
		return nil, err
	}
	return c.fit(request)
}

// fit refuses a request that is larger than a message may be. Over a connection in this
// process the connection does.
func (c *call) fit(request any) (any, error) {
	if f, ok := request.(*frame); ok && len(f.wire) > c.backend.params.MaxMessage {
		return nil, requestTooLarge(c.backend.params.MaxMessage)
	}
	return request, nil
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
