package conformance

import (
	"context"
	"fmt"
)

// A Run is what came of a case over one transport.
type Run struct {
	Vars   Variables
	Answer *Answer
}

// Run does all of a case over one transport of HTTP.
func (c *Client) Run(ctx context.Context, of Case, transport string, v Variables) (*Run, error) {
	r := &Run{Vars: v}
	if err := c.part(ctx, "before", attempt{transport: transport, vars: v}, of.Before); err != nil {
		return nil, err
	}
	var err error
	if r.Answer, err = c.Perform(ctx, transport, v, of.Exchange); err != nil {
		return nil, err
	}
	if err := c.part(ctx, "after", attempt{transport: transport, vars: v}, of.After); err != nil {
		return nil, err
	}
	return r, nil
}

// A StepError is of one of the exchanges around that which a case is about.
type StepError struct {
	// Part is "before" or "after"; Number counts from 1.
	Part    string
	Number  int
	Request Request
	Err     error
}

func (e *StepError) Error() string {
	return fmt.Sprintf("%s, step %d, %s %s: %v", e.Part, e.Number, e.Request.Method, e.Request.Target, e.Err)
}

func (e *StepError) Unwrap() error { return e.Err }

// Steps does one exchange after the other, until one goes wrong.
func (c *Client) Steps(ctx context.Context, transport string, v Variables, steps []Exchange) error {
	return c.part(ctx, "in between", attempt{transport: transport, vars: v}, steps)
}

func (c *Client) part(ctx context.Context, name string, how attempt, steps []Exchange) error {
	for i, step := range steps {
		if _, err := c.Perform(ctx, how.transport, how.vars, step); err != nil {
			return &StepError{Part: name, Number: i + 1, Request: step.Request, Err: err}
		}
	}
	return nil
}
