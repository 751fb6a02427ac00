package jsoncodec

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is the maximum depth of nested objects and arrays. It limits the stack, and is enough for any document that
// people write.
const MaxDepth = 100

// validate checks the syntax of a whole body: the grammar of RFC 8259, UTF-8, and the depth. protojson finds most of this
// too, but does not say what it found; and it accepts a number without the digits of its exponent ("1e"), and a depth of
// 10 000.
func validate(data []byte) *Error {
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		// RFC 8259 §8.1 allows a parser to ignore it, but a strict rule is simpler to explain.
		return &Error{Reason: ReasonMalformedJSON, Detail: "is not valid JSON: it begins with a byte order mark"}
	}
	s := scanner{data: data, clean: utf8.Valid(data)}
	s.space()
	if s.pos == len(data) {
		return &Error{Reason: ReasonEmptyBody, Detail: "is empty, but one JSON value is expected"}
	}
	if err := s.value(0); err != nil {
		return err
	}
	s.space()
	if s.pos < len(data) {
		return &Error{Reason: ReasonTrailingData, Detail: fmt.Sprintf("is followed by more data at offset %d", s.pos)}
	}
	return nil
}

// scanner reads any text. Its methods move pos to the end of the text that they read, or to the error.
type scanner struct {
	data  []byte
	pos   int
	clean bool // the whole text is valid UTF-8, so its strings need no check
}

func (s *scanner) space() {
	for s.pos < len(s.data) && isSpace(s.data[s.pos]) {
		s.pos++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func (s *scanner) at(c byte) bool { return s.pos < len(s.data) && s.data[s.pos] == c }

// value reads the value at pos, which is inside depth objects and arrays.
func (s *scanner) value(depth int) *Error {
	if s.pos == len(s.data) {
		return s.unexpected()
	}
	switch s.data[s.pos] {
	case '{':
		return s.object(depth + 1)
	case '[':
		return s.array(depth + 1)
	case '"':
		return s.text()
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	default:
		return s.number()
	}
}

func (s *scanner) object(depth int) *Error {
	if depth > MaxDepth {
		return tooDeep()
	}
	s.pos++
	s.space()
	if s.at('}') {
		s.pos++
		return nil
	}
	for {
		if !s.at('"') {
			return s.unexpected()
		}
		start := s.pos
		if err := s.text(); err != nil {
			return err
		}
		name := s.data[start:s.pos]
		s.space()
		if !s.at(':') {
			return s.unexpected()
		}
		s.pos++
		s.space()
		if err := s.value(depth); err != nil {
			return err.within(unquote(name))
		}
		more, err := s.next('}')
		if !more {
			return err
		}
	}
}

func (s *scanner) array(depth int) *Error {
	if depth > MaxDepth {
		return tooDeep()
	}
	s.pos++
	s.space()
	if s.at(']') {
		s.pos++
		return nil
	}
	for i := 0; ; i++ {
		if err := s.value(depth); err != nil {
			return err.within(strconv.Itoa(i))
		}
		more, err := s.next(']')
		if !more {
			return err
		}
	}
}

// next reads the token after a member: a comma before the next one, or the end.
func (s *scanner) next(end byte) (bool, *Error) {
	s.space()
	switch {
	case s.at(','):
		s.pos++
		s.space()
		return true, nil
	case s.at(end):
		s.pos++
		return false, nil
	default:
		return false, s.unexpected()
	}
}

func (s *scanner) word(want string) *Error {
	for i := range len(want) {
		if !s.at(want[i]) {
			return s.unexpected()
		}
		s.pos++
	}
	return s.boundary()
}

// number reads a number (RFC 8259 §6). A character that starts no value also ends here, as an unexpected character.
func (s *scanner) number() *Error {
	if s.at('-') {
		s.pos++
	}
	// A leading zero is a whole integer part: boundary refuses any digit after it.
	if s.at('0') {
		s.pos++
	} else if s.digits() == 0 {
		return s.unexpected()
	}
	if s.at('.') {
		s.pos++
		if s.digits() == 0 {
			return s.unexpected()
		}
	}
	if s.at('e') || s.at('E') {
		s.pos++
		if s.at('+') || s.at('-') {
			s.pos++
		}
		if s.digits() == 0 {
			return s.unexpected()
		}
	}
	return s.boundary()
}

func (s *scanner) digits() int {
	start := s.pos
	for s.pos < len(s.data) && '0' <= s.data[s.pos] && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos - start
}

// boundary refuses "01" and "nullable", which would otherwise be a value with a text after it.
func (s *scanner) boundary() *Error {
	if s.pos == len(s.data) {
		return nil
	}
	switch c := s.data[s.pos]; {
	case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '+', c == '-', c == '.', c == '_':
		return s.unexpected()
	default:
		return nil
	}
}

// text reads a string, at its opening quote.
func (s *scanner) text() *Error {
	start := s.pos
	s.pos++
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return s.encoding(start)
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		case c < ' ':
			return s.unexpected()
		default:
			s.pos++
		}
	}
	return s.unexpected()
}

