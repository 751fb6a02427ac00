package rules

import (
	"context"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// Stop says when a stop of the server ends long calls. Each function registers end to be called at
// that time, and returns a function that cancels the registration, like [context.AfterFunc]. Nil means
// never.
type Stop struct {
	// Streams ends the streams whose clients get the reason in a last frame.
	Streams func(end func()) (undo func() bool)
	// Transfers ends streamed uploads, and downloads of raw bytes. They end by themselves, so they
	// get more time.
	Transfers func(end func()) (undo func() bool)
}

// reconnectDelay is how long the client of a stream should wait before it connects again.
const reconnectDelay = time.Second

// Drain ends streams when the server stops, because an idle stream would use up the grace period. The
// cause of the call's context is the failure that the client gets.
func Drain(stop Stop, next Rule) Rule {
	return func(ex *exchange.Exchange) error {
		binding := ex.Binding
		var at func(end func()) (undo func() bool)
		switch {
		case binding.Method.ServerStreams && !binding.RawResponse:
			at = stop.Streams
		case binding.Method.ServerStreams || binding.Method.ClientStreams:
			at = stop.Transfers
		}
		if at == nil {
			return next(ex)
		}
		ctx, cancel := context.WithCancelCause(ex.Context)
		defer cancel(nil)
		undo := at(func() { cancel(draining()) })
		defer undo()
		ex.Context = ctx
		return next(ex)
	}
}

func draining() *respond.Failure {
	return respond.Fail(policy.ReasonDraining, "the server is stopping").
		With(&errdetails.RetryInfo{RetryDelay: durationpb.New(reconnectDelay)})
}
