package rfc9110

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrCondition says that a field value is neither `*` nor a list of entity-tags.
var ErrCondition = errors.New("neither * nor a list of entity-tags")

// FieldError says which field of a request is malformed. Error omits Value, because
// that is the client's own text, with any length and any bytes.
type FieldError struct {
	// Field is the canonical name.
	Field string
	// Value is the received value; several lines are joined by a comma and a space.
	Value string
	// Reason is a sentence fragment that a client may read.
	Reason string
}

// Error returns the field and the reason.
func (e *FieldError) Error() string {
	return e.Field + ": " + e.Reason
}

// Condition is a parsed If-Match or If-None-Match. The zero value is an absent field.
type Condition struct {
	// Present is true if the field was sent.
	Present bool
	// Any is true for `*`, and then there are no tags.
	Any bool
	// Tags are the tags of the list, in the order sent.
	Tags []ETag
}

// ParseCondition reads all lines of If-Match or If-None-Match. Without lines it returns
// the zero Condition. The error is [ErrCondition] or, for a bad member, [ErrETag].
//
// A field without members is an error, although the grammar allows it: it can mean
// "matches nothing" or "no condition", and either could be wrong about what the client
// wants to protect.
func ParseCondition(lines []string) (Condition, error) {
	if len(lines) == 0 {
		return Condition{}, nil
	}
	c := Condition{Present: true}
	for _, line := range lines {
		var err error
		if c, err = c.withLine(line); err != nil {
			return Condition{}, err
		}
	}
	if !c.Any && len(c.Tags) == 0 {
		return Condition{}, fmt.Errorf("%w: it is empty", ErrCondition)
	}
	return c, nil
}

// withLine adds the members of one line. It does not use [List], which would treat
// the backslash of `"a\", "b"` as an escape.
func (c Condition) withLine(line string) (Condition, error) {
	for {
		line = strings.TrimLeft(line, ows+",")
		if line == "" {
			return c, nil
		}
		var err error
		if c, line, err = c.withMember(line); err != nil {
			return Condition{}, err
		}
		line = strings.TrimLeft(line, ows)
		if line != "" && line[0] != ',' {
			return Condition{}, fmt.Errorf("%w: no comma between two members", ErrCondition)
		}
	}
}

// withMember adds the member at the start of line, and returns the rest.
func (c Condition) withMember(line string) (Condition, string, error) {
	rest, star := strings.CutPrefix(line, wildcard)
	if c.Any || star && len(c.Tags) > 0 {
		return Condition{}, "", fmt.Errorf("%w: * does not stand alone", ErrCondition)
	}
	if star {
		c.Any = true
		return c, rest, nil
	}
	tag, rest, err := cutETag(line)
	if err != nil {
		return Condition{}, "", err
	}
	c.Tags = append(c.Tags, tag)
	return c, rest, nil
}

// matches reports whether the condition lists the selected representation. `*`
// matches any existing one; a list never matches one without a tag.
func (c Condition) matches(v Validators, equal func(a, b ETag) bool) bool {
	if v.Missing || c.Any {
		return !v.Missing
	}
	return v.HasTag && slices.ContainsFunc(c.Tags, func(t ETag) bool { return equal(t, v.Tag) })
}

// Preconditions are the conditional fields of one request (§13.1). The zero value is
// a request without conditions. If-Range is missing: it only matters with Range.
type Preconditions struct {
	IfMatch     Condition
	IfNoneMatch Condition
	// IfModifiedSince and IfUnmodifiedSince are zero if the field is absent, not a
	// valid HTTP-date or a list of dates: all three are ignored (§13.1.3, §13.1.4).
	IfModifiedSince   time.Time
	IfUnmodifiedSince time.Time
}

// Fields returns all lines of a field by its canonical name, as http.Header.Values does.
type Fields func(name string) []string

