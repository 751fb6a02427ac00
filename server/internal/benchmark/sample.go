package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// version is the sample's, which If-None-Match names.
const version = "b2f5c9d017"

// sample is an entity of about 600 bytes of JSON.
func sample(id string) (*entityv1.Entity, error) {
	attributes, err := structpb.NewStruct(map[string]any{
		"colour": "cobalt blue", "material": "porcelain", "weight": 1.25, "dishwasher": true,
		"notes": "Glazed by hand, fired twice, and kept on the upper shelf behind the samovar.",
		"sizes": []any{"small", "medium", "large"},
		"maker": map[string]any{"name": "Meissen", "since": 1710, "country": "DE"},
	})
	if err != nil {
		return nil, fmt.Errorf("the sample: %w", err)
	}
	at := time.Date(2026, time.March, 14, 15, 9, 26, 535897932, time.UTC)
	return &entityv1.Entity{
		Id: id, DisplayName: "A teapot of blue porcelain", Group: "kitchen", Attributes: attributes,
		Etag: version, CreateTime: timestamppb.New(at), UpdateTime: timestamppb.New(at.Add(time.Hour)),
	}, nil
}

// service returns prepared responses, so that its own cost stays small.
type service struct {
	entityv1.UnimplementedEntityServiceServer

	one     *entityv1.Entity
	many    *entityv1.ListEntitiesResponse
	missing error
}

func newService() (*service, error) {
	one, err := sample("teapot")
	if err != nil {
		return nil, err
	}
	s := &service{one: one, many: &entityv1.ListEntitiesResponse{}}
	for i := range 100 {
		entity, err := sample(fmt.Sprintf("teapot-%03d", i))
		if err != nil {
			return nil, err
		}
		s.many.Entities = append(s.many.Entities, entity)
	}
	s.missing, err = notFound()
	return s, err
}

// notFound is an error with all that a careful backend sends along.
func notFound() (error, error) {
	const field = "It has to be the id of an entity."
	rich, err := status.New(codes.NotFound, "There is no such entity.").WithDetails(
		&errdetails.ErrorInfo{Domain: "entity.v1", Reason: "ENTITY_NOT_FOUND", Metadata: map[string]string{"id": "missing"}},
		&errdetails.ResourceInfo{ResourceType: "entity.v1/Entity", ResourceName: "entities/missing", Description: "It was never there."},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "id", Description: field, Reason: "UNKNOWN"},
			{Field: "entity.id", Description: field, Reason: "UNKNOWN"},
			{Field: "entity.group", Description: field, Reason: "UNKNOWN"},
		}},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(5 * time.Second)},
	)
	if err != nil {
		return nil, fmt.Errorf("the sample error: %w", err)
	}
	return rich.Err(), nil
}

// GetEntity returns the sample, or the error for the id "missing".
func (s *service) GetEntity(_ context.Context, in *entityv1.GetEntityRequest) (*entityv1.Entity, error) {
	if in.GetId() == "missing" {
		return nil, s.missing
	}
	return s.one, nil
}

// ListEntities returns a hundred of it.
func (s *service) ListEntities(context.Context, *entityv1.ListEntitiesRequest) (*entityv1.ListEntitiesResponse, error) {
	return s.many, nil
}

// CreateEntity takes an entity and returns the sample.
func (s *service) CreateEntity(context.Context, *entityv1.CreateEntityRequest) (*entityv1.Entity, error) {
	return s.one, nil
}
