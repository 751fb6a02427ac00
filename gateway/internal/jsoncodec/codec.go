package jsoncodec

import (
	"sync"

	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/statusway/statusway/gateway/internal/jsoncodec/plan"
)

// Types finds the types that an Any and the extensions of proto2 name.
type Types interface {
	protoregistry.MessageTypeResolver
	protoregistry.ExtensionTypeResolver
}

// Codec is this package's mapping with types of the caller's choice. Its methods are the package's functions of the
// same names. The zero Codec is not usable; make one with [New].
type Codec struct {
	types Types
	// encoding is types as protojson's encoder asks for them, made once.
	encoding Types
	plans    *plan.Set
	// closed holds a bool by protoreflect.MessageDescriptor; see hasClosedEnum.
	closed *sync.Map
}

// New returns the mapping that looks up types in types; nil means those that are linked in.
func New(types Types) Codec {
	if types == nil {
		types = protoregistry.GlobalTypes
	}
	return Codec{types: types, encoding: outbound{types}, plans: plan.NewSet(types), closed: new(sync.Map)}
}

// linked is the mapping of the package's functions.
//
//nolint:gochecknoglobals // it never changes, and making one costs each call an allocation
var linked = New(nil)
