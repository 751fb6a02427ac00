package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// CheckJSON checks that a value contains the wanted part.
func CheckJSON(got any, want *JSON, v Variables) error {
	text, err := JSONOf(want.Value, v)
	if err != nil {
		return err
	}
	var wanted any
	if err := json.Unmarshal(text, &wanted); err != nil {
		return fmt.Errorf("the wanted JSON: %w", err)
	}
	return part("", got, wanted)
}

// part reports where wanted is not part of got: objects may have more members, except for an
// empty one, which has none; arrays may not have more items.
func part(at string, got, wanted any) error {
	switch wanted := wanted.(type) {
	case map[string]any:
		return partOfObject(at, got, wanted)
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(wanted) {
			return differs(at, got, wanted)
		}
		for i := range wanted {
			if err := part(fmt.Sprintf("%s/%d", at, i), list[i], wanted[i]); err != nil {
				return err
			}
		}
		return nil
	default:
		if !reflect.DeepEqual(got, wanted) {
			return differs(at, got, wanted)
		}
		return nil
	}
}

func partOfObject(at string, got any, wanted map[string]any) error {
	object, ok := got.(map[string]any)
	if !ok || len(wanted) == 0 && len(object) > 0 {
		return differs(at, got, wanted)
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		member, ok := object[name]
		if !ok {
			return fmt.Errorf("there is no %q, want %s", at+"/"+name, asText(wanted[name]))
		}
		if err := part(at+"/"+name, member, wanted[name]); err != nil {
			return err
		}
	}
	return nil
}

func differs(at string, got, wanted any) error {
	return fmt.Errorf("%q is %s, want %s", at, asText(got), asText(wanted))
}

// asText is a value that has been JSON, as JSON.
func asText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
