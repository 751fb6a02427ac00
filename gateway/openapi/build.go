package openapi

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/internal/address"
	"github.com/statusway/statusway/gateway/internal/backend"
	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/route"
	"github.com/statusway/statusway/gateway/policy"
)

// Version is the OpenAPI version of a [Document].
const Version = "3.1.1"

// Params configure a [Document].
type Params struct {
	// Table is the policy of the gateway. Nil means the policy "documented".
	Table *policy.Table
	// PublicURL is the URL under which clients reach the service. If it is empty, the server of the
	// document is the URL from which a client loads the document.
	PublicURL string
	// PagesURL is the URL below which another server has the pages of problem types. If it is empty,
	// and Pages has no page of a status, the type of a problem is about:blank.
	PagesURL string
	// Title is the name of the API. If it is empty, the title lists the names of the proto packages.
	Title string
	// License is the SPDX identifier of the API's licence. It may be empty.
	License string
	// Keys reports whether the gateway has a store for Idempotency-Key. Without one it refuses every
	// key.
	Keys bool
	// Pages are the paths of HTML pages that are served in addition to routes of MappingService.
	// Accept chooses between the page and the JSON of the route.
	Pages []string
}

// New returns the OpenAPI document of a backend. A nil backend has no routes. If the descriptors contain source info, proto comments
// become descriptions. It returns the errors that [gateway.New] returns for this backend, and an error if
// PublicURL or PagesURL is not an http or https URL.
func New(b *backend.Backend, p Params) (*Document, error) {
	if p.Table == nil {
		var err error
		if p.Table, err = policy.Builtin(policy.Documented); err != nil {
			return nil, err
		}
	}
	hasPages := p.PagesURL != "" || slices.Contains(p.Pages, address.StatusPage(404))
	addresses, err := address.Parse(p.PublicURL, p.PagesURL, !hasPages)
	if err != nil {
		return nil, err
	}
	here := cmp.Or(addresses.Origin+addresses.Path, "./") // relative to the document (OpenAPI 3.1 §4.8.5)
	served := &contract.Contract{}
	if b != nil {
		served = backend.Current(b).Contract
	}
	declared, err := served.Retire(p.Table)
	if err := errors.Join(err, served.Check(p.Table)); err != nil {
		return nil, fmt.Errorf("reading the contract: %w", err)
	}
	index := declared.Index()
	made := &builder{Params: p, contract: declared, addresses: addresses, pages: map[*contract.Binding]bool{}, root: &root{
		OpenAPI: Version,
		Servers: []server{{URL: here}},
		Paths:   &ordered[*pathItem]{},
	}}
	for _, path := range p.Pages {
		if found, outcome, err := index.Lookup("GET", path); err == nil && outcome == route.Found {
			made.pages[found.Value] = strings.HasPrefix(found.Value.Method.FullName, mappingService)
		}
	}
	made.components()
	for _, method := range declared.Methods {
		made.method(method)
	}
	made.root.Info = made.info()
	return made.document()
}

// mappingService is the service that serves the pages of the policy as JSON.
const mappingService = "/statusway.mapping.v1.MappingService/"

// builder builds a document.
type builder struct {
	Params

	contract  *contract.Contract
	addresses address.Addresses
	pages     map[*contract.Binding]bool // the routes with an HTML page at the same path
	root      *root
	schemas   schemas
	// wordless are the routes that OpenAPI cannot describe.
	wordless []string
}

func (b *builder) method(method *contract.Method) {
	served := 0
	for _, binding := range method.Bindings {
		// Routes under a retired prefix are not served.
		if _, gone := b.contract.RetiredBy(binding.Path); gone {
			continue
		}
		b.binding(binding)
		served++
	}
	if served > 0 {
		b.tag(method.Descriptor.Parent())
	}
}

// tag adds a tag for a service, which groups its operations.
func (b *builder) tag(service protoreflect.Descriptor) {
	name := string(service.FullName())
	if !slices.ContainsFunc(b.root.Tags, func(t tag) bool { return t.Name == name }) {
		b.root.Tags = append(b.root.Tags, tag{Name: name, Description: comment(service)})
	}
}

