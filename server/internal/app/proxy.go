package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gateway/openapi"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/gateway/ratelimit/memory"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/mappingsvc"
	"github.com/statusway/statusway/server/internal/tour"
)

// ProxyParams configure a proxy.
type ProxyParams struct {
	Config config.Proxy
	Table  *policy.Table
	Logger *slog.Logger
	// LogQueue is as in [Params].
	LogQueue DropCounter
	// Traces is where the spans of requests go. Nil means that there are none.
	Traces trace.TracerProvider
	// Now is the clock of lifecycles.
	Now func() time.Time
	// Build identifies the build of the program.
	Build Build
}

// Proxy is the gateway in front of any gRPC servers. It knows only what their reflection
// or a descriptor set says.
type Proxy struct {
	params  ProxyParams
	rest    *rest
	backend *gateway.Backend
	limits  []memory.Policy
}

// NewProxy opens the listener and puts everything together. It is an error if a file of descriptors is
// wrong. A backend that cannot be reached, or whose reflection is wrong, is not: the proxy serves the rest.
func NewProxy(ctx context.Context, p ProxyParams) (*Proxy, error) {
	proxy := &Proxy{params: p}
	if err := proxy.build(ctx); err != nil {
		return nil, errors.Join(err, proxy.Close())
	}
	return proxy, nil
}

func (p *Proxy) build(ctx context.Context) error {
	targets, err := p.targets()
	if err != nil {
		return err
	}
	p.rest, err = newREST(ctx, restParams{
		config: p.params.Config.Front, table: p.params.Table, logger: p.params.Logger, drops: p.params.LogQueue, traces: p.params.Traces,
		now: p.params.Now, build: p.params.Build, reasons: nil,
	})
	if err != nil {
		return err
	}
	if p.backend, err = dynamic.Connect(ctx, targets...); status.Code(err) == codes.Unimplemented {
		return fmt.Errorf("--descriptors is needed: %w", err)
	} else if err != nil {
		return err
	}
	if p.limits, err = p.params.Config.Limits(); err != nil {
		return fmt.Errorf("reading the rate limit: %w", err)
	}
	if p.params.Config.Descriptors != "" { // By reflection the routes may come later; see watchLimits.
		if err := checkLimits(p.limits, p.backend.Routes()); err != nil {
			return fmt.Errorf("--rate-limit: %w", err)
		}
	}
	mapper, err := gateway.NewMapper(nil, p.rest.gateway)
	if err != nil {
		return err
	}
	explain, err := mappingsvc.New(mapper, p.params.Build.ID())
	if err != nil {
		return err
	}
	if err := p.rest.show(ctx, mapper, explain, tour.AnyServer); err != nil {
		return err
	}
	if p.rest.meters != nil {
		if err := p.rest.meters.watchBackend(p.backend); err != nil {
			return err
		}
	}
	var about openapi.Params // The title is that of the proto packages.
	return p.rest.serveBackend(p.backend, about, p.backend, p.ready)
}

// targets are the backends of the flags.
func (p *Proxy) targets() ([]dynamic.Target, error) {
	c := p.params.Config
	backends, err := c.Backends()
	if err != nil {
		return nil, fmt.Errorf("--backend: %w", err)
	}
	secret, err := c.TLS()
	if err != nil {
		return nil, err
	}
	most, err := c.MessageBytes()
	if err != nil {
		return nil, fmt.Errorf("reading the message limit: %w", err)
	}
	rules, err := readServiceConfig(c.ServiceConfig)
	if err != nil {
		return nil, err
	}
	set, err := readDescriptors(c.Descriptors)
	if err != nil {
		return nil, err
	}
	deadline := c.Deadline
	if deadline == 0 {
		deadline = -1 // as long as it takes
	}
	targets := make([]dynamic.Target, len(backends))
	for i, one := range backends {
		targets[i] = dynamic.Target{
			Address: one.Address, TLS: secret, KeepAlive: c.BackendKeepAlive, Health: c.BackendHealth,
			Descriptors: set, Services: one.Services, ServiceConfig: rules, Refresh: c.ReflectionInterval,
			Deadline: deadline, MaxMessage: most,
		}
	}
	return targets, nil
}

// MetricsAddr is where /metrics is served alone; empty if it is not.
func (p *Proxy) MetricsAddr() string { return p.rest.metricsAddr() }

// HTTPAddr is where REST is served.
func (p *Proxy) HTTPAddr() string { return p.rest.listener.Addr().String() }

// Run serves until ctx ends, and then stops as [gateway.Gateway.Serve] describes.
func (p *Proxy) Run(ctx context.Context) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.rest.serve(groupCtx) })
	group.Go(p.rest.serveMetrics)
	if p.params.Config.Descriptors == "" {
		group.Go(func() error {
			p.watchLimits(groupCtx, p.limits)
			return nil
		})
	}
	return group.Wait() //nolint:wrapcheck // each part names itself.
}

// Close releases what NewProxy has opened. Run must have returned.
func (p *Proxy) Close() error {
	var errs []error
	if p.backend != nil {
		errs = append(errs, p.backend.Close())
	}
	if p.rest != nil {
		errs = append(errs, p.rest.close())
	}
	return errors.Join(errs...)
}
