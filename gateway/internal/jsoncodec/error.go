package jsoncodec

import (
	"fmt"
	"strings"
)

// The reasons of an [Error].
const (
	ReasonEmptyBody      = "EMPTY_BODY"      // nothing, or only white space
	ReasonMalformedJSON  = "MALFORMED_JSON"  // not the grammar of RFC 8259
	ReasonTrailingData   = "TRAILING_DATA"   // something after the value
	ReasonInvalidUTF8    = "INVALID_UTF8"    // also half of a surrogate pair, which has no UTF-8
	ReasonTooDeep        = "TOO_DEEP"        // deeper than MaxDepth
	ReasonUnknownField   = "UNKNOWN_FIELD"   // a member that the message does not have
	ReasonDuplicateField = "DUPLICATE_FIELD" // a duplicate member, in any spelling
	ReasonInvalidValue   = "INVALID_VALUE"   // the wrong type, out of range, or the wrong format
)

// Error says what is wrong with a JSON value from a client. [Unmarshal] and [UnmarshalField] return no other error.
type Error struct {
	// Pointer is the RFC 6901 JSON pointer to the wrong member, with the names that the client used. It is "" for the
	// whole value, and if the value is not JSON. It ends above a member whose name is longer than 256 bytes.
	Pointer string
	// Reason is one of the Reason constants.
	Reason string
	// Detail is a text for the client. Its subject is the member: "is a string, but a number is expected". It is
	// valid UTF-8 and contains at most 64 characters of the input.
	Detail string
}

var _ error = (*Error)(nil)

// Error returns the detail after its subject.
func (e *Error) Error() string {
	if e.Pointer == "" {
		return "the JSON value " + e.Detail
	}
	return e.Pointer + " " + e.Detail
}

// The pointer contains whole names, so a name of megabytes would make an error of megabytes.
const maxPointerName = 256

// within puts name before the pointer, because the value is a member or element with this name.
func (e *Error) within(name string) *Error {
	switch {
	case e.Reason == ReasonMalformedJSON:
		// In a broken text the structure around the error is a guess. The offset is enough.
	case len(name) > maxPointerName:
		e.Pointer = ""
		e.Detail = fmt.Sprintf("has a fault in a member whose name is longer than %d bytes", maxPointerName)
	default:
		e.Pointer = "/" + escapePointer(name) + e.Pointer
	}
	return e
}

// escapePointer writes a name as one reference token (RFC 6901 §3). The order matters: "~1" must become "~01".
func escapePointer(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

func invalid(format string, args ...any) *Error {
	return &Error{Reason: ReasonInvalidValue, Detail: fmt.Sprintf(format, args...)}
}

// shorten cuts a text from the input.
func shorten(s string) string {
	const most = 63
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}
