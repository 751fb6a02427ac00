package route

import (
	"fmt"
	"strings"
)

// SyntaxError says why a text is not a path template.
type SyntaxError struct {
	// Template is the whole text.
	Template string
	// Offset is the byte of Template with the error, from 0. It is len(Template) if
	// something is missing at the end.
	Offset int
	// Reason is a text for the template's author.
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("path template %q, offset %d: %s", e.Template, e.Offset, e.Reason)
}

// Parse reads a path template by the grammar of google/api/http.proto:
//
//	Template  = "/" Segments [ Verb ] ;
//	Segments  = Segment { "/" Segment } ;
//	Segment   = "*" | "**" | LITERAL | Variable ;
//	Variable  = "{" FieldPath [ "=" Segments ] "}" ;
//	FieldPath = IDENT { "." IDENT } ;
//	Verb      = ":" LITERAL ;
//
// and "/" alone, as in grpc-gateway. LITERAL is one or more pchars of RFC 3986 §3.3
// without "*", because a star that is not a whole segment would look like a wildcard.
// The verb starts at the last colon of the last segment, but after a variable at the
// first colon.
//
// Parse also refuses `**` before the end, a field that is bound twice, and a literal
// that no request can contain ("." and "..", control bytes, invalid UTF-8). Every
// error is a [*SyntaxError].
func Parse(template string) (*Template, error) {
	p := parser{text: template, body: template}
	if err := p.parse(); err != nil {
		return nil, err
	}
	return &p.template, nil
}

// parser cuts off the verb and then reads the text once, from left to right.
type parser struct {
	text     string // the whole template, for errors
	body     string // text without the verb
	pos      int
	template Template
}

func (p *parser) parse() error {
	if !strings.HasPrefix(p.text, "/") {
		return p.fail(0, "a template starts with '/'")
	}
	p.template.text = p.text
	if err := p.cutVerb(); err != nil {
		return err
	}
	if p.text == "/" {
		return nil
	}
	for p.pos < len(p.body) {
		if p.body[p.pos] != '/' {
			return p.fail(p.pos, "after a variable comes '/', ':' or the end")
		}
		p.pos++
		if err := p.segment(); err != nil {
			return err
		}
	}
	return nil
}

// cutVerb cuts the verb off the body. After a variable it starts at the first colon,
// so there a verb can contain colons, as in grpc-gateway.
func (p *parser) cutVerb() error {
	last := max(strings.LastIndexByte(p.text, '/'), strings.LastIndexByte(p.text, '}'))
	colon := strings.LastIndexByte(p.text[last:], ':')
	if p.text[last] == '}' {
		colon = strings.IndexByte(p.text[last:], ':')
	}
	if colon < 0 {
		return nil
	}
	colon += last
	p.body = p.text[:colon]
	verb, err := p.literal(colon+1, p.text[colon+1:])
	if err != nil {
		return err
	}
	p.template.verb, p.template.verbKey = verb.text, verb.key
	return nil
}

func (p *parser) segment() error {
	if strings.HasPrefix(p.body[p.pos:], "{") {
		return p.variable()
	}
	return p.plain("/")
}

// plain reads a segment outside a variable, up to one of the bytes in stop.
func (p *parser) plain(stop string) error {
	start := p.pos
	switch text := p.take(stop); text {
	case "*":
		return p.add(start, segment{kind: wildcard, text: text})
	case "**":
		return p.add(start, segment{kind: rest, text: text})
	default:
		lit, err := p.literal(start, text)
		if err != nil {
			return err
		}
		return p.add(start, lit)
	}
}

func (p *parser) variable() error {
	open := p.pos
	p.pos++
	field, err := p.fieldPath()
	if err != nil {
		return err
	}
	first := len(p.template.segments)
	if err := p.pattern(open); err != nil {
		return err
	}
	if !p.accept('}') {
		return p.fail(open, "the variable is not closed")
	}
	v := variable{field: field, first: first, end: len(p.template.segments)}
	for _, s := range p.template.segmentsOf(v) {
		v.escaped = v.escaped || s.text != s.key && s.kind == literal
	}
	p.template.variables = append(p.template.variables, v)
	return nil
}

// pattern reads the text after a variable's field path: nothing, which means `*`, or
// "=" and segments.
func (p *parser) pattern(open int) error {
	if !p.accept('=') {
		return p.add(open, segment{kind: wildcard, text: "*"})
	}
	for {
		if err := p.plain("/}"); err != nil {
			return err
		}
		if !p.accept('/') {
			return nil
		}
	}
}

func (p *parser) fieldPath() (string, error) {
	start := p.pos
	field := p.take("=}")
	at := start
	for name := range strings.SplitSeq(field, ".") {
		if name == "" {
			return "", p.fail(at, "a name is missing in the field path")
		}
		for i := range len(name) {
			if !isIdent(name[i], i == 0) {
				return "", p.fail(at+i, fmt.Sprintf("%q cannot stand here in a field name", name[i]))
			}
		}
		at += len(name) + len(".")
	}
	for _, v := range p.template.variables {
		if v.field == field {
			return "", p.fail(start, "the field is bound twice")
		}
	}
	return field, nil
}

// literal checks a literal that starts at offset, and unescapes it as its key.
func (p *parser) literal(offset int, text string) (segment, error) {
	if text == "" {
		return segment{}, p.fail(offset, "a segment or verb is empty")
	}
	for i := range len(text) {
		switch c := text[i]; {
		case c == '*':
			return segment{}, p.fail(offset+i, "a wildcard is a whole segment")
		case c != '%' && !isPchar(c):
			return segment{}, p.fail(offset+i, fmt.Sprintf("%q cannot stand in a literal; percent-encode it", c))
		}
	}
	if i := badEscape(text); i >= 0 {
		return segment{}, p.fail(offset+i, "'%' is not followed by two hexadecimal digits")
	}
	if isDots(text) {
		return segment{}, p.fail(offset, "clients remove the segments \".\" and \"..\"")
	}
	key := unescape(text, false)
	if flaw := flawOf(key); flaw != "" {
		return segment{}, p.fail(offset, "a literal "+flaw)
	}
	return segment{kind: literal, text: text, key: key}, nil
}

func (p *parser) add(offset int, s segment) error {
	if endsOpen(p.template.segments) {
		return p.fail(offset, "nothing but a verb can follow **")
	}
	p.template.segments = append(p.template.segments, s)
	return nil
}

// take reads up to the first byte that is in stop, or to the end.
func (p *parser) take(stop string) string {
	left := p.body[p.pos:]
	if i := strings.IndexAny(left, stop); i >= 0 {
		left = left[:i]
	}
	p.pos += len(left)
	return left
}

func (p *parser) accept(c byte) bool {
	if p.pos == len(p.body) || p.body[p.pos] != c {
		return false
	}
	p.pos++
	return true
}

func (p *parser) fail(offset int, reason string) error {
	return &SyntaxError{Template: p.text, Offset: offset, Reason: reason}
}
