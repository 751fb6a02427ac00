package jsoncodec

import (
	"fmt"
	"strings"
)

// The reasons of an [Error].
const (
	ReasonEmptyBody      = "EMPTY_BODY"      // nothing, or only white space
	ReasonMalformedJSON  = "MALFORMED_JSON"  // not the grammar of RFC 8259
	ReasonTrailingData   = "TRAILING_DATA"   // something after the one value
	ReasonInvalidUTF8    = "INVALID_UTF8"    // also half of a surrogate pair, which has no UTF-8
	ReasonTooDeep        = "TOO_DEEP"        // deeper than MaxDepth
	ReasonUnknownField   = "UNKNOWN_FIELD"   // a member that the message does not have
	ReasonDuplicateField = "DUPLICATE_FIELD" // a member given twice, under whatever spellings
	ReasonInvalidValue   = "INVALID_VALUE"   // the wrong type, out of range, or not the format
)

// Error says what is wrong with a JSON value that a client sent. [Unmarshal] and [UnmarshalField] return no other.
type Error struct {
	// Pointer is the RFC 6901 JSON pointer to the member at fault, in the names that the client used. It is "" for
	// the whole value, and where the value is not JSON at all. It ends above a member whose name is longer than 256
	// bytes.
	Pointer string
	// Reason is one of the Reason constants.
	Reason string
	// Detail is written for the client. The member is its subject: "is a string, but a number is expected". It is
	// valid UTF-8 and repeats no more than 64 characters of the input.
	Detail string
}

var _ error = (*Error)(nil)

// Error is the detail behind its subject.
func (e *Error) Error() string {
	if e.Pointer == "" {
		return "the JSON value " + e.Detail
	}
	return e.Pointer + " " + e.Detail
}

// A name is repeated in the pointer in full, so one of megabytes would come back in megabytes.
const maxPointerName = 256

// within makes an error about a value one about the same value inside an object or array, under name.
func (e *Error) within(name string) *Error {
	switch {
	case e.Reason == ReasonMalformedJSON:
		// Where the text is broken the structure around it is a guess. The offset says enough.
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

// shorten cuts what is repeated from the input.
func shorten(s string) string {
	const most = 63
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}
