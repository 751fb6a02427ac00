package entity_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/entity"
)

func strong(tags ...string) entity.Tags { return tagList(false, tags) }

func weak(tags ...string) entity.Tags { return tagList(true, tags) }

func tagList(weak bool, tags []string) entity.Tags {
	list := entity.Tags{Present: true}
	for _, tag := range tags {
		list.Tags = append(list.Tags, entity.Tag{Opaque: tag, Weak: weak})
	}

	return list
}

func TestConditionCheck(t *testing.T) {
	t.Parallel()
	changed := time.Date(2026, 3, 4, 5, 6, 7, 890_000_000, time.UTC)
	second := changed.Truncate(time.Second)
	current := entity.Entity{ID: "x", Version: 36 + 7, UpdateTime: changed} // "17"
	star := entity.Tags{Present: true, Any: true}
	const im, inm, ius = "If-Match", "If-None-Match", "If-Unmodified-Since"
	// The answers for the entity and for a missing one: "" is none, "etag" is
	// STALE_ETAG, else the condition that failed.
	tests := map[string]struct {
		condition       entity.Condition
		exists, missing string
	}{
		"none":                         {entity.Condition{}, "", ""},
		"absent lists count nothing":   {entity.Condition{IfMatch: entity.Tags{Any: true}, IfNoneMatch: entity.Tags{Any: true}}, "", ""},
		"If-Match":                     {entity.Condition{IfMatch: strong("17")}, "", im},
		"If-Match, a list":             {entity.Condition{IfMatch: strong("a", "b,c", "17")}, "", im},
		"If-Match, another":            {entity.Condition{IfMatch: strong("18")}, im, im},
		"If-Match, weak":               {entity.Condition{IfMatch: weak("17")}, im, im},
		"If-Match, other case":         {entity.Condition{IfMatch: strong("1A", "017")}, im, im},
		"If-Match *":                   {entity.Condition{IfMatch: star}, "", im},
		"If-Match, quoted *":           {entity.Condition{IfMatch: strong("*")}, im, im},
		"If-Match, empty":              {entity.Condition{IfMatch: strong()}, im, im},
		"If-None-Match":                {entity.Condition{IfNoneMatch: strong("17")}, inm, ""},
		"If-None-Match, a list":        {entity.Condition{IfNoneMatch: strong("a", "17")}, inm, ""},
		"If-None-Match, another":       {entity.Condition{IfNoneMatch: strong("18")}, "", ""},
		"If-None-Match, weak":          {entity.Condition{IfNoneMatch: weak("17")}, inm, ""},
		"If-None-Match *":              {entity.Condition{IfNoneMatch: star}, inm, ""},
		"If-None-Match, empty":         {entity.Condition{IfNoneMatch: strong()}, "", ""},
		"both":                         {entity.Condition{IfMatch: strong("17"), IfNoneMatch: strong("17")}, inm, im},
		"If-Match is first":            {entity.Condition{IfMatch: strong("1"), IfNoneMatch: star}, im, im},
		"unmodified that second":       {entity.Condition{IfUnmodifiedSince: second}, "", ""},
		"unmodified a second before":   {entity.Condition{IfUnmodifiedSince: second.Add(-time.Second)}, ius, ""},
		"unmodified a second after":    {entity.Condition{IfUnmodifiedSince: second.Add(time.Second)}, "", ""},
		"not beside If-Match":          {entity.Condition{IfUnmodifiedSince: second.Add(-time.Hour), IfMatch: star}, "", im},
		"before If-None-Match":         {entity.Condition{IfUnmodifiedSince: second.Add(-time.Hour), IfNoneMatch: star}, ius, ""},
		"etag":                         {entity.Condition{ETag: "17"}, "", "etag"},
		"stale etag":                   {entity.Condition{ETag: "16"}, "etag", "etag"},
		"etag of another form":         {entity.Condition{ETag: `"17"`}, "etag", "etag"},
		"headers come before the etag": {entity.Condition{ETag: "16", IfMatch: strong("16")}, im, im},
		"both hold":                    {entity.Condition{ETag: "17", IfMatch: strong("17")}, "", im},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkCondition(t, "exists", test.condition.Check("x", &current), test.exists)
			checkCondition(t, "missing", test.condition.Check("x", nil), test.missing)
			if got, want := test.condition.AllowsCreate(), test.missing == ""; got != want {
				t.Errorf("AllowsCreate = %t, want %t", got, want)
			}
		})
	}
}

func checkCondition(t *testing.T, which string, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("%s: %v", which, err)
		}

		return
	}
	var failure *entity.Error
	if !errors.As(err, &failure) {
		t.Fatalf("%s: got %v, want %s", which, err, want)
	}
	_, hasCurrent := failure.Metadata[entity.MetadataCurrentETag]
	if hasCurrent != (which == "exists") {
		t.Errorf("%s: metadata %v", which, failure.Metadata)
	}
	if want == "etag" {
		if !errors.Is(err, entity.ErrStaleETag) {
			t.Errorf("%s: got %v, want STALE_ETAG", which, err)
		}

		return
	}
	if !errors.Is(err, entity.ErrPreconditionFailed) || failure.Metadata[entity.MetadataCondition] != want {
		t.Errorf("%s: got %v %v, want %s", which, err, failure.Metadata, want)
	}
}

func TestAllowsReplace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		condition entity.Condition
		want      bool
	}{
		"none":               {entity.Condition{}, true},
		"If-Match *":         {entity.Condition{IfMatch: entity.Tags{Present: true, Any: true}}, true},
		"If-None-Match list": {entity.Condition{IfNoneMatch: strong("1")}, true},
		"If-None-Match *":    {entity.Condition{IfNoneMatch: entity.Tags{Present: true, Any: true}}, false},
	} {
		if got := test.condition.AllowsReplace(); got != test.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}

func TestTagVersions(t *testing.T) {
	t.Parallel()
	tags := entity.Tags{Present: true, Tags: []entity.Tag{
		{Opaque: "1"}, {Opaque: "2", Weak: true}, {Opaque: "foreign!"}, {Opaque: "10"},
	}}
	if diff := cmp.Diff([]int64{1, 36}, tags.StrongVersions()); diff != "" {
		t.Errorf("strong (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int64{1, 2, 36}, tags.WeakVersions()); diff != "" {
		t.Errorf("weak (-want +got):\n%s", diff)
	}
	if got := (entity.Tags{}).StrongVersions(); got == nil || len(got) != 0 {
		t.Errorf("an empty list is %v", got)
	}
}
