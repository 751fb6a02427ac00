package dynamic

import (
	"context"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/request"
)

// call is one request on its way to the server and back.
type call struct {
	backend *served
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
	data, err := request.ReadBody(c.r)
	if err != nil {
		return err
	}
	message, err := c.request(data)
	if err != nil {
		return err
	}
	ctx, followed := c.backend.Forward.Begin(exchange.From(c.r.Context()).Context, c.method.conn, c.r)
	e := &exchanged{Context: ctx}
	e.options = [...]grpc.CallOption{c.backend.codecOption, c.method.limitOption, grpc.Header(&e.header), grpc.Trailer(&e.trailer)}
	reply := c.method.carrier.reply(c.method.maxMessage)
	err = c.method.conn.Invoke(e, exchange.From(ctx).Binding.Method.FullName, message, reply, e.options[:]...)
	err = received(err, reply, &e.seen)
	followed.End(err)
	if err != nil {
		return c.backend.Forward.Failed(ctx, err, e.header, e.trailer)
	}
	response, err := c.method.carrier.response(reply)
	if err != nil {
		return err
	}
	return c.backend.Responder.Reply(c.w, c.r, c.backend.Forward.Reply(ctx, response, e.header, e.trailer))
}

// request makes the message that is sent for the body and the target.
func (c *call) request(data []byte) (any, error) {
	ex := exchange.From(c.r.Context())
	if wire, done, err := c.directly(ex, data); done {
		return wire, err
	}
	message := c.method.carrier.new()
	if err := c.method.builder.Fill(message, c.r, data); err != nil {
		return nil, err
	}
	filled, err := c.method.carrier.request(message)
	if err != nil {
		return nil, err
	}
	return c.fit(filled)
}

// fit refuses a request that is larger than a message may be. Over a connection in this
// process the connection does.
func (c *call) fit(message any) (any, error) {
	if f, ok := message.(*frame); ok && len(f.wire) > c.method.maxMessage {
		return nil, requestTooLarge(c.method.maxMessage)
	}
	return message, nil
}
