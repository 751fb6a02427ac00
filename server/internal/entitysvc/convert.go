package entitysvc

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/entity"
)

func toProto(e entity.Entity) (*entityv1.Entity, error) {
	attributes, err := structpb.NewStruct(e.Attributes)
	if err != nil {
		return nil, fmt.Errorf("the attributes of entity %q: %w", e.ID, err)
	}
	return &entityv1.Entity{
		Id:          e.ID,
		DisplayName: e.DisplayName,
		Group:       e.Group,
		Attributes:  attributes,
		Etag:        e.ETag(),
		CreateTime:  timestamppb.New(e.CreateTime),
		UpdateTime:  timestamppb.New(e.UpdateTime),
	}, nil
}

// fromProto leaves out the fields that the server sets.
func fromProto(message *entityv1.Entity) entity.Entity {
	return entity.Entity{
		ID:          message.GetId(),
		DisplayName: message.GetDisplayName(),
		Group:       message.GetGroup(),
		Attributes:  message.GetAttributes().AsMap(),
	}
}

// patchOf returns the changes of an update. Without a mask they are all set fields
// (AIP-134). The mask may contain fields that the server sets, because clients send back
// what they received; they do not change.
func patchOf(request *entityv1.UpdateEntityRequest) (entity.Patch, error) {
	given := request.GetEntity()
	paths := request.GetUpdateMask().GetPaths()
	if len(paths) == 0 {
		paths = setFields(given)
	}
	var patch entity.Patch
	// A mask may have a path for each attribute. They are converted once, or the work would
	// grow with the square of their number.
	attributes := given.GetAttributes().AsMap()
	for _, path := range paths {
		field := path
		// Below attributes any name is allowed, even with dots: the merge patch says
		// what changes, not the mask.
		if strings.HasPrefix(path, "attributes.") {
			field = "attributes"
		}
		switch field {
		case "display_name", "displayName": // A query holds the names of JSON.
			patch.DisplayName = &given.DisplayName
		case "group":
			patch.Group = &given.Group
		case "attributes":
			patch.Attributes = attributes
			// If the message has no attributes, remove all of them.
			if path == field && given.GetAttributes() == nil {
				patch.ResetAttributes = true
			}
		case "id", "etag", "create_time", "createTime", "update_time", "updateTime":
		case "*":
			patch.DisplayName, patch.Group = &given.DisplayName, &given.Group
			patch.Attributes, patch.ResetAttributes = attributes, true
		default:
			return entity.Patch{}, unknownPath(path)
		}
	}
	return patch, nil
}

func setFields(given *entityv1.Entity) []string {
	var paths []string
	if given.GetDisplayName() != "" {
		paths = append(paths, "display_name")
	}
	if given.GetGroup() != "" {
		paths = append(paths, "group")
	}
	if given.GetAttributes() != nil {
		paths = append(paths, "attributes")
	}
	return paths
}

func unknownPath(path string) error {
	const message = "The update mask names a field that an entity has not."
	return &entity.Error{
		Kind: entity.KindInvalid, Reason: entity.ReasonEntityInvalid, Message: message,
		Metadata:   map[string]string{"path": path},
		Violations: []entity.Violation{{Field: "update_mask", Reason: "UNKNOWN_PATH", Description: message}},
	}
}

func idMismatch() error {
	const message = "The id in the body is not that in the path."
	return &entity.Error{
		Kind: entity.KindInvalid, Reason: entity.ReasonEntityInvalid, Message: message,
		Violations: []entity.Violation{{Field: "id", Reason: "MISMATCH", Description: message}},
	}
}

// inField puts the entity's violations below the request's field that holds it.
func inField(err error) error {
	var failure *entity.Error
	if !errors.As(err, &failure) || len(failure.Violations) == 0 {
		return err
	}
	moved := *failure
	moved.Violations = slices.Clone(failure.Violations)
	for i := range moved.Violations {
		moved.Violations[i].Field = "entity." + moved.Violations[i].Field
	}
	return &moved
}
