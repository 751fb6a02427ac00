// Package tour shows the documented table by example: it has requests, as data, that end in
// each row.
//
// The pages of package catalogue show the steps, and a browser sends them; [Guide] sends
// them from Go. Both use the same list of [Steps]. A request can store values of its
// response, and later requests use them as {name}. Two names are always defined: {run} is
// unique to a run, and {long} is a long text.
package tour

import (
	"slices"
	"strings"
)

// Needs says what a server must have so that a step ends in its row.
type Needs int

// Each has what those before it have.
const (
	// AnyServer is the gateway with any backend.
	AnyServer Needs = iota
	// ReferenceAPI is the command serve.
	ReferenceAPI
	// DemoData is the users and entities of serve --demo.
	DemoData
)

// LongLength is the length of {long}: more than the 16 KiB of a login, and little enough
// that a client can send it to a server that does not read it.
const LongLength = 20_000

const (
	longName = "long"
	runName  = "run"
)

// Step is one exchange that ends in a row of the table.
type Step struct {
	// Name is unique and in lower case, fit for a URL.
	Name string `json:"name"`
	// Title says what happens, and Why explains it.
	Title string `json:"title"`
	Why   string `json:"why"`
	// Row is the row that it ends in under the policy "documented".
	Row   int   `json:"row"`
	Needs Needs `json:"-"`
	// Before are sent first, and must succeed. After undo the changes, and are always
	// sent.
	Before  []Request `json:"before,omitempty"`
	Request Request   `json:"request"`
	After   []Request `json:"after,omitempty"`
	// Mapped means that the row is simulated, because no client can provoke it: the row is
	// the httpStatus in the response's body.
	Mapped bool `json:"mapped,omitempty"`
}

// Request is one request of a step.
type Request struct {
	Method string `json:"method"`
	// Path is the target's path and query.
	Path string `json:"path"`
	// Fields are the header fields that matter, in order.
	Fields []Field `json:"fields,omitempty"`
	Body   string  `json:"body,omitempty"`
	// Keep names values of the response: "header:Name" is a header field, "/name" a
	// member of the body.
	Keep map[string]string `json:"keep,omitempty"`
	// Burst is how many times it is sent at most, until it is refused. 0 is once.
	Burst int `json:"burst,omitempty"`
	// Instead is the path that a browser asks, if it may not send one of the fields.
	Instead string `json:"instead,omitempty"`
}

// Field is a header field.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// fill puts values in the places of their names.
func (r Request) fill(values map[string]string) Request {
	pairs := make([]string, 0, 2*len(values))
	for name, value := range values {
		pairs = append(pairs, "{"+name+"}", value)
	}
	replacer := strings.NewReplacer(pairs...)
	filled := r
	filled.Path, filled.Body = replacer.Replace(r.Path), replacer.Replace(r.Body)
	filled.Fields = nil
	for _, field := range r.Fields {
		filled.Fields = append(filled.Fields, Field{field.Name, replacer.Replace(field.Value)})
	}
	return filled
}

// Has reports whether the request has one of the header fields. It compares names
// case-sensitively.
func (r Request) Has(names ...string) bool {
	return slices.ContainsFunc(r.Fields, func(field Field) bool { return slices.Contains(names, field.Name) })
}
