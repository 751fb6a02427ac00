package dynamic

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/contract"
)

// maskOf is the field of a request that holds the update mask of a PATCH whose body is
// a resource. As in grpc-gateway there has to be one such field alone, or it could not
// be known which.
func maskOf(binding *contract.Binding) protoreflect.FieldDescriptor {
	if binding.Verb != http.MethodPatch || binding.Body == "" || binding.Body == "*" {
		return nil
	}
	var found protoreflect.FieldDescriptor
	fields := binding.Method.Descriptor.Input().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if field.Message() == nil || field.IsList() || field.Message().FullName() != "google.protobuf.FieldMask" {
			continue
		}
		if found != nil {
			return nil
		}
		found = field
	}
	return found
}

// setMask fills the update mask with the paths that the body has.
func setMask(message protoreflect.Message, mask, body protoreflect.FieldDescriptor, data []byte) error {
	var root any
	if err := json.Unmarshal(data, &root); err != nil {
		return fmt.Errorf("reading the body's fields: %w", err)
	}
	var paths []string
	if members, ok := root.(map[string]any); ok && body.Message() != nil {
		paths = maskPaths(nil, "", members, body.Message())
	}
	slices.Sort(paths)
	setPaths(message.Mutable(mask).Message(), paths)
	return nil
}

// maskPaths adds the path of each leaf: of what is no object or an empty one, and of
// lists, maps and messages that have a JSON form of their own
// (google/protobuf/field_mask.proto: a path does not go on after a repeated field).
func maskPaths(paths []string, prefix string, members map[string]any, message protoreflect.MessageDescriptor) []string {
	for name, value := range members {
		field := message.Fields().ByJSONName(name)
		if field == nil {
			field = message.Fields().ByTextName(name)
		}
		if field == nil {
			continue // The decoder has refused what has no field, but for @type.
		}
		path := prefix + string(field.Name())
		inner, isObject := value.(map[string]any)
		switch {
		case !isObject || len(inner) == 0 || field.IsList() || field.IsMap() || field.Message() == nil:
			paths = append(paths, path)
		case isFree(field.Message()):
			paths = freePaths(paths, path+".", inner)
		case field.Message().FullName() == "google.protobuf.Any":
			paths = append(paths, path)
		default:
			paths = maskPaths(paths, path+".", inner, field.Message())
		}
	}
	return paths
}

// isFree says whether a message is any JSON. A path then goes on through the names as
// the client wrote them, so that a PATCH can change one member (RFC 7396).
func isFree(message protoreflect.MessageDescriptor) bool {
	return message.FullName() == "google.protobuf.Struct" || message.FullName() == "google.protobuf.Value"
}

func freePaths(paths []string, prefix string, members map[string]any) []string {
	for name, value := range members {
		if inner, ok := value.(map[string]any); ok && len(inner) > 0 {
			paths = freePaths(paths, prefix+name+".", inner)
			continue
		}
		paths = append(paths, prefix+name)
	}
	return paths
}
