package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/statusway/statusway/gateway/internal/backend"
	"github.com/statusway/statusway/gateway/internal/budget"
	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/forward"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rules"
)

// Gateway serves the HTTP API of a gRPC backend. Use it as an http.Handler, or run a complete server
// with [Gateway.Serve]. It is safe for concurrent use.
type Gateway struct {
	config    Config
	responder *respond.Responder
	forward   *forward.Rules
	bodies    *rules.BodyMemory
	streams   *rules.Streams
	callers   *rules.Concurrency
	stop      *stop
	backend   *Backend
	around    http.Handler
	walk      atomic.Pointer[walk]
}

var _ http.Handler = (*Gateway)(nil)

// walk serves the routes of one version of the backend.
type walk struct {
	responder *respond.Responder
	pages     rules.PageSet
	run       rules.Rule
}

// New returns a gateway that serves a backend. A nil backend has no routes. The error lists every
// problem: an invalid configuration, routes that clash, declared statuses without a row in the
// policy, and methods that need an Idempotency-Key when there is no store.
func New(b *Backend, config Config) (*Gateway, error) {
	c := config
	err := errors.Join(c.complete(), c.checkPages())
	if err != nil {
		return nil, err
	}
	g := &Gateway{
		config: c, backend: b, stop: newStop(),
		forward: forward.New(forward.Params{
			RequestHeaders: c.RequestHeaders, ResponseHeaders: c.ResponseHeaders, GRPCGateway: c.GRPCGatewayMetadata, Logger: c.Logger,
		}),
		bodies: rules.NewBodyMemory(c.BodyMemory), streams: rules.NewStreams(c.MaxStreams),
		callers: rules.NewConcurrency(c.CallerConcurrency),
	}
	if g.responder, err = c.responder(); err != nil {
		return nil, err
	}
	g.around = http.HandlerFunc(g.serve)
	if c.Around != nil {
		if g.around = c.Around(g.around); g.around == nil {
			return nil, fmt.Errorf("%w: Around returns nil", ErrConfig)
		}
	}
	if b == nil {
		return g, g.use(&backend.Version{Contract: &contract.Contract{}})
	}
	if err := backend.Use(b, backend.User{Change: g.use, Report: g.report}); err != nil {
		return nil, err
	}
	for _, target := range b.Targets() {
		if len(target.Problems) > 0 {
			g.report(target)
		}
	}
	return g, nil
}

// use switches to a version of the backend, if the gateway can serve it.
func (g *Gateway) use(version *backend.Version) error {
	next, err := g.newWalk(version)
	if err != nil {
		return fmt.Errorf("reading the contract: %w", err)
	}
	if g.walk.Swap(next) != nil {
		g.config.Logger.Info("the backend's routes have changed")
	}
	return nil
}

// report logs new problems of a backend, or that they are over.
func (g *Gateway) report(target backend.Target) {
	name := slog.String("backend", target.Address)
	if len(target.Problems) == 0 {
		g.config.Logger.Info("a backend has no problems any more", name)
		return
	}
	for _, problem := range target.Problems {
		if target.Pending {
			g.config.Logger.Warn("a backend has a problem; its routes are not known yet and get 503", name, slog.Any("error", problem))
		} else {
			g.config.Logger.Warn("a backend has a problem; the gateway serves its other routes", name, slog.Any("error", problem))
		}
	}
}

