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

	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// frame is one message in its wire form.
type frame struct {
	wire []byte
	// most is the largest response in bytes; size is that of the one that came. One
	// over the limit has no wire.
	most, size int
}

var errFrame = errors.New("not a frame")

// frameCodec hands messages to grpc-go as they are.
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

// Unmarshal copies the bytes, because grpc-go takes their buffers back. Of a message
// that is too large it notes the size: an error would reach the caller as text.
func (frameCodec) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*frame)
	if !ok {
		return errFrame
	}
	f.size = data.Len()
	f.wire = nil
	if f.size <= f.most {
		f.wire = data.Materialize()
	}
	return nil
}

// grpc-go refuses a response that is over its limit by RESOURCE_EXHAUSTED with a text,
// just as a backend refuses a call over a quota. The two are told apart by who said
// it: a backend says it in trailers, and a stats handler sees whether any came.
//
// Trailers come after the message that is too large, and a conforming server cannot
// send them before the gateway has taken that message, because the window of the
// stream is not larger than the limit; see [receiveLimit]. One that does not conform
// gets the answer to RESOURCE_EXHAUSTED, which is documented too.

// window is how much of a response may be on its way, in bytes.
const window = 1 << 20

// receiveLimit is grpc-go's limit for responses. Where the configured one is below
// the window, frameCodec holds that.
func receiveLimit(most int) int { return max(most, window) }

type callKey struct{}

// events are what a stats handler has seen of a call.
type events struct {
	// watched says that there is one: only a [serverConn] has it.
	watched, header, trailer atomic.Bool
}

// watch returns a context in which a call's events are noted.
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

// received is what became of a response: nil, the backend's error, or one that says
// that the response is too large.
func received(err error, reply any, seen *events) error {
	f, ok := reply.(*frame)
	switch {
	case !ok:
		return err // a connection in this process says it by a reason
	case err == nil && f.size > f.most:
		return responseTooLarge(f.most)
	case status.Code(err) == codes.ResourceExhausted && seen.watched.Load() && seen.header.Load() && !seen.trailer.Load():
		return responseTooLarge(f.most).Because(err)
	default:
		return err
	}
}

func responseTooLarge(most int) *respond.Failure {
	return respond.Fail(policy.ReasonResponseTooLarge, "the backend's message is larger than "+strconv.Itoa(most)+" bytes")
}

// requestTooLarge refuses what the backend would refuse with nothing but a text.
func requestTooLarge(most int) *respond.Failure {
	return respond.Fail(policy.ReasonRequestTooLarge, "the request is larger than "+strconv.Itoa(most)+" bytes as a message")
}
