package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/observe/metrics"
	"github.com/statusway/statusway/gateway/observe/tracing"
	"github.com/statusway/statusway/gateway/openapi"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/gateway/ratelimit/memory"
	"github.com/statusway/statusway/server/internal/apidocs"
	"github.com/statusway/statusway/server/internal/catalogue"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/mappingsvc"
	"github.com/statusway/statusway/server/internal/tour"
)

// metricsPath is where Prometheus looks by default.
const metricsPath = "/metrics"

// restParams configure a [rest].
type restParams struct {
	config config.Front
	table  *policy.Table
	logger *slog.Logger
	drops  DropCounter // of the lines of the log; nil where none can be dropped
	traces trace.TracerProvider
	now    func() time.Time
	build  Build
	// reasons are the known reasons of the backends' errors.
	reasons []metrics.Reason
}

// rest is the REST server.
type rest struct {
	restParams

	// gateway is the configuration of front.
	gateway   gateway.Config
	front     *gateway.Gateway
	meters    *meters        // nil where nothing is counted
	metrics   *metricsServer // nil where it is a page of the REST server
	catalogue *catalogue.Catalogue
	listener  net.Listener
}

// newREST opens the listener; [rest.show] and [rest.serveBackend] complete the server.
func newREST(ctx context.Context, p restParams) (*rest, error) {
	limits, err := p.config.Limits()
	if err != nil {
		return nil, fmt.Errorf("reading the rate limit: %w", err)
	}
	r := &rest{restParams: p}
	if r.gateway, err = p.config.Gateway(); err != nil {
		return nil, err
	}
	r.gateway.Policy, r.gateway.Logger, r.gateway.Now = p.table, p.logger, p.now
	r.gateway.Pages = map[string]gateway.Page{}
	for _, path := range catalogue.Problems(p.table) {
		r.gateway.Pages[path] = gateway.Page{} // The pages need to know the types of problems, which are these pages.
	}
	if len(limits) > 0 {
		r.gateway.Limiter = memory.New(memory.Params{Policies: limits, MaxKeys: memory.DefaultMaxKeys, Logger: p.logger, Now: nil})
	}
	if p.traces != nil {
		r.gateway.Tracer = tracing.New(p.traces)
	}
	if err := r.measure(); err != nil {
		return nil, err
	}
	if r.listener, err = listen(ctx, p.config.HTTPAddr); err != nil {
		return nil, err
	}
	if r.config.MetricsAddr != "" && r.meters != nil {
		if err := r.listenMetrics(ctx); err != nil {
			return nil, errors.Join(err, r.close())
		}
	}
	return r, nil
}

// measure has everything counted, unless metrics are off.
func (r *rest) measure() error {
	shedder := newShedder(r.config.MaxInFlight)
	if shedder != nil {
		r.gateway.Shedder = shedder
	}
	if r.config.MetricsAddr == config.Off {
		return nil
	}
	var err error
	if r.meters, err = newMeters(metersParams{table: r.table, build: r.build, reasons: r.reasons}); err != nil {
		return err
	}
	r.gateway.Observer = r.meters
	if r.gateway.Limiter != nil {
		r.gateway.Limiter = r.meters.Limiter(r.gateway.Limiter)
	}
	if r.drops != nil {
		err = r.meters.watchLog(r.drops)
	}
	if shedder != nil {
		err = errors.Join(err, r.meters.watchCalls(shedder))
	}
	return errors.Join(err, r.meters.watchUsage(func() gateway.Usage {
		if r.front == nil {
			return gateway.Usage{}
		}
		return r.front.Usage()
	}))
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

// show renders the pages of the current policy. has says what a tour finds on this server.
func (r *rest) show(ctx context.Context, mapper *gateway.Mapper, service *mappingsvc.Service, has tour.Needs) error {
	var err error
	r.catalogue, err = catalogue.New(ctx, catalogue.Params{Mapper: mapper, Mapping: service, Has: has})
	if err != nil {
		return fmt.Errorf("rendering the catalogue: %w", err)
	}
	for path, page := range r.catalogue.Pages() {
		r.gateway.Pages[path] = gateway.Page{Handler: page, Yields: true}
	}
	return nil
}

// serveBackend makes the gateway of a backend, with all pages. about describes the OpenAPI document,
// and ready responds to /readyz.
func (r *rest) serveBackend(b *gateway.Backend, about openapi.Params, documented *gateway.Backend, ready http.HandlerFunc) error {
	page, err := r.catalogue.Frame(apidocs.Path, "OpenAPI", apidocs.Inside)
	if err != nil {
		return err
	}
	about.Table, about.PublicURL, about.PagesURL, about.Pages = r.table, r.config.PublicURL, r.config.PagesURL, catalogue.Problems(r.table)
	docs := &documents{backend: documented, params: about}
	for path, handler := range apidocs.NewExplorer(page, docs.current).Pages() {
		r.gateway.Pages[path] = gateway.Page{Handler: handler, Yields: false}
	}
	r.gateway.Pages["/healthz"] = gateway.Page{Handler: http.HandlerFunc(alive), Yields: false}
	r.gateway.Pages["/readyz"] = gateway.Page{Handler: r.readiness(ready), Yields: false}
	if r.meters != nil && r.metrics == nil {
		r.gateway.Pages[metricsPath] = gateway.Page{Handler: r.meters.page(), Yields: false}
	}
	if r.front, err = gateway.New(b, r.gateway); err != nil {
		return fmt.Errorf("making the gateway: %w", err)
	}
	return nil
}

// documents makes the OpenAPI document for the first request, and anew whenever the routes change.
// [gateway.New] has refused a contract without a document by then.
type documents struct {
	backend *gateway.Backend
	params  openapi.Params

	mu       sync.Mutex
	revision uint64
	document *openapi.Document
}

func (d *documents) current() (*openapi.Document, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	revision := d.backend.Revision()
	if d.document != nil && d.revision == revision {
		return d.document, nil
	}
	document, err := openapi.New(d.backend, d.params)
	if err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	d.revision, d.document = revision, document
	return document, nil
}

// serve serves until ctx ends and the stop is over. /metrics is served to the end.
func (r *rest) serve(ctx context.Context) error {
	err := r.front.Serve(ctx, r.listener)
	return errors.Join(err, r.metrics.close())
}
