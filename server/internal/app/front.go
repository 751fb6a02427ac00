package app

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/generated"
	"github.com/statusway/statusway/gateway/identity"
	"github.com/statusway/statusway/gateway/inprocess"
	"github.com/statusway/statusway/gateway/openapi"
	"github.com/statusway/statusway/gateway/ratelimit"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
	"github.com/statusway/statusway/server/internal/interceptor"
)

// newGRPC returns the server for gRPC clients. It has more interceptors than the gateway's
// own connection, because for that one the gateway has already done some of their work.
func (a *App) newGRPC(authenticator *interceptor.Authenticator) (*grpc.Server, *health.Server) {
	observe, noted := interceptor.Observer(a.called), interceptor.Noted
	available := interceptor.Availability(a.closedMethod)
	quota := interceptor.Quota(interceptor.QuotaParams{Take: a.takeCall, Authenticator: authenticator, ClientKey: a.clientKey})
	authenticate := authenticator.Authenticate(a.services.isAnonymous)
	options := append(
		a.traceCalls(),
		grpc.ChainUnaryInterceptor(observe.Unary(), interceptor.FitUnary, interceptor.RecoverUnary(noted), interceptor.ErrorsUnary(noted),
			available.Unary(), quota.Unary(), authenticate.Unary(), interceptor.MaxBytes(a.services.maxRequest).Unary(), a.services.validator.Unary()),
		grpc.ChainStreamInterceptor(observe.Stream(), interceptor.FitStream, interceptor.RecoverStream(noted), interceptor.ErrorsStream(noted),
			available.Stream(), quota.Stream(), interceptor.Drain(a.onClosing, draining), authenticate.Stream(), a.services.validator.Stream()),
		grpc.WaitForHandlers(true),
	)
	server := grpc.NewServer(options...)
	a.services.register(server)
	checks := health.NewServer()
	healthpb.RegisterHealthServer(server, checks)
	reflection.Register(server)
	return server, checks
}

// newGateway puts the HTTP side before the services, in the same process.
func (a *App) newGateway(authenticator *interceptor.Authenticator) error {
	backend, err := generated.New(a.inProcess(authenticator), a.services.handlers()...)
	if err != nil {
		return err
	}
	a.closers = append(a.closers, backend.Close)
	c := &a.rest.gateway
	c.Identify = identify(authenticator)
	c.Spare = func(route gateway.Route) bool { return stayOpen(route.RPC) }
	c.Closed = a.closedRoute
	c.Idempotency = keys{a.store}
	c.Deadline = -1 // The services are in this process, and end by themselves.
	c.OnDrain, c.OnClose = a.health.Shutdown, a.stopGRPC
	var about openapi.Params
	reference(&about)
	return a.rest.serveBackend(backend, about, a.services.described, a.ready)
}

func (a *App) inProcess(authenticator *interceptor.Authenticator) *inprocess.Conn {
	authenticate := authenticator.Authenticate(a.services.isAnonymous)
	conn := inprocess.New(inprocess.Params{
		UnaryInterceptors:  []grpc.UnaryServerInterceptor{interceptor.ErrorsUnary(gateway.NoteCause), authenticate.Unary(), a.services.validator.Unary()},
		StreamInterceptors: []grpc.StreamServerInterceptor{interceptor.ErrorsStream(gateway.NoteCause), authenticate.Stream(), a.services.validator.Stream()},
		MaxRequestBytes:    inprocess.DefaultMaxBytes,
		// A response adds times and an etag to the stored request. That must not make the
		// response to an accepted request too large.
		MaxResponseBytes: inprocess.DefaultMaxBytes + 64<<10,
	})
	a.services.register(conn)
	return conn
}

// handlers are the generated handlers of all services.
func (s *services) handlers() []generated.Register {
	all := []generated.Register{
		mappingv1.RegisterMappingServiceHandler,
		entityv1.RegisterEntityServiceHandler,
		entityv1.RegisterOperationServiceHandler,
		entityv1.RegisterSessionServiceHandler,
		entityv1.RegisterMaintenanceServiceHandler,
	}
	if s.conformance != nil {
		all = append(
			all, conformancev1.RegisterConformanceServiceHandler, conformancev1.RegisterStreamServiceHandler, conformancev1.RegisterBindingServiceHandler,
		)
	}
	return all
}

// identify finds out who a request comes from, once for the rate limit and the
// services alike.
func identify(authenticator *interceptor.Authenticator) identity.Identify {
	return func(r *http.Request) (context.Context, identity.Identity, error) {
		principal, err := authenticator.Principal(r.Context(), r.Header.Values("Authorization"))
		if err != nil {
			return nil, identity.Identity{}, failureOf(err)
		}
		return interceptor.WithPrincipal(r.Context(), principal), identity.Identity{Name: principal.Username, Groups: principal.Groups}, nil
	}
}

// failureOf is the gRPC status that a client gets for an error of the domain, with the error itself
// for the log.
func failureOf(err error) error {
	return fmt.Errorf("%w: %w", interceptor.Status(err).Err(), err)
}

// closedMethod returns why a gRPC method is closed now, or nil.
func (a *App) closedMethod(fullMethod string) error {
	if stayOpen(fullMethod) {
		return nil
	}
	return a.services.maintenance.Closed()
}

// closedRoute does the same for a route. Paths outside /v1 stay open: they explain the
// API, such as the pages of the problem types.
func (a *App) closedRoute(route gateway.Route) error {
	if stayOpen(route.RPC) || !strings.HasPrefix(route.Path, "/v1/") {
		return nil
	}
	if err := a.services.maintenance.Closed(); err != nil {
		return failureOf(err)
	}
	return nil
}

// takeCall counts a call that came over gRPC, from the allowance that REST counts too.
func (a *App) takeCall(ctx context.Context, fullMethod, caller string) (metadata.MD, error) {
	if a.rest.gateway.Limiter == nil || isPlumbing(fullMethod) || tellsAllowance(fullMethod) {
		return metadata.MD{}, nil
	}
	allowance, err := a.rest.gateway.Limiter.Take(ctx, ratelimit.Use{Caller: caller, Groups: interceptor.PrincipalFrom(ctx).Groups, Method: fullMethod})
	if err != nil {
		return metadata.MD{}, nil //nolint:nilerr // as over REST: a limiter that fails must not take the service along.
	}
	header := http.Header{}
	allowance.SetFields(header)
	md := metadata.MD{}
	for name, values := range header {
		md.Append(name, values...)
	}
	return md, allowance.Err()
}

// clientKey is the key of a client of gRPC, the same as over HTTP.
func (a *App) clientKey(address string) string {
	return ratelimit.ClientKey(address, a.params.Config.IPv6Prefix)
}

// onClosing arranges that end is called when the REST listener has been closed.
func (a *App) onClosing(end func()) (undo func() bool) { return context.AfterFunc(a.closing, end) }
