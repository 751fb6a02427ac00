package contract

import (
	"strconv"
	"strings"
)

// Wildcard is one wildcard of a route's path.
type Wildcard struct {
	// Name is in braces in the path.
	Name string
	// Field is the request's field that it is of, and Pattern all of what the field
	// takes, where that is more than the wildcard; both are empty for a wildcard that no
	// field takes.
	Field   FieldPath
	Pattern string
	// Open says that it takes more than one segment.
	Open bool
}

// name gives a route its path. Paths that differ in the names of their wildcards alone are
// one for OpenAPI ("templated paths with the same hierarchy but different templated names"),
// and are called as the first of them in the contract.
func (r *reader) name(binding *Binding) {
	own := readPath(binding.Template.String(), binding.Variables)
	shape := strings.Join(own.literals, "{}")
	first, ok := r.named[shape]
	if !ok {
		r.named[shape], first = own, own
	}
	for i := range own.wildcards {
		own.wildcards[i].Name = first.wildcards[i].Name
	}
	binding.Path, binding.Wildcards = own.String(), own.wildcards
}

// A path is a template of google/api/http.proto as OpenAPI has it: its variables are
// whole wildcards, and a literal inside a variable is a literal of the path.
type path struct {
	// literals are around the wildcards, so that there is one more of them.
	literals  []string
	wildcards []Wildcard
}

// readPath reads the text of a template, which has been parsed before. fields are those of
// its variables.
func readPath(template string, fields []FieldPath) *path {
	p := &path{literals: []string{""}}
	for template != "" {
		switch {
		case strings.HasPrefix(template, "{"):
			inner, after, _ := strings.Cut(template[1:], "}")
			_, pattern, bound := strings.Cut(inner, "=")
			if !bound {
				pattern = "*"
			}
			p.segments(pattern, fields[0])
			template, fields = after, fields[1:]
		case strings.HasPrefix(template, "*"):
			end := len(template) - len(strings.TrimLeft(template, "*"))
			p.segments(template[:end], nil)
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

func (p *path) literal(text string) { p.literals[len(p.literals)-1] += text }

// segments adds what one variable takes, or one wildcard that none does.
func (p *path) segments(pattern string, field FieldPath) {
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
		w := Wildcard{Name: p.fresh(called(field, collection)), Field: field, Open: part == "**"}
		if len(parts) > 1 {
			w.Pattern = pattern
		}
		collection = ""
		p.wildcards = append(p.wildcards, w)
		p.literals = append(p.literals, "")
	}
}

// called is what a wildcard is called that is of a field and follows a collection, where
// there are those. A part of a name is not called as the name is, or a client fills it with
// the whole: after operations/ it is operationsId, as in the flat paths of Google's
// discovery documents.
func called(field FieldPath, collection string) string {
	switch {
	case field == nil:
		return "segment"
	case collection == "":
		return field.jsonName()
	default:
		return collection + "Id"
	}
}

// fresh is a name that the path does not have yet.
func (p *path) fresh(name string) string {
	taken := func(name string) bool {
		for _, w := range p.wildcards {
			if w.Name == name {
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

func (p *path) String() string {
	var text strings.Builder
	for i, literal := range p.literals {
		if i > 0 {
			text.WriteString("{" + p.wildcards[i-1].Name + "}")
		}
		text.WriteString(literal)
	}
	return text.String()
}
