package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/entity"
)

func ifMatch(tags ...entity.Tag) entity.Condition {
	return entity.Condition{IfMatch: entity.Tags{Present: true, Tags: tags}}
}

func ifNoneMatch(tags ...entity.Tag) entity.Condition {
	return entity.Condition{IfNoneMatch: entity.Tags{Present: true, Tags: tags}}
}

func anyMatch() entity.Condition {
	return entity.Condition{IfMatch: entity.Tags{Present: true, Any: true}}
}

func noneExists() entity.Condition {
	return entity.Condition{IfNoneMatch: entity.Tags{Present: true, Any: true}}
}

// writes are the three that take a condition. Each writes to the entity "e".
func writes(t *testing.T, s entity.Store) map[string]func(entity.Scope, entity.Condition) error {
	t.Helper()

	return map[string]func(entity.Scope, entity.Condition) error{
		"put": func(scope entity.Scope, condition entity.Condition) error {
			_, _, err := s.PutEntity(t.Context(), entity.PutParams{Entity: sample("e", "g"), Scope: scope, Condition: condition})

			return err
		},
		"update": func(scope entity.Scope, condition entity.Condition) error {
			_, err := s.UpdateEntity(t.Context(), entity.UpdateParams{ID: "e", Scope: scope, Condition: condition})

			return err
		},
		"delete": func(scope entity.Scope, condition entity.Condition) error {
			return s.DeleteEntity(t.Context(), entity.DeleteParams{ID: "e", Scope: scope, Condition: condition})
		},
	}
}

func testConditions(t *testing.T, f *fixture) {
	s := f.store(t)
	const failed, stale = entity.ReasonPreconditionFailed, entity.ReasonStaleETag
	// The answers with and without the entity. Its tag is made for each case.
	tests := map[string]struct {
		condition       func(tag string) entity.Condition
		exists, missing string
	}{
		"none":                   {func(string) entity.Condition { return entity.Condition{} }, "", ""},
		"If-Match":               {func(tag string) entity.Condition { return ifMatch(entity.Tag{Opaque: tag}) }, "", failed},
		"If-Match list":          {func(tag string) entity.Condition { return ifMatch(entity.Tag{Opaque: "x,y"}, entity.Tag{Opaque: tag}) }, "", failed},
		"If-Match stale":         {func(string) entity.Condition { return ifMatch(entity.Tag{Opaque: "1"}) }, failed, failed},
		"If-Match foreign":       {func(string) entity.Condition { return ifMatch(entity.Tag{Opaque: "not ours"}) }, failed, failed},
		"If-Match weak":          {func(tag string) entity.Condition { return ifMatch(entity.Tag{Opaque: tag, Weak: true}) }, failed, failed},
		"If-Match empty":         {func(string) entity.Condition { return ifMatch() }, failed, failed},
		"If-Match *":             {func(string) entity.Condition { return anyMatch() }, "", failed},
		"If-None-Match":          {func(tag string) entity.Condition { return ifNoneMatch(entity.Tag{Opaque: tag}) }, failed, ""},
		"If-None-Match weak":     {func(tag string) entity.Condition { return ifNoneMatch(entity.Tag{Opaque: tag, Weak: true}) }, failed, ""},
		"If-None-Match another":  {func(string) entity.Condition { return ifNoneMatch(entity.Tag{Opaque: "1"}) }, "", ""},
		"If-None-Match empty":    {func(string) entity.Condition { return ifNoneMatch() }, "", ""},
		"If-None-Match *":        {func(string) entity.Condition { return noneExists() }, failed, ""},
		"etag":                   {func(tag string) entity.Condition { return entity.Condition{ETag: tag} }, "", stale},
		"etag stale":             {func(string) entity.Condition { return entity.Condition{ETag: "1"} }, stale, stale},
		"etag foreign":           {func(string) entity.Condition { return entity.Condition{ETag: "0 OR 1"} }, stale, stale},
		"header before the etag": {func(string) entity.Condition { c := ifMatch(); c.ETag = "1"; return c }, failed, failed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for write, do := range writes(t, s) {
				_ = s.DeleteEntity(t.Context(), entity.DeleteParams{ID: "e", Scope: entity.Everywhere()})
				missing := test.missing
				if write != "put" {
					missing = entity.ReasonEntityNotFound // Whatever the condition.
				}
				if got := reasonOf(do(entity.Within("g"), test.condition("1"))); got != missing {
					t.Errorf("%s, missing: got %q, want %q", write, got, missing)
				}
				_ = s.DeleteEntity(t.Context(), entity.DeleteParams{ID: "e", Scope: entity.Everywhere()})
				before := mustCreate(t, s, sample("e", "g"))
				if got := reasonOf(do(entity.Within("g"), test.condition(before.ETag()))); got != test.exists {
					t.Errorf("%s, exists: got %q, want %q", write, got, test.exists)
				}
				if test.exists == "" {
					continue
				}
				if diff := cmp.Diff(before, mustGet(t, s, "e")); diff != "" {
					t.Errorf("%s: a refused write has changed the entity:\n%s", write, diff)
				}
			}
		})
	}
}

