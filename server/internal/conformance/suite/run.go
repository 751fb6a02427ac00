package suite

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/conformance"
)

// patience is how long a request waits if the target's rate limit refuses it. A run
// exceeds most allowances.
const patience = 2 * time.Minute

// Params configure a run.
type Params struct {
	// Target is the server: a scheme and an authority.
	Target *url.URL
	// TLS is how a target with https is reached.
	TLS *tls.Config
	// Policy is documented or canonical; empty means whichever the target shows.
	Policy string
	// Transports are the ways in which each case is run.
	Transports []string
	// Select reports whether to run a case, by its name.
	Select func(name string) bool
	// Known are the cases that are known to fail.
	Known Known
	// Parallel is how many cases are run at once.
	Parallel int
	// Progress is called for each result, with the number of all results, and Waiting for
	// each wait for the target's rate limit. Calls do not overlap.
	Progress func(result Result, of int)
	Waiting  func(time.Duration)
}

// run is one run of a suite.
type run struct {
	suite  *Suite
	params Params
	mu     sync.Mutex
	report *Report
	// waiting is until when some request waits.
	waiting time.Time
}

// Run runs a suite against a target. An error means that there is no report; a failing
// case is not an error.
func (s *Suite) Run(ctx context.Context, p Params) (*Report, error) {
	r := &run{suite: s, params: p, report: &Report{Target: p.Target.String(), Policy: p.Policy, Suite: s.Version, Started: time.Now().UTC()}}
	if err := r.reach(ctx); err != nil {
		return nil, err
	}
	if r.report.Policy == "" {
		var err error
		if r.report.Policy, err = r.findPolicy(ctx); err != nil {
			return nil, err
		}
	}
	table, err := policy.Builtin(r.report.Policy)
	if err != nil {
		return nil, fmt.Errorf("the policy: %w", err)
	}
	client := r.client(table)
	defer client.Close()
	if err := r.all(ctx, client); err != nil {
		return nil, err
	}
	r.report.complete(p.Known)
	return r.report, nil
}

// client sends the run's requests. Without a table it only sends.
func (r *run) client(table *policy.Table) *conformance.Client {
	address := r.params.Target.Host
	if r.params.Target.Port() == "" {
		address += map[string]string{"http": ":80", "https": ":443"}[r.params.Target.Scheme]
	}
	var secure *tls.Config
	if r.params.Target.Scheme == "https" {
		secure = r.params.TLS
	}
	return conformance.NewClient(conformance.ClientParams{
		Address: address, TLS: secure,
		// A page that no rate limit counts, if the target has it; any response will do.
		Next: "/healthz", NextStatus: 0,
		Invariants: conformance.Invariants{
			Table: table, PublicURL: "", Allowance: conformance.AllowanceUnknown, Pages: nil,
			// What servers and proxies on the way say of themselves.
			Also: []string{"Alt-Svc", "Keep-Alive", "Server", "Via"},
		},
		Check:    nil, // A black box has no document that is known.
		Patience: patience,
		Waiting:  r.wait,
	})
}

// wait counts the time in which any request waits, and reports the wait once.
func (r *run) wait(long time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	end := now.Add(long)
	if now.After(r.waiting) {
		r.waiting = now
		r.params.Waiting(long)
	}
	if end.After(r.waiting) {
		r.report.Waited += end.Sub(r.waiting).Seconds()
		r.waiting = end
	}
}

// cases are those that are run.
func (r *run) cases() []conformance.Case {
	var chosen []conformance.Case
	for _, c := range r.suite.Cases {
		if c.RunsBy(r.report.Policy) && r.params.Select(c.Name) {
			chosen = append(chosen, c.By(r.report.Policy))
		}
	}
	return chosen
}

// all runs every case. Its error is why the rest of them is not worth a try.
func (r *run) all(ctx context.Context, client *conformance.Client) error {
	cases := r.cases()
	of := 0
	for _, c := range cases {
		of += len(r.transports(c))
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.params.Parallel)
	for _, c := range cases {
		group.Go(func() error { return r.one(ctx, client, c, of) })
	}
	return group.Wait() //nolint:wrapcheck // as one returns it.
}

func (r *run) transports(c conformance.Case) []string {
	var over []string
	for _, transport := range r.params.Transports {
		if c.Runs(transport) {
			over = append(over, transport)
		}
	}
	return over
}

// one runs a case over each transport. If it passes over both, the responses must be the
// same.
func (r *run) one(ctx context.Context, client *conformance.Client, c conformance.Case, of int) error {
	var first *conformance.Run
	for _, transport := range r.transports(c) {
		began := time.Now()
		v := conformance.NewVariables(nil)
		got, err := client.Run(ctx, c, transport, v)
		if err == nil && first != nil && c.Varies == "" {
			err = conformance.Same(first, got)
		}
		if first == nil {
			first = got
		}
		if errors.Is(err, conformance.ErrTurnedAway) {
			return tooFew(err)
		}
		if stopped := ctx.Err(); stopped != nil {
			return fmt.Errorf("the run was stopped: %w", stopped)
		}
		result := newResult(c, transport, time.Since(began))
		if err != nil {
			result.fail(c.Response, r.params.Target.Host, err)
		}
		r.add(result, of)
	}
	return nil
}

func (r *run) add(result Result, of int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Results = append(r.report.Results, result)
	r.params.Progress(result, of)
}
