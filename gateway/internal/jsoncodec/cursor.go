package jsoncodec

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// cursor reads text that validate has accepted, so it does not check it again.
type cursor struct {
	data []byte
	pos  int
}

// peek returns the first byte of the next token, which shows the kind of a value.
func (c *cursor) peek() byte {
	for isSpace(c.data[c.pos]) {
		c.pos++
	}
	return c.data[c.pos]
}

// value steps over one value of any kind and returns its text.
func (c *cursor) value() []byte {
	c.peek()
	start := c.pos
	for depth := 0; ; {
		switch c.data[c.pos] {
		case '{', '[':
			depth++
			c.pos++
		case '}', ']':
			depth--
			c.pos++
		case '"':
			c.pos = endOfString(c.data, c.pos)
		case ' ', '\n', '\r', '\t', ',', ':':
			c.pos++
			continue
		default:
			c.pos = endOfWord(c.data, c.pos)
		}
		if depth == 0 {
			return c.data[start:c.pos]
		}
	}
}

// object calls member for each member of the next object. Each call must step over the value. object adds the member's
// name to the pointer of an error.
func (c *cursor) object(member func(name string) *Error) *Error {
	c.peek()
	c.pos++
	for c.peek() != '}' {
		if c.data[c.pos] == ',' {
			c.pos++
		}
		name := unquote(c.value())
		c.peek()
		c.pos++ // the colon
		if err := member(name); err != nil {
			return err.within(name)
		}
	}
	c.pos++
	return nil
}

// array does the same for the elements of the next array.
func (c *cursor) array(element func() *Error) *Error {
	c.peek()
	c.pos++
	for i := 0; c.peek() != ']'; i++ {
		if c.data[c.pos] == ',' {
			c.pos++
		}
		if err := element(); err != nil {
			return err.within(strconv.Itoa(i))
		}
	}
	c.pos++
	return nil
}

// endOfString returns the position after the string that begins at pos.
func endOfString(data []byte, pos int) int {
	for pos++; ; pos++ {
		pos += bytes.IndexAny(data[pos:], `"\`)
		if data[pos] == '"' {
			return pos + 1
		}
		pos++ // the escaped byte may be a quote
	}
}

func endOfWord(data []byte, pos int) int {
	for pos < len(data) && strings.IndexByte(" \n\r\t,:]}", data[pos]) < 0 {
		pos++
	}
	return pos
}

// unquote returns the value of a JSON string.
func unquote(text []byte) string {
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text[1 : len(text)-1])
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return "" // cannot happen: validate has accepted it
	}
	return s
}

// kindOf returns the name of the kind of value that begins with c, with its article.
func kindOf(c byte) string {
	switch c {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}
