package entitysvc

import (
	"context"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/entity"
)

// What the conversions do is seen best without a store.

func PatchOf(request *entityv1.UpdateEntityRequest) (entity.Patch, error) { return patchOf(request) }

func FromProto(message *entityv1.Entity) entity.Entity  { return fromProto(message) }
func ToProto(e entity.Entity) (*entityv1.Entity, error) { return toProto(e) }
func ConditionOf(ctx context.Context, etag string) (entity.Condition, error) {
	return conditionOf(ctx, etag)
}

func OperationToProto(o entity.Operation) (*longrunningpb.Operation, error) {
	return operationToProto(o)
}
