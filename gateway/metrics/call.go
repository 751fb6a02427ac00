package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/statusway/statusway/gateway/mapping"
)

// calls are the series of one gRPC method.
type calls struct {
	duration prometheus.Observer
	codes    atomic.Pointer[map[int32]prometheus.Counter]
}

// Call counts a call of a gRPC method that did not come through the gateway, "/service/method",
// when it is over. The method has to be one that is served: a grpc.Server hands no other
// to its interceptors.
func (m *Metrics) Call(method string, code int32, took time.Duration) {
	of, ok := (*m.methods.Load())[method]
	if !ok {
		of = add(m, &m.methods, method, func() *calls {
			made := &calls{duration: m.callTime.WithLabelValues(method)}
			made.codes.Store(&map[int32]prometheus.Counter{})
			return made
		})
	}
	counter, ok := (*of.codes.Load())[code]
	if !ok {
		counter = add(m, &of.codes, code, func() prometheus.Counter { return m.calls.WithLabelValues(method, mapping.CodeName(code)) })
	}
	counter.Inc()
	of.duration.Observe(took.Seconds())
}
