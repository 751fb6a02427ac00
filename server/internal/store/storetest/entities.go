package storetest

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/entity"
)

func testCreate(t *testing.T, f *fixture) {
	s := f.store(t)
	given := sample("a", "g")
	given.Attributes = map[string]any{"color": "red"}
	given.Version, given.CreateTime = 99, time.Unix(1, 0) // The store's own; not read.
	created, err := s.CreateEntity(t.Context(), given, entity.Within("g"))
	if err != nil {
		t.Fatal(err)
	}
	want := given
	want.Version = created.Version
	want.CreateTime = f.clock.Now().Truncate(time.Microsecond)
	want.UpdateTime = want.CreateTime
	if diff := cmp.Diff(want, created); diff != "" || created.Version <= 0 || created.Version == 99 {
		t.Errorf("created version %d (-want +got):\n%s", created.Version, diff)
	}
	if diff := cmp.Diff(created, mustGet(t, s, "a")); diff != "" {
		t.Errorf("stored (-created +got):\n%s", diff)
	}
}

func testCreateChecks(t *testing.T, f *fixture) {
	s := f.store(t)
	first := mustCreate(t, s, sample("a", "g"))
	tests := map[string]struct {
		e      entity.Entity
		scope  entity.Scope
		reason string
	}{
		"taken":                    {sample("a", "g"), entity.Within("g"), entity.ReasonEntityExists},
		"taken in another group":   {sample("a", "h"), entity.Within("h"), entity.ReasonEntityExists},
		"foreign group":            {sample("b", "h"), entity.Within("g"), entity.ReasonGroupNotAllowed},
		"no group allowed":         {sample("b", "g"), entity.Scope{}, entity.ReasonGroupNotAllowed},
		"foreign group and taken":  {sample("a", "h"), entity.Within("g"), entity.ReasonGroupNotAllowed},
		"invalid":                  {entity.Entity{ID: "b", Group: "g"}, entity.Within("g"), entity.ReasonEntityInvalid},
		"invalid comes first":      {entity.Entity{ID: "a", Group: "h"}, entity.Within("g"), entity.ReasonEntityInvalid},
		"attributes without JSON":  {withAttributes("b", "x", math.NaN()), entity.Within("g"), entity.ReasonEntityInvalid},
		"without a group":          {sample("b", ""), entity.Everywhere(), entity.ReasonEntityInvalid},
		"case matters in an id":    {sample("A", "g"), entity.Within("g"), ""},
		"several groups, the last": {sample("c", "h"), entity.Within("f", "g", "h"), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := s.CreateEntity(t.Context(), test.e, test.scope)
			wantReason(t, err, test.reason)
			if err != nil && got.ID != "" {
				t.Errorf("both an entity and an error: %+v", got)
			}
		})
	}
	if diff := cmp.Diff(first, mustGet(t, s, "a")); diff != "" {
		t.Errorf("the entity has changed:\n%s", diff)
	}
	_, err := s.GetEntity(t.Context(), "b", entity.Everywhere())
	wantReason(t, err, entity.ReasonEntityNotFound)
}

func withAttributes(id, name string, value any) entity.Entity {
	e := sample(id, "g")
	e.Attributes = map[string]any{name: value}

	return e
}

