package inprocess

import (
	"context"
	"reflect"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Invoke implements [grpc.ClientConnInterface]. The handler runs on the caller's
// goroutine, and Invoke returns when the handler returns. Every error is a status.
// After a panic, the error is also a [PanicError].
func (c *Conn) Invoke( //nolint:revive // the interface has this many arguments
	ctx context.Context, name string, args, reply any, opts ...grpc.CallOption,
) error {
	m := c.methods[name]
	if m != nil && m.stream != nil {
		stream, err := c.NewStream(ctx, &grpc.StreamDesc{}, name, opts...)
		if err != nil {
			return err
		}

		return callOnce(stream, args, reply)
	}

	var header, trailer metadata.MD
	call, err := c.newCall(ctx, name)
	if err == nil {
		u := unaryCall{call: call, method: m, args: args, reply: reply, codec: options(opts).codec(), limits: options(opts).limits(c.limits)}
		err = c.serveUnary(&u)
		header, trailer = call.transport.received()
	}
	options(opts).report(header, trailer, err)

	return err
}

// unaryCall is the state of one unary call.
type unaryCall struct {
	call        *call
	method      *method // nil: not registered
	args, reply any
	codec       encoding.CodecV2 // the caller's; nil: none
	limits      limits
}

// serveUnary runs the handler and fills the reply.
func (c *Conn) serveUnary(u *unaryCall) (err error) { //nolint:nonamedreturns // for catch
	defer u.call.end()
	defer catch(&err)

	if u.method == nil {
		return c.unimplemented(u.call.transport.method)
	}
	args, err := encode(u.args, u.codec)
	if err != nil {
		return err
	}
	if err := c.messages.checkSize(args, u.limits.request, ReasonRequestTooLarge); err != nil {
		return err
	}
	// A closure over u would move u to the heap.
	decode := func(request any) error { return c.messages.give(request, args) }
	reply, err := u.method.unary.Handler(u.method.impl, u.call.ctx, decode, c.unary)
	if err != nil {
		return u.handlerError(err)
	}
	if absent(reply) {
		return errNoReply()
	}
	if err := c.messages.checkSize(reply, u.limits.response, ReasonResponseTooLarge); err != nil {
		return err
	}

	return c.messages.fill(u.reply, reply, u.codec)
}

// handlerError returns the error of a call whose handler returned err.
func (u *unaryCall) handlerError(err error) error {
	st, ok := status.FromError(err)
	if !ok {
		if done := u.call.base.Context.Err(); done != nil {
			err = done
		}
		st = status.FromContextError(err)
	}
	if st.Code() == codes.OK { // A success needs a reply.
		return errNoReply()
	}

	return statusError(st)
}

// absent reports whether a reply is nil or a nil pointer.
func absent(reply any) bool {
	if reply == nil {
		return true
	}
	v := reflect.ValueOf(reply)

	return v.Kind() == reflect.Pointer && v.IsNil()
}