// newWalk lists the rules that a request passes before it reaches a version of the backend.
func (g *Gateway) newWalk(version *backend.Version) (*walk, error) {
	c, responder := &g.config, g.responder
	if version.Types != nil {
		responder = responder.WithTypes(version.Types)
	}
	declared, err := version.Contract.Retire(c.Policy)
	if err := errors.Join(err, version.Contract.Check(c.Policy), c.checkKeys(version.Contract)); err != nil {
		return nil, err
	}
	index := declared.Index()
	pages := g.pages(responder, index)
	options := func(ex *exchange.Exchange) error { return responder.Empty(ex.Writer, ex.Request) }
	// The order matters; see the package documentation.
	steps := []rules.Rule{
		rules.Prefix(c.publicPath(), c.TrustedProxies),
		rules.Framing(),
		rules.Accept(pages),
		rules.Pages(pages, options),
		rules.CORS(c.CrossOrigin, index),
		rules.Caller(rules.CallerParams{Identify: c.Identify, Proxies: c.TrustedProxies, IPv6Prefix: c.IPv6Prefix}),
		rules.Match(index, pages),
		rules.Prefer(),
		rules.Limit(c.Limiter, c.Logger),
		g.callers.Begin,
		rules.WellFormed(),
		rules.Expect(),
		rules.Pending(version.Pending),
		rules.Retire(declared),
		rules.Routed(index, pages, options),
		rules.Lifecycle(c.Now),
		rules.Available(c.closed()),
		rules.Credentials(),
		rules.Reserved(c.GRPCGatewayMetadata),
		rules.Negotiate(),
		rules.Preconditions(),
	}
	// These run around the call. A request reaches the last one first.
	call, err := g.call(version, declared, responder)
	if err != nil {
		return nil, err
	}
	call = rules.Deadline(g.deadline(version), call)
	call = rules.Idempotency(rules.IdempotencyParams{Store: c.Idempotency, Responder: responder, Logger: c.Logger}, call)
	call = rules.Drain(g.stop.streams(), call)
	call = rules.Overload(rules.OverloadParams{Shedder: c.Shedder, Streams: g.streams, Spare: c.spare()}, call)
	call = rules.Body(rules.BodyLimits{Bytes: c.MaxBody, Time: c.BodyTimeout, Grace: c.BodyGrace, Rate: c.BodyRate, Memory: g.bodies}, call)
	return &walk{responder: responder, pages: pages, run: rules.Recover(func(ex *exchange.Exchange) error {
		defer g.callers.End(ex)
		for _, rule := range steps {
			if err := rule(ex); err != nil || ex.Status != 0 {
				return err
			}
		}
		return call(ex)
	})}, nil
}

// deadline returns how long a call of a method may take.
func (g *Gateway) deadline(version *backend.Version) func(*contract.Method) time.Duration {
	return func(method *contract.Method) time.Duration {
		if version.Deadline != nil {
			if deadline := version.Deadline(method); deadline != 0 {
				return deadline
			}
		}
		return g.config.Deadline
	}
}

// call returns the last step: it calls the backend, through Intercept if the configuration sets it.
func (g *Gateway) call(version *backend.Version, declared *contract.Contract, responder *respond.Responder) (rules.Rule, error) {
	if version.Handler == nil {
		return nil, nil //nolint:nilnil // The backend has no routes, so no request gets here.
	}
	handler := version.Handler(backend.Host{Responder: responder, Forward: g.forward, Silence: g.config.BodyTimeout})
	if g.config.Intercept == nil {
		return func(ex *exchange.Exchange) error { return handler(ex.Writer, ex.Request) }, nil
	}
	inner := func(w http.ResponseWriter, r *http.Request) error {
		ex := exchange.From(r.Context())
		given, isOurs := w.(*ownWriter)
		if isOurs {
			w = given.ResponseWriter
		}
		ex.Writer, ex.Request, ex.Context = w, r, r.Context()
		if mine, ok := r.Context().Value(ownKey{}).(*ownWriter); ok && !isOurs {
			return mine.forward(func() error { return handler(w, r) })
		}
		return handler(w, r)
	}
	wrapped := map[*contract.Binding]rules.Rule{}
	for _, method := range declared.Methods {
		for _, binding := range method.Bindings {
			around := g.config.Intercept(backend.RouteOf(binding), inner)
			if around == nil {
				return nil, fmt.Errorf("%w: Intercept returns nil for %s", ErrConfig, method.FullName)
			}
			wrapped[binding] = func(ex *exchange.Exchange) error {
				return own(ex, responder, func(w *ownWriter, r *http.Request) error { return around(w, r) })
			}
		}
	}
	return func(ex *exchange.Exchange) error { return wrapped[ex.Binding](ex) }, nil
}

