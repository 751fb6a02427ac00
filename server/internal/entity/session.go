package entity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"
)

// tokenSize is that of an access token, in random bytes: 256 bits.
const tokenSize = 32

// TokenHash is the SHA-256 of an access token. No salt and no slow hash is
// needed: a token is as random as a key, so that it cannot be guessed.
type TokenHash [sha256.Size]byte

// Session is one login.
type Session struct {
	// ID names the session. It is not a secret.
	ID string
	// Username is that of the user.
	Username string
	// TokenHash is all that is kept of the access token.
	TokenHash TokenHash
	// ExpireTime is when the token stops working by itself. UTC, in microseconds.
	ExpireTime time.Time
}

// NewSession returns a session and its access token, which is 43 characters of
// base64url and is kept nowhere.
func NewSession(username string, expire time.Time) (Session, string) {
	secret := make([]byte, tokenSize)
	// It fills the slice or ends the program: since Go 1.24 it never returns an error.
	_, _ = rand.Read(secret)
	token := base64.RawURLEncoding.EncodeToString(secret)

	return Session{
		ID:         strings.ToLower(rand.Text()),
		Username:   username,
		TokenHash:  HashToken(token),
		ExpireTime: expire.UTC().Truncate(time.Microsecond),
	}, token
}

// HashToken returns what SessionStore.SessionByToken looks for.
func HashToken(token string) TokenHash { return sha256.Sum256([]byte(token)) }

// Expired reports whether the session is over at that time.
func (s Session) Expired(now time.Time) bool { return !now.Before(s.ExpireTime) }