func testGet(t *testing.T, f *fixture) {
	s := f.store(t)
	mustCreate(t, s, sample("a", "g"))
	tests := map[string]struct {
		id     string
		scope  entity.Scope
		reason string
	}{
		"everywhere":         {"a", entity.Everywhere(), ""},
		"own group":          {"a", entity.Within("f", "g"), ""},
		"foreign group":      {"a", entity.Within("f"), entity.ReasonGroupNotAllowed},
		"no group":           {"a", entity.Scope{}, entity.ReasonGroupNotAllowed},
		"missing":            {"b", entity.Everywhere(), entity.ReasonEntityNotFound},
		"missing, no group":  {"b", entity.Scope{}, entity.ReasonEntityNotFound},
		"other case":         {"A", entity.Everywhere(), entity.ReasonEntityNotFound},
		"space at the end":   {"a ", entity.Everywhere(), entity.ReasonEntityNotFound},
		"empty id":           {"", entity.Everywhere(), entity.ReasonEntityNotFound},
		"what SQL would ask": {"%", entity.Everywhere(), entity.ReasonEntityNotFound},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := s.GetEntity(t.Context(), test.id, test.scope)
			wantReason(t, err, test.reason)
			if (err == nil) != (got.ID == "a") {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func testPut(t *testing.T, f *fixture) {
	s := f.store(t)
	e := withAttributes("a", "x", 1.0)
	first, created, err := s.PutEntity(t.Context(), entity.PutParams{Entity: e, Scope: entity.Within("g")})
	if err != nil || !created {
		t.Fatalf("first: created %t, %v", created, err)
	}
	f.clock.Advance(time.Minute)
	e = withAttributes("a", "y", 2.0)
	e.DisplayName = "Other"
	second, created, err := s.PutEntity(t.Context(), entity.PutParams{Entity: e, Scope: entity.Within("g")})
	if err != nil || created {
		t.Fatalf("second: created %t, %v", created, err)
	}
	want := e
	want.Version = second.Version
	want.CreateTime = first.CreateTime
	want.UpdateTime = first.CreateTime.Add(time.Minute)
	if diff := cmp.Diff(want, second); diff != "" || second.Version <= first.Version {
		t.Errorf("version %d after %d (-want +got):\n%s", second.Version, first.Version, diff)
	}
	if diff := cmp.Diff(second, mustGet(t, s, "a")); diff != "" {
		t.Errorf("stored (-put +got):\n%s", diff)
	}
}

func testPutGroups(t *testing.T, f *fixture) {
	s := f.store(t)
	before := mustCreate(t, s, sample("foreign", "x"))
	mustCreate(t, s, sample("own", "g"))
	tests := map[string]struct {
		id, group, fallback string
		scope               entity.Scope
		reason, stored      string
	}{
		"foreign entity":           {"foreign", "g", "", entity.Within("g"), entity.ReasonGroupNotAllowed, ""},
		"foreign, group kept":      {"foreign", "", "g", entity.Within("g"), entity.ReasonGroupNotAllowed, ""},
		"foreign, nothing given":   {"foreign", "", "", entity.Within("g"), entity.ReasonGroupNotAllowed, ""},
		"move to a foreign group":  {"own", "x", "", entity.Within("g"), entity.ReasonGroupNotAllowed, ""},
		"no scope":                 {"own", "g", "", entity.Scope{}, entity.ReasonGroupNotAllowed, ""},
		"kept":                     {"own", "", "h", entity.Within("g", "h"), "", "g"},
		"kept without a fallback":  {"own", "", "", entity.Everywhere(), "", "g"},
		"new in the fallback":      {"new1", "", "h", entity.Within("g", "h"), "", "h"},
		"new with a group":         {"new2", "g", "h", entity.Within("g", "h"), "", "g"},
		"new without any":          {"new3", "", "", entity.Everywhere(), entity.ReasonEntityInvalid, ""},
		"new in a foreign group":   {"new3", "x", "", entity.Within("g"), entity.ReasonGroupNotAllowed, ""},
		"new, foreign fallback":    {"new3", "", "x", entity.Within("g"), entity.ReasonGroupNotAllowed, ""},
		"malformed group":          {"own", "G", "", entity.Everywhere(), entity.ReasonEntityInvalid, ""},
		"move by right on both":    {"moves", "h", "", entity.Within("g", "h"), "", "h"},
		"malformed group fallback": {"new3", "", "H", entity.Everywhere(), entity.ReasonEntityInvalid, ""},
	}
	mustCreate(t, s, sample("moves", "g"))
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			put, created, err := s.PutEntity(t.Context(), entity.PutParams{
				Entity: sample(test.id, test.group), DefaultGroup: test.fallback, Scope: test.scope,
			})
			wantReason(t, err, test.reason)
			if put.Group != test.stored || (err != nil && created) {
				t.Errorf("group %q, created %t; want %q", put.Group, created, test.stored)
			}
		})
	}
	if diff := cmp.Diff(before, mustGet(t, s, "foreign")); diff != "" {
		t.Errorf("a foreign entity has changed:\n%s", diff)
	}
	_, err := s.GetEntity(t.Context(), "new3", entity.Everywhere())
	wantReason(t, err, entity.ReasonEntityNotFound)
}

