package conformance

import (
	"fmt"
	"reflect"
	"strings"
)

// Lookup follows a JSON pointer (RFC 6901).
func Lookup(value any, pointer string) (any, bool) {
	if pointer == "" {
		return value, true
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch container := value.(type) {
		case map[string]any:
			inner, ok := container[part]
			if !ok {
				return nil, false
			}
			value = inner
		case []any:
			index := -1
			if _, err := fmt.Sscanf(part, "%d", &index); err != nil || index < 0 || index >= len(container) {
				return nil, false
			}
			value = container[index]
		default:
			return nil, false
		}
	}
	return value, true
}

// contains says whether wanted is part of got, else where it is not.
func contains(got, wanted any, path string) (string, bool) {
	switch wanted := wanted.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return path, false
		}
		for name, inner := range wanted {
			member, ok := object[name]
			if !ok {
				return path + "/" + name, false
			}
			if at, ok := contains(member, inner, path+"/"+name); !ok {
				return at, false
			}
		}
		return "", true
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(wanted) {
			return path, false
		}
		for i := range wanted {
			if at, ok := contains(list[i], wanted[i], fmt.Sprintf("%s/%d", path, i)); !ok {
				return at, false
			}
		}
		return "", true
	default:
		return path, reflect.DeepEqual(got, wanted)
	}
}
