package entitysvc

import (
	"context"
	"fmt"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/interceptor"
)

// Operations serves what runs in the background.
type Operations struct {
	entityv1.UnimplementedOperationServiceServer

	store entity.OperationStore
}

var _ entityv1.OperationServiceServer = (*Operations)(nil)

// NewOperations returns the service.
func NewOperations(store entity.OperationStore) *Operations { return &Operations{store: store} }

// GetOperation implements OperationService.
func (s *Operations) GetOperation(ctx context.Context, request *entityv1.GetOperationRequest) (*longrunningpb.Operation, error) {
	operation, err := s.find(ctx, request.GetName())
	if err != nil {
		return nil, err
	}
	return operationToProto(operation)
}

// CancelOperation implements OperationService.
func (s *Operations) CancelOperation(ctx context.Context, request *entityv1.CancelOperationRequest) (*longrunningpb.Operation, error) {
	found, err := s.find(ctx, request.GetName())
	if err != nil {
		return nil, err
	}
	operation, err := s.store.CancelOperation(ctx, found.ID)
	if err != nil {
		return nil, err
	}
	return operationToProto(operation)
}

// find returns an operation that the caller may see. For another user's operation it
// returns not found, so that guessing reveals nothing.
func (s *Operations) find(ctx context.Context, name string) (entity.Operation, error) {
	id, err := entity.ParseOperationName(name)
	if err != nil {
		return entity.Operation{}, err
	}
	operation, err := s.store.GetOperation(ctx, id)
	if err != nil {
		return entity.Operation{}, err
	}
	if !operation.VisibleTo(interceptor.PrincipalFrom(ctx)) {
		return entity.Operation{}, entity.OperationNotFound(name)
	}
	return operation, nil
}

func operationToProto(operation entity.Operation) (*longrunningpb.Operation, error) {
	message := &longrunningpb.Operation{Name: operation.Name(), Done: operation.Ended()}
	progress, err := anypb.New(&entityv1.ImportEntitiesMetadata{
		Total:      int32(operation.Total), //nolint:gosec // at most 10 000, by the proto's rule.
		Done:       int32(operation.Done),  //nolint:gosec // as above.
		CreateTime: timestamppb.New(operation.CreateTime),
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the progress of %s: %w", operation.Name(), err)
	}
	message.Metadata = progress
	switch operation.State {
	case entity.StateFailed:
		message.Result = &longrunningpb.Operation_Error{Error: failureStatus(operation.Err)}
	case entity.StateCancelled:
		message.Result = &longrunningpb.Operation_Error{Error: &spb.Status{Code: int32(codes.Canceled), Message: "The operation was cancelled."}}
	case entity.StateSucceeded:
		response, err := anypb.New(outcome(operation))
		if err != nil {
			return nil, fmt.Errorf("encoding the outcome of %s: %w", operation.Name(), err)
		}
		message.Result = &longrunningpb.Operation_Response{Response: response}
	case entity.StateRunning:
	}
	return message, nil
}

func outcome(operation entity.Operation) proto.Message {
	response := &entityv1.ImportEntitiesResponse{Created: int32(operation.Created)} //nolint:gosec // at most 10 000, by the proto's rule.
	for _, one := range operation.Failures {
		response.Failures = append(response.Failures, &entityv1.ImportFailure{
			Index: int32(one.Index), //nolint:gosec // as above.
			Id:    one.ID,
			Error: failureStatus(one.Err),
		})
	}
	return response
}

func failureStatus(failure *entity.Error) *spb.Status {
	return interceptor.Status(failure).Proto()
}
