package plan

import (
	"encoding/base64"
	"unicode/utf16"
	"unicode/utf8"
)

func (p *parser) space() {
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case ' ', '\n', '\r', '\t':
			p.pos++
		default:
			return
		}
	}
}

// peek returns the byte at the position, or 0 at the end.
func (p *parser) peek() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

func (p *parser) at(b byte) bool { return p.peek() == b }

// ends reports whether a number or a word ends at the position.
func (p *parser) ends() bool {
	switch p.peek() {
	case 0:
		return p.pos == len(p.text)
	case ' ', '\n', '\r', '\t', ',', ']', '}':
		return true
	default:
		return false
	}
}

func (p *parser) word(word string) bool {
	if len(p.text)-p.pos < len(word) || string(p.text[p.pos:p.pos+len(word)]) != word {
		return false
	}
	p.pos += len(word)
	return p.ends()
}

// colon reads the colon between a member's name and its value.
func (p *parser) colon() bool {
	p.space()
	if !p.at(':') {
		return false
	}
	p.pos++
	p.space()
	return true
}

// members reads an object; one reads a member.
func (p *parser) members(one func() bool) bool { return p.many('{', '}', one) }

// elements reads an array; one reads an element.
func (p *parser) elements(one func() bool) bool { return p.many('[', ']', one) }

func (p *parser) many(opening, closing byte, one func() bool) bool {
	if !p.at(opening) {
		return false
	}
	p.pos++
	p.space()
	if p.at(closing) {
		p.pos++
		return true
	}
	for {
		if !one() {
			return false
		}
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
			p.space()
		case closing:
			p.pos++
			return true
		default:
			return false
		}
	}
}

// string reads a string and returns it without its escapes.
func (p *parser) string() ([]byte, bool) {
	if !p.at('"') {
		return nil, false
	}
	p.pos++
	start := p.pos
	for p.pos < len(p.text) {
		switch b := p.text[p.pos]; {
		case b == '"':
			p.pos++
			return p.text[start : p.pos-1], true
		case b == '\\':
			return p.escaped(start)
		case b < ' ':
			return nil, false
		default:
			p.pos++
		}
	}
	return nil, false
}

// escaped continues a string at its first escape.
func (p *parser) escaped(start int) ([]byte, bool) {
	base := len(p.plain)
	p.plain = append(p.plain, p.text[start:p.pos]...)
	for p.pos < len(p.text) {
		switch b := p.text[p.pos]; {
		case b == '"':
			p.pos++
			return p.plain[base:len(p.plain):len(p.plain)], true
		case b == '\\':
			if !p.escape() {
				return nil, false
			}
		case b < ' ':
			return nil, false
		default:
			p.plain = append(p.plain, b)
			p.pos++
		}
	}
	return nil, false
}

// escape reads one escape (RFC 8259 §7).
func (p *parser) escape() bool {
	if p.pos+1 >= len(p.text) {
		return false
	}
	b := p.text[p.pos+1]
	switch b {
	case '"', '\\', '/':
	case 'b':
		b = '\b'
	case 'f':
		b = '\f'
	case 'n':
		b = '\n'
	case 'r':
		b = '\r'
	case 't':
		b = '\t'
	case 'u':
		return p.unit()
	default:
		return false
	}
	p.plain = append(p.plain, b)
	p.pos += 2
	return true
}

// unit reads a code unit, or a pair of surrogates. Half a pair has no UTF-8.
func (p *parser) unit() bool {
	first, ok := p.hex()
	if !ok {
		return false
	}
	if utf16.IsSurrogate(first) {
		second, ok := p.hex()
		if first = utf16.DecodeRune(first, second); !ok || first == utf8.RuneError {
			return false
		}
	}
	p.plain = utf8.AppendRune(p.plain, first)
	return true
}

// hex reads \u and four digits.
func (p *parser) hex() (rune, bool) {
	const length = len(`\u0000`)
	if len(p.text)-p.pos < length || p.text[p.pos] != '\\' || p.text[p.pos+1] != 'u' {
		return 0, false
	}
	unit := rune(0)
	for _, b := range p.text[p.pos+2 : p.pos+length] {
		switch {
		case isDigit(b):
			unit = unit<<4 | rune(b-'0')
		case 'a' <= b|0x20 && b|0x20 <= 'f':
			unit = unit<<4 | rune(b|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	p.pos += length
	return unit, true
}

// base64 reads the standard alphabet with padding.
func (p *parser) base64() bool {
	text, ok := p.string()
	if !ok {
		return false
	}
	for _, b := range text {
		if b == '\n' || b == '\r' {
			return false // the decoder would skip them
		}
	}
	start := len(p.out)
	var err error
	if p.out, err = base64.StdEncoding.AppendDecode(p.out, text); err != nil {
		return false
	}
	p.finish(start)
	return true
}
