package openapi

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/internal/contract"
)

// parameters returns the parameters of a route in path, query and headers.
func (b *builder) parameters(binding *contract.Binding) []*parameter {
	var all []*parameter
	for _, w := range binding.Wildcards {
		all = append(all, b.pathParameter(w))
	}
	if binding.Body != "*" {
		query := query{builder: b, binding: binding}
		query.fields(binding.Method.Descriptor.Input(), "", nil)
		all = append(all, query.found...)
	}
	for _, name := range b.requestFields(binding) {
		all = append(all, &parameter{Ref: "#/components/parameters/" + name})
	}
	return all
}

func (b *builder) pathParameter(w contract.Wildcard) *parameter {
	p := &parameter{Name: w.Name, In: "path", Required: true, Schema: &schema{Type: typeString}}
	if w.Field != nil {
		leaf := w.Field[len(w.Field)-1]
		p.Description, p.Deprecated = comment(leaf), isDeprecated(leaf)
		if w.Pattern == "" {
			p.Schema, _ = b.schemas.field(leaf)
			bare(p.Schema)
		}
	}
	var about []string
	if w.Pattern != "" {
		about = append(about, "It is the part of `"+w.Pattern+"` that matches `"+wildcard(w.Open)+"`.")
	}
	if w.Open {
		about = append(about, "It may have several segments, separated by slashes.")
	}
	p.Description = strings.TrimSpace(strings.Join(append([]string{p.Description}, about...), "\n\n"))
	if p.Schema.Type == typeString && !w.Open {
		p.Schema.MinLength = max(p.Schema.MinLength, 1) // An empty segment is another path.
	}
	return p
}

func wildcard(open bool) string {
	if open {
		return "**"
	}
	return "*"
}

// bare removes the parts of a schema that the parameter itself contains.
func bare(s *schema) { s.Description, s.Deprecated, s.ReadOnly, s.WriteOnly = "", false, false, false }

// The maximum number of query parameters in a document per route, and their maximum depth in the message.
// Deeply nested messages would have too many.
const (
	mostParameters = 200
	mostDepth      = 8
)

// query returns the query parameters of a route.
type query struct {
	builder *builder
	binding *contract.Binding
	found   []*parameter
}

// fields adds a parameter for each field of a message that a URL can contain. It descends into nested
// messages, but not into a message inside itself.
func (q *query) fields(message protoreflect.MessageDescriptor, prefix string, within []protoreflect.FullName) {
	if slices.Contains(within, message.FullName()) || len(within) == mostDepth {
		return
	}
	within = append(slices.Clone(within), message.FullName())
	for i := range message.Fields().Len() {
		field := message.Fields().Get(i)
		name := prefix + field.JSONName()
		inner := field.Message()
		switch {
		case len(q.found) == mostParameters:
			return
		case inner == nil || field.IsMap() || wellKnown(inner) != nil:
			q.add(field, name)
		case !field.IsList():
			q.fields(inner, name+".", within)
		}
	}
}

func (q *query) add(field protoreflect.FieldDescriptor, name string) {
	written := name
	if field.IsMap() {
		written += "[key]"
	}
	// Use the server's own check: fields that the path or the body sets are not parameters.
	if _, err := q.binding.FindParameter(written); err != nil {
		return
	}
	of, needed := q.builder.schemas.field(field)
	p := &parameter{Name: name, In: "query", Description: of.Description, Required: needed, Deprecated: of.Deprecated}
	bare(of)
	value := field
	if field.IsMap() {
		value = field.MapValue()
	}
	switch isText, isJSON := textual(value); {
	case isJSON && field == value && !field.IsList():
		p.Content = &ordered[*mediaType]{}
		p.Content.set(contract.JSONType, &mediaType{Schema: of})
	case !isText:
		return
	case field.IsMap():
		p.Style, p.Explode, p.Schema = "deepObject", true, of
	default:
		p.Schema = of
	}
	q.found = append(q.found, p)
}

