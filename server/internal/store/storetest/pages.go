package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/entity"
)

// walk lists all pages and returns the ids of each.
func walk(t *testing.T, s entity.Store, p entity.ListParams) [][]string {
	t.Helper()
	var pages [][]string
	for {
		page, err := s.ListEntities(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if page.ETag == "" {
			t.Error("a page has no tag")
		}
		pages = append(pages, idsOf(page.Entities))
		if page.NextPageToken == "" {
			return pages
		}
		p.PageToken = page.NextPageToken
	}
}

func idsOf(entities []entity.Entity) []string {
	ids := make([]string, 0, len(entities))
	for _, e := range entities {
		ids = append(ids, e.ID)
	}

	return ids
}

func testPages(t *testing.T, f *fixture) {
	s := f.store(t)
	const largest = 7
	for count := range largest + 1 {
		if count > 0 {
			mustCreate(t, s, sample(fmt.Sprintf("e%d", count), "g"))
		}
		for size := 1; size <= largest+1; size++ {
			pages := walk(t, s, entity.ListParams{Scope: entity.Everywhere(), PageSize: size})
			// No entity, or a last page that is just full, has no page behind it.
			want := max(1, (count+size-1)/size)
			all := slices.Concat(pages...)
			if len(pages) != want || len(all) != count || !slices.IsSorted(all) || len(pages[0]) != min(size, count) {
				t.Errorf("%d entities by %d: %v, want %d pages", count, size, pages, want)
			}
		}
	}
}

func testPageSizes(t *testing.T, f *fixture) {
	s := f.store(t)
	op, err := s.StartImport(t.Context(), entity.Import{Scope: entity.Everywhere(), Entities: many(entity.MaxPageSize + 1)})
	if err != nil {
		t.Fatal(err)
	}
	drain(t, s, op.ID)
	for size, want := range map[int]int{-5: 50, 0: 50, 1: 1, 51: 51, 1000: 1000, 1001: 1000, 1 << 31: 1000} {
		page, err := s.ListEntities(t.Context(), entity.ListParams{Scope: entity.Everywhere(), PageSize: size})
		if err != nil || len(page.Entities) != want || page.NextPageToken == "" {
			t.Errorf("size %d: %d entities, %v; want %d", size, len(page.Entities), err, want)
		}
	}
}

// A page of large entities ends before it is longer than MaxPageBytes, and an entity that
// is longer alone has a page of its own. None is lost, neither in an export.
func testLargePages(t *testing.T, f *fixture) {
	s := f.store(t)
	var want []string
	const most = entity.MaxPageBytes
	for i, size := range []int{10, most / 2, most / 3, most / 3, 2 * most, 10, 2 * most} {
		e := sample(fmt.Sprintf("e%d", i), "g")
		e.Attributes = map[string]any{"text": strings.Repeat("x", size)}
		want = append(want, mustCreate(t, s, e).ID)
	}
	pages := walk(t, s, entity.ListParams{Scope: entity.Everywhere(), PageSize: entity.MaxPageSize})
	if diff := cmp.Diff([][]string{{"e0", "e1", "e2"}, {"e3"}, {"e4"}, {"e5"}, {"e6"}}, pages); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	var exported []string
	for e, err := range s.ExportEntities(t.Context(), "", entity.Everywhere()) {
		if err != nil {
			t.Fatal(err)
		}
		exported = append(exported, e.ID)
	}
	if diff := cmp.Diff(want, exported); diff != "" {
		t.Errorf("export (-want +got):\n%s", diff)
	}
}

// many returns n entities of the group "g", by id.
func many(n int) []entity.Entity {
	entities := make([]entity.Entity, 0, n)
	for i := range n {
		entities = append(entities, sample(fmt.Sprintf("e%06d", i), "g"))
	}

	return entities
}

// The order is that of the bytes, not of a language.
func testPageOrder(t *testing.T, f *fixture) {
	s := f.store(t)
	want := []string{" ", "%", "/", "10", "9", "A", "Z", "a", "a/b", "a0", "z", "~", "é", "日本", "\uffee", "𝕏"}
	for _, i := range []int{3, 15, 0, 7, 11, 1, 14, 2, 13, 4, 12, 5, 10, 6, 9, 8} {
		mustCreate(t, s, sample(want[i], "g"))
	}
	for _, scope := range []entity.Scope{entity.Everywhere(), entity.Within("g"), entity.Within("f", "g")} {
		for _, size := range []int{1, 5, 100} {
			got := slices.Concat(walk(t, s, entity.ListParams{Scope: scope, PageSize: size})...)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("by %d (-want +got):\n%s", size, diff)
			}
		}
	}
}

