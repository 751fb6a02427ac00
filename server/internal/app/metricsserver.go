package app

import (
	"context"
	"errors"
	"net"

	"github.com/statusway/statusway/gateway"
)

// metricsServer serves /metrics at an address of its own, and nothing else: by a gateway
// without a backend, so that its responses to anything else are documented too.
type metricsServer struct {
	listener net.Listener
	front    *gateway.Gateway
	// stop ends serving: /metrics is served until the REST server has stopped.
	stop context.CancelFunc
	ctx  context.Context //nolint:containedctx // it lasts as long as the server.
}

func (r *rest) listenMetrics(ctx context.Context) error {
	inner, err := listen(ctx, r.config.MetricsAddr)
	if err != nil {
		return err
	}
	c := r.gateway
	c.Pages = map[string]gateway.Page{metricsPath: {Handler: r.meters.page(), Yields: false}}
	// This server has nothing to protect, no users and no backend.
	c.Limiter, c.Tracer, c.Observer, c.Shedder, c.CallerConcurrency, c.DrainDelay = nil, nil, nil, nil, 0, -1
	if c.PagesURL == "" {
		c.PagesURL = c.PublicURL
	}
	front, err := gateway.New(nil, c)
	if err != nil {
		return errors.Join(err, inner.Close())
	}
	m := &metricsServer{listener: inner, front: front}
	m.ctx, m.stop = context.WithCancel(context.WithoutCancel(ctx))
	r.metrics = m
	return nil
}

// metricsAddr is where /metrics is served alone; empty if it is not.
func (r *rest) metricsAddr() string {
	if r.metrics == nil {
		return ""
	}
	return r.metrics.listener.Addr().String()
}

// serveMetrics serves until [metricsServer.close].
func (r *rest) serveMetrics() error {
	if r.metrics == nil {
		return nil
	}
	return r.metrics.front.Serve(r.metrics.ctx, r.metrics.listener)
}

func (m *metricsServer) close() error {
	if m == nil {
		return nil
	}
	m.stop()
	return ignoreClosed(m.listener.Close())
}