func (c *Config) closed() rules.Closed {
	if c.Closed == nil {
		return nil
	}
	return func(binding *contract.Binding) error { return c.Closed(backend.RouteOf(binding)) }
}

func (c *Config) spare() func(*contract.Binding) bool {
	if c.Spare == nil {
		return nil
	}
	return func(binding *contract.Binding) bool { return c.Spare(backend.RouteOf(binding)) }
}

// ServeHTTP serves a request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.around.ServeHTTP(w, r) }

// serve takes a request through the walk and turns an error into a response.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request) {
	walk := g.walk.Load()
	_, ex := exchange.Begin(w, r)
	ex.Outgoing.Later = true
	if g.config.Observer != nil {
		g.config.Observer.Begin()
	}
	if g.config.Tracer != nil && !walk.pages.Has(ex.Request) {
		g.trace(ex)
	}
	ctx := ex.Context
	defer g.finish(ctx, ex) // also if a panic goes on to net/http
	err := walk.run(ex)
	if err != nil {
		walk.responder.Error(w, ex.Request, err)
	}
	walk.responder.Send(w, ex.Request)
	if err != nil && ex.ClientClosed {
		ex.Status, ex.Written = 0, 0 // The client left before the response, so nobody got it.
	}
}

// trace starts the trace of a request.
func (g *Gateway) trace(ex *exchange.Exchange) {
	ctx, trace := g.config.Tracer.Trace(ex.Request)
	ex.Trace, ex.Context, ex.Request = trace, ctx, ex.Request.WithContext(ctx)
	if id := trace.ID(); id != "" {
		ex.TraceID = id
	}
}

// finish records the end of an exchange in the trace, the metrics and the log.
func (g *Gateway) finish(ctx context.Context, ex *exchange.Exchange) {
	if ex.Outgoing.Stalled {
		ex.ClientClosed, ex.Fault = true, false
	}
	if ex.Fault {
		ex.Failure = causeOf(ex)
	}
	if ex.Trace != nil {
		ex.Trace.End(&ex.Record)
	}
	if g.config.Observer != nil {
		g.config.Observer.End(&ex.Record)
	}
	if level := ex.Level(); g.config.Logger.Enabled(ctx, level) {
		g.config.Logger.LogAttrs(ctx, level, "request", ex.Attrs()...)
	}
}

// causeOf adds to a failure the details that only the log gets: the cause that a service in this
// process recorded (see [NoteCause]), and the log value of an error that is a [slog.LogValuer],
// such as the stack of a panic in package inprocess.
func causeOf(ex *exchange.Exchange) error {
	cause := ex.Failure
	type detailed interface {
		error
		slog.LogValuer
	}
	if more, ok := errors.AsType[detailed](cause); ok {
		cause = fmt.Errorf("%w: %v", cause, more.LogValue())
	}
	if inner := ex.Cause(); inner != nil {
		cause = fmt.Errorf("%w: %w", cause, inner)
	}
	return cause
}

// NoteCause records in the log why a service in this process failed, if its status does not say
// so. ctx is the context of the call. Outside a gateway, NoteCause does nothing.
func NoteCause(ctx context.Context, cause error) { exchange.From(ctx).MarkCause(cause) }

// Usage is the memory and the streams that all requests of a gateway use together.
type Usage struct {
	// Streams is the number of running streams, without those that wait for their clients.
	Streams int
	// Bodies is the memory of request bodies, Responses the memory of responses that clients
	// have not read yet.
	Bodies, Responses Memory
}

// Memory is the state of a bounded memory.
type Memory = budget.Usage

// Usage returns the current usage.
func (g *Gateway) Usage() Usage {
	return Usage{Streams: g.streams.Running(), Bodies: g.bodies.Usage(), Responses: g.responder.Usage()}
}
