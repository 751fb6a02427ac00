package openapi

import (
	"strconv"
	"strings"
)

// A path is a template of google/api/http.proto as OpenAPI has it: its variables are
// whole wildcards, and a literal inside a variable is a literal of the path.
type path struct {
	// text is the path's key in the document.
	text string
	// shape is the text without the names, by which two paths are the same one
	// ("templated paths with the same hierarchy but different templated names").
	shape string
	// variables are in the order of the path.
	variables []variable

	name func(field string) string
}

// variable is one wildcard of a path.
type variable struct {
	// name is in braces in the path.
	name string
	// field is the request's field that it is of, and pattern all of what the field
	// takes, where that is more than the wildcard; both are empty for a wildcard that no
	// field takes.
	field, pattern string
	// open says that it takes more than one segment.
	open bool
}

// readPath reads the text of a template, which has been parsed before. name is what a
// field is called in the document.
func readPath(template string, name func(field string) string) *path {
	p := &path{name: name}
	for template != "" {
		switch {
		case strings.HasPrefix(template, "{"):
			inner, after, _ := strings.Cut(template[1:], "}")
			field, pattern, bound := strings.Cut(inner, "=")
			if !bound {
				pattern = "*"
			}
			p.segments(pattern, field)
			template = after
		case strings.HasPrefix(template, "*"):
			end := len(template) - len(strings.TrimLeft(template, "*"))
			p.segments(template[:end], "")
			template = template[end:]
		default:
			end := strings.IndexAny(template, "{*")
			if end < 0 {
				end = len(template)
			}
			p.literal(template[:end])
			template = template[end:]
		}
	}
	return p
}

func (p *path) literal(text string) {
	p.text += text
	p.shape += text
}

// segments adds what one variable takes, or one wildcard that none does.
func (p *path) segments(pattern, field string) {
	parts := strings.Split(pattern, "/")
	collection := ""
	for i, part := range parts {
		if i > 0 {
			p.literal("/")
		}
		if part != "*" && part != "**" {
			p.literal(part)
			collection = part
			continue
		}
		v := variable{name: p.fresh(p.called(field, collection)), field: field, open: part == "**"}
		if len(parts) > 1 {
			v.pattern = pattern
		}
		collection = ""
		p.variables = append(p.variables, v)
		p.text += "{" + v.name + "}"
		p.shape += "{}"
	}
}

// called is what a wildcard is called that is of a field and follows a collection, where
// there are those. A part of a name is not called as the name is, or a client fills it with
// the whole: after operations/ it is operationsId, as in the flat paths of Google's
// discovery documents.
func (p *path) called(field, collection string) string {
	switch {
	case field == "":
		return "segment"
	case collection == "":
		return p.name(field)
	default:
		return collection + "Id"
	}
}

// fresh is a name that the path does not have yet.
func (p *path) fresh(name string) string {
	taken := func(name string) bool {
		for _, v := range p.variables {
			if v.name == name {
				return true
			}
		}
		return false
	}
	unique := name
	for n := 2; taken(unique); n++ {
		unique = name + strconv.Itoa(n)
	}
	return unique
}
