package app

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/observe/metrics"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
	"github.com/statusway/statusway/server/internal/conformancesvc"
	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/entitysvc"
	"github.com/statusway/statusway/server/internal/interceptor"
	"github.com/statusway/statusway/server/internal/maintenancesvc"
	"github.com/statusway/statusway/server/internal/mappingsvc"
	"github.com/statusway/statusway/server/internal/sessionsvc"
	"github.com/statusway/statusway/server/internal/store/sqlite"
)

// services are the gRPC services and what their protos declare.
type services struct {
	entities    *entitysvc.Service
	operations  *entitysvc.Operations
	sessions    *sessionsvc.Service
	maintenance *maintenancesvc.Service
	mapper      *gateway.Mapper
	mapping     *mappingsvc.Service
	// conformance and streams are nil except in a demo.
	conformance *conformancesvc.Service
	streams     *conformancesvc.Streams

	described *gateway.Backend // the routes and comments of the services, without a connection
	anonymous map[string]bool
	maxBody   map[string]int64 // of the methods that declare one
	validator *interceptor.Validator
}

func newServices(ctx context.Context, p Params, store *sqlite.Store, config gateway.Config) (*services, error) {
	s := &services{anonymous: map[string]bool{}, maxBody: map[string]int64{}}
	if p.Config.Demo {
		s.conformance, s.streams = conformancesvc.New(p.Now), conformancesvc.NewStreams()
	}
	var err error
	if s.described, err = describeReference(p.Config.Demo); err != nil {
		return nil, err
	}
	s.entities, s.operations = entitysvc.New(store), entitysvc.NewOperations(store)
	s.sessions = sessionsvc.New(sessionsvc.Params{Store: store, Now: p.Now, TTL: p.Config.SessionTTL, HashCost: p.HashCost})
	for _, route := range s.described.Routes() {
		s.anonymous[route.RPC] = route.Anonymous
		s.maxBody[route.RPC] = route.MaxBody
	}
	if s.maintenance, err = maintenancesvc.New(ctx, store); err != nil {
		return nil, err
	}
	if s.mapper, err = gateway.NewMapper(s.described, config); err != nil {
		return nil, err
	}
	if s.mapping, err = mappingsvc.New(s.mapper, p.Build.ID()); err != nil {
		return nil, err
	}
	s.validator, err = interceptor.NewValidator(requests()...)
	return s, err
}

// requests are the messages whose rules are compiled at start.
func requests() []proto.Message {
	return []proto.Message{
		&entityv1.ListEntitiesRequest{}, &entityv1.GetEntityRequest{}, &entityv1.CreateEntityRequest{}, &entityv1.PutEntityRequest{},
		&entityv1.UpdateEntityRequest{}, &entityv1.DeleteEntityRequest{}, &entityv1.ImportEntitiesRequest{}, &entityv1.ExportEntitiesRequest{},
		&entityv1.GetOperationRequest{}, &entityv1.CancelOperationRequest{},
		&entityv1.CreateSessionRequest{}, &entityv1.GetSessionRequest{}, &entityv1.DeleteSessionRequest{},
		&entityv1.GetMaintenanceRequest{}, &entityv1.SetMaintenanceRequest{},
		&mappingv1.ListStatusesRequest{}, &mappingv1.GetStatusRequest{}, &mappingv1.MapStatusRequest{}, &mappingv1.GetPolicyRequest{},
	}
}

// entityReasons returns the reasons of the domain's errors; see [interceptor.Status].
func entityReasons() []metrics.Reason {
	var known []metrics.Reason
	for _, reason := range entity.Reasons() {
		known = append(known, metrics.Reason{Domain: string(entityv1.File_entity_v1_entity_service_proto.Package()), Reason: reason})
	}
	return known
}

func (s *services) register(on grpc.ServiceRegistrar) {
	mappingv1.RegisterMappingServiceServer(on, s.mapping)
	entityv1.RegisterEntityServiceServer(on, s.entities)
	entityv1.RegisterOperationServiceServer(on, s.operations)
	entityv1.RegisterSessionServiceServer(on, s.sessions)
	entityv1.RegisterMaintenanceServiceServer(on, s.maintenance)
	if s.conformance != nil {
		conformancev1.RegisterConformanceServiceServer(on, s.conformance)
		conformancev1.RegisterStreamServiceServer(on, s.streams)
		conformancev1.RegisterBindingServiceServer(on, &conformancesvc.Bindings{})
	}
}

// isAnonymous reports whether a gRPC method needs no credentials: those that declare it, and
// gRPC's own health and reflection.
func (s *services) isAnonymous(fullMethod string) bool {
	return s.anonymous[fullMethod] || isPlumbing(fullMethod)
}

// maxRequest is how long a request of a gRPC method may be; 0 for any length.
func (s *services) maxRequest(fullMethod string) int64 { return s.maxBody[fullMethod] }

func isPlumbing(fullMethod string) bool { return strings.HasPrefix(fullMethod, "/grpc.") }

// tellsAllowance reports whether a method sends an allowance itself. Over gRPC no
// interceptor may then send another one, because each key has one value.
func tellsAllowance(fullMethod string) bool {
	return strings.HasPrefix(fullMethod, "/"+conformancesvc.Package+".")
}

// stayOpen reports whether maintenance leaves a method open: an admin needs it to end
// the maintenance.
func stayOpen(fullMethod string) bool {
	switch fullMethod {
	case entityv1.SessionService_CreateSession_FullMethodName,
		entityv1.MaintenanceService_GetMaintenance_FullMethodName,
		entityv1.MaintenanceService_SetMaintenance_FullMethodName:
		return true
	default:
		return isPlumbing(fullMethod)
	}
}
