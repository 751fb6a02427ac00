package conformance

import (
	"slices"

	"github.com/statusway/statusway/gateway/policy"
)

// By is the case as a policy has it: with the statuses of that policy.
func (c *Case) By(name string) Case {
	by := *c
	if name != policy.Canonical {
		return by
	}
	by.Exchange = c.canonical()
	by.Before, by.After = slices.Clone(c.Before), slices.Clone(c.After)
	for _, steps := range [][]Exchange{by.Before, by.After} {
		for i := range steps {
			steps[i] = steps[i].canonical()
		}
	}
	return by
}

func (e Exchange) canonical() Exchange {
	e.Response = e.Response.canonical()
	if e.Race != nil {
		race := *e.Race
		race.Losers = race.Losers.canonical()
		e.Race = &race
	}
	e.Request.Steps = slices.Clone(e.Request.Steps)
	for i, step := range e.Request.Steps {
		if step.Meanwhile != nil {
			meanwhile := step.Meanwhile.canonical()
			e.Request.Steps[i].Meanwhile = &meanwhile
		}
	}
	return e
}

func (r Response) canonical() Response {
	if r.Canonical != 0 {
		r.Status, r.Canonical = r.Canonical, 0
	}
	return r
}

// RunsBy reports whether the case runs under a policy.
func (c *Case) RunsBy(policy string) bool {
	return c.Policies == nil || slices.Contains(c.Policies.Only, policy)
}
