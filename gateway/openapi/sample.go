package openapi

import (
	"slices"
	"strings"
)

// sample is a value that a schema holds for, made of the examples of its members: those
// without one are left out. It is nil where there is none, also where a member that is
// needed has none, or holds itself.
func (s *schemas) sample(of *schema) any {
	switch {
	case of == nil:
		return nil
	case len(of.Examples) > 0:
		return of.Examples[0]
	case of.Ref != "":
		return s.sampleOf(strings.TrimPrefix(of.Ref, schemaRef("").Ref))
	case len(of.AnyOf) > 0:
		return s.sample(of.AnyOf[0])
	case of.Type == typeArray:
		if item := s.sample(of.Items); item != nil {
			return []any{item}
		}
		return nil
	case of.Properties.IsZero():
		return nil
	default:
		return s.sampleObject(of)
	}
}

// sampleOf is the sample of a component, made once: messages that hold each other have
// more ways through them than there is time.
func (s *schemas) sampleOf(name string) any {
	sample, ok := s.samples[name]
	if ok {
		return sample
	}
	if s.samples == nil {
		s.samples = map[string]any{}
	}
	s.samples[name] = nil
	if inner, known := s.known.get(name); known {
		s.samples[name] = s.sample(inner)
	}
	return s.samples[name]
}

func (s *schemas) sampleObject(of *schema) any {
	object := &ordered[any]{}
	for _, name := range of.Properties.names {
		value := s.sample(of.Properties.values[name])
		if value == nil && slices.Contains(of.Required, name) {
			return nil
		}
		if value != nil {
			object.set(name, value)
		}
	}
	if object.IsZero() {
		return nil
	}
	return object
}
