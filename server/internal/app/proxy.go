package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/metrics"
	"github.com/statusway/statusway/gateway/respond"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/mappingsvc"
	"github.com/statusway/statusway/server/internal/tour"
)

const (
	// reflectionTime is how long server reflection may take.
	reflectionTime = 5 * time.Second
	// awayInterval is how often a backend is asked that has not answered yet.
	awayInterval = time.Second

	// reasonPending: a backend has not been reached yet. UNAVAILABLE.
	reasonPending = "BACKEND_PENDING"
	// reasonUnreachable: a backend cannot be reached any more. UNAVAILABLE.
	reasonUnreachable = "BACKEND_UNREACHABLE"
)

// ProxyParams are what the program around a proxy decides.
type ProxyParams struct {
	Config config.Proxy
	Table  *mapping.Table
	Logger *slog.Logger
	// LogQueue is as in [Params].
	LogQueue DropCounter
	// Traces is where the spans of requests go. Nil means that there are none.
	Traces trace.TracerProvider
	// Now is the clock of lifecycles.
	Now func() time.Time
	// Build is what the program was built from.
	Build Build
}

// Proxy is the gateway alone, before gRPC servers of which it knows no more than they
// or a descriptor set say.
type Proxy struct {
	params   ProxyParams
	rest     *rest
	rules    *dynamic.ServiceConfig
	most     int
	backends []*backend

	current atomic.Pointer[gateway.Gateway]
	mu      sync.Mutex // held while the gateway is replaced
	closers []func() error
}

// backend is one gRPC server.
type backend struct {
	config.Backend

	conn *dynamic.Conn
	// except are the services that other backends are named for.
	except []string
	schema *dynamic.Schema // nil while it is not known
	known  atomic.Bool     // schema is known, and served
	fault  string          // what was last logged
}

// NewProxy opens the listener and puts everything together. A backend that cannot be
// reached is waited for later; one whose descriptors are wrong is an error.
func NewProxy(ctx context.Context, p ProxyParams) (*Proxy, error) {
	proxy := &Proxy{params: p}
	if err := proxy.build(ctx); err != nil {
		return nil, errors.Join(err, proxy.Close())
	}
	return proxy, nil
}

func (p *Proxy) build(ctx context.Context) error {
	c := p.params.Config
	var err error
	if p.most, err = c.MessageBytes(); err != nil {
		return fmt.Errorf("reading the message limit: %w", err)
	}
	if p.rules, err = readServiceConfig(c.ServiceConfig); err != nil {
		return err
	}
	if err := p.dial(); err != nil {
		return err
	}
	p.rest, err = newREST(ctx, restParams{
		config: c.Front, table: p.params.Table, logger: p.params.Logger, drops: p.params.LogQueue, traces: p.params.Traces, now: p.params.Now,
		build: p.params.Build, reasons: []metrics.Reason{{Domain: mapping.Domain, Reason: reasonPending}, {Domain: mapping.Domain, Reason: reasonUnreachable}},
	})
	if err != nil {
		return err
	}
	p.closers = append(p.closers, p.rest.close)
	explain, err := mappingsvc.New(p.rest.responder, p.params.Build.ID())
	if err != nil {
		return err
	}
	if err := p.rest.show(ctx, explain, tour.AnyServer); err != nil {
		return err
	}
	if p.rest.meters != nil {
		if err := p.rest.meters.watchBackends(p.backends); err != nil {
			return err
		}
	}
	if err := p.describe(ctx); err != nil {
		return err
	}
	if err := p.replace(); err != nil {
		return err
	}
	return p.rest.attach(p.current.Load(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.current.Load().ServeHTTP(w, r)
	}))
}

func (p *Proxy) dial() error {
	backends, err := p.params.Config.Backends()
	if err != nil {
		return fmt.Errorf("--backend: %w", err)
	}
	secret, err := p.params.Config.TLS()
	if err != nil {
		return err
	}
	for _, one := range backends {
		conn, err := dynamic.Dial(dynamic.DialParams{
			Address: one.Address, TLS: secret, KeepAlive: p.params.Config.BackendKeepAlive, Health: p.params.Config.BackendHealth,
		})
		if err != nil {
			return err
		}
		p.closers = append(p.closers, conn.Close)
		b := &backend{Backend: one, conn: conn}
		for _, other := range backends {
			if other.Address != one.Address {
				b.except = append(b.except, other.Services...)
			}
		}
		p.backends = append(p.backends, b)
	}
	return nil
}

// describe finds out what the backends declare, as far as they can be reached.
func (p *Proxy) describe(ctx context.Context) error {
	if name := p.params.Config.Descriptors; name != "" {
		return p.describeFrom(name)
	}
	for _, b := range p.backends {
		schema, err := p.reflect(ctx, b)
		switch {
		case err == nil:
			b.schema = schema
		case isAway(err):
			p.params.Logger.WarnContext(ctx, "a backend is away and waited for", slog.String("backend", b.Address), slog.Any("error", err))
		case status.Code(err) == codes.Unimplemented:
			return fmt.Errorf("the backend %s has no server reflection, so --descriptors is needed: %w", b.Address, err)
		default:
			return fmt.Errorf("the backend %s: %w", b.Address, err)
		}
	}
	return nil
}

// isAway says whether a backend did not answer, rather than something wrong.
func isAway(err error) bool {
	code := status.Code(err)
	return code == codes.Unavailable || code == codes.DeadlineExceeded
}

