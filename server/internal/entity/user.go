package entity

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"
)

// MaxPasswordBytes is what bcrypt reads of a password.
const MaxPasswordBytes = 72

// MaxUsernameLength is in characters.
const MaxUsernameLength = 64

// User is who may log in.
type User struct {
	// Name is 1 to MaxUsernameLength characters.
	Name string
	Role Role
	// Groups are those of Entity.Group. An admin needs none.
	Groups []string
	// PasswordHash is made by HashPassword.
	PasswordHash string
}

// Validate returns USER_INVALID with a violation for each field that cannot be
// stored.
func (u User) Validate() error {
	var violations []Violation
	if u.Name == "" || !utf8.ValidString(u.Name) || strings.ContainsRune(u.Name, 0) ||
		utf8.RuneCountInString(u.Name) > MaxUsernameLength {
		violations = append(violations, Violation{
			Field: "username", Reason: violationMalformed,
			Description: fmt.Sprintf("1 to %d characters, without U+0000.", MaxUsernameLength),
		})
	}
	if !u.Role.Valid() {
		violations = append(violations, Violation{
			Field: "role", Reason: violationMalformed, Description: "One of viewer, editor and admin.",
		})
	}
	for _, group := range u.Groups {
		if !validGroup(group) {
			violations = append(violations, Violation{
				Field: "groups", Reason: violationMalformed,
				Description: fmt.Sprintf("Each 1 to %d of a-z, 0-9 and \"-\".", MaxGroupLength),
			})

			break
		}
	}
	if len(violations) == 0 {
		return nil
	}

	return invalid(ReasonUserInvalid, violations)
}

// HashPassword returns the bcrypt hash of a password of 1 to MaxPasswordBytes
// bytes; any other is PASSWORD_INVALID. The cost is one of bcrypt's: each step
// doubles the time. 0 means bcrypt.DefaultCost.
func HashPassword(password string, cost int) (string, error) {
	if password == "" || len(password) > MaxPasswordBytes {
		return "", invalid(ReasonPasswordInvalid, []Violation{
			{Field: "password", Reason: violationMalformed, Description: fmt.Sprintf("1 to %d bytes.", MaxPasswordBytes)},
		})
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}

	return string(hash), nil
}

// CheckPassword returns nil if the password matches the hash, and else
// BAD_CREDENTIALS. For an unknown user pass the hash "": it takes the time of a hash
// of this cost, so that the time does not reveal which names exist. Any other error
// means that the hash cannot be read.
func CheckPassword(hash, password string, cost int) error {
	known := hash != ""
	if !known {
		hash = dummyHash(cost)
	}
	err := bcrypt.CompareHashAndPassword([]byte(hash), []byte(password))
	if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) || !known {
		return BadCredentials()
	}
	if err != nil {
		return fmt.Errorf("check password: %w", err)
	}
	// bcrypt compares the first 72 bytes, and would let any longer password in.
	if len(password) > MaxPasswordBytes {
		return BadCredentials()
	}

	return nil
}

// dummyHash is the hash of an unknown password. bcrypt does the whole work before it
// compares.
func dummyHash(cost int) string {
	if cost < bcrypt.MinCost || cost > bcrypt.MaxCost {
		cost = bcrypt.DefaultCost
	}
	const saltAndDigest = 22 + 31

	return fmt.Sprintf("$2a$%02d$%s", cost, strings.Repeat(".", saltAndDigest))
}
