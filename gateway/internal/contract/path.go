package contract

import (
	"strconv"
	"strings"
)

// Wildcard is one wildcard of a route's path.
type Wildcard struct {
	// Name is the name in braces in the path.
	Name string
	// Field is the field that the wildcard fills. Pattern is the pattern of the whole field, if the
	// wildcard is only a part of it. Both are empty for a wildcard without a field.
	Field   FieldPath
	Pattern string
	// Open reports whether the wildcard matches more than one segment.
	Open bool
}

// name sets the path of a route. For OpenAPI, paths that differ only in the names of their wildcards are
// the same ("templated paths with the same hierarchy but different templated names"), so all of them get
// the names of the first one in the contract.
func (r *reader) name(binding *Binding) {
	path := readPath(binding.Template.String(), binding.Variables)
	shape := strings.Join(path.literals, "{}")
	first, ok := r.named[shape]
	if !ok {
		r.named[shape], first = path, path
	}
	for i := range path.wildcards {
		path.wildcards[i].Name = first.wildcards[i].Name
	}
	binding.Path, binding.Wildcards = path.String(), path.wildcards
}

// A path is the OpenAPI form of a template of google/api/http.proto: each wildcard is a variable, and a
// literal inside a variable is a literal of the path.
type path struct {
	// literals are the texts around the wildcards; there is one more of them.
	literals  []string
	wildcards []Wildcard
}

// readPath reads the text of a valid template. fields are the fields of its variables.
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

// segments adds the segments of one variable, or of one wildcard outside of a variable.
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
		w := Wildcard{Name: p.uniqueName(wildcardName(field, collection)), Field: field, Open: part == "**"}
		if len(parts) > 1 {
			w.Pattern = pattern
		}
		collection = ""
		p.wildcards = append(p.wildcards, w)
		p.literals = append(p.literals, "")
	}
}

// wildcardName returns the name of a wildcard from its field and the literal before it, if there are
// any. If the wildcard is only a part of the field's value, it must not have the field's name, because
// clients would fill in the whole value: after operations/ it is operationsId, as in the flat paths of
// Google's discovery documents.
func wildcardName(field FieldPath, collection string) string {
	switch {
	case field == nil:
		return "segment"
	case collection == "":
		return field.jsonName()
	default:
		return collection + "Id"
	}
}

// uniqueName returns a name that the path does not contain yet.
func (p *path) uniqueName(name string) string {
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
