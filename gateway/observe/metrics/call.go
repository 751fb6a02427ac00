package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/statusway/statusway/gateway/policy"
)

// calls are the series of one gRPC method.
type calls struct {
	duration prometheus.Observer
	codes    atomic.Pointer[map[string]prometheus.Counter]
}

// Call counts a gRPC call that did not come through the gateway. Call it at the end of the call.
// method is "/service/method" and must be a registered method; a grpc.Server calls its interceptors
// only for these.
func (m *Metrics) Call(method string, code int32, took time.Duration) {
	of, ok := (*m.methods.Load())[method]
	if !ok {
		of = add(m, &m.methods, method, func() *calls {
			made := &calls{duration: m.callTime.WithLabelValues(method)}
			made.codes.Store(&map[string]prometheus.Counter{})
			return made
		})
	}
	// The label is the name of the code, because a backend, and so a client, may choose any number.
	name := policy.CodeName(code)
	counter, ok := (*of.codes.Load())[name]
	if !ok {
		counter = add(m, &of.codes, name, func() prometheus.Counter { return m.calls.WithLabelValues(method, name) })
	}
	counter.Inc()
	of.duration.Observe(took.Seconds())
}
