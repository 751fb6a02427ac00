package dynamic

import (
	"errors"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/statusway/statusway/gateway/internal/jsoncodec"
)

// types finds the type of a message in an Any. It searches the servers' descriptors first, because a
// linked type of the same name may be different. Then it searches the linked types, such as those of
// google.rpc, which servers send as error details without declaring them.
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

// first returns the first result other than protoregistry.NotFound.
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
