package entity_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/entity"
)

func TestClampPageSize(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]int{-1: 50, 0: 50, 1: 1, 50: 50, 999: 999, 1000: 1000, 1001: 1000} {
		if got := entity.ClampPageSize(size); got != want {
			t.Errorf("%d: got %d, want %d", size, got, want)
		}
	}
}

func TestPageTokenRoundTrip(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"a", "a/b", "100%", "日本", strings.Repeat("𝕏", 128), " ", "\u2028", "a?b=c&d"} {
		for _, group := range []string{"", "g"} {
			token := entity.EncodePageToken(group, id)
			if strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
				t.Errorf("%q needs escaping in a URL", token)
			}
			got, err := entity.DecodePageToken(group, token)
			if err != nil || got != id {
				t.Errorf("%q in %q: got %q, %v", id, group, got, err)
			}
		}
	}
	if after, err := entity.DecodePageToken("g", ""); err != nil || after != "" {
		t.Errorf("the first page: %q, %v", after, err)
	}
}

func TestPageTokenInvalid(t *testing.T) {
	t.Parallel()
	good := entity.EncodePageToken("g", "abc")
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	changed := append([]byte(nil), raw...)
	changed[len(changed)-1]++
	tests := map[string]struct{ group, token string }{
		"garbage":            {"g", "garbage"},
		"not base64":         {"g", "!!!"},
		"another filter":     {"h", good},
		"no filter":          {"", good},
		"of no filter":       {"g", entity.EncodePageToken("", "abc")},
		"cut":                {"g", good[:len(good)-1]},
		"longer":             {"g", good + "A"},
		"padded":             {"g", good + "="},
		"line break":         {"g", good[:4] + "\n" + good[4:]},
		"line break at end":  {"g", good + "\r\n"},
		"space":              {"g", " " + good},
		"another id":         {"g", base64.RawURLEncoding.EncodeToString(changed)},
		"checksum alone":     {"g", base64.RawURLEncoding.EncodeToString(raw[:8])},
		"id alone":           {"g", base64.RawURLEncoding.EncodeToString(raw[8:])},
		"not UTF-8":          {"g", entity.EncodePageToken("g", "\xff")},
		"empty id":           {"g", entity.EncodePageToken("g", "")},
		"standard alphabet":  {"", strings.NewReplacer("-", "+", "_", "/").Replace(entity.EncodePageToken("", "?>?>?>~~~~"))},
		"moved between both": {"ga", entity.EncodePageToken("g", "aabc")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			after, err := entity.DecodePageToken(test.group, test.token)
			var failure *entity.Error
			if !errors.As(err, &failure) || failure.Reason != "PAGE_TOKEN_INVALID" || after != "" {
				t.Fatalf("got %q, %v", after, err)
			}
			if len(failure.Violations) != 1 || failure.Violations[0].Field != "page_token" {
				t.Errorf("violations %v", failure.Violations)
			}
		})
	}
}

func FuzzDecodePageToken(f *testing.F) {
	f.Add("g", entity.EncodePageToken("g", "abc"))
	f.Add("", entity.EncodePageToken("", "日本"))
	f.Add("", "AAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, group, token string) {
		after, err := entity.DecodePageToken(group, token)
		if err != nil {
			if !errors.Is(err, entity.ErrInvalid) || after != "" {
				t.Errorf("got %q, %v", after, err)
			}

			return
		}
		if token != "" && entity.EncodePageToken(group, after) != token {
			t.Errorf("%q has a second token, %q", after, token)
		}
	})
}

func TestNewPage(t *testing.T) {
	t.Parallel()
	found := []entity.Entity{{ID: "a", Version: 1}, {ID: "b", Version: 2}, {ID: "c", Version: 3}}
	tests := map[string]struct {
		size int
		ids  []string
		next string
	}{
		"one more":     {2, []string{"a", "b"}, entity.EncodePageToken("g", "b")},
		"exactly":      {3, []string{"a", "b", "c"}, ""},
		"fewer":        {4, []string{"a", "b", "c"}, ""},
		"much smaller": {1, []string{"a"}, entity.EncodePageToken("g", "a")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := entity.NewPage(found, test.size, "g")
			var ids []string
			for _, e := range page.Entities {
				ids = append(ids, e.ID)
			}
			if diff := cmp.Diff(test.ids, ids); diff != "" || page.NextPageToken != test.next {
				t.Errorf("next %q, ids (-want +got):\n%s", page.NextPageToken, diff)
			}
		})
	}
}

func TestPageETag(t *testing.T) {
	t.Parallel()
	base := []entity.Entity{{ID: "a", Version: 1}, {ID: "b", Version: 2}}
	// Pages that differ, so that each tag must be another.
	pages := map[string]entity.Page{
		"base":           entity.NewPage(base, 2, ""),
		"changed":        entity.NewPage([]entity.Entity{{ID: "a", Version: 1}, {ID: "b", Version: 3}}, 2, ""),
		"one left":       entity.NewPage(base[:1], 2, ""),
		"empty":          entity.NewPage(nil, 2, ""),
		"one entered":    entity.NewPage([]entity.Entity{base[0], {ID: "aa", Version: 9}, base[1]}, 3, ""),
		"another id":     entity.NewPage([]entity.Entity{{ID: "a", Version: 1}, {ID: "c", Version: 2}}, 2, ""),
		"more behind it": entity.NewPage([]entity.Entity{base[0], base[1], {ID: "z", Version: 9}}, 2, ""),
	}
	seen := map[string]string{}
	for name, page := range pages {
		if other, ok := seen[page.ETag]; ok {
			t.Errorf("%s and %s have one tag", name, other)
		}
		seen[page.ETag] = name
		if page.ETag == "" || strings.ContainsAny(page.ETag, "\"\\ ") {
			t.Errorf("%s: bad tag %q", name, page.ETag)
		}
	}
	// The version decides; the content of the entity does not matter.
	same := entity.NewPage([]entity.Entity{{ID: "a", Version: 1, DisplayName: "x"}, {ID: "b", Version: 2}}, 2, "")
	if same.ETag != pages["base"].ETag {
		t.Error("the same versions have another tag")
	}
	// A change behind the page does not change it.
	behind := entity.NewPage([]entity.Entity{base[0], base[1], {ID: "y", Version: 8}}, 2, "")
	if behind.ETag != pages["more behind it"].ETag {
		t.Error("a change behind the page has changed its tag")
	}
}
