package dynamic

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/internal/backend"
	"github.com/statusway/statusway/gateway/internal/forward"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// connection keeps the routes of a backend up to date.
type connection struct {
	servers []*server

	ctx     context.Context //nolint:containedctx // it lasts as long as the refresh.
	cancel  context.CancelFunc
	running sync.WaitGroup
	mu      sync.Mutex // guards the state of the servers
}

// open makes the connections, reads the descriptors of all servers and returns the first version.
func (c *connection) open(ctx context.Context, targets []Target) (*backend.Version, error) {
	for i := range targets {
		s, err := newServer(targets, i)
		if err != nil {
			return nil, err
		}
		c.servers = append(c.servers, s)
	}
	schemas, errs := make([]*schema, len(c.servers)), make([]error, len(c.servers))
	var reads sync.WaitGroup
	for i, s := range c.servers {
		reads.Go(func() { schemas[i], errs[i] = s.describe(ctx) })
	}
	reads.Wait()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("reading the descriptors: %w", context.Cause(ctx))
	}
	for i, s := range c.servers {
		if s.reflects() {
			continue
		}
		if errs[i] != nil {
			return nil, errs[i]
		}
		s.schema = schemas[i]
	}
	version, err := c.version()
	if err != nil {
		return nil, err
	}
	for i, s := range c.servers {
		if s.reflects() {
			c.learn(s, schemas[i], errs[i], func(next *backend.Version) error { version = next; return nil })
		}
	}
	if err := errors.Join(c.accept(), c.checkRoutes(version, errs)); err != nil {
		return nil, err
	}
	for _, s := range c.servers {
		s.news(c.problems(s)) // A gateway reports the problems that there are when it is made.
	}
	return version, nil
}

// checkRoutes returns an error if there are no routes, and no problem whose end could bring some: every
// server declares none, or lacks server reflection. Mistakes in the service configurations of servers
// without server reflection are an error, too.
func (c *connection) checkRoutes(version *backend.Version, errs []error) error {
	var wrong, silent []error
	canChange := false
	for i, s := range c.servers {
		switch {
		case !s.reflects():
			wrong = append(wrong, c.checkConfig(s)...)
		case status.Code(errs[i]) == codes.Unimplemented && !forward.IsPage(errs[i]):
			silent = append(silent, fmt.Errorf("the server %s has no server reflection, so its descriptors are needed: %w", s.name(), errs[i]))
		default:
			canChange = canChange || len(c.problems(s)) > 0
		}
	}
	switch {
	case len(wrong) > 0 || canChange || len(version.Contract.Methods) > 0:
		return errors.Join(wrong...)
	case len(silent) > 0:
		return errors.Join(silent...)
	default:
		return noRoutes(c.schemas())
	}
}

// problems returns all problems of a server, up to a limit.
func (c *connection) problems(s *server) []error {
	const limit = 20
	all := append(slices.Clone(s.problems), c.checkConfig(s)...)
	if s.flaps {
		all = append(all, errFlaps)
	}
	if more := len(all) - limit; more > 0 {
		all = append(all[:limit], fmt.Errorf("and %d more problems", more))
	}
	return all
}

// checkConfig returns the names in the service configuration of a server that no server declares, once
// all servers are known. The first server with the configuration returns them.
func (c *connection) checkConfig(s *server) []error {
	schemas := c.schemas()
	first := slices.IndexFunc(c.servers, func(other *server) bool { return other.ServiceConfig == s.ServiceConfig })
	if len(schemas) < len(c.servers) || c.servers[first] != s {
		return nil
	}
	return s.ServiceConfig.check(schemas...)
}

// schemas returns the known schemas.
func (c *connection) schemas() []*schema {
	var known []*schema
	for _, s := range c.servers {
		if s.schema != nil {
			known = append(known, s.schema)
		}
	}
	return known
}

// version combines the servers whose schemas are known.
func (c *connection) version() (*backend.Version, error) {
	var known []described
	var pending error
	for _, s := range c.servers {
		if s.schema == nil {
			pending = respond.Fail(policy.ReasonBackendPending, "the routes of a backend are not known yet")
			continue
		}
		limit := cmp.Or(s.MaxMessage, DefaultMaxMessage)
		if limit < 0 {
			limit = math.MaxInt32
		}
		known = append(known, described{schema: s.schema, conn: s.conn, maxMessage: limit, deadline: s.Deadline})
	}
	version, err := newVersion(known...)
	if err != nil {
		return nil, err
	}
	version.Pending = pending
	return version, nil
}

// accept enables retries for the idempotent methods of all known servers.
func (c *connection) accept() error {
	for _, s := range c.servers {
		if s.schema != nil && s.dialed != nil {
			if err := s.dialed.retryIdempotent(s.schema.services); err != nil {
				return err
			}
		}
	}
	return nil
}

// learn handles the result of reading a server's descriptors: at the start, and whenever they are read
// again. change switches to a new version.
func (c *connection) learn(s *server, next *schema, err error, change func(*backend.Version) error) {
	if err != nil {
		s.problems = []error{s.explain(err)}
		return
	}
	if !s.isSettled(next) {
		return
	}
	if !next.equal(s.schema) || len(s.refused) > 0 {
		s.refused = c.admit(s, next, change)
	}
	if next.equal(s.schema) {
		s.confirmed = time.Now()
	}
	s.problems = append(next.faultList(), s.refused...)
}