func testUpdate(t *testing.T, f *fixture) {
	s := f.store(t)
	first := mustCreate(t, s, withAttributes("a", "keep", []any{1.0}))
	f.clock.Advance(time.Hour)
	name, group := "New", "h"
	updated, err := s.UpdateEntity(t.Context(), entity.UpdateParams{
		ID: "a",
		Patch: entity.Patch{
			DisplayName: &name, Group: &group,
			Attributes: map[string]any{"add": map[string]any{"x": nil, "y": "z"}, "none": nil},
		},
		Scope: entity.Within("g", "h"),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := entity.Entity{
		ID: "a", DisplayName: "New", Group: "h",
		Attributes: map[string]any{"keep": []any{1.0}, "add": map[string]any{"y": "z"}},
		Version:    updated.Version, CreateTime: first.CreateTime, UpdateTime: first.CreateTime.Add(time.Hour),
	}
	if diff := cmp.Diff(want, updated); diff != "" || updated.Version <= first.Version {
		t.Errorf("version %d after %d (-want +got):\n%s", updated.Version, first.Version, diff)
	}
	if diff := cmp.Diff(updated, mustGet(t, s, "a")); diff != "" {
		t.Errorf("stored (-updated +got):\n%s", diff)
	}
	reset, err := s.UpdateEntity(t.Context(), entity.UpdateParams{
		ID: "a", Patch: entity.Patch{ResetAttributes: true}, Scope: entity.Everywhere(),
	})
	if err != nil || reset.Attributes == nil || len(reset.Attributes) != 0 || reset.DisplayName != "New" {
		t.Errorf("reset: %+v, %v", reset, err)
	}
}

func testUpdateChecks(t *testing.T, f *fixture) {
	s := f.store(t)
	before := mustCreate(t, s, sample("a", "g"))
	foreign := mustCreate(t, s, sample("foreign", "x"))
	empty, group, long := "", "x", strings.Repeat("n", 201)
	tests := map[string]struct {
		id     string
		patch  entity.Patch
		reason string
	}{
		"missing":                  {"b", entity.Patch{}, entity.ReasonEntityNotFound},
		"missing with a bad patch": {"b", entity.Patch{DisplayName: &empty}, entity.ReasonEntityNotFound},
		"foreign":                  {"foreign", entity.Patch{}, entity.ReasonGroupNotAllowed},
		"foreign with a bad patch": {"foreign", entity.Patch{DisplayName: &empty}, entity.ReasonGroupNotAllowed},
		"to a foreign group":       {"a", entity.Patch{Group: &group}, entity.ReasonGroupNotAllowed},
		"without a name":           {"a", entity.Patch{DisplayName: &empty}, entity.ReasonEntityInvalid},
		"name too long":            {"a", entity.Patch{DisplayName: &long}, entity.ReasonEntityInvalid},
		"without a group":          {"a", entity.Patch{Group: &empty}, entity.ReasonEntityInvalid},
		"not JSON":                 {"a", entity.Patch{Attributes: map[string]any{"x": math.Inf(1)}}, entity.ReasonEntityInvalid},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := s.UpdateEntity(t.Context(), entity.UpdateParams{ID: test.id, Patch: test.patch, Scope: entity.Within("g")})
			wantReason(t, err, test.reason)
			if got.ID != "" {
				t.Errorf("both an entity and an error: %+v", got)
			}
		})
	}
	for _, e := range []entity.Entity{before, foreign} {
		if diff := cmp.Diff(e, mustGet(t, s, e.ID)); diff != "" {
			t.Errorf("%s has changed:\n%s", e.ID, diff)
		}
	}
}

