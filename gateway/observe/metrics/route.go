package metrics

import (
	"maps"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

type routeKey struct{ path, method string }

type outcomeKey struct {
	code   string
	reason Reason
	status int
	closed bool // the client left; the status label is ClientClosed
	rule   string
}

func (o outcomeKey) statusLabel() string {
	if o.closed {
		return ClientClosed
	}
	return strconv.Itoa(o.status)
}

const (
	// classClosed is the class after those of the statuses, which are 1 to 5, or 0 without a status.
	classClosed = 6
	classes     = 7
)

// route holds the series of one route and method. Each series is created on first use, because most
// combinations never occur.
type route struct {
	routeKey

	received, written, closed, replays prometheus.Counter
	durations                          [classes]atomic.Pointer[prometheus.Observer]
	outcomes                           atomic.Pointer[map[outcomeKey]prometheus.Counter]
}

// route returns the series of a route.
func (m *Metrics) route(key routeKey) *route {
	if found, ok := (*m.routes.Load())[key]; ok {
		return found
	}
	return add(m, &m.routes, key, func() *route {
		made := &route{
			routeKey: key,
			received: m.received.WithLabelValues(key.path, key.method),
			written:  m.written.WithLabelValues(key.path, key.method),
			closed:   m.closed.WithLabelValues(key.path, key.method),
			replays:  m.replays.WithLabelValues(key.path, key.method),
		}
		made.outcomes.Store(&map[outcomeKey]prometheus.Counter{})
		return made
	})
}

func (r *route) outcome(m *Metrics, key outcomeKey) prometheus.Counter {
	if found, ok := (*r.outcomes.Load())[key]; ok {
		return found
	}
	return add(m, &r.outcomes, key, func() prometheus.Counter {
		return m.requests.WithLabelValues(
			r.path, r.method, key.code, key.reason.Domain, key.reason.Reason, key.statusLabel(), key.rule,
		)
	})
}

// duration returns the histogram of a class: the first digit of the status, or [classClosed].
func (r *route) duration(m *Metrics, class int) prometheus.Observer {
	if class < 0 || class >= classes {
		class = 0
	}
	if found := r.durations[class].Load(); found != nil {
		return *found
	}
	// Concurrent requests get the same series here.
	name := strconv.Itoa(class) + "xx"
	if class == classClosed {
		name = ClientClosed
	}
	made := m.duration.WithLabelValues(r.path, r.method, name)
	r.durations[class].Store(&made)
	return made
}

// add adds a key to a copy-on-write map, unless another goroutine has added it.
func add[K comparable, V any](m *Metrics, to *atomic.Pointer[map[K]V], key K, newValue func() V) V {
	m.mu.Lock()
	defer m.mu.Unlock()
	if found, ok := (*to.Load())[key]; ok {
		return found
	}
	next := maps.Clone(*to.Load())
	made := newValue()
	next[key] = made
	to.Store(&next)
	return made
}