// textual reports whether a value can be written in a URL, and whether the text is JSON.
func textual(field protoreflect.FieldDescriptor) (isText, isJSON bool) {
	message := field.Message()
	if message == nil {
		return true, false
	}
	if wellKnown(message) == nil {
		return false, false
	}
	switch message.Name() {
	case "Struct", "Value", "ListValue":
		return false, true
	case "Any":
		return false, false
	default:
		return true, false
	}
}

// requestFields returns the names of the request headers that a route uses.
func (b *builder) requestFields(binding *contract.Binding) []string {
	method := binding.Method
	var names []string
	add := func(meant bool, name ...string) {
		if meant {
			names = append(names, name...)
		}
	}
	read := b.isConditionalRead(binding)
	add(read && method.ETag != nil, "If-None-Match", "If-Match")
	add(read && method.LastModified != nil, "If-Modified-Since", "If-Unmodified-Since")
	add(binding.Conditions == contract.ConditionsForwarded, "If-Match", "If-None-Match", "If-Unmodified-Since")
	add(method.HonoursReturn && !method.HonoursWait, "Prefer-return")
	add(method.HonoursWait && !method.HonoursReturn, "Prefer-wait")
	add(method.HonoursWait && method.HonoursReturn, "Prefer")
	add(b.honoursKey(method) && method.IdempotencyKey == contract.KeyOptional, "Idempotency-Key")
	add(b.honoursKey(method) && method.IdempotencyKey == contract.KeyRequired, "Idempotency-Key-required")
	return names
}

func isPatch(binding *contract.Binding) bool { return binding.Verb == "PATCH" }

func (b *builder) honoursKey(method *contract.Method) bool {
	return b.Keys && method.IdempotencyKey != contract.KeyUnsupported
}

// headerParameters returns the parameters for all headers that [builder.requestFields] can return.
func headerParameters() *ordered[*parameter] {
	all := &ordered[*parameter]{}
	add := func(key, name, description string, of *schema) {
		all.set(key, &parameter{Name: name, In: "header", Description: description, Schema: of, Required: strings.HasSuffix(key, "-required")})
	}
	tags := &schema{Type: typeString, Examples: []any{`"33a64df5"`, `"33a64df5", "10fe1c2b"`, "*"}}
	date := &schema{Type: typeString, Examples: []any{"Sun, 06 Nov 1994 08:49:37 GMT"}}
	add("If-Match", "If-Match", "Do this only if the current version is one of these, or with * any (RFC 9110 §13.1.1); else 412.", tags)
	add("If-None-Match", "If-None-Match",
		"Do this only if the current version is none of these, or with * if there is none (RFC 9110 §13.1.2); else 304 for a read, and 412 for a write.", tags)
	add("If-Modified-Since", "If-Modified-Since", "Send it only if it has changed since (RFC 9110 §13.1.3); else 304. If-None-Match has precedence.", date)
	add("If-Unmodified-Since", "If-Unmodified-Since", "Do this only if it has not changed since (RFC 9110 §13.1.4); else 412. If-Match has precedence.", date)
	const minimal = "`return=minimal` omits the body; `return=representation` asks for it"
	const wait = "`wait=N` waits up to N seconds, at most 30, for the work to end; `respond-async` does not wait"
	const rest = " (RFC 7240). Anything else is ignored; Preference-Applied says what was applied."
	add("Prefer", "Prefer", minimal+"; "+wait+rest, &schema{Type: typeString, Examples: []any{"return=minimal", "wait=10"}})
	add("Prefer-return", "Prefer", minimal+rest, &schema{Type: typeString, Examples: []any{"return=minimal"}})
	add("Prefer-wait", "Prefer", wait+rest, &schema{Type: typeString, Examples: []any{"wait=10"}})
	key := &schema{Type: typeString, Pattern: `^"([ !#-\[\]-~]|\\["\\]){1,255}"`, Examples: []any{`"8e03978e-40d5-43dd-bc93-6894a57f9324"`}}
	const about = "1 to 255 characters in quotes, made up by the client for this request. For 24 hours, the same request with the same key " +
		"gets the first response again (draft-ietf-httpapi-idempotency-key-header-06)."
	add("Idempotency-Key", "Idempotency-Key", about, key)
	add("Idempotency-Key-required", "Idempotency-Key", about, key)
	return all
}
