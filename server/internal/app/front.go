package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/inprocess"
	"github.com/statusway/statusway/gateway/middleware"
	"github.com/statusway/statusway/gateway/respond"
	"github.com/statusway/statusway/gateway/transcode"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
	"github.com/statusway/statusway/server/internal/interceptor"
)

// newGRPC is the server for gRPC clients. Its interceptors and those of the gateway's
// own connection differ in what the gateway has done before.
func (a *App) newGRPC(authenticator *interceptor.Authenticator) (*grpc.Server, *health.Server) {
	observe, noted := interceptor.Observer(a.called), interceptor.Noted
	available := interceptor.Availability(a.closedMethod)
	quota := interceptor.Quota(interceptor.QuotaParams{Take: a.takeCall, Authenticator: authenticator, ClientKey: a.rest.clientKeys().Key})
	authenticate := authenticator.Authenticate(a.services.isAnonymous)
	options := append(
		a.traceCalls(),
		grpc.ChainUnaryInterceptor(observe.Unary(), interceptor.FitUnary, interceptor.RecoverUnary(noted), interceptor.ErrorsUnary(noted),
			available.Unary(), quota.Unary(), authenticate.Unary(), interceptor.MaxBytes(a.services.maxRequest).Unary(), a.services.validator.Unary()),
		grpc.ChainStreamInterceptor(observe.Stream(), interceptor.FitStream, interceptor.RecoverStream(noted), interceptor.ErrorsStream(noted),
			available.Stream(), quota.Stream(), interceptor.Drain(a.rest.stop.streams().Streams, draining), authenticate.Stream(), a.services.validator.Stream()),
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
func (a *App) newGateway(ctx context.Context, authenticator *interceptor.Authenticator) (*gateway.Gateway, error) {
	backend := transcode.New(transcode.Params{Responder: a.rest.responder, Forward: a.rest.rules(), Silence: a.rest.config.BodyTimeout})
	mux := runtime.NewServeMux(backend.Options()...)
	if err := a.services.registerHandlers(ctx, mux, backend.Conn(a.inProcess(authenticator))); err != nil {
		return nil, err
	}
	document, err := a.document()
	if err != nil {
		return nil, err
	}
	p, err := a.rest.params(behind{declared: a.services.contract, document: document, ready: a.ready})
	if err != nil {
		return nil, err
	}
	p.Backend = backend.Handler(mux)
	p.Identify = identify(authenticator)
	p.Spare = func(binding *contract.Binding) bool { return stayOpen(binding.Method.FullName) }
	p.Closed = a.closedRoute
	p.Idempotency = keys{a.store}
	front, err := gateway.New(p)
	if err != nil {
		return nil, fmt.Errorf("making the gateway: %w", err)
	}
	return front, nil
}

func (a *App) inProcess(authenticator *interceptor.Authenticator) *inprocess.Conn {
	authenticate := authenticator.Authenticate(a.services.isAnonymous)
	conn := inprocess.New(inprocess.Params{
		UnaryInterceptors:  []grpc.UnaryServerInterceptor{interceptor.ErrorsUnary(markCause), authenticate.Unary(), a.services.validator.Unary()},
		StreamInterceptors: []grpc.StreamServerInterceptor{interceptor.ErrorsStream(markCause), authenticate.Stream(), a.services.validator.Stream()},
		MaxRequestBytes:    inprocess.DefaultMaxBytes,
		// What a response adds to a stored request, such as times and an etag, must not make
		// a request that was accepted one that cannot be answered.
		MaxResponseBytes: inprocess.DefaultMaxBytes + 64<<10,
	})
	a.services.register(conn)
	return conn
}

// markCause hands why a call in this process failed to the line of its request.
func markCause(ctx context.Context, cause error) { exchange.From(ctx).MarkCause(cause) }

func (s *services) registerHandlers(ctx context.Context, mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
	err := errors.Join(
		mappingv1.RegisterMappingServiceHandlerClient(ctx, mux, mappingv1.NewMappingServiceClient(conn)),
		entityv1.RegisterEntityServiceHandlerClient(ctx, mux, entityv1.NewEntityServiceClient(conn)),
		entityv1.RegisterOperationServiceHandlerClient(ctx, mux, entityv1.NewOperationServiceClient(conn)),
		entityv1.RegisterSessionServiceHandlerClient(ctx, mux, entityv1.NewSessionServiceClient(conn)),
		entityv1.RegisterMaintenanceServiceHandlerClient(ctx, mux, entityv1.NewMaintenanceServiceClient(conn)),
	)
	if s.conformance != nil {
		err = errors.Join(err,
			conformancev1.RegisterConformanceServiceHandlerClient(ctx, mux, conformancev1.NewConformanceServiceClient(conn)),
			conformancev1.RegisterStreamServiceHandlerClient(ctx, mux, conformancev1.NewStreamServiceClient(conn)),
			conformancev1.RegisterBindingServiceHandlerClient(ctx, mux, conformancev1.NewBindingServiceClient(conn)),
		)
	}
	if err != nil {
		return fmt.Errorf("registering the handlers: %w", err)
	}
	return nil
}

// identify finds out who a request comes from, once for the rate limit and the
// services alike.
func identify(authenticator *interceptor.Authenticator) middleware.Identify {
	return func(r *http.Request) (context.Context, middleware.Identity, error) {
		principal, err := authenticator.Principal(r.Context(), r.Header.Values("Authorization"))
		if err != nil {
			return nil, middleware.Identity{}, failureOf(err)
		}
		return interceptor.WithPrincipal(r.Context(), principal), middleware.Identity{Name: principal.Username, Groups: principal.Groups}, nil
	}
}

// failureOf is what a client is told of an error of the domain, and the error itself for
// the log.
func failureOf(err error) *respond.Failure {
	return respond.AsFailure(interceptor.Status(err).Err()).Because(err)
}

// closedMethod says why a gRPC method is not served for the moment.
func (a *App) closedMethod(fullMethod string) error {
	if stayOpen(fullMethod) {
		return nil
	}
	return a.services.maintenance.Closed()
}

// closedRoute says the same of a route. What lies outside /v1, such as the pages of
// the problem types, is there to explain and stays.
func (a *App) closedRoute(binding *contract.Binding) error {
	if stayOpen(binding.Method.FullName) || !strings.HasPrefix(binding.Template.String(), "/v1/") {
		return nil
	}
	if err := a.services.maintenance.Closed(); err != nil {
		return failureOf(err)
	}
	return nil
}

// takeCall counts a call that came over gRPC, from the allowance that REST counts too.
func (a *App) takeCall(ctx context.Context, fullMethod, caller string) (metadata.MD, error) {
	if a.rest.limiter == nil || isPlumbing(fullMethod) || tellsAllowance(fullMethod) {
		return metadata.MD{}, nil
	}
	allowance, err := a.rest.limiter.Take(ctx, middleware.Use{Caller: caller, Groups: interceptor.PrincipalFrom(ctx).Groups, Method: fullMethod})
	if err != nil {
		return metadata.MD{}, nil //nolint:nilerr // as over REST: a limiter that fails must not take the service along.
	}
	header := http.Header{}
	allowance.Fields(header)
	md := metadata.MD{}
	for name, values := range header {
		md.Append(name, values...)
	}
	if failure := allowance.Failure(); failure != nil {
		return md, failure
	}
	return md, nil
}
