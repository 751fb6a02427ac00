package app

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
	"golang.org/x/sync/singleflight"
	"google.golang.org/grpc/connectivity"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/observe/metrics"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/entity"
)

// gatherTime is how long the store may take to count. A busy store does not block a
// scrape: the scrape leaves out those metrics.
const gatherTime = time.Second

// meters are all that the program counts.
type meters struct {
	*metrics.Metrics

	registry *prometheus.Registry
	scrapes  singleflight.Group
}

type metersParams struct {
	table   *policy.Table
	build   Build
	reasons []metrics.Reason
}

func newMeters(p metersParams) (*meters, error) {
	registry := prometheus.NewRegistry()
	requests, err := metrics.New(metrics.Params{Registry: registry, Table: p.table, Reasons: p.reasons})
	if err != nil {
		return nil, fmt.Errorf("registering the metrics: %w", err)
	}
	m := &meters{Metrics: requests, registry: registry}
	built := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "statusway_build_info", Help: "What the program was built from; always 1."},
		[]string{"version", "commit", "go_version"})
	built.WithLabelValues(p.build.Version, p.build.Commit, runtime.Version()).Set(1)
	return m, m.register(built, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

func (m *meters) register(all ...prometheus.Collector) error {
	for _, one := range all {
		if err := m.registry.Register(one); err != nil {
			return fmt.Errorf("registering the metrics: %w", err)
		}
	}
	return nil
}

// page is a page with all that has been counted, in Prometheus's text format. No limit holds for
// pages, so requests that come at the same time share the work.
func (m *meters) page() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err, _ := m.scrapes.Do("", m.text)
		if err != nil {
			gateway.Error(w, r, fmt.Errorf("gathering the metrics: %w", err))
			return
		}
		gateway.Content(w, r, string(expfmt.NewFormat(expfmt.TypeTextPlain)), body.([]byte)) //nolint:forcetypeassert // it is what text returns.
	})
}

// text is all that has been counted, as []byte.
func (m *meters) text() (any, error) {
	families, err := m.registry.Gather()
	if err != nil {
		return nil, err //nolint:wrapcheck // page says what it is of.
	}
	var body bytes.Buffer
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&body, family); err != nil {
			return nil, err //nolint:wrapcheck // as above.
		}
	}
	return body.Bytes(), nil
}

// watchCalls adds the current limit of calls at once, and their number.
func (m *meters) watchCalls(shedder *shedder) error {
	return m.register(
		gauge("concurrency_limit", "Calls that the server serves at once, as it has adapted.", func() float64 { return float64(shedder.limiter.Limit()) }),
		gauge("calls_in_flight", "Calls that are being served, but for streams.", func() float64 { return float64(shedder.running()) }),
	)
}

func gauge(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "statusway_" + name, Help: help}, value)
}

// watchUsage adds how many streams are served, and what request bodies and waiting responses take
// of the memory that they may.
func (m *meters) watchUsage(usage func() gateway.Usage) error {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("statusway_memory_"+name, help, []string{"of"}, nil)
	}
	return m.register(
		gauge("streams_in_flight", "Streams that are being served and do not wait for their clients.", func() float64 { return float64(usage().Streams) }),
		memoryUsage{
			usage:   usage,
			held:    desc("held_bytes", "Bytes that are charged to request bodies, and to responses that wait for their clients."),
			limit:   desc("limit_bytes", "Bytes that they may take together."),
			cutOff:  desc("cut_off_total", "Slow clients that were cut off."),
			refused: desc("refused_total", "Requests and responses for which there was no memory."),
		},
	)
}

// memoryUsage asks the budgets whenever it is asked.
type memoryUsage struct {
	usage                        func() gateway.Usage
	held, limit, cutOff, refused *prometheus.Desc
}

var _ prometheus.Collector = memoryUsage{}

// Describe implements prometheus.Collector.
func (m memoryUsage) Describe(to chan<- *prometheus.Desc) {
	for _, one := range []*prometheus.Desc{m.held, m.limit, m.cutOff, m.refused} {
		to <- one
	}
}

