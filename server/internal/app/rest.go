package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/forward"
	"github.com/statusway/statusway/gateway/limiter"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/metrics"
	"github.com/statusway/statusway/gateway/middleware"
	"github.com/statusway/statusway/gateway/openapi"
	"github.com/statusway/statusway/gateway/respond"
	"github.com/statusway/statusway/gateway/route"
	"github.com/statusway/statusway/gateway/tracing"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
	"github.com/statusway/statusway/server/internal/apidocs"
	"github.com/statusway/statusway/server/internal/catalogue"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/mappingsvc"
	"github.com/statusway/statusway/server/internal/tour"
)

const (
	preflightAge = 10 * time.Minute
	// metricsPath is where Prometheus looks by default.
	metricsPath = "/metrics"
)

// restParams are what a [rest] is made of.
type restParams struct {
	config config.Front
	table  *mapping.Table
	logger *slog.Logger
	drops  DropCounter // of the lines of the log; nil where none can be dropped
	traces trace.TracerProvider
	now    func() time.Time
	build  Build
	// reasons are what the backends raise, as far as that is known.
	reasons []metrics.Reason
}

// rest is the REST server and what all of its gateways share, whatever they stand
// before.
type rest struct {
	restParams

	limiter   middleware.Limiter // nil where there is no limit
	shedder   middleware.Shedder // nil where there is none
	streams   *middleware.Streams
	bodies    *middleware.BodyMemory
	meters    *meters        // nil where nothing is counted
	metrics   *metricsServer // nil where it is a page of the REST server
	responder *respond.Responder
	explorer  *apidocs.Explorer
	catalogue *catalogue.Catalogue
	listener  net.Listener
	server    *gateway.Server
	stop      *stop
}