// encoding checks the string that was just read from start.
func (s *scanner) encoding(start int) *Error {
	if s.clean {
		return nil
	}
	for i := start; i < s.pos; {
		r, size := utf8.DecodeRune(s.data[i:s.pos])
		if r == utf8.RuneError && size == 1 {
			return &Error{Reason: ReasonInvalidUTF8, Detail: fmt.Sprintf("is not valid UTF-8 at offset %d", i)}
		}
		i += size
	}
	return nil
}

// escape reads an escape sequence.
func (s *scanner) escape() *Error {
	start := s.pos
	s.pos++
	if s.pos == len(s.data) {
		return s.unexpected()
	}
	switch s.data[s.pos] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return nil
	case 'u':
		s.pos++
	default:
		return s.unexpected()
	}
	r, err := s.hex()
	if err != nil || !utf16.IsSurrogate(r) {
		return err
	}
	// RFC 8259 §8.2 lets the parser decide about half a pair. It is not a character, so protobuf cannot contain it.
	half := &Error{Reason: ReasonInvalidUTF8, Detail: fmt.Sprintf("has half of a surrogate pair at offset %d", start)}
	if !bytes.HasPrefix(s.data[s.pos:], []byte(`\u`)) {
		return half
	}
	s.pos += len(`\u`)
	second, err := s.hex()
	if err != nil {
		return err
	}
	if utf16.DecodeRune(r, second) == utf8.RuneError {
		return half
	}
	return nil
}

// hex reads the four digits after \u.
func (s *scanner) hex() (rune, *Error) {
	var r rune
	for range 4 {
		if s.pos == len(s.data) {
			return 0, s.unexpected()
		}
		switch c := s.data[s.pos]; {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, s.unexpected()
		}
		s.pos++
	}
	return r, nil
}

// unexpected returns the error for the character at pos.
func (s *scanner) unexpected() *Error {
	if s.pos == len(s.data) {
		return &Error{Reason: ReasonMalformedJSON, Detail: fmt.Sprintf("is not valid JSON: it ends too early, at offset %d", s.pos)}
	}
	r, size := utf8.DecodeRune(s.data[s.pos:])
	if r == utf8.RuneError && size == 1 {
		return &Error{Reason: ReasonInvalidUTF8, Detail: fmt.Sprintf("is not valid UTF-8 at offset %d", s.pos)}
	}
	return &Error{Reason: ReasonMalformedJSON, Detail: fmt.Sprintf("is not valid JSON: unexpected %q at offset %d", r, s.pos)}
}

func tooDeep() *Error {
	return &Error{Reason: ReasonTooDeep, Detail: fmt.Sprintf("is nested deeper than %d levels", MaxDepth)}
}
