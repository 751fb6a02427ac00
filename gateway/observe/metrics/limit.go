package metrics

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/statusway/statusway/gateway/observe"
	"github.com/statusway/statusway/gateway/ratelimit"
)

// The decisions of a limit.
const (
	allowed = "allowed"
	refused = "refused"
	failed  = "failed"
)

type decision struct{ policy, decision string }

// Limiter returns a limiter that counts the decisions of inner for each limit. If an error of inner
// has a method PolicyName() string, it counts as a failure of that limit.
func (m *Metrics) Limiter(inner ratelimit.Limiter) ratelimit.Limiter {
	// Create the series now, so that the first failure is an increase from 0.
	m.decide(decision{observe.Other, failed}, 0)
	if bounded, ok := inner.(boundedKeys); ok {
		m.keys.inner.Store(&bounded)
	}
	return limiter{Limiter: inner, metrics: m}
}

// boundedKeys is a limiter with a bounded number of keys, such as that of gateway/ratelimit/memory.
type boundedKeys interface {
	Keys() (held, maxKeys int, forgotten uint64)
}

// limiterKeys collects the number of keys of a boundedKeys limiter, if there is one.
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
