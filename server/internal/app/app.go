// Package app is where all parts meet: store, services, gateway and the two servers.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/importer"
	"github.com/statusway/statusway/server/internal/interceptor"
	"github.com/statusway/statusway/server/internal/store/sqlite"
)

const purgeInterval = 10 * time.Minute

// Params configure an app.
type Params struct {
	Config config.Serve
	Table  *policy.Table
	Logger *slog.Logger
	// LogQueue counts the lines of the log that were dropped. Nil means that none can be.
	LogQueue DropCounter
	// Traces is where the spans of requests and calls go. Nil means that there are none.
	Traces trace.TracerProvider
	// Now is the clock of sessions, entities and lifecycles.
	Now func() time.Time
	// HashCost is bcrypt's; 0 means its default.
	HashCost int
	// Build identifies the build of the program.
	Build Build
}

// DropCounter counts dropped items since the start, such as lines of the log.
type DropCounter interface{ Dropped() uint64 }

// App is the program, complete but not yet serving.
type App struct {
	params   Params
	store    *sqlite.Store
	services *services
	worker   *importer.Worker

	rest   *rest
	grpc   *grpc.Server
	health *health.Server
	rpc    net.Listener
	// closing ends when the REST listener has been closed.
	closing  context.Context //nolint:containedctx // it is an event.
	stopGRPC context.CancelFunc

	// Start contains what this start set up.
	Start Start
	// closers undo New, the last first.
	closers []func() error
}

// New opens the store and both listeners and puts everything together. If it fails, it closes
// everything that it has opened.
func New(ctx context.Context, p Params) (*App, error) {
	a := &App{params: p}
	a.closing, a.stopGRPC = context.WithCancel(context.Background())
	if err := a.build(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) build(ctx context.Context) error {
	if err := a.openStore(ctx); err != nil {
		return err
	}
	if err := a.listen(ctx); err != nil {
		return err
	}
	var err error
	if a.services, err = newServices(ctx, a.params, a.store, a.rest.gateway); err != nil {
		return err
	}
	if err := a.checkLimits(); err != nil { // before the first start, which a refused one must not use up.
		return err
	}
	if err := a.firstStart(ctx); err != nil {
		return err
	}
	if err := errors.Join(a.rest.show(ctx, a.services.mapper, a.services.mapping, a.has()), a.watch()); err != nil {
		return err
	}
	authenticator := interceptor.NewAuthenticator(a.store)
	a.grpc, a.health = a.newGRPC(authenticator)
	if err := a.newGateway(authenticator); err != nil {
		return err
	}
	a.worker = importer.New(importer.Params{
		Queue: a.store, Log: a.params.Logger,
		BatchSize: importer.DefaultBatchSize, MaxAttempts: importer.DefaultMaxAttempts, RetryDelay: importer.DefaultRetryDelay,
	})
	return nil
}

func (a *App) listen(ctx context.Context) error {
	p := a.params
	var err error
	if a.rest, err = newREST(ctx, restParams{
		config: p.Config.Front, table: p.Table, logger: p.Logger, drops: p.LogQueue, traces: p.Traces, now: p.Now,
		build: p.Build, reasons: entityReasons(),
	}); err != nil {
		return err
	}
	a.closers = append(a.closers, a.rest.close)
	if a.rpc, err = listen(ctx, p.Config.GRPCAddr); err != nil {
		return err
	}
	a.closers = append(a.closers, func() error { return ignoreClosed(a.rpc.Close()) })
	return nil
}

func (a *App) checkLimits() error {
	limits, err := a.params.Config.Limits()
	if err := cmp.Or(err, checkLimits(limits, a.services.described.Routes())); err != nil {
		return fmt.Errorf("--rate-limit: %w", err)
	}
	return nil
}

// watch adds what only the store knows.
func (a *App) watch() error {
	if a.rest.meters == nil {
		return nil
	}
	return errors.Join(a.rest.meters.watchImports(a.store), a.rest.meters.watchStorage(a.store))
}

// HTTPAddr is where REST is served.
func (a *App) HTTPAddr() string { return a.rest.listener.Addr().String() }

// GRPCAddr is where gRPC is served.
func (a *App) GRPCAddr() string { return a.rpc.Addr().String() }

// MetricsAddr is where /metrics is served alone; empty if it is not.
func (a *App) MetricsAddr() string { return a.rest.metricsAddr() }

// Run serves until ctx ends, and then stops as [gateway.Gateway.Serve] describes, gRPC alongside.
func (a *App) Run(ctx context.Context) error {
	group, groupCtx := errgroup.WithContext(ctx)
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error {
		defer stopBackground()
		defer a.stopGRPC() // also if the REST server has failed
		return a.rest.serve(groupCtx)
	})
	group.Go(a.rest.serveMetrics)
	group.Go(func() error { return serveError(a.grpc.Serve(a.rpc)) })
	group.Go(a.awaitGRPC)
	group.Go(func() error {
		if err := a.worker.Run(background); err != nil {
			return fmt.Errorf("the import worker: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		a.purge(background)
		return nil
	})
	return group.Wait() //nolint:wrapcheck // each part names itself.
}

// awaitGRPC stops the gRPC server when the REST server closes its listener, with the same
// grace period.
func (a *App) awaitGRPC() error {
	<-a.closing.Done()
	a.services.entities.EndWaits()
	stopped := make(chan struct{})
	go func() {
		a.grpc.GracefulStop()
		close(stopped)
	}()
	grace := time.NewTimer(a.params.Config.Grace)
	defer grace.Stop()
	select {
	case <-stopped:
		return nil
	case <-grace.C:
		a.grpc.Stop()
		<-stopped
		return fmt.Errorf("gRPC: %w of %s", gateway.ErrGraceOver, a.params.Config.Grace)
	}
}

func serveError(err error) error {
	if err == nil || errors.Is(err, http.ErrServerClosed) || errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return fmt.Errorf("serving: %w", err)
}

// purge removes sessions and idempotency keys that have expired, now and then.
func (a *App) purge(ctx context.Context) {
	tick := time.NewTicker(purgeInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if _, err := a.store.PurgeSessions(ctx); err != nil {
				a.params.Logger.ErrorContext(ctx, "expired sessions could not be removed", slog.Any("error", err))
			}
			if _, err := a.store.PurgeKeys(ctx); err != nil {
				a.params.Logger.ErrorContext(ctx, "expired idempotency keys could not be removed", slog.Any("error", err))
			}
		}
	}
}

// Close releases what New has opened. Run must have returned.
func (a *App) Close() error {
	var errs []error
	for _, undo := range slices.Backward(a.closers) {
		errs = append(errs, undo())
	}
	a.closers = nil
	return errors.Join(errs...)
}

// temporary makes a folder that goes when the app does.
func (a *App) temporary() (string, error) {
	folder, err := os.MkdirTemp("", "statusway-demo-")
	if err != nil {
		return "", fmt.Errorf("making a temporary folder: %w", err)
	}
	a.closers = append(a.closers, func() error { return os.RemoveAll(folder) })
	return folder, nil
}