func testPageScope(t *testing.T, f *fixture) {
	s := f.store(t)
	for i, group := range []string{"g", "h", "x", "g", "h", "x"} {
		mustCreate(t, s, sample(fmt.Sprintf("%d%s", i, group), group))
	}
	tests := map[string]struct {
		scope  entity.Scope
		group  string
		want   []string
		reason string
	}{
		"everywhere":             {entity.Everywhere(), "", []string{"0g", "1h", "2x", "3g", "4h", "5x"}, ""},
		"everywhere, one group":  {entity.Everywhere(), "x", []string{"2x", "5x"}, ""},
		"everywhere, no such":    {entity.Everywhere(), "none", []string{}, ""},
		"one group":              {entity.Within("g"), "", []string{"0g", "3g"}, ""},
		"one group, filtered":    {entity.Within("g"), "g", []string{"0g", "3g"}, ""},
		"two groups":             {entity.Within("h", "g"), "", []string{"0g", "1h", "3g", "4h"}, ""},
		"two groups, filtered":   {entity.Within("g", "h"), "h", []string{"1h", "4h"}, ""},
		"the same group twice":   {entity.Within("g", "g"), "", []string{"0g", "3g"}, ""},
		"no groups":              {entity.Scope{}, "", []string{}, ""},
		"foreign filter":         {entity.Within("g"), "x", []string{}, entity.ReasonGroupNotAllowed},
		"filter without a scope": {entity.Scope{}, "g", []string{}, entity.ReasonGroupNotAllowed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			page, err := s.ListEntities(t.Context(), entity.ListParams{Scope: test.scope, Group: test.group})
			wantReason(t, err, test.reason)
			if diff := cmp.Diff(test.want, idsOf(page.Entities)); diff != "" {
				t.Errorf("list (-want +got):\n%s", diff)
			}
			exported, err := export(t.Context(), s, test.group, test.scope)
			wantReason(t, err, test.reason)
			if diff := cmp.Diff(test.want, idsOf(exported)); diff != "" {
				t.Errorf("export (-want +got):\n%s", diff)
			}
		})
	}
}