// admit switches to another schema of a server, without the services that cannot be served. It returns
// why it leaves them out. It keeps the old schema if a service that is served would get lost.
func (c *connection) admit(s *server, next *schema, change func(*backend.Version) error) []error {
	before := s.schema
	keep := func(err error) []error {
		s.schema = before
		return []error{fmt.Errorf("the gateway keeps the routes that it had: %w", err)}
	}
	for name, err := range next.faults {
		if before.serves(name) {
			return keep(err)
		}
	}
	var refused []error
	for {
		s.schema = next
		version, err := c.version()
		if err == nil && next.equal(before) && len(next.services) == len(before.services) {
			s.schema = before // The problems are the same as before.
			return refused
		}
		if err == nil && before != nil && len(version.Contract.Methods) == 0 {
			return keep(noRoutes(c.schemas()))
		}
		if err == nil {
			err = change(version)
		}
		if err == nil {
			s.candidate, s.flaps = nil, false
			if err = c.accept(); err != nil {
				refused = append(refused, err)
			}
			return refused
		}
		culprits, reasons := next.culprits(before, err)
		if len(culprits) == 0 || slices.ContainsFunc(culprits, before.serves) {
			return keep(err)
		}
		next = next.without(culprits)
		refused = append(refused, reasons...)
	}
}

// revise leaves out the services because of which a gateway cannot use the backend, for example because
// its policy lacks a status. It reports whether there are any.
func (c *connection) revise(b *backend.Backend, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := false
	for _, s := range c.servers {
		if !s.reflects() || s.schema == nil {
			continue
		}
		if culprits, reasons := s.schema.culprits(nil, err); len(culprits) > 0 {
			s.schema, found = s.schema.without(culprits), true
			s.refused, s.problems = append(s.refused, reasons...), append(s.problems, reasons...)
		}
	}
	if !found {
		return false
	}
	for _, s := range c.servers {
		s.news(c.problems(s)) // As in open, the gateway reports them.
	}
	version, err := c.version()
	return err == nil && backend.Replace(b, version) == nil
}

// watch keeps the schema of every server with reflection up to date, and follows the other connections.
func (c *connection) watch(b *backend.Backend) {
	for _, s := range c.servers {
		switch {
		case s.reflects():
			c.running.Go(func() { c.refresh(b, s) })
		case s.dialed != nil:
			c.running.Go(func() { c.follow(b, s) })
		}
	}
}

// refresh reads the descriptors of a server again and again, and updates the routes when they change.
func (c *connection) refresh(b *backend.Backend, s *server) {
	for c.await(s) {
		next, err := s.describe(c.ctx)
		if c.ctx.Err() != nil {
			return
		}
		c.mu.Lock()
		c.learn(s, next, err, func(version *backend.Version) error { return backend.Replace(b, version) })
		c.mu.Unlock()
		c.report(b, s)
	}
}

// follow reports when a connection fails, and when it is ready again.
func (c *connection) follow(b *backend.Backend, s *server) {
	for state := s.dialed.GetState(); ; state = s.dialed.GetState() {
		if state == connectivity.TransientFailure || state == connectivity.Ready {
			c.mu.Lock()
			s.problems = nil
			if err := s.dialed.problem(); err != nil {
				s.problems = []error{err}
			}
			c.mu.Unlock()
			c.report(b, s)
		}
		if !s.dialed.WaitForStateChange(c.ctx, state) {
			return
		}
	}
}

// await waits until it is time to read the server's descriptors again. It returns false when the
// connection is closed.
func (c *connection) await(s *server) bool {
	c.mu.Lock()
	known := s.schema != nil
	c.mu.Unlock()
	interval := s.interval()
	if !known && (interval == 0 || interval > pendingInterval) {
		interval = pendingInterval
	}
	wait := c.ctx
	if interval > 0 {
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeout(c.ctx, interval)
		defer cancel()
	}
	watched, ok := s.conn.(stateful)
	if !ok || interval == 0 {
		<-wait.Done()
		return c.ctx.Err() == nil
	}
	awaitReady(wait, watched)
	return c.ctx.Err() == nil
}

// report reports the new problems of a server to the gateways, or that they are over.
func (c *connection) report(b *backend.Backend, s *server) {
	c.mu.Lock()
	target := c.target(s)
	news := s.news(target.Problems)
	c.mu.Unlock()
	if news != nil {
		target.Problems = news
		backend.Report(b, target)
	}
}

// target returns the state of a server.
func (c *connection) target(s *server) backend.Target {
	state := backend.Target{
		Address: s.name(), Pending: s.schema == nil, Connection: connectivity.Ready,
		Problems: c.problems(s), Confirmed: s.confirmed, Refresh: s.interval(),
	}
	if watched, ok := s.conn.(stateful); ok {
		state.Connection = watched.GetState()
	}
	return state
}

// targets returns the state of every server.
func (c *connection) targets() []backend.Target {
	c.mu.Lock()
	defer c.mu.Unlock()
	states := make([]backend.Target, len(c.servers))
	for i, s := range c.servers {
		states[i] = c.target(s)
	}
	return states
}

// close ends the refresh and closes the connections that [Connect] has made.
func (c *connection) close() error {
	c.cancel()
	c.running.Wait()
	var errs []error
	for _, s := range c.servers {
		if s.dialed != nil {
			errs = append(errs, s.dialed.Close())
		}
	}
	return errors.Join(errs...)
}
