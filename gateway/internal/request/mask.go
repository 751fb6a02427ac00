package request

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/internal/jsoncodec/plan"
)

const fieldMask = "google.protobuf.FieldMask"

var errPath = errors.New("not a path of a FieldMask")

// setMask fills the update mask with the paths that the body contains. Without a body
// the mask is empty, as in grpc-gateway.
func (b *Builder) setMask(message protoreflect.Message, data []byte) error {
	mask := message.Mutable(b.mask).Message()
	if b.binding.RawBody || isBlank(data) {
		return nil
	}
	var root any
	if err := json.Unmarshal(data, &root); err != nil {
		return invalidBody(fmt.Errorf("reading the body's fields: %w", err))
	}
	var paths []string
	if members, ok := root.(map[string]any); ok && b.Content != nil {
		paths = maskPaths(nil, "", members, b.Content)
	}
	slices.Sort(paths)
	setPaths(mask, paths)
	return nil
}

// maskPaths adds the path of each leaf: values other than objects, empty objects, lists, maps, and messages
// with a special JSON form (google/protobuf/field_mask.proto: a path ends at a repeated field).
func maskPaths(paths []string, prefix string, members map[string]any, message protoreflect.MessageDescriptor) []string {
	for name, value := range members {
		field := message.Fields().ByJSONName(name)
		if field == nil {
			field = message.Fields().ByTextName(name)
		}
		if field == nil {
			continue // Only @type has no field here: the decoder has refused all unknown members.
		}
		path := prefix + string(field.Name())
		inner, isObject := value.(map[string]any)
		switch {
		case !isObject || len(inner) == 0 || field.IsList() || field.IsMap() || field.Message() == nil:
			paths = append(paths, path)
		case isFree(field.Message()):
			paths = freePaths(paths, path, inner)
		case field.Message().FullName() == "google.protobuf.Any":
			paths = append(paths, path)
		default:
			paths = maskPaths(paths, path+".", inner, field.Message())
		}
	}
	return paths
}

// isFree reports whether a message can be any JSON, such as a Struct. A path then continues with the names
// that the client wrote, so that a PATCH can change a single member (RFC 7396).
func isFree(message protoreflect.MessageDescriptor) bool {
	return message.FullName() == "google.protobuf.Struct" || message.FullName() == "google.protobuf.Value"
}

func freePaths(paths []string, parent string, members map[string]any) []string {
	for name := range members {
		if strings.Contains(name, "`") {
			return append(paths, parent) // A path cannot contain this name.
		}
	}
	for name, value := range members {
		if name == "" || strings.ContainsAny(name, ".,*") {
			name = "`" + name + "`" // AIP-161
		}
		path := parent + "." + name
		if inner, ok := value.(map[string]any); ok && len(inner) > 0 {
			paths = freePaths(paths, path, inner)
		} else {
			paths = append(paths, path)
		}
	}
	return paths
}

// protoPaths converts the paths of a mask from a URL to proto names, in place, as the JSON decoder does. It
// looks a path up in the messages that it may refer to. If there is none, the rule of ProtoJSON applies.
func (b *Builder) protoPaths(list protoreflect.List) error {
	for i := range list.Len() {
		path := list.Get(i).String()
		// The JSON form of a mask separates its paths by commas.
		if slices.Contains(strings.Split(path, "."), "") || strings.Contains(path, ",") {
			return errPath
		}
		resolved, err := b.protoPath(path)
		if err != nil {
			return err
		}
		list.Set(i, protoreflect.ValueOfString(resolved))
	}
	return nil
}

func (b *Builder) protoPath(path string) (string, error) {
	for _, message := range b.masked {
		if resolved, ok := resolvePath(message, path); ok {
			return resolved, nil
		}
	}
	switch {
	case !protoreflect.FullName(path).IsValid():
		return "", errPath
	case strings.Contains(path, "_"):
		return path, nil // The path already has proto names.
	default:
		return plan.SnakeCase(path), nil
	}
}

// resolvePath converts a path through a message to proto names. It returns false if there is no such field.
func resolvePath(message protoreflect.MessageDescriptor, path string) (string, bool) {
	steps := strings.Split(path, ".")
	for i, step := range steps {
		switch {
		case step == "*" || message != nil && isFree(message):
			return strings.Join(steps, "."), true // The rest are not names of fields.
		case message == nil:
			return "", false
		}
		field := fieldByName(message, step)
		if field == nil {
			return "", false
		}
		steps[i] = string(field.Name())
		if field.IsMap() {
			return strings.Join(steps, "."), true // Keys are not names of fields.
		}
		message = field.Message()
	}
	return strings.Join(steps, "."), true
}

// fieldByName finds a field by its proto or JSON name.
func fieldByName(message protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if field := message.Fields().ByName(protoreflect.Name(name)); field != nil {
		return field
	}
	return message.Fields().ByJSONName(name)
}

// hasPaths reports whether a google.protobuf.FieldMask has a path.
func hasPaths(mask protoreflect.Message) bool {
	return mask.Get(mask.Descriptor().Fields().ByNumber(1)).List().Len() > 0
}

// setPaths adds paths to a google.protobuf.FieldMask.
func setPaths(mask protoreflect.Message, paths []string) {
	list := mask.Mutable(mask.Descriptor().Fields().ByNumber(1)).List()
	for _, path := range paths {
		list.Append(protoreflect.ValueOfString(path))
	}
}
