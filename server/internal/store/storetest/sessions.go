package storetest

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/entity"
)

func testUsers(t *testing.T, f *fixture) {
	s := f.store(t)
	if has, err := s.HasUsers(t.Context()); has || err != nil {
		t.Errorf("an empty store has users: %t, %v", has, err)
	}
	users := []entity.User{
		{Name: "ädmin/%", Role: entity.RoleAdmin, PasswordHash: "h1"},
		{Name: "viewer", Role: entity.RoleViewer, Groups: []string{"b", "a"}, PasswordHash: "h2"},
	}
	for _, user := range users {
		wantReason(t, s.CreateUser(t.Context(), user), "")
		got, err := s.GetUser(t.Context(), user.Name)
		wantReason(t, err, "")
		if diff := cmp.Diff(user, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if has, err := s.HasUsers(t.Context()); !has || err != nil {
		t.Errorf("has users: %t, %v", has, err)
	}
	wantReason(t, s.CreateUser(t.Context(), entity.User{Name: "viewer", Role: entity.RoleAdmin}), entity.ReasonUserExists)
	wantReason(t, s.CreateUser(t.Context(), entity.User{Name: "x", Role: "owner"}), entity.ReasonUserInvalid)
	for _, name := range []string{"", "Viewer", "x"} {
		_, err := s.GetUser(t.Context(), name)
		wantReason(t, err, entity.ReasonUserNotFound)
	}
	if kept, err := s.GetUser(t.Context(), "viewer"); err != nil || kept.Role != entity.RoleViewer {
		t.Errorf("a refused user has replaced the first: %+v, %v", kept, err)
	}
	outcomes := race(func(int) error {
		return s.CreateUser(t.Context(), entity.User{Name: "first", Role: entity.RoleAdmin})
	})
	wantOutcomes(t, outcomes, entity.ReasonUserExists)
}

// login stores the user "u" and a session that lasts an hour.
func login(t *testing.T, s entity.Store, now time.Time) (entity.Session, string) {
	t.Helper()
	user := entity.User{Name: "u", Role: entity.RoleEditor, Groups: []string{"g"}, PasswordHash: "h"}
	if err := s.CreateUser(t.Context(), user); err != nil && reasonOf(err) != entity.ReasonUserExists {
		t.Fatal(err)
	}
	session, token := entity.NewSession("u", now.Add(time.Hour))
	if err := s.CreateSession(t.Context(), session); err != nil {
		t.Fatal(err)
	}

	return session, token
}

func testSessions(t *testing.T, f *fixture) {
	s := f.store(t)
	session, token := login(t, s, f.clock.Now())
	other, otherToken := login(t, s, f.clock.Now())
	got, user, err := s.SessionByToken(t.Context(), entity.HashToken(token))
	wantReason(t, err, "")
	if diff := cmp.Diff(session, got); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	want := entity.User{Name: "u", Role: entity.RoleEditor, Groups: []string{"g"}, PasswordHash: "h"}
	if diff := cmp.Diff(want, user); diff != "" {
		t.Errorf("user (-want +got):\n%s", diff)
	}
	got, err = s.GetSession(t.Context(), session.ID)
	wantReason(t, err, "")
	if diff := cmp.Diff(session, got); diff != "" {
		t.Errorf("by id (-want +got):\n%s", diff)
	}
	for _, wrong := range []string{"", token + "x", "!" + token[1:], session.ID} {
		_, _, err := s.SessionByToken(t.Context(), entity.HashToken(wrong))
		wantReason(t, err, entity.ReasonTokenInvalid)
	}
	wantReason(t, s.DeleteSession(t.Context(), session.ID), "")
	_, user, err = s.SessionByToken(t.Context(), entity.HashToken(token))
	wantReason(t, err, entity.ReasonTokenInvalid)
	if user.Name != "" {
		t.Error("both a user and an error")
	}
	_, err = s.GetSession(t.Context(), session.ID)
	wantReason(t, err, entity.ReasonSessionNotFound)
	wantReason(t, s.DeleteSession(t.Context(), session.ID), entity.ReasonSessionNotFound)
	// The other login of the same user stays.
	if kept, _, err := s.SessionByToken(t.Context(), entity.HashToken(otherToken)); err != nil || kept.ID != other.ID {
		t.Errorf("the other session: %+v, %v", kept, err)
	}
	orphan, _ := entity.NewSession("nobody", f.clock.Now().Add(time.Hour))
	wantReason(t, s.CreateSession(t.Context(), orphan), entity.ReasonUserNotFound)
}

func testSessionExpiry(t *testing.T, f *fixture) {
	s := f.store(t)
	session, token := login(t, s, f.clock.Now())
	f.clock.Advance(time.Hour - time.Microsecond)
	_, _, err := s.SessionByToken(t.Context(), session.TokenHash)
	wantReason(t, err, "")
	_, err = s.GetSession(t.Context(), session.ID)
	wantReason(t, err, "")
	f.clock.Advance(time.Microsecond)
	got, user, err := s.SessionByToken(t.Context(), entity.HashToken(token))
	wantReason(t, err, entity.ReasonTokenExpired)
	if got.ID != "" || user.Name != "" {
		t.Errorf("both a session and an error: %+v of %+v", got, user)
	}
	_, err = s.GetSession(t.Context(), session.ID)
	wantReason(t, err, entity.ReasonSessionNotFound)
	wantReason(t, s.DeleteSession(t.Context(), session.ID), entity.ReasonSessionNotFound)
}

func testSessionPurge(t *testing.T, f *fixture) {
	s := f.store(t)
	purge := func(want int) {
		t.Helper()
		if got, err := s.PurgeSessions(t.Context()); err != nil || got != want {
			t.Errorf("purged %d, %v; want %d", got, err, want)
		}
	}
	purge(0)
	var tokens []string
	for range 3 {
		_, token := login(t, s, f.clock.Now())
		tokens = append(tokens, token)
		f.clock.Advance(20 * time.Minute)
	}
	// The first has just expired: an hour has gone by since its login.
	purge(1)
	purge(0)
	for i, want := range []string{entity.ReasonTokenInvalid, "", ""} {
		_, _, err := s.SessionByToken(t.Context(), entity.HashToken(tokens[i]))
		if got := reasonOf(err); got != want {
			t.Errorf("token %d: %q, want %q", i, got, want)
		}
	}
	f.clock.Advance(time.Hour)
	purge(2)
}

func testMaintenance(t *testing.T, f *fixture) {
	s := f.store(t)
	states := []entity.Maintenance{
		{},
		{Enabled: true},
		{Enabled: true, RetryAfter: 90 * time.Second, Message: "back at 8, 日本"},
		{RetryAfter: entity.MaxRetryAfter, Message: "was"},
		{},
	}
	for i, state := range states {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			if i > 0 {
				wantReason(t, s.SetMaintenance(t.Context(), state), "")
			}
			got, err := s.GetMaintenance(t.Context())
			wantReason(t, err, "")
			if diff := cmp.Diff(state, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Everything outlives a restart.
func testReopen(t *testing.T, f *fixture) {
	s := f.store(t)
	created := mustCreate(t, s, withAttributes("e", "x", 1.0))
	session, token := login(t, s, f.clock.Now())
	closed := entity.Maintenance{Enabled: true, RetryAfter: time.Minute, Message: "closed"}
	wantReason(t, s.SetMaintenance(t.Context(), closed), "")
	op, err := s.StartImport(t.Context(), entity.Import{Owner: "u", Scope: entity.Within("g"), Entities: many(2)})
	wantReason(t, err, "")
	wantReason(t, s.Close(), "")

	s = f.store(t)
	if diff := cmp.Diff(created, mustGet(t, s, "e")); diff != "" {
		t.Errorf("entity:\n%s", diff)
	}
	if got, _, err := s.SessionByToken(t.Context(), entity.HashToken(token)); err != nil || got.ID != session.ID {
		t.Errorf("session: %+v, %v", got, err)
	}
	if got, err := s.GetMaintenance(t.Context()); err != nil || got != closed {
		t.Errorf("maintenance: %+v, %v", got, err)
	}
	got, err := s.GetOperation(t.Context(), op.ID)
	wantReason(t, err, "")
	if diff := cmp.Diff(op, got, compareScopes()); diff != "" {
		t.Errorf("operation:\n%s", diff)
	}
}
