package openapi

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// The types of JSON Schema.
const (
	typeString  = "string"
	typeInteger = "integer"
	typeObject  = "object"
	typeArray   = "array"
)

// schemas builds the schemas of messages and enums by the ProtoJSON mapping. Each schema is a component with
// the full name of the type, so a recursive message can refer to itself.
type schemas struct {
	known ordered[*schema]
	// samples are the samples of components. A sample is nil while it is being built.
	samples map[string]any
}

// patchSuffix is the suffix for the schema of a message as a JSON merge patch (RFC 7396), where no member is
// required and null removes a member. Proto names contain no hyphen.
const patchSuffix = "-patch"

// message returns the schema of a message.
func (s *schemas) message(of protoreflect.MessageDescriptor) *schema {
	if of.FullName() == anyName {
		return s.any()
	}
	if known := wellKnown(of); known != nil {
		return known
	}
	name := componentName(of)
	if _, ok := s.known.get(name); !ok {
		s.known.set(name, &schema{}) // before the fields, because they may refer to this message
		s.known.set(name, s.object(of, nil))
	}
	return schemaRef(name)
}

// patch returns the schema of a merge patch of a message.
func (s *schemas) patch(of protoreflect.MessageDescriptor) *schema {
	if of.FullName() == anyName {
		return s.any()
	}
	if known := wellKnown(of); known != nil {
		return known
	}
	name := componentName(of) + patchSuffix
	if _, ok := s.known.get(name); !ok {
		s.known.set(name, &schema{})
		s.known.set(name, s.patchObject(of))
	}
	return schemaRef(name)
}

// anyName is the only well-known type that is a component, because it is an ordinary object.
const anyName = "google.protobuf.Any"

func (s *schemas) any() *schema {
	properties := &ordered[*schema]{}
	properties.set("@type", &schema{Type: typeString, Description: "The type of the message, such as type.googleapis.com/google.rpc.ErrorInfo."})
	s.known.set(anyName, &schema{
		Type: typeObject, Properties: properties, Required: []string{"@type"}, AdditionalProperties: &schema{},
		Description: "A message of any type, with its members beside @type. A type with its own JSON form has that form in the member value. " +
			"An unknown type has its bytes there, in base64.",
	})
	return schemaRef(anyName)
}

func (s *schemas) patchObject(of protoreflect.MessageDescriptor) *schema {
	object := s.object(of, nil)
	object.Required = nil
	for i := range of.Fields().Len() {
		field := of.Fields().Get(i)
		property, _ := object.Properties.get(field.JSONName())
		nullable := &schema{Description: property.Description, Deprecated: property.Deprecated, ReadOnly: property.ReadOnly, WriteOnly: property.WriteOnly}
		if field.Message() != nil && !field.IsList() && !field.IsMap() {
			property = s.patch(field.Message())
		}
		plain := *property
		plain.Description, plain.Deprecated, plain.ReadOnly, plain.WriteOnly = "", false, false, false
		if plain.Type != "" || plain.Ref != "" || plain.AnyOf != nil { // else the schema already accepts null
			nullable.AnyOf = []*schema{&plain, {Type: "null"}}
		}
		object.Properties.set(field.JSONName(), nullable)
	}
	return object
}

// object returns the inline schema of a message. It leaves out fields for which without returns true.
func (s *schemas) object(of protoreflect.MessageDescriptor, without func(protoreflect.FieldDescriptor) bool) *schema {
	object := &schema{Type: typeObject, Description: comment(of), Properties: &ordered[*schema]{}, Deprecated: isDeprecated(of)}
	for i := range of.Fields().Len() {
		field := of.Fields().Get(i)
		if without != nil && without(field) {
			continue
		}
		property, needed := s.field(field)
		object.Properties.set(field.JSONName(), property)
		if needed {
			object.Required = append(object.Required, field.JSONName())
		}
	}
	s.oneofs(object, of)
	return object
}

// oneofs adds the constraints of the oneofs: members that exclude each other, and oneofs that need a member.
// The form of the constraints is one that code generators can ignore.
func (s *schemas) oneofs(object *schema, of protoreflect.MessageDescriptor) {
	for i := range of.Oneofs().Len() {
		oneof := of.Oneofs().Get(i)
		if oneof.IsSynthetic() {
			continue
		}
		var names []string
		for j := range oneof.Fields().Len() {
			if name := oneof.Fields().Get(j).JSONName(); object.Properties.has(name) {
				names = append(names, name)
			}
		}
		exclude(object, names)
		if needsOne(oneof) {
			demand(object, names)
		}
	}
}