// newREST opens the listener; [rest.show] and [rest.attach] complete the server.
func newREST(ctx context.Context, p restParams) (*rest, error) {
	limits, err := p.config.Limits()
	if err != nil {
		return nil, fmt.Errorf("reading the rate limit: %w", err)
	}
	responses, err := p.config.ResponseMemoryBytes()
	if err != nil {
		return nil, fmt.Errorf("reading the memory for responses: %w", err)
	}
	r := &rest{restParams: p, stop: newStop()}
	if len(limits) > 0 {
		r.limiter = limiter.New(limiter.Params{Policies: limits, MaxKeys: limiter.DefaultMaxKeys, Logger: p.logger, Now: nil})
	}
	if err := r.bound(); err != nil {
		return nil, err
	}
	if r.listener, err = listen(ctx, p.config.HTTPAddr); err != nil {
		return nil, err
	}
	r.responder, err = respond.New(respond.Params{
		Table: p.table, PublicURL: r.publicURL(), Realm: "statusway", Gzip: p.config.Gzip,
		SendTimeout: p.config.SendTimeout, ResponseMemory: responses, OpenDelay: 0, CommentInterval: 0,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making the responder: %w", err), r.close())
	}
	if r.meters != nil {
		if err := r.meters.watchMemory(r.bodies.Usage, r.responder.Usage); err != nil {
			return nil, errors.Join(err, r.close())
		}
	}
	if r.config.MetricsAddr != "" && r.meters != nil {
		if err := r.listenMetrics(ctx); err != nil {
			return nil, errors.Join(err, r.close())
		}
	}
	return r, nil
}

// bound makes what bounds the requests of all gateways together.
func (r *rest) bound() error {
	bodies, err := r.config.BodyMemoryBytes()
	if err != nil {
		return fmt.Errorf("reading the memory for bodies: %w", err)
	}
	r.bodies = middleware.NewBodyMemory(bodies)
	r.streams = middleware.NewStreams(cmp.Or(r.config.MaxStreams, r.config.MaxInFlight))
	shedder := newShedder(r.config.MaxInFlight)
	if shedder != nil {
		r.shedder = shedder
	}
	return r.measure(shedder)
}

// measure has everything counted, unless metrics are off.
func (r *rest) measure(shedder *shedder) error {
	if r.config.MetricsAddr == config.Off {
		return nil
	}
	var err error
	if r.meters, err = newMeters(metersParams{table: r.table, build: r.build, reasons: r.reasons}); err != nil {
		return err
	}
	if r.drops != nil {
		if err := r.meters.watchLog(r.drops); err != nil {
			return err
		}
	}
	if r.limiter != nil {
		r.limiter = r.meters.Limiter(r.limiter)
	}
	if err := r.meters.watchStreams(r.streams.Running); err != nil || shedder == nil {
		return err
	}
	return r.meters.watchCalls(shedder)
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	return listener, nil
}

func (r *rest) close() error { return errors.Join(ignoreClosed(r.listener.Close()), r.metrics.close()) }

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// publicURL is where clients are told that REST is.
func (r *rest) publicURL() string {
	if r.config.PublicURL != "" {
		return r.config.PublicURL
	}
	scheme := "http://"
	if r.config.TLSCert != "" {
		scheme = "https://"
	}
	return scheme + r.listener.Addr().String()
}

// behind is what a gateway serves: its contract, the document of that, and whether it can
// be served now.
type behind struct {
	declared *contract.Contract
	document *openapi.Document
	ready    func(context.Context) (readiness, error)
}

// params are what every gateway of the server is made with.
func (r *rest) params(b behind) (gateway.Params, error) {
	bytes, err := r.config.BodyBytes()
	if err != nil {
		return gateway.Params{}, fmt.Errorf("reading the body limit: %w", err)
	}
	proxies, err := r.config.Proxies()
	if err != nil {
		return gateway.Params{}, fmt.Errorf("reading the trusted proxies: %w", err)
	}
	return gateway.Params{
		Responder:   r.responder,
		Logger:      r.logger,
		Now:         r.now,
		Body:        middleware.BodyLimits{Bytes: bytes, Time: r.config.BodyTimeout, Grace: 0, Rate: 0, Memory: r.bodies},
		Pages: r.pages(b),
		Limiter:     r.limiter,
		Concurrency: r.config.Concurrency,
		Proxies:     proxies,
		IPv6Prefix:  r.config.IPv6Prefix,
		CrossOrigin: middleware.CrossOrigin{Origins: r.config.CORSOrigins, MaxAge: preflightAge},
		Shedder:     r.shedder,
		Stop:        r.stop.streams(),
		Streams:     r.streams,
		Tracer:      r.tracer(),
		Observer:    r.observer(),
		// Together with rules.
		ClientMetadata: r.likeGRPCGateway(),

		Contract: b.declared,
		// The rest of what stands behind the gateway is filled in by whoever knows it.
		Backend: nil, Identify: nil, Spare: nil, Closed: nil, Pending: nil, Idempotency: nil,
	}, nil
}

// rules are what passes between clients and backends: no more than always does, unless
// the configuration says otherwise.
func (r *rest) rules() *forward.Rules {
	return forward.New(forward.Params{RequestHeaders: nil, ResponseHeaders: nil, GRPCGateway: r.likeGRPCGateway(), Logger: r.logger})
}

func (r *rest) likeGRPCGateway() bool { return r.config.Headers == config.HeadersGRPCGateway }

// clientKeys makes the same keys as the gateway, for calls that come over gRPC.
func (r *rest) clientKeys() middleware.ClientKeys {
	return middleware.ClientKeys{IPv6Prefix: r.config.IPv6Prefix}
}

// show renders the catalogue of the policy in force, and the page of the OpenAPI document
// to match. mapping is asked what policies make of a status, and has is what the server
// has of what a tour needs.
func (r *rest) show(ctx context.Context, mapping *mappingsvc.Service, has tour.Needs) error {
	var err error
	r.catalogue, err = catalogue.New(ctx, catalogue.Params{Responder: r.responder, Mapping: mapping, Has: has})
	if err != nil {
		return fmt.Errorf("rendering the catalogue: %w", err)
	}
	page, err := r.catalogue.Frame(apidocs.Path, "OpenAPI", apidocs.Inside)
	if err != nil {
		return err
	}
	r.explorer = apidocs.NewExplorer(page)
	return nil
}

// observer is nil where nothing is counted.
func (r *rest) observer() exchange.Observer {
	if r.meters == nil {
		return nil
	}
	return r.meters
}

// tracer is nil where there are no traces.
func (r *rest) tracer() exchange.Tracer {
	if r.traces == nil {
		return nil
	}
	return tracing.New(r.traces)
}

// pages are served without limit: whoever watches the server must reach them.
func (r *rest) pages(b behind) map[string]exchange.Handler {
	pages := r.explorer.Pages(r.responder, b.document)
	for path, page := range r.catalogue.Pages() {
		if !isTaken(b.declared.Index(), path) {
			pages[path] = page
		}
	}
	pages["/healthz"], pages["/readyz"] = r.health, r.readiness(b.ready)
	if r.meters != nil && r.metrics == nil {
		pages[metricsPath] = r.meters.page(r.responder)
	}
	return pages
}

// isTaken says whether an API has a route of its own at the path of a page, which then
// is there for its clients. The routes of MappingService there are the page as JSON.
func isTaken(index *route.Index[*contract.Binding], path string) bool {
	found, outcome, err := index.Lookup(http.MethodGet, path)
	if err != nil || outcome == route.NotFound {
		return false
	}
	return outcome != route.Found || !isMapping(found.Value)
}

func isMapping(binding *contract.Binding) bool {
	return strings.HasPrefix(binding.Method.FullName, "/"+mappingv1.MappingService_ServiceDesc.ServiceName+"/")
}
