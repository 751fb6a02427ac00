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
	if err := c.Steps(ctx, transport, v, of.Before); err != nil {
		return nil, fmt.Errorf("before: %w", err)
	}
	var err error
	if r.Answer, err = c.Perform(ctx, transport, v, of.Exchange); err != nil {
		return nil, err
	}
	if err := c.Steps(ctx, transport, v, of.After); err != nil {
		return nil, fmt.Errorf("after: %w", err)
	}
	return r, nil
}

// Steps does one exchange after the other, until one goes wrong.
func (c *Client) Steps(ctx context.Context, transport string, v Variables, steps []Exchange) error {
	for i, step := range steps {
		if _, err := c.Perform(ctx, transport, v, step); err != nil {
			return fmt.Errorf("step %d, %s %s: %w", i+1, step.Request.Method, step.Request.Target, err)
		}
	}
	return nil
}
