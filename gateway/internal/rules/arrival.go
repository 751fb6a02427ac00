package rules

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/statusway/statusway/gateway/internal/budget"
	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
)

const (
	// firstBuffer is the maximum size of the first buffer, because a client can declare a large
	// Content-Length and send nothing.
	firstBuffer = 16 << 10
	// unknownBuffer is the size of the first buffer if the length is unknown.
	unknownBuffer = 2 << 10
	// bodyOverhead is charged for each body in addition to its bytes: for the goroutine that reads
	// it and for net/http's buffers.
	bodyOverhead = 8 << 10
	// valueCost is charged for each comma and each opening bracket or brace of a JSON body,
	// memberCost for each colon. They are the maximum memory of a value and of a member during the
	// call, in addition to their bytes. A member of a free-form object is decoded more than once.
	valueCost  = 100
	memberCost = 700
	// deadlineStep is the minimum difference for which the deadline is moved.
	deadlineStep = time.Second
)

// arrival is the body of one request while it arrives.
type arrival struct {
	limits   BodyLimits
	limit    int64
	request  *http.Request
	exchange *exchange.Exchange
	start    time.Time

	deadline  time.Time // the connection's read deadline; zero if none is set
	received  int64
	progress  int64 // the value of received that the budget knows
	charged   int64
	signature [len("{}") + 1]byte // the first characters that are not white space
	signed    int
}

// receive reads the whole body. If the route takes a body, it keeps it; else it refuses a body with
// content.
func (a *arrival) receive() error {
	keeps := a.exchange.Binding.Body != ""
	body, err := a.read(keeps)
	if err != nil {
		return err
	}
	if a.deadline != (time.Time{}) {
		// Otherwise net/http would cancel the request when the deadline passes.
		_ = http.NewResponseController(a.exchange.Incoming.Writer).SetReadDeadline(time.Time{})
	}
	incoming := &a.exchange.Incoming
	if err := incoming.Memory.Settle(); err != nil {
		return fullOfBodies(a.exchange, err)
	}
	incoming.SetWhole(body)
	a.request.Body = incoming
	if !keeps {
		if !a.isEmpty() {
			return notAllowed()
		}
		return nil
	}
	return a.charge(DecodedCost(a.exchange.Binding, body) + bodyOverhead - a.charged)
}

// DecodedCost estimates the memory of a body until its call is over: its bytes, the same number of
// bytes in the decoded message, and a constant for each JSON value, because small values, such as the
// elements of [{},{}], take many times their length in memory.
func DecodedCost(binding *contract.Binding, body []byte) int64 {
	cost := int64(len(body)) * 2
	if binding.RawBody {
		return cost
	}
	count := func(token string) int64 { return int64(bytes.Count(body, []byte(token))) }
	return cost + (count(",")+count("{")+count("["))*valueCost + count(":")*memberCost
}

// read reads the body to the end. If keeps is false, it keeps only the signature.
func (a *arrival) read(keeps bool) ([]byte, error) {
	size := int64(unknownBuffer)
	if declared := a.request.ContentLength; declared >= 0 {
		size = min(declared+1, firstBuffer) // One byte more, to see the end.
	}
	if err := a.charge(size + bodyOverhead); err != nil {
		return nil, err
	}
	body := make([]byte, 0, size)
	for {
		if err := a.extend(); err != nil {
			return nil, err
		}
		n, err := a.request.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		a.received += int64(n)
		a.exchange.Received = a.received
		switch {
		case a.received > a.limit:
			return nil, tooLarge(a.limit)
		case errors.Is(err, io.EOF):
			a.sign(body, keeps)
			return body, nil
		case err != nil:
			return nil, a.broken(err)
		}
		if !keeps {
			a.sign(body, keeps)
			body = body[:0]
		}
		if body, err = a.grow(body); err != nil {
			return nil, err
		}
	}
}

// grow makes room in a full buffer. It does not grow beyond the declared length, unless the body is
// already longer, because a handler around the gateway may have replaced it.
func (a *arrival) grow(body []byte) ([]byte, error) {
	if len(body) < cap(body) {
		return body, nil
	}
	size := int64(2 * cap(body))
	if declared := a.request.ContentLength; declared >= a.received {
		size = min(size, declared+1)
	}
	size = min(size, a.limit+1)
	if err := a.charge(size - int64(cap(body))); err != nil {
		return nil, err
	}
	return append(make([]byte, 0, size), body...), nil
}

func (a *arrival) charge(n int64) error {
	a.charged += max(n, 0)
	err := a.exchange.Incoming.Memory.Grow(a.request.Context(), n)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, budget.ErrFull), errors.Is(err, budget.ErrCut):
		return fullOfBodies(a.exchange, err)
	default:
		return a.broken(err)
	}
}

// extend moves the deadline for the bytes that have arrived, and reports progress to the budget. Less
// than one second's worth of bytes at the minimum rate does not count as progress.
func (a *arrival) extend() error {
	if due := a.due(); !due.IsZero() && due.Sub(a.deadline) >= deadlineStep {
		a.deadline = due
		_ = http.NewResponseController(a.exchange.Incoming.Writer).SetReadDeadline(due)
	}
	if a.received-a.progress < max(a.limits.Rate, 1) {
		return nil
	}
	a.progress = a.received
	if err := a.exchange.Incoming.Memory.Progress(); err != nil {
		return fullOfBodies(a.exchange, err)
	}
	return nil
}

// due returns the deadline for the body by what has arrived so far, or zero for no deadline.
func (a *arrival) due() time.Time {
	var due time.Time
	if a.limits.Grace > 0 && a.limits.Rate > 0 {
		due = a.start.Add(a.limits.Grace + time.Duration(a.received)*time.Second/time.Duration(a.limits.Rate))
	}
	if latest := a.start.Add(a.limits.Time); a.limits.Time > 0 && (due.IsZero() || latest.Before(due)) {
		due = latest
	}
	return due
}

// broken returns the failure of a body that did not arrive. If the budget has cut the body off, the
// read error is a deadline too, so broken asks the budget first.
func (a *arrival) broken(err error) error {
	if cut := a.exchange.Incoming.Memory.Settle(); cut != nil && !errors.Is(err, context.Canceled) {
		return fullOfBodies(a.exchange, cut)
	}
	return respond.BrokenBody(err)
}

// sign records the first characters of a body that the route does not take.
func (a *arrival) sign(part []byte, keeps bool) {
	if keeps {
		return
	}
	for _, char := range part {
		switch {
		case a.signed == len(a.signature):
			return
		case char != ' ' && char != '\t' && char != '\n' && char != '\r':
			a.signature[a.signed] = char
			a.signed++
		}
	}
}

// isEmpty reports whether the body is white space or an empty object.
func (a *arrival) isEmpty() bool {
	text := string(a.signature[:a.signed])
	return text == "" || text == "{}"
}
