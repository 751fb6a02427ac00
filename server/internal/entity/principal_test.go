package entity_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/entity"
)

func TestPrincipal(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		role                      entity.Role
		groups                    []string
		readOwn, writeOwn, others bool
		admin                     bool
	}{
		"viewer":                {"viewer", []string{"g", "h"}, true, false, false, false},
		"editor":                {"editor", []string{"g", "h"}, true, true, false, false},
		"admin":                 {"admin", nil, true, true, true, true},
		"admin of a group":      {"admin", []string{"g"}, true, true, true, true},
		"viewer without groups": {"viewer", nil, false, false, false, false},
		"editor without groups": {"editor", nil, false, false, false, false},
		"nobody":                {"", []string{"g"}, false, false, false, false},
		"another role":          {"Admin", []string{"g"}, false, false, false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := entity.Principal{Username: "u", Role: test.role, Groups: test.groups}
			got := []bool{p.CanRead("g"), p.CanWrite("g"), p.CanRead("x"), p.CanWrite("x"), p.IsAdmin()}
			want := []bool{test.readOwn, test.writeOwn, test.others, test.others, test.admin}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if p.CanRead("") || p.CanWrite("") {
				t.Error("no group is a group")
			}
		})
	}
}

func TestRequireRole(t *testing.T) {
	t.Parallel()
	order := []entity.Role{"viewer", "editor", "admin"}
	for have, role := range order {
		for need, required := range order {
			err := entity.Principal{Role: role}.RequireRole(required)
			if have >= need && err != nil {
				t.Errorf("%s for %s: %v", role, required, err)
			}
			if have < need && !errors.Is(err, entity.ErrPermission) {
				t.Errorf("%s for %s: %v", role, required, err)
			}
		}
		if err := (entity.Principal{Role: role}).RequireRole("owner"); !errors.Is(err, entity.ErrPermission) {
			t.Errorf("%s for an unknown role: %v", role, err)
		}
		if err := (entity.Principal{}).RequireRole(role); !errors.Is(err, entity.ErrPermission) {
			t.Errorf("nobody for %s: %v", role, err)
		}
		if !role.Valid() {
			t.Errorf("%s is not valid", role)
		}
	}
	if entity.Role("").Valid() || entity.Role("Viewer").Valid() {
		t.Error("an unknown role is valid")
	}
}

func TestScope(t *testing.T) {
	t.Parallel()
	var zero entity.Scope
	if zero.All() || zero.Includes("g") || zero.Includes("") || zero.Groups() != nil {
		t.Error("the zero scope has something")
	}
	if none := entity.Within(); none.All() || none.Includes("g") {
		t.Error("within nothing has something")
	}
	all := entity.Everywhere()
	if !all.All() || !all.Includes("g") || all.Includes("") || all.Groups() != nil {
		t.Error("everywhere is not")
	}
	groups := []string{"a", "b"}
	some := entity.Within(groups...)
	groups[0] = "x"
	some.Groups()[1] = "y"
	if some.All() || !some.Includes("a") || !some.Includes("b") || some.Includes("x") || some.Includes("y") {
		t.Error("a scope can be changed")
	}
}

func TestNewPrincipal(t *testing.T) {
	t.Parallel()
	got := entity.NewPrincipal(
		entity.Session{ID: "s", Username: "u", ExpireTime: time.Now()},
		entity.User{Name: "u", Role: "editor", Groups: []string{"g"}, PasswordHash: "h"},
	)
	want := entity.Principal{Username: "u", Role: "editor", Groups: []string{"g"}, SessionID: "s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
