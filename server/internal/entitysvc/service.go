// Package entitysvc implements EntityService and OperationService: it converts between
// proto and domain. Only the protos say what the methods mean over HTTP.
package entitysvc

import (
	"cmp"
	"context"
	"sync"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/emptypb"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/interceptor"
)

// Values of the response metadata "statusway-status": statuses that the method
// declares.
const (
	created = "201" // of a Put that created its entity
	ended   = "200" // of an import that ended while its caller waited
)

// Store is the part of the store that the service needs.
type Store interface {
	entity.EntityStore
	entity.OperationStore
}

// Service serves entities.
type Service struct {
	entityv1.UnimplementedEntityServiceServer

	store Store

	// stopping is closed once, to end all waits.
	stopping chan struct{}
	stop     sync.Once
}

var _ entityv1.EntityServiceServer = (*Service)(nil)

// New returns the service.
func New(store Store) *Service { return &Service{store: store, stopping: make(chan struct{})} }

// ListEntities implements EntityService.
func (s *Service) ListEntities(ctx context.Context, request *entityv1.ListEntitiesRequest) (*entityv1.ListEntitiesResponse, error) {
	caller := interceptor.PrincipalFrom(ctx)
	page, err := s.store.ListEntities(ctx, entity.ListParams{
		Scope:     caller.ReadScope(),
		Group:     request.GetGroup(),
		PageSize:  int(request.GetPageSize()),
		PageToken: request.GetPageToken(),
	})
	if err != nil {
		return nil, err
	}
	response := &entityv1.ListEntitiesResponse{NextPageToken: page.NextPageToken, Etag: page.ETag}
	for _, one := range page.Entities {
		message, err := toProto(one)
		if err != nil {
			return nil, err
		}
		response.Entities = append(response.Entities, message)
	}
	return response, nil
}

// GetEntity implements EntityService.
func (s *Service) GetEntity(ctx context.Context, request *entityv1.GetEntityRequest) (*entityv1.Entity, error) {
	found, err := s.store.GetEntity(ctx, request.GetId(), interceptor.PrincipalFrom(ctx).ReadScope())
	if err != nil {
		return nil, err
	}
	return toProto(found)
}

// CreateEntity implements EntityService.
func (s *Service) CreateEntity(ctx context.Context, request *entityv1.CreateEntityRequest) (*entityv1.Entity, error) {
	caller, err := writer(ctx)
	if err != nil {
		return nil, err
	}
	given := fromProto(request.GetEntity())
	if given.ID == "" {
		given.ID = entity.NewID()
	}
	if given.Group == "" {
		given.Group = firstGroup(caller)
	}
	stored, err := s.store.CreateEntity(ctx, given, caller.WriteScope())
	if err != nil {
		return nil, inField(err)
	}
	return toProto(stored)
}

// PutEntity implements EntityService.
func (s *Service) PutEntity(ctx context.Context, request *entityv1.PutEntityRequest) (*entityv1.Entity, error) {
	caller, err := writer(ctx)
	if err != nil {
		return nil, err
	}
	condition, err := conditionOf(ctx, request.GetEntity().GetEtag())
	if err != nil {
		return nil, err
	}
	given := fromProto(request.GetEntity())
	if given.ID != "" && given.ID != request.GetId() {
		return nil, inField(idMismatch())
	}
	given.ID = request.GetId()
	stored, isNew, err := s.store.PutEntity(ctx, entity.PutParams{
		Entity:       given,
		DefaultGroup: firstGroup(caller),
		Scope:        caller.WriteScope(),
		Condition:    condition,
	})
	if err != nil {
		return nil, inField(err)
	}
	if isNew {
		// A plain function call has no transport, so there is no header to set.
		_ = grpc.SetHeader(ctx, metadata.Pairs("statusway-status", created))
	}
	return toProto(stored)
}

// UpdateEntity implements EntityService.
func (s *Service) UpdateEntity(ctx context.Context, request *entityv1.UpdateEntityRequest) (*entityv1.Entity, error) {
	caller, err := writer(ctx)
	if err != nil {
		return nil, err
	}
	condition, err := conditionOf(ctx, request.GetEntity().GetEtag())
	if err != nil {
		return nil, err
	}
	id, given := request.GetId(), request.GetEntity().GetId()
	if id != "" && given != "" && id != given {
		return nil, inField(idMismatch())
	}
	patch, err := patchOf(request)
	if err != nil {
		return nil, err
	}
	stored, err := s.store.UpdateEntity(ctx, entity.UpdateParams{
		ID:        cmp.Or(id, given),
		Patch:     patch,
		Scope:     caller.WriteScope(),
		Condition: condition,
	})
	if err != nil {
		return nil, inField(err)
	}
	return toProto(stored)
}

// DeleteEntity implements EntityService.
func (s *Service) DeleteEntity(ctx context.Context, request *entityv1.DeleteEntityRequest) (*emptypb.Empty, error) {
	caller, err := writer(ctx)
	if err != nil {
		return nil, err
	}
	condition, err := conditionOf(ctx, "")
	if err != nil {
		return nil, err
	}
	err = s.store.DeleteEntity(ctx, entity.DeleteParams{ID: request.GetId(), Scope: caller.WriteScope(), Condition: condition})
	if err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// ImportEntities implements EntityService.
func (s *Service) ImportEntities(ctx context.Context, request *entityv1.ImportEntitiesRequest) (*longrunningpb.Operation, error) {
	caller, err := writer(ctx)
	if err != nil {
		return nil, err
	}
	spec := entity.Import{Owner: caller.Username, Scope: caller.WriteScope()}
	for _, one := range request.GetEntities() {
		given := fromProto(one)
		if given.Group == "" {
			given.Group = firstGroup(caller)
		}
		spec.Entities = append(spec.Entities, given)
	}
	operation, err := s.store.StartImport(ctx, spec)
	if err != nil {
		return nil, err
	}
	if wait := waitOf(ctx); wait > 0 {
		operation = s.await(ctx, operation, wait)
	}
	if operation.Ended() {
		// As in PutEntity.
		_ = grpc.SetHeader(ctx, metadata.Pairs("statusway-status", ended))
	}
	return operationToProto(operation)
}

// ExportEntities implements EntityService.
func (s *Service) ExportEntities(request *entityv1.ExportEntitiesRequest, stream grpc.ServerStreamingServer[entityv1.Entity]) error {
	ctx := stream.Context()
	for one, err := range s.store.ExportEntities(ctx, request.GetGroup(), interceptor.PrincipalFrom(ctx).ReadScope()) {
		if err != nil {
			return err
		}
		message, err := toProto(one)
		if err != nil {
			return err
		}
		if err := stream.Send(message); err != nil {
			return err
		}
	}
	return nil
}

// writer returns the caller if its role may write. It checks the role before anything
// else, so that a viewer does not learn what exists (AIP-211).
func writer(ctx context.Context) (entity.Principal, error) {
	caller := interceptor.PrincipalFrom(ctx)
	return caller, caller.RequireRole(entity.RoleEditor)
}

func firstGroup(caller entity.Principal) string {
	if len(caller.Groups) == 0 {
		return ""
	}
	return caller.Groups[0]
}
