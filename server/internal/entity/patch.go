package entity

import "maps"

// Patch is a change to some fields of an entity.
type Patch struct {
	// DisplayName replaces the name; nil leaves it.
	DisplayName *string
	// Group moves the entity; nil leaves it.
	Group *string
	// ResetAttributes empties the attributes before the merge, as
	// {"attributes": null} asks.
	ResetAttributes bool
	// Attributes is a merge patch (RFC 7396); nil leaves them.
	Attributes map[string]any
}

// Apply returns the entity with the patch applied. It changes neither. The
// result may be invalid: see Entity.Validate.
func (p Patch) Apply(e Entity) Entity {
	if p.DisplayName != nil {
		e.DisplayName = *p.DisplayName
	}
	if p.Group != nil {
		e.Group = *p.Group
	}
	if p.ResetAttributes {
		e.Attributes = map[string]any{}
	}
	if p.Attributes != nil {
		e.Attributes = MergePatch(e.Attributes, p.Attributes)
	}

	return e
}

// MergePatch returns target with the merge patch applied, by RFC 7396 §2:
// null removes a member, an object is merged, anything else replaces. It changes
// neither argument, but the result may share values with both.
func MergePatch(target, patch map[string]any) map[string]any {
	merged := maps.Clone(target)
	if merged == nil {
		merged = make(map[string]any, len(patch))
	}
	for name, value := range patch {
		switch value := value.(type) {
		case nil:
			delete(merged, name)
		case map[string]any:
			// An empty object replaces any other value first, so that the merge also
			// drops the nulls of a new object.
			inner, _ := merged[name].(map[string]any)
			merged[name] = MergePatch(inner, value)
		default:
			merged[name] = value
		}
	}

	return merged
}