// Collect implements prometheus.Collector.
func (m memoryUsage) Collect(to chan<- prometheus.Metric) {
	usage := m.usage()
	for name, now := range map[string]gateway.Memory{"bodies": usage.Bodies, "responses": usage.Responses} {
		to <- prometheus.MustNewConstMetric(m.held, prometheus.GaugeValue, float64(now.Held), name)
		to <- prometheus.MustNewConstMetric(m.limit, prometheus.GaugeValue, float64(now.Limit), name)
		to <- prometheus.MustNewConstMetric(m.cutOff, prometheus.CounterValue, float64(now.CutOff), name)
		to <- prometheus.MustNewConstMetric(m.refused, prometheus.CounterValue, float64(now.Refused), name)
	}
}

// watchLog adds how many lines of the log were dropped.
func (m *meters) watchLog(drops DropCounter) error {
	return m.register(prometheus.NewCounterFunc(
		prometheus.CounterOpts{Name: "statusway_log_lines_dropped_total", Help: "Lines of the log that were dropped, because it was not read fast enough."},
		func() float64 { return float64(drops.Dropped()) },
	))
}

// watchImports adds the length of the queue of imports.
func (m *meters) watchImports(queue entity.ImportQueue) error {
	return m.register(imports{
		queue:    queue,
		imports:  prometheus.NewDesc("statusway_imports_unfinished", "Imports that wait or run.", nil, nil),
		entities: prometheus.NewDesc("statusway_imports_entities_remaining", "Entities of unfinished imports that are not dealt with.", nil, nil),
	})
}

// imports asks the queue whenever it is asked.
type imports struct {
	queue             entity.ImportQueue
	imports, entities *prometheus.Desc
}

var _ prometheus.Collector = imports{}

// Describe implements prometheus.Collector.
func (i imports) Describe(to chan<- *prometheus.Desc) {
	to <- i.imports
	to <- i.entities
}

// Collect implements prometheus.Collector, which has no context.
func (i imports) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), gatherTime)
	defer cancel()
	backlog, err := i.queue.Backlog(ctx)
	if err != nil {
		return
	}
	to <- prometheus.MustNewConstMetric(i.imports, prometheus.GaugeValue, float64(backlog.Imports))
	to <- prometheus.MustNewConstMetric(i.entities, prometheus.GaugeValue, float64(backlog.Entities))
}

// watchStorage adds whether the storage takes writes.
func (m *meters) watchStorage(storage interface{ WriteFailure() error }) error {
	return m.register(gauge("storage_writable", "1 while the storage takes writes, 0 while it does not, as on a full disk.", func() float64 {
		if storage.WriteFailure() != nil {
			return 0
		}
		return 1
	}))
}

// watchBackend adds the states of the connections to backends and of their schemas, by their address.
func (m *meters) watchBackend(backend *gateway.Backend) error {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("statusway_backend_"+name, help, append([]string{"backend"}, labels...), nil)
	}
	return m.register(backends{
		backend: backend,
		state:   desc("connection_state", "1 for the state that the connection to a backend is in, 0 for the others.", "state"),
		age: desc("schema_age_seconds",
			"Seconds since server reflection last confirmed the routes of a backend that are served, or since the start if it never did."),
		interval: desc("schema_interval_seconds", "Seconds between two readings of a backend's schema."),
		problems: desc("problems", "Problems of a backend, such as services that cannot be served. /readyz and the log name them."),
	})
}

type backends struct {
	backend                        *gateway.Backend
	state, age, interval, problems *prometheus.Desc
}

var _ prometheus.Collector = backends{}

// Describe implements prometheus.Collector.
func (c backends) Describe(to chan<- *prometheus.Desc) {
	for _, one := range []*prometheus.Desc{c.state, c.age, c.interval, c.problems} {
		to <- one
	}
}

// Collect implements prometheus.Collector.
func (c backends) Collect(to chan<- prometheus.Metric) {
	set := func(desc *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for _, one := range c.backend.Targets() {
		for state, name := range map[connectivity.State]string{
			connectivity.Idle: "idle", connectivity.Connecting: "connecting", connectivity.Ready: "ready", connectivity.TransientFailure: "transient_failure",
		} {
			value := 0.0
			if state == one.Connection {
				value = 1
			}
			set(c.state, value, one.Address, name)
		}
		set(c.problems, float64(len(one.Problems)), one.Address)
		if one.Refresh > 0 {
			set(c.age, time.Since(one.Confirmed).Seconds(), one.Address)
			set(c.interval, one.Refresh.Seconds(), one.Address)
		}
	}
}
