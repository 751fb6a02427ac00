// Package tour is the documented table by example: for each of its rows the exchanges
// that end there, as data.
//
// The pages of package catalogue show the steps and have a browser send them; [Guide]
// sends them from Go. Both go by the one list of [Steps]. What a request keeps of its
// answer stands as {name} in those that come after it. Two names are always there:
// {run} is a text that no other walk has, and {long} a long one.
package tour

import (
	"slices"
	"strings"
)

// Needs is what a server must have so that a step ends where it says.
type Needs int

// Each has what those before it have.
const (
	// AnyServer is the program's gateway, whatever stands behind it.
	AnyServer Needs = iota
	// ReferenceAPI is the command serve.
	ReferenceAPI
	// DemoData is the users and entities of serve --demo.
	DemoData
)

// LongLength is how long {long} is: more than the 16 KiB of a login, and no more than a
// client can send to a server that does not read it, before it reads the answer.
const LongLength = 20_000

const (
	longName = "long"
	runName  = "run"
)

// Step is one exchange that ends in a row of the table.
type Step struct {
	// Name is unique and in lower case, fit for a URL.
	Name string `json:"name"`
	// Title says what happens, and Why what is to be seen in it.
	Title string `json:"title"`
	Why   string `json:"why"`
	// Row is the row that it ends in under the policy "documented".
	Row   int   `json:"row"`
	Needs Needs `json:"-"`
	// Before are sent first, and have to succeed. After put back what the others have
	// changed, and are sent in any case.
	Before  []Request `json:"before,omitempty"`
	Request Request   `json:"request"`
	After   []Request `json:"after,omitempty"`
	// Mapped says that no client can bring the row about: the request asks the server
	// what it would answer, so the row is the httpStatus of the answer's body.
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
	// Keep names values of the answer: "header:Name" is a header field, "/name" a
	// member of the body.
	Keep map[string]string `json:"keep,omitempty"`
	// Burst is how many times it is sent at the most, until it is refused. 0 is once.
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

// Has says whether the request has one of the header fields. Names are compared as
// they stand.
func (r Request) Has(names ...string) bool {
	return slices.ContainsFunc(r.Fields, func(field Field) bool { return slices.Contains(names, field.Name) })
}