// ParsePreconditions reads the four conditional fields. The error is a [*FieldError],
// always about If-Match or If-None-Match: §13.1 says what to do with a bad date, but
// not with a bad tag.
func ParsePreconditions(fields Fields) (Preconditions, error) {
	ifMatch, err := conditionField(fields, "If-Match")
	if err != nil {
		return Preconditions{}, err
	}
	ifNoneMatch, err := conditionField(fields, "If-None-Match")
	if err != nil {
		return Preconditions{}, err
	}
	return Preconditions{
		IfMatch:           ifMatch,
		IfNoneMatch:       ifNoneMatch,
		IfModifiedSince:   dateField(fields, "If-Modified-Since"),
		IfUnmodifiedSince: dateField(fields, "If-Unmodified-Since"),
	}, nil
}

func conditionField(fields Fields, name string) (Condition, error) {
	lines := fields(name)
	c, err := ParseCondition(lines)
	if err != nil {
		return Condition{}, &FieldError{Field: name, Value: strings.Join(lines, ", "), Reason: err.Error()}
	}
	return c, nil
}

// dateField returns the date of a field, or the zero time if it is to be ignored.
func dateField(fields Fields, name string) time.Time {
	lines := fields(name)
	if len(lines) != 1 {
		return time.Time{}
	}
	date, err := ParseDate(strings.Trim(lines[0], ows))
	if err != nil {
		return time.Time{}
	}
	if date.IsZero() {
		// The first second of year 1 is a valid date. Read as no date, it would drop
		// an If-Unmodified-Since that can only fail.
		return date.Add(time.Second)
	}
	return date
}

// Present reports whether any condition is left to evaluate.
func (p Preconditions) Present() bool {
	return p.IfMatch.Present || p.IfNoneMatch.Present || !p.IfModifiedSince.IsZero() || !p.IfUnmodifiedSince.IsZero()
}

// Validators describe the selected representation: the one that a GET with the same
// Accept fields would return (§8.8, §13.1).
type Validators struct {
	// Tag is valid only if HasTag is true, because the zero ETag is a valid tag.
	Tag    ETag
	HasTag bool
	// LastModified is zero if the resource has no modification date.
	LastModified time.Time
	// Missing is true if there is no current representation.
	Missing bool
}

// Outcome is the result of a request's preconditions.
type Outcome int

const (
	// Proceed means that the request is performed as if it had no condition.
	Proceed Outcome = iota
	// NotModified means 304: the client has the current representation.
	NotModified
	// Failed means 412: the request is not performed.
	Failed
)

// Evaluate applies the conditions in the order of §13.2.2. read is true only for GET
// and HEAD. Call it only for a request that would otherwise end in 2xx or 412; any
// other response, such as 401 or 404, is independent of the conditions (§13.2.1).
//
// Evaluation followed by a write is a race unless both are one atomic step.
func (p Preconditions) Evaluate(read bool, v Validators) Outcome {
	if read && v.Missing {
		// A read of a missing resource is 404, with or without conditions.
		return Proceed
	}
	if !p.mayAct(v) {
		return Failed
	}
	if !p.isCurrent(read, v) {
		return Proceed
	}
	if read {
		return NotModified
	}
	return Failed
}

// mayAct is steps 1 and 2: If-Match, or else If-Unmodified-Since.
func (p Preconditions) mayAct(v Validators) bool {
	if p.IfMatch.Present {
		return p.IfMatch.matches(v, ETag.StrongEqual)
	}
	if p.IfUnmodifiedSince.IsZero() || !v.hasDate() {
		return true
	}
	return v.unmodifiedSince(p.IfUnmodifiedSince)
}

// isCurrent is steps 3 and 4: If-None-Match, or else If-Modified-Since, which only
// reads evaluate.
func (p Preconditions) isCurrent(read bool, v Validators) bool {
	if p.IfNoneMatch.Present {
		return p.IfNoneMatch.matches(v, ETag.WeakEqual)
	}
	if !read || p.IfModifiedSince.IsZero() || !v.hasDate() {
		return false
	}
	return v.unmodifiedSince(p.IfModifiedSince)
}

func (v Validators) hasDate() bool {
	return !v.Missing && !v.LastModified.IsZero()
}

// unmodifiedSince compares whole seconds. An HTTP-date has no fraction, so the date of
// a client that sends Last-Modified back would always be slightly too early.
func (v Validators) unmodifiedSince(date time.Time) bool {
	return v.LastModified.Unix() <= date.Unix()
}
