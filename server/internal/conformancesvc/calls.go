package conformancesvc

import (
	"context"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
)

// MaxKeys is how many keys of calls are kept.
const MaxKeys = 4096

// calls counts calls by the key that their client chose.
type calls struct {
	mu    sync.Mutex
	byKey kept[*conformancev1.Calls]
}

func newCalls() *calls { return &calls{byKey: newKept[*conformancev1.Calls](MaxKeys)} }

// begin counts a call that has begun, and returns what counts its end. The context
// is the call's own; an empty key counts nothing.
func (c *calls) begin(ctx context.Context, key string) (end func()) {
	if key == "" {
		return func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	counts, ok := c.byKey.byKey[key]
	if !ok {
		counts = &conformancev1.Calls{}
		c.byKey.add(key, counts)
	}
	counts.Started++
	counts.Running++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		counts.Running--
		if ctx.Err() != nil {
			counts.Cancelled++
		}
	}
}

// awaitEnd returns the error of a stream's Recv. Recv notices that the client has cancelled the call
// a moment before the handler's context ends, by which begin counts.
func awaitEnd(ctx context.Context, err error) error {
	if status.Code(err) == codes.Canceled {
		<-ctx.Done()
	}
	return err
}

func (c *calls) of(key string) *conformancev1.Calls {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := c.byKey.byKey[key]
	return &conformancev1.Calls{Started: counts.GetStarted(), Running: counts.GetRunning(), Cancelled: counts.GetCancelled()}
}