func testDelete(t *testing.T, f *fixture) {
	s := f.store(t)
	mustCreate(t, s, sample("a", "g"))
	mustCreate(t, s, sample("foreign", "x"))
	steps := []struct{ id, reason string }{
		{"foreign", entity.ReasonGroupNotAllowed},
		{"missing", entity.ReasonEntityNotFound},
		{"a", ""},
		{"a", entity.ReasonEntityNotFound},
	}
	for _, step := range steps {
		err := s.DeleteEntity(t.Context(), entity.DeleteParams{ID: step.id, Scope: entity.Within("g")})
		wantReason(t, err, step.reason)
	}
	_, err := s.GetEntity(t.Context(), "a", entity.Everywhere())
	wantReason(t, err, entity.ReasonEntityNotFound)
	mustGet(t, s, "foreign")
}

func testIdentifiers(t *testing.T, f *fixture) {
	s := f.store(t)
	ids := []string{
		"a/b", "a%2Fb", "100%", "日本語", "é", "e\u0301", "𝕏", "'; DROP TABLE entities; --", `"`, `\`, "a_b", "a.b", "~", " ",
		"?", "#", "a:import", strings.Repeat("𝕏", entity.MaxIDLength), "...", "null", "0",
	}
	for _, id := range ids {
		e := sample(id, "g")
		e.DisplayName = strings.Repeat("é", 10) + "\t\"'\\"
		created := mustCreate(t, s, e)
		if diff := cmp.Diff(created, mustGet(t, s, id)); diff != "" || created.ID != id {
			t.Errorf("%q (-created +got):\n%s", id, diff)
		}
	}
	page, err := s.ListEntities(t.Context(), entity.ListParams{Scope: entity.Everywhere()})
	if err != nil || len(page.Entities) != len(ids) {
		t.Errorf("%d entities, %v; want %d", len(page.Entities), err, len(ids))
	}
	for _, id := range ids {
		if err := s.DeleteEntity(t.Context(), entity.DeleteParams{ID: id, Scope: entity.Everywhere()}); err != nil {
			t.Errorf("delete %q: %v", id, err)
		}
	}
}

func testAttributes(t *testing.T, f *fixture) {
	s := f.store(t)
	tests := map[string]map[string]any{
		"empty":   {},
		"scalars": {"t": true, "f": false, "n": nil, "s": "x", "": ""},
		"numbers": {
			"zero": 0.0, "small": 5e-324, "large": math.MaxFloat64, "third": 1.0 / 3, "negative": -1.5,
			"integer": float64(1 << 53), "exponent": 1e21,
		},
		"nested": {"a": map[string]any{"b": []any{map[string]any{"c": nil}, []any{}, "x", 1.0}, "e": map[string]any{}}},
		"texts":  {"日本": "𝕏\u2028<&>\"\\\n", "zero": "a\x00b", "é": "e\u0301"},
		"deep":   deep(100),
	}
	for name, attributes := range tests {
		e := sample(name, "g")
		e.Attributes = attributes
		created := mustCreate(t, s, e)
		if diff := cmp.Diff(attributes, created.Attributes); diff != "" {
			t.Errorf("%s, created (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(attributes, mustGet(t, s, name).Attributes); diff != "" {
			t.Errorf("%s, stored (-want +got):\n%s", name, diff)
		}
	}
	absent := sample("nil", "g")
	absent.Attributes = nil
	if created := mustCreate(t, s, absent); created.Attributes == nil || len(created.Attributes) != 0 {
		t.Errorf("nil attributes are %v", created.Attributes)
	}
}

func deep(levels int) map[string]any {
	object := map[string]any{"end": nil}
	for range levels {
		object = map[string]any{"in": object}
	}

	return object
}