func testPageTokens(t *testing.T, f *fixture) {
	s := f.store(t)
	for _, e := range many(4) {
		mustCreate(t, s, e)
	}
	list := func(group, token string) (entity.Page, error) {
		return s.ListEntities(t.Context(), entity.ListParams{
			Scope: entity.Everywhere(), Group: group, PageSize: 2, PageToken: token,
		})
	}
	first, err := list("g", "")
	wantReason(t, err, "")
	for name, token := range map[string]string{
		"garbage": "garbage", "not base64": "%%%", "cut": strings.TrimSuffix(first.NextPageToken, first.NextPageToken[len(first.NextPageToken)-1:]),
		"SQL": "' OR 1=1 --", "longer": first.NextPageToken + "A",
	} {
		if _, err := list("g", token); reasonOf(err) != entity.ReasonPageTokenInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = list("", first.NextPageToken)
	wantReason(t, err, entity.ReasonPageTokenInvalid)
	// The place stays when the entity that marks it goes, and the size may change.
	wantReason(t, s.DeleteEntity(t.Context(), entity.DeleteParams{ID: "e000001", Scope: entity.Everywhere()}), "")
	second, err := s.ListEntities(t.Context(), entity.ListParams{
		Scope: entity.Everywhere(), Group: "g", PageSize: 1, PageToken: first.NextPageToken,
	})
	wantReason(t, err, "")
	if diff := cmp.Diff([]string{"e000002"}, idsOf(second.Entities)); diff != "" {
		t.Errorf("second page (-want +got):\n%s", diff)
	}
	// A scope that has shrunk since is kept to: the token gives no right.
	_, err = s.ListEntities(t.Context(), entity.ListParams{
		Scope: entity.Within("x"), Group: "g", PageToken: first.NextPageToken,
	})
	wantReason(t, err, entity.ReasonGroupNotAllowed)
}

func testPageETag(t *testing.T, f *fixture) {
	s := f.store(t)
	for _, id := range []string{"b", "d", "f"} {
		mustCreate(t, s, sample(id, "g"))
	}
	mustCreate(t, s, sample("c", "hidden"))
	tag := func() string {
		page, err := s.ListEntities(t.Context(), entity.ListParams{Scope: entity.Within("g"), PageSize: 2})
		wantReason(t, err, "")

		return page.ETag
	}
	seen := map[string]string{tag(): "the start"}
	if again := tag(); len(seen) != 1 || seen[again] == "" {
		t.Error("the same page has another tag")
	}
	put := func(id, group string) func() error {
		return func() error {
			_, _, err := s.PutEntity(t.Context(), entity.PutParams{Entity: sample(id, group), Scope: entity.Everywhere()})

			return err
		}
	}
	remove := func(id string) func() error {
		return func() error {
			return s.DeleteEntity(t.Context(), entity.DeleteParams{ID: id, Scope: entity.Everywhere()})
		}
	}
	steps := []struct {
		name    string
		do      func() error
		changes bool
	}{
		{"one of them is written", put("b", "g"), true},
		{"one behind is written", put("f", "g"), false},
		{"one behind enters", put("g", "g"), false},
		{"one behind leaves", remove("g"), false},
		{"a hidden one is written", put("c", "hidden"), false},
		{"one enters", put("a", "g"), true},
		{"one leaves", remove("a"), true},
		{"one becomes visible", put("c", "g"), true},
		{"one becomes hidden", put("c", "hidden"), true},
		{"the last page becomes full", remove("f"), true},
	}
	for _, step := range steps {
		before := tag()
		wantReason(t, step.do(), "")
		if after := tag(); (after != before) != step.changes {
			t.Errorf("%s: %s after %s", step.name, after, before)
		}
	}
}

// export collects; it stops at the first error.
func export(ctx context.Context, s entity.Store, group string, scope entity.Scope) ([]entity.Entity, error) {
	var exported []entity.Entity
	for e, err := range s.ExportEntities(ctx, group, scope) {
		if err != nil {
			return exported, err
		}
		exported = append(exported, e)
	}

	return exported, nil
}

func testExport(t *testing.T, f *fixture) {
	s := f.store(t)
	if exported, err := export(t.Context(), s, "", entity.Everywhere()); err != nil || len(exported) != 0 {
		t.Errorf("nothing: %d, %v", len(exported), err)
	}
	// More than a store has in memory at once, we hope, and not a round number.
	given := many(1013)
	op, err := s.StartImport(t.Context(), entity.Import{Scope: entity.Everywhere(), Entities: given})
	wantReason(t, err, "")
	drain(t, s, op.ID)
	exported, err := export(t.Context(), s, "", entity.Everywhere())
	if diff := cmp.Diff(idsOf(given), idsOf(exported)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff(mustGet(t, s, "e000007"), exported[7]); diff != "" {
		t.Errorf("an exported entity (-get +export):\n%s", diff)
	}
}

// An export that is read slowly stops nobody, and does not lose its place.
func testExportAmidWrites(t *testing.T, f *fixture) {
	s := f.store(t)
	op, err := s.StartImport(t.Context(), entity.Import{Scope: entity.Everywhere(), Entities: many(500)})
	wantReason(t, err, "")
	drain(t, s, op.ID)
	var ids []string
	for e, err := range s.ExportEntities(t.Context(), "", entity.Everywhere()) {
		wantReason(t, err, "")
		ids = append(ids, e.ID)
		// It has been read, so that its going cannot matter.
		wantReason(t, s.DeleteEntity(t.Context(), entity.DeleteParams{ID: e.ID, Scope: entity.Everywhere()}), "")
	}
	if diff := cmp.Diff(idsOf(many(500)), ids); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func testExportErrors(t *testing.T, f *fixture) {
	s := f.store(t)
	op, err := s.StartImport(t.Context(), entity.Import{Scope: entity.Everywhere(), Entities: many(1000)})
	wantReason(t, err, "")
	drain(t, s, op.ID)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read, failures := 0, 0
	for e, err := range s.ExportEntities(ctx, "", entity.Everywhere()) {
		if err != nil {
			failures++
			if !errors.Is(err, context.Canceled) || e.ID != "" {
				t.Errorf("%q, %v", e.ID, err)
			}

			continue
		}
		read++
		cancel()
	}
	if failures != 1 || read >= 1000 {
		t.Errorf("%d entities and %d errors after the end of the context", read, failures)
	}
	for _, err := range s.ExportEntities(t.Context(), "", entity.Everywhere()) {
		wantReason(t, err, "")

		break // A reader may leave.
	}
	wantReason(t, s.DeleteEntity(t.Context(), entity.DeleteParams{ID: "e000000", Scope: entity.Everywhere()}), "")
}
