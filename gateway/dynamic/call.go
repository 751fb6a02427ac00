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

// unaryCall is the state of a unary call. It is one allocation, because every request needs one, so
// it is the context of the call too.
type unaryCall struct {
	context.Context //nolint:containedctx // this is a context itself.

	header, trailer metadata.MD
	options         [4]grpc.CallOption
	seen            events
}

// Value gives the stats handler the place where it records events.
func (e *unaryCall) Value(key any) any {
	if key == (callKey{}) {
		return &e.seen
	}
	return e.Context.Value(key)
}

// unary serves a unary call.
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
	e := &unaryCall{Context: ctx}
	e.options = [...]grpc.CallOption{c.backend.codecOption, c.method.limitOption, grpc.Header(&e.header), grpc.Trailer(&e.trailer)}
	reply := c.method.carrier.reply(c.method.maxMessage)
	err = c.method.conn.Invoke(e, exchange.From(ctx).Binding.Method.FullName, message, reply, e.options[:]...)
	err = receiveError(err, reply, &e.seen)
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

// request builds the request message from the body and the target.
func (c *call) request(data []byte) (any, error) {
	ex := exchange.From(c.r.Context())
	if wire, done, err := c.encodeDirectly(ex, data); done {
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
	return c.checkSize(filled)
}

// checkSize refuses a request message that is too large. An in-process connection checks that
// itself.
func (c *call) checkSize(message any) (any, error) {
	if f, ok := message.(*frame); ok && len(f.wire) > c.method.maxMessage {
		return nil, requestTooLarge(c.method.maxMessage)
	}
	return message, nil
}