// A condition is not looked at before the caller's right and the entity are
// known (RFC 9110 §13.2.1).
func testConditionOrder(t *testing.T, f *fixture) {
	s := f.store(t)
	mustCreate(t, s, sample("e", "x"))
	stale := ifMatch(entity.Tag{Opaque: "1"})
	stale.ETag = "1"
	for write, do := range writes(t, s) {
		if got := reasonOf(do(entity.Within("g"), stale)); got != entity.ReasonGroupNotAllowed {
			t.Errorf("%s of a foreign entity: %q", write, got)
		}
		if got := reasonOf(do(entity.Within("g"), noneExists())); got != entity.ReasonGroupNotAllowed {
			t.Errorf("%s of a foreign entity, If-None-Match *: %q", write, got)
		}
	}
	name := ""
	_, err := s.UpdateEntity(t.Context(), entity.UpdateParams{
		ID: "e", Patch: entity.Patch{DisplayName: &name}, Scope: entity.Everywhere(), Condition: stale,
	})
	wantReason(t, err, entity.ReasonEntityInvalid)
}

func testUnmodifiedSince(t *testing.T, f *fixture) {
	s := f.store(t)
	created := mustCreate(t, s, sample("e", "g"))
	second := created.UpdateTime.Truncate(time.Second)
	since := func(at time.Time) entity.Condition { return entity.Condition{IfUnmodifiedSince: at} }
	for write, do := range writes(t, s) {
		if write == "delete" {
			continue // Below.
		}
		if got := reasonOf(do(entity.Everywhere(), since(second.Add(-time.Second)))); got != entity.ReasonPreconditionFailed {
			t.Errorf("%s, a second before: %q", write, got)
		}
		if got := reasonOf(do(entity.Everywhere(), since(second))); got != "" {
			t.Errorf("%s, that second: %q", write, got)
		}
		both := since(second.Add(-time.Hour))
		both.IfMatch = anyMatch().IfMatch
		if got := reasonOf(do(entity.Everywhere(), both)); got != "" {
			t.Errorf("%s, beside If-Match: %q", write, got)
		}
	}
	remove := writes(t, s)["delete"]
	wantReason(t, remove(entity.Everywhere(), since(second.Add(-time.Second))), entity.ReasonPreconditionFailed)
	wantReason(t, remove(entity.Everywhere(), since(second)), "")
	wantReason(t, writes(t, s)["put"](entity.Everywhere(), since(second.Add(-time.Hour))), "")
}

func testVersions(t *testing.T, f *fixture) {
	s := f.store(t)
	seen := map[string]string{}
	note := func(step string, e entity.Entity) {
		if other, ok := seen[e.ETag()]; ok || e.ETag() == "" {
			t.Errorf("%s has the tag %q of %s", step, e.ETag(), other)
		}
		seen[e.ETag()] = step
	}
	note("create", mustCreate(t, s, sample("e", "g")))
	put, _, err := s.PutEntity(t.Context(), entity.PutParams{Entity: sample("e", "g"), Scope: entity.Everywhere()})
	wantReason(t, err, "")
	note("the same put", put)
	updated, err := s.UpdateEntity(t.Context(), entity.UpdateParams{ID: "e", Scope: entity.Everywhere()})
	wantReason(t, err, "")
	note("an empty update", updated)
	wantReason(t, s.DeleteEntity(t.Context(), entity.DeleteParams{ID: "e", Scope: entity.Everywhere()}), "")
	note("create again", mustCreate(t, s, sample("e", "g")))
	note("another entity", mustCreate(t, s, sample("f", "g")))
	wantReason(t, s.DeleteEntity(t.Context(), entity.DeleteParams{ID: "e", Scope: entity.Everywhere()}), "")
	wantReason(t, s.DeleteEntity(t.Context(), entity.DeleteParams{ID: "f", Scope: entity.Everywhere()}), "")
	wantReason(t, s.Close(), "")
	note("after all are gone and a restart", mustCreate(t, f.store(t), sample("e", "g")))
	// A tag of an entity that is gone does not open the one that has its id now.
	s = f.store(t)
	for tag := range seen {
		if tag == mustGet(t, s, "e").ETag() {
			continue
		}
		err := s.DeleteEntity(t.Context(), entity.DeleteParams{
			ID: "e", Scope: entity.Everywhere(), Condition: ifMatch(entity.Tag{Opaque: tag}),
		})
		wantReason(t, err, entity.ReasonPreconditionFailed)
	}
}

// The clock may stand still or go back.
func testVersionsWithoutClock(t *testing.T, f *fixture) {
	s := f.store(t)
	last := mustCreate(t, s, sample("e", "g")).Version
	for _, step := range []time.Duration{0, -time.Hour, 0, 24 * time.Hour, -48 * time.Hour} {
		f.clock.Advance(step)
		updated, err := s.UpdateEntity(t.Context(), entity.UpdateParams{ID: "e", Scope: entity.Everywhere()})
		if err != nil || updated.Version <= last {
			t.Errorf("after a step of %v: version %d after %d, %v", step, updated.Version, last, err)
		}
		last = updated.Version
	}
}
