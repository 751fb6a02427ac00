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

// arrivedTime is the maximum time that the response waits for the rest of the body, which has usually
// arrived already.
const arrivedTime = 5 * time.Millisecond

// discarding is a body that is discarded while it arrives.
type discarding struct {
	request  *http.Request
	control  *http.ResponseController
	exchange *exchange.Exchange
	limit    int64
	received atomic.Int64
}

// discardBody reads and discards a body while the call runs. The response does not have to wait for
// the body, but net/http only notices that a client leaves after the body has been read. If the
// client leaves before the end of the body, or sends too much, the call ends.
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
	// Check whether the body has ended the call before stop ends the reading.
	if failure, ok := errors.AsType[*respond.Failure](context.Cause(ctx)); ok && err != nil {
		err = failure
	}
	d.stop(ended)
	return err
}

// read reads the body to the end.
func (d *discarding) read() error {
	n, err := io.Copy(io.Discard, io.LimitReader(d.request.Body, d.limit+1))
	d.received.Store(n)
	switch {
	case n > d.limit:
		return tooLarge(d.limit)
	case err != nil:
		return respond.Fail(policy.ReasonClientClosed, "the client left before the end of its body").Because(err)
	default:
		d.exchange.Incoming.MarkEnd()
		return nil
	}
}

// stop waits a moment for the end of the body, which has nearly always arrived, and then ends the
// reading. The read deadline must not pass before the call is over, because net/http would cancel the
// request.
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
