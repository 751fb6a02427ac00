package entity_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"

	"github.com/statusway/statusway/server/internal/entity"
)

func TestPassword(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("é", 36)
	for _, password := range []string{"demo", " ", longest, "a\x00b"} {
		hash, err := entity.HashPassword(password, bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		if err := entity.CheckPassword(hash, password, bcrypt.MinCost); err != nil {
			t.Errorf("%q: %v", password, err)
		}
		for _, wrong := range []string{"", "Demo", password + "x", password[:len(password)-1]} {
			if err := entity.CheckPassword(hash, wrong, bcrypt.MinCost); !isReason(err, "BAD_CREDENTIALS") {
				t.Errorf("%q for %q: %v", wrong, password, err)
			}
		}
	}
}

func TestHashPasswordBounds(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"", strings.Repeat("x", 73)} {
		hash, err := entity.HashPassword(password, bcrypt.MinCost)
		if hash != "" || !isReason(err, "PASSWORD_INVALID") {
			t.Errorf("%d bytes: %q, %v", len(password), hash, err)
		}
		if err != nil && password != "" && strings.Contains(err.Error(), password) {
			t.Error("the error tells the password")
		}
	}
	if hash, err := entity.HashPassword("x", bcrypt.MaxCost+1); err == nil || hash != "" {
		t.Errorf("cost 32: %q, %v", hash, err)
	}
}

func TestCheckPasswordOfUnknownUser(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"", "demo", strings.Repeat("x", 100)} {
		if err := entity.CheckPassword("", password, bcrypt.MinCost); !isReason(err, "BAD_CREDENTIALS") {
			t.Errorf("%q: %v", password, err)
		}
	}
}

// An unknown user must cost what a known one does. No clock is asked: bcrypt
// does all of its work before it can say that a password is another, so that it
// is enough that the hash is well-formed and of the right cost.
func TestCheckPasswordOfUnknownUserCosts(t *testing.T) {
	t.Parallel()
	for cost, want := range map[int]int{
		-1: bcrypt.DefaultCost, 0: bcrypt.DefaultCost, 3: bcrypt.DefaultCost, 4: 4, 5: 5, 12: 12, 31: 31, 32: bcrypt.DefaultCost,
	} {
		if got, err := bcrypt.Cost([]byte(entity.DummyHash(cost))); err != nil || got != want {
			t.Errorf("cost %d: the hash has %d, %v", cost, got, err)
		}
	}
	err := bcrypt.CompareHashAndPassword([]byte(entity.DummyHash(bcrypt.MinCost)), []byte("demo"))
	if !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		t.Errorf("got %v", err)
	}
}

func TestCheckPasswordOfBrokenHash(t *testing.T) {
	t.Parallel()
	for _, hash := range []string{"x", "$2a$99$", "plain text"} {
		err := entity.CheckPassword(hash, "demo", bcrypt.MinCost)
		if err == nil || isReason(err, "BAD_CREDENTIALS") {
			t.Errorf("%q: %v", hash, err)
		}
	}
}

func TestUserValidate(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		user entity.User
		want []string
	}{
		"good":             {entity.User{Name: "u", Role: "viewer", Groups: []string{"a", "b-1"}}, nil},
		"without groups":   {entity.User{Name: "u", Role: "admin"}, nil},
		"longest name":     {entity.User{Name: strings.Repeat("ü", 64), Role: "admin"}, nil},
		"name one beyond":  {entity.User{Name: strings.Repeat("u", 65), Role: "admin"}, []string{"username MALFORMED"}},
		"without a name":   {entity.User{Role: "admin"}, []string{"username MALFORMED"}},
		"name with U+0000": {entity.User{Name: "\x00", Role: "admin"}, []string{"username MALFORMED"}},
		"name not UTF-8":   {entity.User{Name: "\xff", Role: "admin"}, []string{"username MALFORMED"}},
		"without a role":   {entity.User{Name: "u"}, []string{"role MALFORMED"}},
		"bad groups":       {entity.User{Name: "u", Role: "admin", Groups: []string{"A", ""}}, []string{"groups MALFORMED"}},
		"empty group":      {entity.User{Name: "u", Role: "admin", Groups: []string{""}}, []string{"groups MALFORMED"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, violations(t, test.user.Validate())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSession(t *testing.T) {
	t.Parallel()
	expire := time.Date(2026, 1, 2, 3, 4, 5, 678_901_234, time.FixedZone("", 3600))
	session, token := entity.NewSession("u", expire)
	other, otherToken := entity.NewSession("u", expire)
	if token == otherToken || session.ID == other.ID || session.TokenHash == other.TokenHash {
		t.Error("two sessions share something")
	}
	if len(token) != 43 || entity.HashToken(token) != session.TokenHash || session.Username != "u" || session.ID == token {
		t.Errorf("session %+v with token %q", session, token)
	}
	if want := time.Date(2026, 1, 2, 2, 4, 5, 678_901_000, time.UTC); session.ExpireTime != want {
		t.Errorf("expires %v, want %v", session.ExpireTime, want)
	}
	for offset, want := range map[time.Duration]bool{-1: false, 0: true, 1: true} {
		if got := session.Expired(session.ExpireTime.Add(offset)); got != want {
			t.Errorf("%v after its end: expired %t", offset, got)
		}
	}
}

func isReason(err error, reason string) bool {
	var failure *entity.Error

	return errors.As(err, &failure) && failure.Reason == reason
}
