package entity_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/entity"
)

// The cases of RFC 7396, Appendix A, whose target and patch are objects.
func TestMergePatch(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ target, patch, want string }{
		"replace":             {`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		"add":                 {`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		"remove":              {`{"a":"b"}`, `{"a":null}`, `{}`},
		"remove one of two":   {`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		"array by string":     {`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		"string by array":     {`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		"nested":              {`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		"array is whole":      {`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		"null stays":          {`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		"nulls of new object": {`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		"object over string":  {`{"a":"x"}`, `{"a":{"b":null,"c":1}}`, `{"a":{"c":1}}`},
		"null in an array":    {`{}`, `{"a":[null,{"b":null}]}`, `{"a":[null,{"b":null}]}`},
		"empty patch":         {`{"a":1}`, `{}`, `{"a":1}`},
		"nothing to remove":   {`{}`, `{"a":null}`, `{}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, patch := object(t, test.target), object(t, test.patch)
			got := entity.MergePatch(target, patch)
			if diff := cmp.Diff(object(t, test.want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(object(t, test.target), target); diff != "" {
				t.Errorf("the target has changed:\n%s", diff)
			}
			if diff := cmp.Diff(object(t, test.patch), patch); diff != "" {
				t.Errorf("the patch has changed:\n%s", diff)
			}
		})
	}
	if got := entity.MergePatch(nil, nil); got == nil || len(got) != 0 {
		t.Errorf("nil and nil are %v", got)
	}
}

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var parsed map[string]any
	if err := json.Unmarshal([]byte(text), &parsed); err != nil {
		t.Fatal(err)
	}

	return parsed
}

func FuzzMergePatch(f *testing.F) {
	f.Add(`{"a":{"b":"c"}}`, `{"a":{"b":null,"d":{"e":null}},"x":[1]}`)
	f.Add(`{"a":1}`, `{"a":{"b":1}}`)
	f.Fuzz(func(t *testing.T, targetText, patchText string) {
		var target, patch map[string]any
		if json.Unmarshal([]byte(targetText), &target) != nil || json.Unmarshal([]byte(patchText), &patch) != nil {
			return
		}
		once := entity.MergePatch(target, patch)
		if diff := cmp.Diff(once, entity.MergePatch(once, patch)); diff != "" {
			t.Errorf("the second time changes something:\n%s", diff)
		}
		for name, value := range patch {
			if got, ok := once[name]; ok == (value == nil) {
				t.Errorf("member %q: patch %v, result %v", name, value, got)
			}
		}
		for name, value := range target {
			if _, named := patch[name]; !named && !cmp.Equal(value, once[name]) {
				t.Errorf("member %q, which the patch does not name, has changed", name)
			}
		}
	})
}

func TestPatchApply(t *testing.T) {
	t.Parallel()
	name, group := "new", "other"
	base := func() entity.Entity {
		return entity.Entity{ID: "x", DisplayName: "old", Group: "g", Attributes: map[string]any{"a": 1.0}, Version: 7}
	}
	with := func(change func(*entity.Entity)) entity.Entity {
		e := base()
		change(&e)

		return e
	}
	tests := map[string]struct {
		patch entity.Patch
		want  entity.Entity
	}{
		"nothing": {entity.Patch{}, base()},
		"name":    {entity.Patch{DisplayName: &name}, with(func(e *entity.Entity) { e.DisplayName = "new" })},
		"group":   {entity.Patch{Group: &group}, with(func(e *entity.Entity) { e.Group = "other" })},
		"merge": {
			entity.Patch{Attributes: map[string]any{"b": 2.0}},
			with(func(e *entity.Entity) { e.Attributes = map[string]any{"a": 1.0, "b": 2.0} }),
		},
		"reset": {entity.Patch{ResetAttributes: true}, with(func(e *entity.Entity) { e.Attributes = map[string]any{} })},
		"reset and merge": {
			entity.Patch{ResetAttributes: true, Attributes: map[string]any{"b": 2.0, "c": nil}},
			with(func(e *entity.Entity) { e.Attributes = map[string]any{"b": 2.0} }),
		},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			before := base()
			if diff := cmp.Diff(test.want, test.patch.Apply(before)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(base(), before); diff != "" {
				t.Errorf("the entity has changed:\n%s", diff)
			}
		})
	}
}
