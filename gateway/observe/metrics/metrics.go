package metrics

import (
	"cmp"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/statusway/statusway/gateway/observe"
	"github.com/statusway/statusway/gateway/policy"
)

// ClientClosed is the status and the class of requests that failed because the client left. The
// status of their response, often 503, would look like a fault of the server.
const ClientClosed = "client_closed"

// Unmatched is the route of requests without a route.
const Unmatched = "unmatched"

// Reason is the domain and the reason of an ErrorInfo.
type Reason struct{ Domain, Reason string }

// Params configure [Metrics].
type Params struct {
	// Registry registers the metrics. Two [Metrics] cannot share a registry.
	Registry prometheus.Registerer
	// Table is the policy of the gateway. Its reasons become labels. Nil means the policy
	// "documented".
	Table *policy.Table
	// Reasons are additional reasons that become labels, such as those of the backends.
	Reasons []Reason
}

// Metrics count requests. They are safe for concurrent use.
type Metrics struct {
	requests, received, written, closed, replays, decisions, calls *prometheus.CounterVec

	duration, callTime *prometheus.HistogramVec
	running            prometheus.Gauge
	shed               prometheus.Counter
	known              map[Reason]bool
	keys               *limiterKeys

	mu       sync.Mutex // held while a map is replaced
	routes   atomic.Pointer[map[routeKey]*route]
	policies atomic.Pointer[map[decision]prometheus.Counter]
	methods  atomic.Pointer[map[string]*calls]
}

var _ observe.Observer = (*Metrics)(nil)

// buckets returns upper bounds in seconds. A request takes some 20 microseconds in the gateway, a
// millisecond with a store, and at most a minute, which is the default deadline.
func buckets() []float64 {
	return []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}
}

var errNoRegistry = errors.New("the metrics need a registry")

// New registers the metrics. It fails if there is no registry, or if it already contains one of them.
func New(p Params) (*Metrics, error) {
	if p.Registry == nil {
		return nil, errNoRegistry
	}
	if p.Table == nil {
		var err error
		if p.Table, err = policy.Builtin(policy.Documented); err != nil {
			return nil, err
		}
	}
	byRoute := []string{"route", "method"}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "statusway_" + name, Help: help}, labels)
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "statusway_" + name, Help: help, Buckets: buckets()}, labels)
	}
	m := &Metrics{
		requests: counter("requests_total", "Requests by the status of the response, or client_closed, and by the code, the reason and the rule that decided it.",
			"route", "method", "code", "domain", "reason", "status", "rule"),
		received:  counter("request_body_bytes_total", "Bytes of request bodies.", byRoute...),
		written:   counter("response_body_bytes_total", "Bytes of response bodies.", byRoute...),
		closed:    counter("requests_client_closed_total", "Requests that failed because the client had left.", byRoute...),
		replays:   counter("idempotency_replays_total", "Requests that got the response of an earlier request with the same Idempotency-Key.", byRoute...),
		decisions: counter("limiter_decisions_total", "Decisions of the rate limit for requests and calls: allowed, refused or failed.", "policy", "decision"),
		calls:     counter("grpc_calls_total", "Calls over gRPC by code.", "method", "code"),
		duration:  histogram("request_duration_seconds", "Duration of requests by the class of the status.", "route", "method", "class"),
		callTime:  histogram("grpc_call_duration_seconds", "Duration of calls over gRPC.", "method"),
		running:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "statusway_requests_in_flight", Help: "Requests that are running."}),
		shed:      prometheus.NewCounter(prometheus.CounterOpts{Name: "statusway_requests_shed_total", Help: "Requests that an overloaded server refused."}),
		known:     knownReasons(p),
		keys:      newLimiterKeys(),
	}
	m.routes.Store(&map[routeKey]*route{})
	m.policies.Store(&map[decision]prometheus.Counter{})
	m.methods.Store(&map[string]*calls{})
	for _, one := range []prometheus.Collector{
		m.requests, m.received, m.written, m.closed, m.replays, m.decisions, m.calls, m.duration, m.callTime, m.running, m.shed, m.keys,
	} {
		if err := p.Registry.Register(one); err != nil {
			return nil, err //nolint:wrapcheck // it names the metric.
		}
	}
	return m, nil
}

func knownReasons(p Params) map[Reason]bool {
	known := map[Reason]bool{{}: true}
	for _, reason := range policy.Reasons() {
		known[Reason{policy.Domain, reason}] = true
	}
	for _, rule := range p.Table.Policy().GetRules() {
		known[Reason{rule.GetDomain(), rule.GetReason()}] = true
	}
	for _, reason := range p.Reasons {
		known[reason] = true
	}
	return known
}

// Begin implements observe.Observer.
func (m *Metrics) Begin() { m.running.Inc() }

// End implements observe.Observer.
func (m *Metrics) End(record *observe.Record) {
	m.running.Dec()
	of := m.route(routeKey{cmp.Or(record.Route, Unmatched), record.Method})
	class := record.Status / 100
	if record.ClientClosed {
		class = classClosed
	}
	of.duration(m, class).Observe(time.Since(record.Start).Seconds())
	of.outcome(m, m.keyOf(record)).Inc()
	of.received.Add(float64(record.Received))
	of.written.Add(float64(record.Written))
	if record.Shed {
		m.shed.Inc()
	}
	if record.ClientClosed {
		of.closed.Inc()
	}
	if record.Replayed {
		of.replays.Inc()
	}
}

func (m *Metrics) keyOf(record *observe.Record) outcomeKey {
	reason := Reason{record.Domain, record.Reason}
	if !m.known[reason] {
		reason = Reason{observe.Other, observe.Other}
	}
	return outcomeKey{code: policy.CodeName(record.Code), reason: reason, status: record.Status, closed: record.ClientClosed, rule: record.Rule}
}
