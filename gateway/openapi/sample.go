package openapi

import (
	"slices"
	"strings"
)

// sample returns an example value for a schema, built from the examples of its members. It leaves out
// members without an example. It returns nil if a required member has no example or contains itself.
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

// sampleOf returns the sample of a component. It builds each sample only once, because nested messages could
// otherwise take exponential time.
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
