package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// ordered is a JSON object whose members keep their insertion order, so that fields are in the order of the
// proto, and a document always has the same bytes.
type ordered[V any] struct {
	names  []string
	values map[string]V
}

// set adds a member or replaces its value.
func (o *ordered[V]) set(name string, value V) {
	if o.values == nil {
		o.values = map[string]V{}
	}
	if _, ok := o.values[name]; !ok {
		o.names = append(o.names, name)
	}
	o.values[name] = value
}

func (o *ordered[V]) get(name string) (V, bool) {
	if o == nil {
		var none V
		return none, false
	}
	value, ok := o.values[name]
	return value, ok
}

func (o *ordered[V]) has(name string) bool {
	_, ok := o.get(name)
	return ok
}

// IsZero makes encoding/json omit an empty object.
func (o *ordered[V]) IsZero() bool { return o == nil || len(o.names) == 0 }

// MarshalJSON implements json.Marshaler.
func (o *ordered[V]) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, name := range o.names {
		if i > 0 {
			out = append(out, ',')
		}
		key, err := encode(name)
		if err != nil {
			return nil, err
		}
		value, err := encode(o.values[name])
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	return append(out, '}'), nil
}

// encode encodes JSON without HTML escaping, so that < stays readable.
func encode(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("encoding the document: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// drop removes the members whose names are unwanted, and returns their number.
func (o *ordered[V]) drop(unwanted func(name string) bool) int {
	before := len(o.names)
	o.names = slices.DeleteFunc(o.names, func(name string) bool {
		if !unwanted(name) {
			return false
		}
		delete(o.values, name)
		return true
	})
	return before - len(o.names)
}