func (p *Proxy) describeFrom(name string) error {
	set, err := readDescriptors(name)
	if err != nil {
		return err
	}
	for _, b := range p.backends {
		b.schema, err = dynamic.NewSchema(dynamic.SchemaParams{Set: set, Services: b.Services, Except: b.except, Config: p.rules})
		if err != nil {
			return fmt.Errorf("--descriptors: %s: %w", name, err)
		}
	}
	return nil
}

// reflect asks a backend what it declares.
func (p *Proxy) reflect(ctx context.Context, b *backend) (*dynamic.Schema, error) {
	ctx, cancel := context.WithTimeout(ctx, reflectionTime)
	defer cancel()
	set, services, err := dynamic.Reflect(ctx, b.conn)
	if err != nil {
		return nil, err
	}
	if b.Services != nil {
		services = b.Services
	} else {
		services = without(services, b.except)
	}
	return dynamic.NewSchema(dynamic.SchemaParams{Set: set, Services: services, Except: nil, Config: p.rules})
}

func without(names, except []string) []string {
	kept := []string{}
	for _, name := range names {
		if !slices.Contains(except, name) {
			kept = append(kept, name)
		}
	}
	return kept
}

// errNoRoutes is a backend that the gateway has nothing to serve of.
var errNoRoutes = errors.New("no method has an HTTP route: neither google.api.http nor --service-config names one")

// replace makes a gateway of what is known and puts it in place of the one before.
func (p *Proxy) replace() error {
	var targets []dynamic.Target
	var schemas []*dynamic.Schema
	var pending *respond.Failure
	for _, b := range p.backends {
		if b.schema == nil {
			pending = respond.Fail(codes.Unavailable, reasonPending, "a backend has not been reached yet")
			continue
		}
		targets = append(targets, dynamic.Target{Schema: b.schema, Conn: b.conn})
		schemas = append(schemas, b.schema)
	}
	served, err := dynamic.New(dynamic.Params{
		Responder:  p.rest.responder,
		Forward:    p.rest.rules(),
		Deadline:   p.params.Config.Deadline,
		Silence:    p.params.Config.BodyTimeout,
		MaxMessage: p.most,
	}, targets...)
	if err != nil {
		return err
	}
	document, err := newDocument(documentOf{declared: served.Contract(), table: p.params.Table, publicURL: p.rest.publicURL(), reference: false})
	if err != nil {
		return err
	}
	params, err := p.rest.params(behind{declared: served.Contract(), document: document, ready: p.ready})
	if err != nil {
		return err
	}
	params.Backend, params.Responder = served.Handle, served.Responder()
	if pending != nil {
		params.Pending = pending
	} else if err := p.rules.Check(schemas...); err != nil {
		return err
	} else if len(params.Contract.Methods) == 0 {
		return errNoRoutes
	}
	next, err := gateway.New(params)
	if err != nil {
		return fmt.Errorf("making the gateway: %w", err)
	}
	for _, b := range p.backends {
		if b.schema != nil {
			if err := b.conn.Declare(b.schema); err != nil {
				return err
			}
			b.known.Store(true)
		}
	}
	p.current.Store(next)
	return nil
}

// watch asks a backend now and then what it declares, and whenever it was reached
// anew, and serves what has changed.
func (p *Proxy) watch(ctx context.Context, b *backend) {
	for ctx.Err() == nil {
		interval := p.params.Config.ReflectionInterval
		if b.schema == nil {
			interval = min(interval, awayInterval)
		}
		wait, cancel := context.WithTimeout(ctx, interval)
		b.conn.Await(wait)
		cancel()
		if ctx.Err() == nil {
			p.report(ctx, b, p.refresh(ctx, b))
		}
	}
}

func (p *Proxy) refresh(ctx context.Context, b *backend) error {
	schema, err := p.reflect(ctx, b)
	if err != nil || schema.Equal(b.schema) {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	before := b.schema
	b.schema = schema
	if err := p.replace(); err != nil {
		b.schema = before // What is served stays, until the backend is mended.
		return err
	}
	p.params.Logger.InfoContext(ctx, "a backend's routes have changed", slog.String("backend", b.Address))
	return nil
}

// report logs what is wrong with a backend, once for as long as it is.
func (p *Proxy) report(ctx context.Context, b *backend, err error) {
	text := ""
	if err != nil && ctx.Err() == nil {
		text = err.Error()
	}
	if text != "" && text != b.fault {
		p.params.Logger.WarnContext(ctx, "a backend's routes cannot be read; those known are served", slog.String("backend", b.Address), slog.Any("error", err))
	}
	b.fault = text
}

// MetricsAddr is where /metrics is served alone; empty if it is not.
func (p *Proxy) MetricsAddr() string { return p.rest.metricsAddr() }

// HTTPAddr is where REST is served.
func (p *Proxy) HTTPAddr() string { return p.rest.listener.Addr().String() }

// Run serves until ctx ends, and then stops as [gateway.Server] describes.
func (p *Proxy) Run(ctx context.Context) error {
	group, groupCtx := errgroup.WithContext(ctx)
	watching, stopWatching := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error {
		defer stopWatching()
		return p.rest.serve(groupCtx)
	})
	group.Go(p.rest.serveMetrics)
	if p.params.Config.Descriptors == "" {
		for _, b := range p.backends {
			group.Go(func() error {
				p.watch(watching, b)
				return nil
			})
		}
	}
	return group.Wait() //nolint:wrapcheck // each part names itself.
}

// Close releases what NewProxy has opened. Run must have returned.
func (p *Proxy) Close() error {
	var errs []error
	for _, closer := range slices.Backward(p.closers) {
		errs = append(errs, closer())
	}
	p.closers = nil
	return errors.Join(errs...)
}
