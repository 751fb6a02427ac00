package rules

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// arrivedTime is how long the response waits at most for the rest of a body that has arrived
// already.
const arrivedTime = 5 * time.Millisecond

// discarding is a body that means nothing, while it arrives.
type discarding struct {
	request  *http.Request
	control  *http.ResponseController
	exchange *exchange.Exchange
	limit    int64
	received atomic.Int64
}

// discardBody reads a body that means nothing while the call runs: the response need not
// wait for it, and net/http only notices that a client leaves once the body has been read.
// If the client leaves in the midst of the body, or sends too much, the call ends.
func discardBody(next Rule, ex *exchange.Exchange, limit int64) error {
	d := &discarding{request: ex.Request, control: http.NewResponseController(ex.Writer), exchange: ex, limit: limit}
	// Otherwise an HTTP/1.1 server reads the rest itself before it writes.
	_ = d.control.EnableFullDuplex()
	ctx, cancel := context.WithCancelCause(ex.Context)
	defer cancel(nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := d.read(); err != nil {
			cancel(err)
		}
	}()
	ex.Context = ctx
	err := next(ex)
	// What the call has come to because of the body is decided before the reading is ended.
	if failure, ok := errors.AsType[*respond.Failure](context.Cause(ctx)); ok && err != nil {
		err = failure
	}
	d.stop(ended)
	return err
}

// read reads to the end.
func (d *discarding) read() error {
	n, err := io.Copy(io.Discard, io.LimitReader(d.request.Body, d.limit+1))
	d.received.Store(n)
	switch {
	case n > d.limit:
		d.exchange.MarkTooLarge()
		return tooLarge(d.limit)
	case err != nil:
		return respond.Fail(policy.ReasonClientClosed, "the client left before the end of its body").Because(err)
	default:
		d.exchange.Incoming.MarkEnd()
		return nil
	}
}

// stop ends the reading, unless the rest is there already, as it nearly always is. A
// deadline must not pass earlier: net/http would cancel the request.
func (d *discarding) stop(ended <-chan struct{}) {
	defer func() { d.exchange.Received = d.received.Load() }()
	timer := time.NewTimer(arrivedTime)
	defer timer.Stop()
	select {
	case <-ended:
		return
	case <-timer.C:
	}
	if d.control.SetReadDeadline(time.Unix(1, 0)) != nil {
		_ = d.request.Body.Close() // This transport has no deadlines.
	}
	<-ended
}
