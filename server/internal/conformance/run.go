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
	if err := c.Before(ctx, of, transport, v); err != nil {
		return nil, err
	}
	var err error
	if r.Answer, err = c.Perform(ctx, transport, v, of.Exchange); err != nil {
		return nil, err
	}
	if err := c.After(ctx, of, transport, v); err != nil {
		return nil, err
	}
	return r, nil
}

// Before does what sets a case up.
func (c *Client) Before(ctx context.Context, of Case, transport string, v Variables) error {
	return c.steps(ctx, "before", attempt{transport: transport, vars: v}, of.Before)
}

// After runs the exchanges that check the effects of a case.
func (c *Client) After(ctx context.Context, of Case, transport string, v Variables) error {
	return c.steps(ctx, "after", attempt{transport: transport, vars: v}, of.After)
}

// A StepError reports a failure of an exchange before or after the tested one.
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

// steps does one exchange after the other, until one goes wrong.
func (c *Client) steps(ctx context.Context, part string, how attempt, steps []Exchange) error {
	for i, step := range steps {
		if _, err := c.Perform(ctx, how.transport, how.vars, step); err != nil {
			return &StepError{Part: part, Number: i + 1, Request: step.Request, Err: err}
		}
	}
	return nil
}
