package entity

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Sentinels for errors.Is. Each matches every [*Error] of its kind, with any reason,
// except for ErrStaleETag and ErrNotWritable, which match only their reasons.
var (
	ErrInvalid            = errors.New("invalid")
	ErrNotFound           = errors.New("not found")
	ErrExists             = errors.New("already exists")
	ErrStaleETag          = errors.New("stale etag")
	ErrPreconditionFailed = errors.New("precondition failed")
	ErrPermission         = errors.New("permission denied")
	ErrUnauthenticated    = errors.New("unauthenticated")
	ErrUnavailable        = errors.New("unavailable")
	// ErrNotWritable: the storage takes no writes at the moment, such as on a full disk
	// or under the lock of another process. Reads may go on.
	ErrNotWritable = errors.New("storage takes no writes")
)

// Kind is the class of an [Error]. Its text is stored with operations, so that
// the names may never change.
type Kind int

// The zero Kind is KindInternal: an unclassified error reveals nothing.
const (
	// KindInternal is a fault of the service. Its message is not for callers.
	KindInternal Kind = iota
	// KindInvalid is a request that no state would make right.
	KindInvalid
	// KindNotFound is something that does not exist.
	KindNotFound
	// KindAlreadyExists is an id that is taken.
	KindAlreadyExists
	// KindConflict is a message that was written against another version: ABORTED.
	KindConflict
	// KindPreconditionFailed is a condition in the request's own headers that
	// does not hold: 412 over HTTP (RFC 9110 §15.5.13).
	KindPreconditionFailed
	// KindPermissionDenied is a caller who may not.
	KindPermissionDenied
	// KindUnauthenticated is a caller who is not known.
	KindUnauthenticated
	// KindUnavailable passes by itself; the same call may be sent again.
	KindUnavailable
)

// String returns the stored name, such as NOT_FOUND.
func (k Kind) String() string {
	switch k {
	case KindInternal:
		return "INTERNAL"
	case KindInvalid:
		return "INVALID"
	case KindNotFound:
		return "NOT_FOUND"
	case KindAlreadyExists:
		return "ALREADY_EXISTS"
	case KindConflict:
		return "CONFLICT"
	case KindPreconditionFailed:
		return "PRECONDITION_FAILED"
	case KindPermissionDenied:
		return "PERMISSION_DENIED"
	case KindUnauthenticated:
		return "UNAUTHENTICATED"
	case KindUnavailable:
		return "UNAVAILABLE"
	default:
		return fmt.Sprintf("KIND_%d", int(k))
	}
}

// MarshalText returns the stored name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a stored name. One that it does not know, as a later
// program may have written, is KindInternal: it claims nothing.
func (k *Kind) UnmarshalText(text []byte) error {
	*k = KindInternal
	for known := KindInternal; known <= KindUnavailable; known++ {
		if known.String() == string(text) {
			*k = known
		}
	}

	return nil
}

func (k Kind) sentinel() error {
	switch k {
	case KindInvalid:
		return ErrInvalid
	case KindNotFound:
		return ErrNotFound
	case KindAlreadyExists:
		return ErrExists
	case KindPreconditionFailed:
		return ErrPreconditionFailed
	case KindPermissionDenied:
		return ErrPermission
	case KindUnauthenticated:
		return ErrUnauthenticated
	case KindUnavailable:
		return ErrUnavailable
	case KindInternal, KindConflict:
		return nil
	default:
		return nil
	}
}

// Error is a failure as data. It is stored as JSON with an operation that
// failed, without its cause.
type Error struct {
	// Kind is the class, from which a status code is chosen.
	Kind Kind `json:"kind"`
	// Reason is UPPER_SNAKE and stable: clients branch on it.
	Reason string `json:"reason"`
	// Message is a sentence for the caller. It holds no text of a driver.
	Message string `json:"message"`
	// Metadata holds every part of Message that varies (AIP-193).
	Metadata map[string]string `json:"metadata,omitempty"`
	// Violations are the wrong fields. Only with KindInvalid.
	Violations []Violation `json:"violations,omitempty"`
	// RetryAfter is when to try again. 0 means that nothing is known of it.
	RetryAfter time.Duration `json:"-"`
	// Cause is for the log, never for the caller.
	Cause error `json:"-"`
}

// Violation is one field that is wrong.
type Violation struct {
	// Field is its path in the message, such as "display_name".
	Field string `json:"field"`
	// Reason is UPPER_SNAKE and stable.
	Reason string `json:"reason"`
	// Description is a sentence for the caller.
	Description string `json:"description"`
}

// Error returns the text for the log, with the cause.
func (e *Error) Error() string {
	text := e.Reason + ": " + e.Message
	if e.Cause == nil {
		return text
	}

	return text + ": " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is reports whether target is the sentinel of the error's kind or reason.
func (e *Error) Is(target error) bool {
	switch {
	case target == ErrStaleETag && e.Reason == ReasonStaleETag,
		target == ErrNotWritable && (e.Reason == ReasonStoreNotWritable || e.Reason == ReasonStoreBusy):
		return true
	}
	sentinel := e.Kind.sentinel()

	return sentinel != nil && target == sentinel
}

// Clone returns a copy that shares nothing with e. It has no cause.
func (e *Error) Clone() *Error {
	clone := *e
	clone.Metadata = maps.Clone(e.Metadata)
	clone.Violations = slices.Clone(e.Violations)
	clone.Cause = nil

	return &clone
}
