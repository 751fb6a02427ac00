package sessionsvc_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/crypto/bcrypt"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/interceptor"
	"github.com/statusway/statusway/server/internal/sessionsvc"
	"github.com/statusway/statusway/server/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "a password"

// A desk is the service over a store with the users erin and otto.
type desk struct {
	*sessionsvc.Service

	store *sqlite.Store
	now   time.Time
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{now: time.Date(2030, 1, 2, 3, 4, 5, 678_000, time.UTC)}
	clock := func() time.Time { return d.now }
	store, err := sqlite.Open(t.Context(), sqlite.Params{Path: filepath.Join(t.TempDir(), "store.db"), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	hash, err := entity.HashPassword(password, bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []entity.User{
		{Name: "erin", Role: entity.RoleEditor, Groups: []string{"kitchen", "garden"}, PasswordHash: hash},
		{Name: "otto", Role: entity.RoleAdmin, PasswordHash: hash},
	} {
		if err := store.CreateUser(t.Context(), user); err != nil {
			t.Fatal(err)
		}
	}
	d.store = store
	d.Service = sessionsvc.New(sessionsvc.Params{Store: store, Now: clock, TTL: time.Hour, HashCost: bcrypt.MinCost})
	return d
}

// login returns a session and the context of its calls, as the interceptor makes it.
func (d *desk) login(t *testing.T, user string) (*entityv1.Session, context.Context) {
	t.Helper()
	session, err := d.CreateSession(t.Context(), &entityv1.CreateSessionRequest{Username: user, Password: password})
	if err != nil {
		t.Fatal(err)
	}
	principal, err := interceptor.NewAuthenticator(d.store).Principal(t.Context(), []string{session.GetTokenType() + " " + session.GetAccessToken()})
	if err != nil {
		t.Fatal(err)
	}
	return session, interceptor.WithPrincipal(t.Context(), principal)
}

func TestCreateSession(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	got, ctx := d.login(t, "erin")
	if len(got.GetId()) == 0 || len(got.GetAccessToken()) != 43 {
		t.Errorf("the id %q and the token %q", got.GetId(), got.GetAccessToken())
	}
	want := &entityv1.Session{
		Id: got.GetId(), AccessToken: got.GetAccessToken(), Username: "erin", Role: "editor", Groups: []string{"kitchen", "garden"},
		TokenType: "Bearer", ExpireTime: timestamppb.New(d.now.Add(time.Hour)),
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// A second read returns the same session, without the token.
	want.AccessToken = ""
	again, err := d.GetSession(ctx, &entityv1.GetSessionRequest{Id: got.GetId()})
	if diff := cmp.Diff(want, again, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	second, _ := d.login(t, "erin")
	if second.GetId() == got.GetId() || second.GetAccessToken() == got.GetAccessToken() {
		t.Errorf("two logins are one session: %v", second)
	}
}

// Who is no user and who has another password are told the same.
func TestBadCredentials(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, test := range [][2]string{{"erin", "another"}, {"erin", ""}, {"Erin", password}, {"nobody", password}, {"", ""}, {"erin", password + " "}} {
		got, err := d.CreateSession(t.Context(), &entityv1.CreateSessionRequest{Username: test[0], Password: test[1]})
		if diff := cmp.Diff(entity.BadCredentials(), err); diff != "" || got != nil {
			t.Errorf("%q: %v (-want +got):\n%s", test, got, diff)
		}
	}
}

// One's own session is all that one sees: another's is as one that never was, for an
// admin too.
func TestSessionsOfOthers(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	erins, erin := d.login(t, "erin")
	ottos, otto := d.login(t, "otto")
	second, _ := d.login(t, "erin")
	for _, test := range []struct {
		name string
		ctx  context.Context
		id   string
	}{
		{"another's", erin, ottos.GetId()},
		{"another's, by an admin", otto, erins.GetId()},
		{"one's own second", erin, second.GetId()},
		{"none", erin, "nothing"},
		{"no id", erin, ""},
		{"by nobody", t.Context(), erins.GetId()},
	} {
		want := entity.SessionNotFound(test.id)
		got, err := d.GetSession(test.ctx, &entityv1.GetSessionRequest{Id: test.id})
		if diff := cmp.Diff(want, err); diff != "" || got != nil {
			t.Errorf("%s: %v (-want +got):\n%s", test.name, got, diff)
		}
		_, err = d.DeleteSession(test.ctx, &entityv1.DeleteSessionRequest{Id: test.id})
		if diff := cmp.Diff(want, err); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	for _, session := range []*entityv1.Session{erins, ottos, second} {
		if _, err := d.store.GetSession(t.Context(), session.GetId()); err != nil {
			t.Errorf("the session of %s is gone: %v", session.GetUsername(), err)
		}
	}
}

// Logging out stops the token at once, and no other.
func TestDeleteSession(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	session, ctx := d.login(t, "erin")
	other, _ := d.login(t, "erin")
	if _, err := d.DeleteSession(ctx, &entityv1.DeleteSessionRequest{Id: session.GetId()}); err != nil {
		t.Fatal(err)
	}
	authenticator := interceptor.NewAuthenticator(d.store)
	if _, err := authenticator.Principal(t.Context(), []string{"Bearer " + session.GetAccessToken()}); !errors.Is(err, entity.ErrUnauthenticated) {
		t.Errorf("the token still works: %v", err)
	}
	if _, err := authenticator.Principal(t.Context(), []string{"Bearer " + other.GetAccessToken()}); err != nil {
		t.Errorf("another token has stopped: %v", err)
	}
	// A call that was on its way when the session ended.
	if _, err := d.DeleteSession(ctx, &entityv1.DeleteSessionRequest{Id: session.GetId()}); !errors.Is(err, entity.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	if got, err := d.GetSession(ctx, &entityv1.GetSessionRequest{Id: session.GetId()}); !errors.Is(err, entity.ErrNotFound) || got != nil {
		t.Errorf("read after the end: %v, %v", got, err)
	}
}

// A store that fails is not a wrong password.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := d.CreateSession(ctx, &entityv1.CreateSessionRequest{Username: "erin", Password: password})
	if !errors.Is(err, context.Canceled) || got != nil {
		t.Errorf("%v, %v", got, err)
	}
}
