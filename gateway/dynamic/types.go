package dynamic

import (
	"errors"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/statusway/statusway/gateway/internal/jsoncodec"
)

// types finds what an Any holds: in the servers' own descriptors first, because a type
// that is linked in may be another of the same name, and then among the linked ones,
// such as google.rpc's, which a server sends as details without declaring them.
type types []jsoncodec.Types

var _ jsoncodec.Types = types(nil)

func typesOf(schemas ...*schema) types {
	all := make(types, 0, len(schemas)+1)
	for _, schema := range schemas {
		if !schema.linked {
			all = append(all, dynamicpb.NewTypes(schema.files))
		}
	}
	return append(all, protoregistry.GlobalTypes)
}

// first is the first result that is not "not found".
func first[T any](all types, find func(jsoncodec.Types) (T, error)) (T, error) {
	for _, one := range all {
		if found, err := find(one); !errors.Is(err, protoregistry.NotFound) {
			return found, err
		}
	}
	var none T
	return none, protoregistry.NotFound
}

func (t types) FindMessageByName(name protoreflect.FullName) (protoreflect.MessageType, error) {
	return first(t, func(r jsoncodec.Types) (protoreflect.MessageType, error) { return r.FindMessageByName(name) })
}

func (t types) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	return first(t, func(r jsoncodec.Types) (protoreflect.MessageType, error) { return r.FindMessageByURL(url) })
}

func (t types) FindExtensionByName(name protoreflect.FullName) (protoreflect.ExtensionType, error) {
	return first(t, func(r jsoncodec.Types) (protoreflect.ExtensionType, error) { return r.FindExtensionByName(name) })
}

func (t types) FindExtensionByNumber(message protoreflect.FullName, number protoreflect.FieldNumber) (protoreflect.ExtensionType, error) {
	return first(t, func(r jsoncodec.Types) (protoreflect.ExtensionType, error) {
		return r.FindExtensionByNumber(message, number)
	})
}
