package inprocess

import (
	"context"
	"net"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// address is the address of both ends.
type address struct{}

func (address) Network() string { return "inprocess" }
func (address) String() string  { return "inprocess" }

// loopback returns the peer that each side sees.
func loopback() *peer.Peer {
	return &peer.Peer{Addr: address{}, LocalAddr: address{}}
}

// boundary returns a context with the values that replace those of the caller in a
// handler's context: the peer, and empty metadata in both directions. All calls
// share one.
func boundary() context.Context {
	ctx := peer.NewContext(context.Background(), loopback())
	ctx = metadata.NewOutgoingContext(ctx, nil)
	ctx = context.WithValue(ctx, outgoingKey{}, metadata.MD(nil))

	return metadata.NewIncomingContext(ctx, metadata.MD{})
}

// serverContext is the context of a handler: the caller's context with the values
// of a boundary. It is cancelled when the call ends.
//
// Why not context.WithCancel: most unary handlers never wait on their context, so
// the cancelable context is only created when Done is first called.
type serverContext struct {
	context.Context                 //nolint:containedctx // the caller's: this is a context itself
	boundary        context.Context //nolint:containedctx // values only; see boundary

	mu     sync.Mutex // guards the making and the end of cancelable
	ended  atomic.Bool
	cancel context.CancelFunc
	// cancelable is the caller's context with a cancellation; nil before Done.
	cancelable atomic.Pointer[context.Context]
}

var (
	_ context.Context = (*serverContext)(nil)
	_ net.Addr        = address{}
)

// Done implements [context.Context].
func (c *serverContext) Done() <-chan struct{} {
	if made := c.cancelable.Load(); made != nil {
		return (*made).Done()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if made := c.cancelable.Load(); made != nil {
		return (*made).Done()
	}
	ctx, cancel := context.WithCancel(c.Context)
	if c.ended.Load() {
		cancel()
	}
	c.cancel = cancel
	c.cancelable.Store(&ctx)

	return ctx.Done()
}

// Err implements [context.Context].
func (c *serverContext) Err() error {
	if made := c.cancelable.Load(); made != nil {
		return (*made).Err()
	}
	if err := c.Context.Err(); err != nil {
		return err
	}
	if c.ended.Load() {
		return context.Canceled
	}

	return nil
}

// Value implements [context.Context]. Contexts derived from this one find the
// cancellation through it, so it has to ask the cancelable context if there is one.
func (c *serverContext) Value(key any) any {
	if v := c.boundary.Value(key); v != nil {
		return v
	}
	if made := c.cancelable.Load(); made != nil {
		return (*made).Value(key)
	}

	return c.Context.Value(key)
}

// end cancels the context. It may be called more than once.
func (c *serverContext) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended.Store(true)
	if c.cancel != nil {
		c.cancel()
	}
}