// exclude forbids two of the members at the same time.
func exclude(object *schema, names []string) {
	for i, name := range names[:max(0, len(names)-1)] {
		others := &ordered[*schema]{}
		for _, other := range names[i+1:] {
			others.set(other, &schema{Not: &schema{}})
		}
		if object.DependentSchemas == nil {
			object.DependentSchemas = &ordered[*schema]{}
		}
		object.DependentSchemas.set(name, &schema{Properties: others})
	}
}

// demand requires one of the members.
func demand(object *schema, names []string) {
	if len(names) == 1 {
		object.Required = append(object.Required, names[0])
		return
	}
	one := &schema{}
	for _, name := range names {
		there := &ordered[*schema]{}
		there.set(name, &schema{})
		one.AnyOf = append(one.AnyOf, &schema{Properties: there, Required: []string{name}})
	}
	object.AllOf = append(object.AllOf, one)
}

// field returns the schema of a field, with its comment and its constraints, and reports whether the field
// is required in a request.
func (s *schemas) field(field protoreflect.FieldDescriptor) (*schema, bool) {
	rules := rulesOf(field)
	property := s.plainField(field)
	if property.Ref != "" {
		property = &schema{Ref: property.Ref} // the properties of the field itself are added to the reference
	}
	needed := constrain(property, field, rules)
	if text := comment(field); text != "" {
		property.Description = text
	}
	property.Deprecated = isDeprecated(field)
	behaviour := behaviourOf(field)
	property.ReadOnly, property.WriteOnly = behaviour.output, behaviour.input
	return property, needed || behaviour.required || field.Cardinality() == protoreflect.Required
}

// plainField returns the schema of a field by its type alone.
func (s *schemas) plainField(field protoreflect.FieldDescriptor) *schema {
	switch {
	case field.IsMap():
		return &schema{Type: typeObject, PropertyNames: keys(field.MapKey().Kind()), AdditionalProperties: s.value(field.MapValue())}
	case field.IsList():
		return &schema{Type: typeArray, Items: s.value(field)}
	default:
		return s.value(field)
	}
}

// value returns the schema of one value of a field.
func (s *schemas) value(field protoreflect.FieldDescriptor) *schema {
	switch {
	case field.Message() != nil:
		return s.message(field.Message())
	case field.Enum() != nil:
		return s.enum(field.Enum())
	default:
		return scalar(field.Kind())
	}
}

// keys returns the schema of a map's keys, or nil if any text is allowed.
func keys(kind protoreflect.Kind) *schema {
	switch kind {
	case protoreflect.StringKind:
		return nil
	case protoreflect.BoolKind:
		return &schema{Enum: []any{"true", "false"}}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return &schema{Pattern: "^[0-9]+$"}
	default:
		return &schema{Pattern: "^-?[0-9]+$"}
	}
}

func (s *schemas) enum(of protoreflect.EnumDescriptor) *schema {
	if of.FullName() == "google.protobuf.NullValue" {
		return &schema{Type: "null"}
	}
	name := componentName(of)
	if _, ok := s.known.get(name); !ok {
		enum := &schema{Type: typeString, Deprecated: isDeprecated(of)}
		about := []string{comment(of)}
		for i := range of.Values().Len() {
			value := of.Values().Get(i)
			enum.Enum = append(enum.Enum, string(value.Name()))
			if text := comment(value); text != "" {
				about = append(about, "- `"+string(value.Name())+"`: "+strings.ReplaceAll(text, "\n", " "))
			}
		}
		enum.Description = strings.TrimSpace(strings.Join(about, "\n"))
		s.known.set(name, enum)
	}
	return schemaRef(name)
}

// componentName returns the full name of a type. A name without a package gets the prefix "proto.", so that it
// does not clash with the names of this package.
func componentName(of protoreflect.Descriptor) string {
	if name := string(of.FullName()); strings.Contains(name, ".") {
		return name
	}
	return "proto." + string(of.FullName())
}

func schemaRef(name string) *schema { return &schema{Ref: "#/components/schemas/" + name} }

// isDeprecated reports whether protobuf's option deprecated is set.
func isDeprecated(of protoreflect.Descriptor) bool {
	switch of := of.(type) {
	case protoreflect.FieldDescriptor:
		options := &descriptorpb.FieldOptions{}
		read(of, options)
		return options.GetDeprecated()
	case protoreflect.EnumDescriptor:
		options := &descriptorpb.EnumOptions{}
		read(of, options)
		return options.GetDeprecated()
	case protoreflect.MessageDescriptor:
		options := &descriptorpb.MessageOptions{}
		read(of, options)
		return options.GetDeprecated()
	case protoreflect.MethodDescriptor:
		options := &descriptorpb.MethodOptions{}
		read(of, options)
		return options.GetDeprecated()
	default:
		return false
	}
}
