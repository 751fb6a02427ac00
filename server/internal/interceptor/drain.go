package interceptor

import (
	"context"

	"google.golang.org/grpc"
)

// Drain ends open streams when the server stops, with the error that why returns: an
// idle one would use up the time that running calls have to finish. at arranges that a
// function is called then, as [context.AfterFunc] does.
func Drain(at func(end func()) (undo func() bool), why func() error) grpc.StreamServerInterceptor {
	return func(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		ctx, cancel := context.WithCancelCause(stream.Context())
		defer cancel(nil)
		stopped := why()
		undo := at(func() { cancel(stopped) })
		defer undo()
		err := handler(service, &drained{withContext: withContext{ServerStream: stream, ctx: ctx}, receives: info.IsClientStream})
		if err != nil && context.Cause(ctx) == stopped { //nolint:errorlint // this very value.
			return stopped
		}
		return err
	}
}

// drained is a stream whose context may end before that of its call.
type drained struct {
	withContext

	receives bool
}

// RecvMsg returns when the context ends, also while the client sends nothing.
func (d *drained) RecvMsg(message any) error {
	if !d.receives {
		return d.ServerStream.RecvMsg(message)
	}
	received := make(chan error, 1)
	go func() { received <- d.ServerStream.RecvMsg(message) }() // It ends with the call at the latest.
	select {
	case err := <-received:
		return err
	case <-d.ctx.Done():
		return context.Cause(d.ctx)
	}
}
