package dynamic

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/internal/forward"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// frame is one message in its wire form.
type frame struct {
	wire []byte
	// max is the maximum size of a response in bytes, size the size of the response that arrived.
	// If it is over the limit, wire is nil.
	max, size int
}

var errFrame = errors.New("not a frame")

// frameCodec passes encoded messages to and from grpc-go unchanged.
type frameCodec struct{}

var _ encoding.CodecV2 = frameCodec{}

func (frameCodec) Name() string { return "proto" }

func (frameCodec) Marshal(v any) (mem.BufferSlice, error) {
	f, ok := v.(*frame)
	if !ok {
		return nil, errFrame
	}
	return mem.BufferSlice{mem.SliceBuffer(f.wire)}, nil
}

// Unmarshal copies the bytes, because grpc-go reuses their buffers. If the message is too large, it
// keeps only the size and returns no error, because grpc-go would turn an error into text.
func (frameCodec) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*frame)
	if !ok {
		return errFrame
	}
	f.size = data.Len()
	f.wire = nil
	if f.size <= f.max {
		f.wire = data.Materialize()
	}
	return nil
}

// If a response is over its limit, grpc-go reports RESOURCE_EXHAUSTED with a text. A backend
// reports the same code when a call is over a quota. To distinguish them, a stats handler observes
// whether trailers arrived: an error of the backend comes in trailers, an error of grpc-go does not.
//
// Trailers follow the message that is too large. A conforming server cannot send them before the
// gateway has read that message, because the window of the stream is not larger than the limit;
// see [receiveLimit]. If the server does not conform, the client gets the documented response to
// RESOURCE_EXHAUSTED.

// window is the flow-control window of a stream, in bytes.
const window = 1 << 20

// receiveLimit returns grpc-go's limit for responses. If the configured limit is smaller than the
// window, frameCodec enforces it.
func receiveLimit(limit int) int { return max(limit, window) }

type callKey struct{}

// events are the events of a call that a stats handler has seen.
type events struct {
	// watched means that there is a stats handler. Only a [serverConn] has one.
	watched, header, trailer atomic.Bool
}

// watch returns a context that records the events of a call.
func watch(ctx context.Context) (context.Context, *events) {
	seen := &events{}
	return context.WithValue(ctx, callKey{}, seen), seen
}

// watcher is the stats handler of every [serverConn].
type watcher struct{}

var _ stats.Handler = watcher{}

func (watcher) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	if seen, ok := ctx.Value(callKey{}).(*events); ok {
		seen.watched.Store(true)
	}
	return ctx
}

func (watcher) HandleRPC(ctx context.Context, event stats.RPCStats) {
	seen, ok := ctx.Value(callKey{}).(*events)
	if !ok {
		return
	}
	switch event.(type) {
	case *stats.InHeader:
		seen.header.Store(true)
	case *stats.InTrailer:
		seen.trailer.Store(true)
	}
}

func (watcher) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (watcher) HandleConn(context.Context, stats.ConnStats) {}

// receiveError returns the error of a call: nil, the backend's error, or an error that says that
// the response is too large.
func receiveError(err error, reply any, seen *events) error {
	f, ok := reply.(*frame)
	switch {
	case !ok:
		return err // An in-process connection reports a response that is too large by its reason.
	case err == nil && f.size > f.max:
		return responseTooLarge(f.max)
	case status.Code(err) == codes.ResourceExhausted && seen.watched.Load() && seen.header.Load() && !seen.trailer.Load() && !forward.IsReset(err):
		return responseTooLarge(f.max).Because(err)
	default:
		return err
	}
}

func responseTooLarge(limit int) *respond.Failure {
	return respond.Fail(policy.ReasonResponseTooLarge, "the backend's message is larger than "+strconv.Itoa(limit)+" bytes")
}

// requestTooLarge has a reason. The backend would refuse the request too, but without one.
func requestTooLarge(limit int) *respond.Failure {
	return respond.Fail(policy.ReasonRequestTooLarge, "the request is larger than "+strconv.Itoa(limit)+" bytes as a message")
}
