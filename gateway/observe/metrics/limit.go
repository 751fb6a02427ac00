package metrics

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/statusway/statusway/gateway/observe"
	"github.com/statusway/statusway/gateway/ratelimit"
)

// What a limit can say of a request.
const (
	allowed = "allowed"
	refused = "refused"
	failed  = "failed"
)

type decision struct{ policy, decision string }

// Limiter counts what inner decides, by the policy: an error that names it has a method
// PolicyName() string. The names are the operator's own, so that there are as many series as
// policies.
func (m *Metrics) Limiter(inner ratelimit.Limiter) ratelimit.Limiter {
	// So that the first failure is an increase, and not a series that begins at 1.
	m.decide(decision{observe.Other, failed}, 0)
	if bounded, ok := inner.(boundedKeys); ok {
		m.keys.inner.Store(&bounded)
	}
	return limiter{Limiter: inner, metrics: m}
}

// boundedKeys is a limiter that holds a bounded number of keys, as gateway/ratelimit/memory's does.
type boundedKeys interface {
	Keys() (held, maxKeys int, forgotten uint64)
}

// limiterKeys shows what a limiter holds. It shows nothing where there is no such limiter.
type limiterKeys struct {
	inner                    atomic.Pointer[boundedKeys]
	held, maxKeys, forgotten *prometheus.Desc
}

var _ prometheus.Collector = (*limiterKeys)(nil)

func newLimiterKeys() *limiterKeys {
	return &limiterKeys{
		held:    prometheus.NewDesc("statusway_limiter_keys", "Keys that the rate limit holds: one for each policy and client.", nil, nil),
		maxKeys: prometheus.NewDesc("statusway_limiter_keys_max", "Keys that the rate limit may hold.", nil, nil),
		forgotten: prometheus.NewDesc("statusway_limiter_keys_forgotten_total",
			"Keys that the rate limit forgot before their period ended, because it held too many.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (l *limiterKeys) Describe(to chan<- *prometheus.Desc) {
	to <- l.held
	to <- l.maxKeys
	to <- l.forgotten
}

// Collect implements prometheus.Collector.
func (l *limiterKeys) Collect(to chan<- prometheus.Metric) {
	inner := l.inner.Load()
	if inner == nil {
		return
	}
	held, maxKeys, forgotten := (*inner).Keys()
	to <- prometheus.MustNewConstMetric(l.held, prometheus.GaugeValue, float64(held))
	to <- prometheus.MustNewConstMetric(l.maxKeys, prometheus.GaugeValue, float64(maxKeys))
	to <- prometheus.MustNewConstMetric(l.forgotten, prometheus.CounterValue, float64(forgotten))
}

type limiter struct {
	ratelimit.Limiter

	metrics *Metrics
}

func (l limiter) Take(ctx context.Context, use ratelimit.Use) (ratelimit.Allowance, error) {
	allowance, err := l.Limiter.Take(ctx, use)
	if err != nil {
		policy := observe.Other
		if named, ok := errors.AsType[interface {
			error
			PolicyName() string
		}](err); ok {
			policy = named.PolicyName()
		}
		l.metrics.decide(decision{policy, failed}, 1)
		return allowance, err
	}
	for _, quota := range allowance {
		if quota.Exceeded {
			l.metrics.decide(decision{quota.Policy, refused}, 1)
		} else {
			l.metrics.decide(decision{quota.Policy, allowed}, 1)
		}
	}
	return allowance, nil
}

func (m *Metrics) decide(key decision, many float64) {
	counter, ok := (*m.policies.Load())[key]
	if !ok {
		counter = add(m, &m.policies, key, func() prometheus.Counter { return m.decisions.WithLabelValues(key.policy, key.decision) })
	}
	counter.Add(many)
}
