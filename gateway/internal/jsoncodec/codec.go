package jsoncodec

import (
	"sync"

	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/statusway/statusway/gateway/internal/jsoncodec/plan"
)

// Types finds the types in an Any and the extensions of proto2.
type Types interface {
	protoregistry.MessageTypeResolver
	protoregistry.ExtensionTypeResolver
}

// Codec is this package's mapping with the caller's types. Its methods do the same as the package's functions of the
// same names. The zero Codec is not usable; make one with [New].
type Codec struct {
	types Types
	// encoding is types for protojson's encoder, made once.
	encoding Types
	plans    *plan.Set
	// closed holds a bool by protoreflect.MessageDescriptor; see hasClosedEnum.
	closed *sync.Map
	// partial means that required fields may be missing.
	partial bool
}

// AllowPartial returns a copy of c that reads messages without their required fields.
func (c Codec) AllowPartial() Codec {
	c.partial = true
	return c
}

// New returns the mapping that looks up types in types; nil means the linked-in types.
func New(types Types) Codec {
	if types == nil {
		types = protoregistry.GlobalTypes
	}
	return Codec{types: types, encoding: outbound{types}, plans: plan.NewSet(types), closed: new(sync.Map)}
}

// linked is the Codec of the package's functions.
//
//nolint:gochecknoglobals // it never changes, and making one costs each call an allocation
var linked = New(nil)
