package interceptor_test

import (
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/metadata"

	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/interceptor"
	"github.com/statusway/statusway/server/internal/store/sqlite"
)

// tokenLife is how long the tokens of a test work, by its own clock.
const tokenLife = time.Hour

// A household is a store with one user, whose clock the test turns.
type household struct {
	*sqlite.Store

	clock   atomic.Int64
	session entity.Session
	token   string
}

func newHousehold(t *testing.T) *household {
	t.Helper()
	h := &household{}
	h.clock.Store(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro())
	store, err := sqlite.Open(t.Context(), sqlite.Params{Path: filepath.Join(t.TempDir(), "store.db"), Now: h.now})
	if err != nil {
		t.Fatal(err)
	}
	h.Store = store
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	user := entity.User{Name: "erin", Role: entity.RoleEditor, Groups: []string{"kitchen", "garden"}, PasswordHash: "x"}
	if err := store.CreateUser(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	h.session, h.token = entity.NewSession(user.Name, h.now().Add(tokenLife))
	if err := store.CreateSession(t.Context(), h.session); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *household) now() time.Time           { return time.UnixMicro(h.clock.Load()).UTC() }
func (h *household) advance(by time.Duration) { h.clock.Add(by.Microseconds()) }

// erin is who the household's token speaks for.
func (h *household) erin() entity.Principal {
	return entity.Principal{Username: "erin", Role: entity.RoleEditor, Groups: []string{"kitchen", "garden"}, SessionID: h.session.ID}
}

// reasonOf is the reason of a domain's error, or "" where there is none.
func reasonOf(err error) string {
	if failure, ok := errors.AsType[*entity.Error](err); ok {
		return failure.Reason
	}
	return ""
}

func TestPrincipal(t *testing.T) {
	t.Parallel()
	h := newHousehold(t)
	authenticator := interceptor.NewAuthenticator(h)
	for _, test := range []struct {
		name          string
		authorization []string
		reason        string
	}{
		{"a token", []string{"Bearer " + h.token}, ""},
		{"the scheme in lower case", []string{"bearer " + h.token}, ""},
		{"the scheme in any case", []string{"bEaReR " + h.token}, ""},
		{"more than one space", []string{"Bearer   " + h.token}, ""},
		{"nothing", nil, entity.ReasonTokenMissing},
		{"no values", []string{}, entity.ReasonTokenMissing},
		{"an empty value", []string{""}, entity.ReasonTokenInvalid},
		{"a scheme alone", []string{"Bearer"}, entity.ReasonTokenInvalid},
		{"a scheme and a space", []string{"Bearer "}, entity.ReasonTokenInvalid},
		{"a token alone", []string{h.token}, entity.ReasonTokenInvalid},
		{"another scheme", []string{"Basic " + h.token}, entity.ReasonTokenInvalid},
		{"the beginning of the scheme", []string{"Bear " + h.token}, entity.ReasonTokenInvalid},
		{"a space before the scheme", []string{" Bearer " + h.token}, entity.ReasonTokenInvalid},
		{"a tab for the space", []string{"Bearer\t" + h.token}, entity.ReasonTokenInvalid},
		{"another token", []string{"Bearer " + h.token[1:] + "A"}, entity.ReasonTokenInvalid},
		{"part of the token", []string{"Bearer " + h.token[:42]}, entity.ReasonTokenInvalid},
		{"something after the token", []string{"Bearer " + h.token + " x"}, entity.ReasonTokenInvalid},
		{"the name of the session", []string{"Bearer " + h.session.ID}, entity.ReasonTokenInvalid},
		{"the hash of the token", []string{"Bearer " + string(h.session.TokenHash[:])}, entity.ReasonTokenInvalid},
		// Which of the two would count is a question that a request must not ask.
		{"two values", []string{"Bearer " + h.token, "Bearer " + h.token}, entity.ReasonTokenInvalid},
		{"a good value and another", []string{"Bearer " + h.token, "Basic x"}, entity.ReasonTokenInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := authenticator.Principal(t.Context(), test.authorization)
			if reasonOf(err) != test.reason || (err != nil) != (test.reason != "") {
				t.Fatalf("error %v, want %q", err, test.reason)
			}
			want := h.erin()
			if err != nil {
				want = entity.Principal{}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A token works until its last moment, and a deleted one not at all.
func TestPrincipalEnds(t *testing.T) {
	t.Parallel()
	h := newHousehold(t)
	authenticator := interceptor.NewAuthenticator(h)
	check := func(reason string) {
		t.Helper()
		if _, err := authenticator.Principal(t.Context(), []string{"Bearer " + h.token}); reasonOf(err) != reason {
			t.Errorf("error %v, want %q", err, reason)
		}
	}
	h.advance(tokenLife - time.Microsecond)
	check("")
	h.advance(time.Microsecond)
	check(entity.ReasonTokenExpired)
	h.advance(-time.Minute)
	check("")
	if err := h.DeleteSession(t.Context(), h.session.ID); err != nil {
		t.Fatal(err)
	}
	check(entity.ReasonTokenInvalid)
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	h := newHousehold(t)
	check := interceptor.NewAuthenticator(h).Authenticate(func(fullMethod string) bool { return fullMethod == "/a.B/Open" })
	other := entity.Principal{Username: "otto", Role: entity.RoleViewer}
	for _, test := range []struct {
		name          string
		method        string
		known         entity.Principal
		authorization []string
		want          entity.Principal
		reason        string
	}{
		{name: "a token", method: "/a.B/C", authorization: []string{"Bearer " + h.token}, want: h.erin()},
		{name: "no token", method: "/a.B/C", reason: entity.ReasonTokenMissing},
		{name: "a bad token", method: "/a.B/C", authorization: []string{"Bearer x"}, reason: entity.ReasonTokenInvalid},
		// The gateway has looked already; nothing is looked up again.
		{name: "known before", method: "/a.B/C", known: other, want: other},
		{name: "known before, with a token", method: "/a.B/C", known: other, authorization: []string{"Bearer " + h.token}, want: other},
		{name: "anonymous", method: "/a.B/Open"},
		{name: "anonymous, with a bad token", method: "/a.B/Open", authorization: []string{"Bearer x"}},
		{name: "almost anonymous", method: "/a.B/Opener", reason: entity.ReasonTokenMissing},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx := metadata.NewIncomingContext(t.Context(), metadata.MD{"authorization": test.authorization})
			if test.known.Username != "" {
				ctx = interceptor.WithPrincipal(ctx, test.known)
			}
			ctx, err := check(ctx, test.method)
			if reasonOf(err) != test.reason || (err != nil) != (test.reason != "") {
				t.Fatalf("error %v, want %q", err, test.reason)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(test.want, interceptor.PrincipalFrom(ctx)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	// A call may come without any metadata.
	if _, err := check(t.Context(), "/a.B/C"); reasonOf(err) != entity.ReasonTokenMissing {
		t.Errorf("without metadata: %v", err)
	}
	if got := interceptor.PrincipalFrom(t.Context()); !cmp.Equal(got, entity.Principal{}) {
		t.Errorf("nobody is %+v", got)
	}
}
