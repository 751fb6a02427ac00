package entity

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of an entity's fields, in characters.
const (
	MaxIDLength          = 128
	MaxDisplayNameLength = 200
	MaxGroupLength       = 64
)

// etagBase keeps a tag short, and within what every header may carry.
const etagBase = 36

// Entity is the resource of the reference service.
type Entity struct {
	// ID is 1 to MaxIDLength characters, without control characters.
	ID string
	// DisplayName is 1 to MaxDisplayNameLength characters.
	DisplayName string
	// Group is 1 to MaxGroupLength of a-z, 0-9 and "-".
	Group string
	// Attributes is a JSON object: nil, bool, float64, string, []any and
	// map[string]any. A store never returns it nil.
	Attributes map[string]any
	// Version is the number of the write that made this state. No other write of
	// the store has it, so that an entity which was deleted and created again
	// never has a version that it had before.
	Version int64
	// CreateTime and UpdateTime are UTC, in microseconds.
	CreateTime time.Time
	UpdateTime time.Time
}

// NewID returns an id for an entity that came without one: 130 random bits, in
// lower-case letters and digits.
func NewID() string { return strings.ToLower(rand.Text()) }

// ETag returns the opaque part of the strong entity-tag, without quotes: the
// version. "" means that the entity was never stored.
func (e Entity) ETag() string {
	if e.Version <= 0 {
		return ""
	}

	return strconv.FormatInt(e.Version, etagBase)
}

// VersionOfETag returns the version that ETag would write so. False means that
// no version is.
func VersionOfETag(opaque string) (int64, bool) {
	version, err := strconv.ParseInt(opaque, etagBase, 64)
	if err != nil || version <= 0 {
		return 0, false
	}
	// "A", "0a" and "+a" are not tags of ours: tags are compared octet by octet
	// (RFC 9110 §8.8.3.2).
	if strconv.FormatInt(version, etagBase) != opaque {
		return 0, false
	}

	return version, true
}

// Validate returns ENTITY_INVALID with a violation for each field that cannot be
// stored. A store calls it before each write.
func (e Entity) Validate() error {
	violations := e.violations()
	if e.Group == "" {
		violations = append(violations, Violation{Field: "group", Reason: violationRequired, Description: "A group is needed."})
	}
	if len(violations) == 0 {
		return nil
	}

	return invalid(ReasonEntityInvalid, violations)
}

// violations allows an empty group: a Put without one keeps the current group.
func (e Entity) violations() []Violation {
	var found []Violation
	add := func(field, reason, description string) {
		found = append(found, Violation{Field: field, Reason: reason, Description: description})
	}
	switch {
	case e.ID == "":
		add("id", violationRequired, "An id is needed.")
	case !validID(e.ID):
		add("id", violationMalformed, fmt.Sprintf("1 to %d characters, without control characters; not \".\" or \"..\".", MaxIDLength))
	}
	switch {
	case e.DisplayName == "":
		add("display_name", violationRequired, "A display name is needed.")
	case !validDisplayName(e.DisplayName):
		add("display_name", violationMalformed, fmt.Sprintf("1 to %d characters, without U+0000.", MaxDisplayNameLength))
	}
	if e.Group != "" && !validGroup(e.Group) {
		add("group", violationMalformed, fmt.Sprintf("1 to %d of a-z, 0-9 and \"-\".", MaxGroupLength))
	}

	return found
}

func validID(id string) bool {
	// Dot segments are removed from a path even when they are percent-encoded
	// (RFC 3986 §6.2.2): such an entity could never be reached by its URL.
	if id == "." || id == ".." {
		return false
	}
	control := func(r rune) bool { return r < ' ' || r == 0x7f }

	return utf8.ValidString(id) && utf8.RuneCountInString(id) <= MaxIDLength && !strings.ContainsFunc(id, control)
}

// validDisplayName refuses U+0000 because PostgreSQL's text cannot hold it.
func validDisplayName(name string) bool {
	return utf8.ValidString(name) && utf8.RuneCountInString(name) <= MaxDisplayNameLength && !strings.ContainsRune(name, 0)
}

func validGroup(group string) bool {
	foreign := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	}

	return group != "" && len(group) <= MaxGroupLength && !strings.ContainsFunc(group, foreign)
}

// EncodeAttributes returns the attributes as a JSON object, with its members in
// order; {} for nil. A value that JSON has no form for, such as NaN, is
// ENTITY_INVALID.
func EncodeAttributes(attributes map[string]any) (string, error) {
	if attributes == nil {
		return "{}", nil
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(attributes); err != nil {
		return "", invalid(ReasonEntityInvalid, []Violation{
			{Field: "attributes", Reason: violationMalformed, Description: "Only what JSON can hold."},
		})
	}

	return strings.TrimSuffix(buffer.String(), "\n"), nil
}

// DecodeAttributes reads what EncodeAttributes wrote. The map is never nil.
func DecodeAttributes(text string) (map[string]any, error) {
	attributes := map[string]any{}
	if err := json.Unmarshal([]byte(text), &attributes); err != nil {
		return nil, fmt.Errorf("decode attributes: %w", err)
	}
	if attributes == nil {
		attributes = map[string]any{}
	}

	return attributes, nil
}
