package app

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/metrics"
	"github.com/statusway/statusway/gateway/respond"
	"github.com/statusway/statusway/gateway/route"
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
	mapping     *mappingsvc.Service
	// conformance and streams are nil except in a demo.
	conformance *conformancesvc.Service
	streams     *conformancesvc.Streams

	contract  *contract.Contract
	anonymous map[string]bool
	maxBody   map[string]int64 // of the methods that declare one
	validator *interceptor.Validator
}

func newServices(ctx context.Context, p Params, store *sqlite.Store, responder *respond.Responder) (*services, error) {
	s := &services{anonymous: map[string]bool{}, maxBody: map[string]int64{}}
	files := []protoreflect.FileDescriptor{
		mappingv1.File_statusway_mapping_v1_mapping_service_proto,
		entityv1.File_entity_v1_entity_service_proto,
		entityv1.File_entity_v1_session_service_proto,
		entityv1.File_entity_v1_maintenance_service_proto,
	}
	if p.Config.Demo {
		s.conformance, s.streams = conformancesvc.New(p.Now), conformancesvc.NewStreams()
		files = append(files, conformancesvc.Files()...)
	}
	declared, err := contract.Read(files...)
	if err != nil {
		return nil, fmt.Errorf("reading the contract: %w", err)
	}
	s.entities, s.operations = entitysvc.New(store), entitysvc.NewOperations(store)
	s.sessions = sessionsvc.New(sessionsvc.Params{Store: store, Now: p.Now, TTL: p.Config.SessionTTL, HashCost: p.HashCost})
	s.contract = declared
	for _, method := range declared.Methods {
		s.anonymous[method.FullName] = method.Anonymous
		s.maxBody[method.FullName] = method.MaxBody
	}
	if s.maintenance, err = maintenancesvc.New(ctx, store); err != nil {
		return nil, err
	}
	if s.mapping, err = mappingsvc.New(responder, p.Build.ID()); err != nil {
		return nil, err
	}
	s.mapping.Beside(bodyFields(declared))
	s.validator, err = interceptor.NewValidator(requests()...)
	return s, err
}

// bodyFields knows which field of a request the body of each route fills.
func bodyFields(declared *contract.Contract) mappingsvc.BodyField {
	return func(method, path string) string {
		found, outcome, err := declared.Index().Lookup(method, path)
		if err != nil || outcome != route.Found {
			return ""
		}
		return found.Value.Body
	}
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

// entityReasons are what the domain raises; see [interceptor.Status].
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

// isAnonymous says which gRPC methods need no credentials: those that declare it, and
// gRPC's own health and reflection.
func (s *services) isAnonymous(fullMethod string) bool {
	return s.anonymous[fullMethod] || isPlumbing(fullMethod)
}

// maxRequest is how long a request of a gRPC method may be; 0 for any length.
func (s *services) maxRequest(fullMethod string) int64 { return s.maxBody[fullMethod] }

func isPlumbing(fullMethod string) bool { return strings.HasPrefix(fullMethod, "/grpc.") }

// tellsAllowance says that a method tells callers an allowance itself, so that over
// gRPC nobody else may: there is one of each key.
func tellsAllowance(fullMethod string) bool {
	return strings.HasPrefix(fullMethod, "/"+conformancesvc.Package+".")
}

// stayOpen are the methods that maintenance does not close: without them nobody
// could end it.
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
