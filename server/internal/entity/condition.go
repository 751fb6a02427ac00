package entity

import (
	"slices"
	"time"
)

// The conditions of a request, as HTTP names them.
const (
	conditionIfMatch           = "If-Match"
	conditionIfNoneMatch       = "If-None-Match"
	conditionIfUnmodifiedSince = "If-Unmodified-Since"
)

// Condition is the expected state of an entity before a write. The zero value expects
// nothing.
//
// A store checks permissions, and in Update and Delete whether the entity exists, before
// any condition (RFC 9110 §13.2.1).
type Condition struct {
	// IfMatch holds when the entity exists and has one of the tags, by strong
	// comparison (RFC 9110 §13.1.1).
	IfMatch Tags
	// IfNoneMatch holds when the entity is missing or has none of the tags, by
	// weak comparison (RFC 9110 §13.1.2).
	IfNoneMatch Tags
	// IfUnmodifiedSince holds if the entity was not changed after that second.
	// The zero value is no condition. It is ignored if there is an IfMatch, or if the
	// entity is missing (RFC 9110 §13.1.4).
	IfUnmodifiedSince time.Time
	// ETag is the etag field of the message, opaque, without quotes. "" is no
	// condition. An outdated one is STALE_ETAG, not PRECONDITION_FAILED, because
	// the message itself is out of date (AIP-154).
	ETag string
}

// Tags is the value of If-Match or If-None-Match.
type Tags struct {
	// Present means that the request has the field. Without it the other fields are
	// ignored.
	Present bool
	// Any is "*".
	Any bool
	// Tags is the list, when it is not "*". An empty one matches nothing.
	Tags []Tag
}

// Tag is one entity-tag.
type Tag struct {
	// Opaque is the text between the quotes.
	Opaque string
	// Weak is the prefix W/.
	Weak bool
}

// Check decides the condition against the current entity; nil means that there
// is none. It returns PRECONDITION_FAILED or STALE_ETAG.
//
// It explains a write that changed nothing. It does not guard one: a check that
// is not part of the statement that writes would race.
func (c Condition) Check(id string, current *Entity) error {
	etag := ""
	if current != nil {
		etag = current.ETag()
	}
	switch {
	case !c.matches(current):
		return PreconditionFailed(id, conditionIfMatch, etag)
	case !c.unmodified(current):
		return PreconditionFailed(id, conditionIfUnmodifiedSince, etag)
	case !c.noneMatches(current):
		return PreconditionFailed(id, conditionIfNoneMatch, etag)
	case c.ETag != "" && c.ETag != etag:
		return StaleETag(id, c.ETag, etag)
	default:
		return nil
	}
}

// AllowsCreate reports whether the condition can hold for a missing entity.
func (c Condition) AllowsCreate() bool { return c.Check("", nil) == nil }

// AllowsReplace reports whether the condition can hold for an entity that
// exists: for all but "If-None-Match: *".
func (c Condition) AllowsReplace() bool { return !c.IfNoneMatch.Present || !c.IfNoneMatch.Any }

// UnmodifiedBefore returns the moment before which the last change must lie; the
// zero time means that any will do. Last-Modified has whole seconds, so that the
// whole second named counts as unmodified.
func (c Condition) UnmodifiedBefore() time.Time {
	if c.IfMatch.Present || c.IfUnmodifiedSince.IsZero() {
		return time.Time{}
	}

	return c.IfUnmodifiedSince.Truncate(time.Second).Add(time.Second)
}

// StrongVersions returns the versions that the list matches by strong
// comparison, for a store to put in its statement.
func (t Tags) StrongVersions() []int64 {
	strong := slices.DeleteFunc(slices.Clone(t.Tags), func(tag Tag) bool { return tag.Weak })

	return Tags{Tags: strong}.WeakVersions()
}

// WeakVersions returns the versions that the list matches by weak comparison.
// It is never nil: a list without a tag of ours is a list that matches nothing.
func (t Tags) WeakVersions() []int64 {
	versions := make([]int64, 0, len(t.Tags))
	for _, tag := range t.Tags {
		if version, ok := VersionOfETag(tag.Opaque); ok {
			versions = append(versions, version)
		}
	}

	return versions
}

func (c Condition) matches(current *Entity) bool {
	if !c.IfMatch.Present {
		return true
	}
	if current == nil {
		return false
	}

	return c.IfMatch.Any || slices.Contains(c.IfMatch.StrongVersions(), current.Version)
}

func (c Condition) noneMatches(current *Entity) bool {
	if !c.IfNoneMatch.Present || current == nil {
		return true
	}

	return !c.IfNoneMatch.Any && !slices.Contains(c.IfNoneMatch.WeakVersions(), current.Version)
}

func (c Condition) unmodified(current *Entity) bool {
	before := c.UnmodifiedBefore()

	return before.IsZero() || current == nil || current.UpdateTime.Before(before)
}
