package rfc9110

import (
	"errors"
	"fmt"
	"strings"
)

// ErrMediaType says that a text is not a media type, or not a media range.
var ErrMediaType = errors.New("not a media type")

// maxParams limits the parameters of one media type. The search for a duplicate scans
// all earlier ones, so without a limit a long field would take quadratic time.
// Registered types have a few.
const maxParams = 32

// MediaType is a parsed media type (§8.3.1).
type MediaType struct {
	// Type and Subtype are in lower case.
	Type    string
	Subtype string
	// Params are in the order sent. Their names are unique and in lower case.
	Params []Param
}

// ParseMediaType reads the value of Content-Type. It accepts exactly what the grammar
// allows, such as any case, quoted values, white space around a semicolon and empty
// parameters. It does not use package mime, which also accepts values without a
// subtype and spaces around '='. A duplicate parameter is an error, because readers
// differ in which one they use. A lone `*` is also an error: it is a range, not a
// type. The error is [ErrMediaType].
func ParseMediaType(s string) (MediaType, error) {
	m, rest, err := cutType(strings.Trim(s, ows))
	if err != nil {
		return MediaType{}, err
	}
	if m.Type == wildcard || m.Subtype == wildcard {
		return MediaType{}, fmt.Errorf("%w: it is a range", ErrMediaType)
	}
	for {
		var p Param
		p, rest, err = cutParam(rest)
		if err != nil {
			return MediaType{}, err
		}
		if p.Name == "" {
			return m, nil
		}
		if m.Params, err = appendParam(m.Params, p); err != nil {
			return MediaType{}, err
		}
	}
}

// cutType reads type "/" subtype at the start of s.
func cutType(s string) (m MediaType, rest string, err error) {
	mainType, rest := cutToken(s)
	slashed, ok := strings.CutPrefix(rest, "/")
	if mainType == "" || !ok {
		return MediaType{}, "", fmt.Errorf("%w: no type and slash", ErrMediaType)
	}
	subtype, rest := cutToken(slashed)
	if subtype == "" {
		return MediaType{}, "", fmt.Errorf("%w: no subtype", ErrMediaType)
	}
	return MediaType{Type: strings.ToLower(mainType), Subtype: strings.ToLower(subtype)}, rest, nil
}

// cutParam reads the next of *( OWS ";" OWS [ parameter ] ), §5.6.6. The name is
// empty at the end of s.
func cutParam(s string) (p Param, rest string, err error) {
	trimmed := strings.TrimLeft(s, ows)
	if trimmed == "" {
		return Param{}, "", nil
	}
	if trimmed[0] != ';' {
		return Param{}, "", fmt.Errorf("%w: no semicolon before a parameter", ErrMediaType)
	}
	trimmed = strings.TrimLeft(trimmed, ows+";")
	if trimmed == "" {
		return Param{}, "", nil
	}
	name, rest := cutToken(trimmed)
	value, ok := strings.CutPrefix(rest, "=")
	if name == "" || !ok {
		return Param{}, "", fmt.Errorf("%w: a parameter is not name=value", ErrMediaType)
	}
	value, rest, ok = cutParamValue(value)
	if !ok {
		return Param{}, "", fmt.Errorf("%w: a parameter has a malformed value", ErrMediaType)
	}
	return Param{Name: strings.ToLower(name), Value: value}, rest, nil
}

// cutParamValue reads ( token / quoted-string ).
func cutParamValue(s string) (value, rest string, ok bool) {
	value, rest = cutToken(s)
	if value != "" {
		return value, rest, true
	}
	return cutQuoted(s)
}

// appendParam adds a parameter. A duplicate is an error.
func appendParam(params []Param, p Param) ([]Param, error) {
	if indexParam(params, p.Name) >= 0 {
		return nil, fmt.Errorf("%w: a parameter is given twice", ErrMediaType)
	}
	if len(params) == maxParams {
		return nil, fmt.Errorf("%w: more than %d parameters", ErrMediaType, maxParams)
	}
	return append(params, p), nil
}

// String returns the media type in its wire form. A value that is not a token is
// quoted; [Quote] describes what that does to characters outside US-ASCII.
func (m MediaType) String() string {
	var b strings.Builder
	b.WriteString(m.Type)
	b.WriteByte('/')
	b.WriteString(m.Subtype)
	for _, p := range m.Params {
		b.WriteString("; ")
		b.WriteString(p.Name)
		b.WriteByte('=')
		if IsToken(p.Value) {
			b.WriteString(p.Value)
			continue
		}
		b.WriteString(Quote(p.Value))
	}
	return b.String()
}

// Essence returns type "/" subtype, without parameters.
func (m MediaType) Essence() string {
	return m.Type + "/" + m.Subtype
}

// Param returns the value of a parameter. The name is case-insensitive.
func (m MediaType) Param(name string) (string, bool) {
	i := indexParam(m.Params, name)
	if i < 0 {
		return "", false
	}
	return m.Params[i].Value, true
}

// isJSON reports application/json and every +json type (RFC 6839 §3.1).
func (m MediaType) isJSON() bool {
	return m.Subtype == "json" || strings.HasSuffix(m.Subtype, "+json")
}
