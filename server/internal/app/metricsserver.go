package app

import (
	"context"
	"errors"
	"net"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/middleware"
)

// metricsServer serves /metrics at an address of its own, and nothing else: by a gateway
// without routes, so that what it answers to anything else is documented too.
type metricsServer struct {
	listener net.Listener
	server   *gateway.Server
	// stop ends serving: /metrics is served until the REST server has stopped.
	stop context.CancelFunc
	ctx  context.Context //nolint:containedctx // it lasts as long as the server.
}

func (r *rest) listenMetrics(ctx context.Context) error {
	inner, err := listen(ctx, r.config.MetricsAddr)
	if err != nil {
		return err
	}
	front, err := gateway.New(gateway.Params{
		Contract: &contract.Contract{}, Responder: r.responder, Logger: r.logger, Now: r.now,
		Pages: map[string]exchange.Handler{metricsPath: r.meters.page(r.responder)},

		// There is nothing to protect, nobody to ask and nothing behind it.
		Backend: nil, Identify: nil, Limiter: nil, Tracer: nil, Observer: nil,
		Body:    middleware.BodyLimits{Bytes: 0, Time: r.config.BodyTimeout, Grace: 0, Rate: 0, Memory: r.bodies},
		Proxies: nil, IPv6Prefix: 0, CrossOrigin: middleware.CrossOrigin{}, Concurrency: 0, Shedder: nil, Streams: nil, Spare: nil, Closed: nil,
		Pending: nil, Idempotency: nil, ClientMetadata: false, Stop: middleware.Stop{},
	})
	if err != nil {
		return errors.Join(err, inner.Close())
	}
	m := &metricsServer{listener: inner, server: gateway.NewServer(r.serverParams(front, front))}
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
	return r.metrics.server.Serve(r.metrics.ctx, r.metrics.listener)
}

func (m *metricsServer) close() error {
	if m == nil {
		return nil
	}
	m.stop()
	return ignoreClosed(m.listener.Close())
}
