package apptest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/statusway/statusway/server/internal/app"
	"github.com/statusway/statusway/server/internal/config"
)

// StartProxy starts the proxy in front of the gRPC port of s, and returns s with the
// proxy in its place.
func StartProxy(t *testing.T, s *Server) *Server {
	t.Helper()
	settings := config.ProxyDefaults()
	settings.DrainDelay = 0 // No load balancer watches a test.
	settings.Front = s.Params.Config.Front
	settings.Backend = []string{s.App.GRPCAddr()}
	if err := settings.Complete(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	proxy, err := app.NewProxy(ctx, app.ProxyParams{
		Config: settings, Table: s.Params.Table, Logger: s.Params.Logger, Traces: s.Params.Traces, Now: time.Now,
	})
	if err != nil {
		stop()
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- proxy.Run(ctx) }()
	proxied := *s
	proxied.Proxy = proxy
	proxied.Connect()
	t.Cleanup(func() {
		stop()
		proxied.Close()
		if err := errors.Join(<-done, proxy.Close()); err != nil {
			t.Errorf("stopping the proxy: %v", err)
		}
	})
	return &proxied
}