func (b *builder) binding(binding *contract.Binding) {
	verb := strings.ToLower(binding.Verb)
	if !slices.Contains([]string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}, verb) {
		b.wordless = append(b.wordless, "`"+binding.Verb+" "+binding.Template.String()+"`") // 3.1 has no place for other methods.
		return
	}
	item, ok := b.root.Paths.get(binding.Path)
	if !ok {
		item = &pathItem{}
		b.root.Paths.set(binding.Path, item)
	}
	if item.has(verb) {
		b.wordless = append(b.wordless, "`"+binding.Verb+" "+binding.Template.String()+"`") // It is the path of another one.
		return
	}
	item.set(verb, b.operation(binding))
}

func (b *builder) info() info {
	packages := []string{}
	for _, method := range b.contract.Methods {
		packages = append(packages, string(method.Descriptor.ParentFile().Package()))
	}
	slices.Sort(packages)
	packages = slices.Compact(packages)
	about := info{
		Title:       cmp.Or(b.Title, strings.Join(packages, ", "), "No services"),
		Version:     versionOf(packages),
		Description: b.description(),
	}
	if b.License != "" {
		about.License = &license{Name: b.License, Identifier: b.License}
	}
	return about
}

// versionOf returns the version suffix of the packages, such as "v1", or "0" if they differ or have none.
func versionOf(packages []string) string {
	version := ""
	for _, name := range packages {
		last := name[strings.LastIndexByte(name, '.')+1:]
		isVersion := len(last) > 1 && last[0] == 'v' && last[1] >= '0' && last[1] <= '9'
		if !isVersion || version != "" && version != last {
			return "0"
		}
		version = last
	}
	return cmp.Or(version, "0")
}

// document encodes the document without unused components. It encodes each component once to find its
// references, because encoding takes most of the time.
func (b *builder) document() (*Document, error) {
	all := &b.root.Components
	all.Schemas, all.Responses, all.Examples = sorted(&b.schemas.known), sorted(all.Responses), sorted(all.Examples)
	parts := map[string][]byte{}
	if err := errors.Join(
		encodeEach(parts, "schemas", all.Schemas), encodeEach(parts, "responses", all.Responses),
		encodeEach(parts, "parameters", all.Parameters), encodeEach(parts, "headers", all.Headers),
	); err != nil {
		return nil, err
	}
	rest := *b.root
	rest.Components = components{Examples: all.Examples, SecuritySchemes: all.SecuritySchemes}
	text, err := encode(rest)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	follow(text, parts, used)
	unused := func(kind string) func(string) bool {
		return func(name string) bool { return !used[kind+"/"+name] }
	}
	all.Schemas.drop(unused("schemas"))
	all.Responses.drop(unused("responses"))
	all.Parameters.drop(unused("parameters"))
	all.Headers.drop(unused("headers"))
	if text, err = encode(b.root); err != nil {
		return nil, err
	}
	return newDocument(text)
}

// encodeEach adds the text of each component to parts, by its kind and name.
func encodeEach[V any](parts map[string][]byte, kind string, of *ordered[V]) error {
	if of == nil {
		return nil
	}
	for name, value := range of.values {
		text, err := encode(value)
		if err != nil {
			return err
		}
		parts[kind+"/"+name] = text
	}
	return nil
}

// follow marks the components that a text refers to, and those that they refer to.
func follow(text []byte, parts map[string][]byte, used map[string]bool) {
	for name := range references(text) {
		if !used[name] {
			used[name] = true
			follow(parts[name], parts, used)
		}
	}
}

// references returns the kinds and names of the components that a text refers to.
func references(text []byte) map[string]bool {
	used := map[string]bool{}
	for {
		_, after, found := bytes.Cut(text, []byte(`"#/components/`))
		if !found {
			return used
		}
		name, rest, _ := bytes.Cut(after, []byte(`"`))
		used[string(name)] = true
		text = rest
	}
}

// sorted sorts the members of an object by name.
func sorted[V any](of *ordered[V]) *ordered[V] {
	of.names = slices.Sorted(slices.Values(of.names))
	return of
}
