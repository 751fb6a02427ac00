package openapi

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/internal/backend"
	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/route"
	"github.com/statusway/statusway/gateway/policy"
)

// Version is the version of OpenAPI that a [Document] is of.
const Version = "3.1.1"

// Params are what a [Document] is made of.
type Params struct {
	// Table is the policy of the gateway. Nil means the policy "documented".
	Table *policy.Table
	// PublicURL is the URL under which clients reach the service. If it is empty, the document
	// names its own place as the server.
	PublicURL string
	// Title is the API's name; empty means the proto packages' names.
	Title string
	// License is the SPDX identifier of the API's licence; empty means that the
	// document says nothing of one.
	License string
	// Keys says that the gateway has a store for Idempotency-Key. Without one it refuses
	// every key.
	Keys bool
	// Pages are the paths of pages that are served beside routes of MappingService: the same
	// for people, as text/html, chosen by Accept.
	Pages []string
}

// New returns the document of a backend. A nil backend has no routes. Comments become descriptions if
// its descriptors have their source. The error is that of [gateway.New] for such a backend, or says that PublicURL is
// not an http or https URL.
func New(b *backend.Backend, p Params) (*Document, error) {
	servers := []server{{URL: "./"}} // relative to the document (OpenAPI 3.1 §4.8.5)
	if p.PublicURL != "" {
		public, err := url.Parse(p.PublicURL)
		if err != nil || public.Host == "" || (public.Scheme != "http" && public.Scheme != "https") {
			return nil, fmt.Errorf("the public URL %q is not of the form https://api.example.com", p.PublicURL)
		}
		servers[0].URL = strings.TrimRight(public.Scheme+"://"+public.Host+public.EscapedPath(), "/")
	}
	if p.Table == nil {
		var err error
		if p.Table, err = policy.Builtin(policy.Documented); err != nil {
			return nil, err
		}
	}
	served := &contract.Contract{}
	if b != nil {
		served = backend.Current(b).Contract
	}
	declared, err := served.Retire(p.Table)
	if err := errors.Join(err, served.Check(p.Table)); err != nil {
		return nil, fmt.Errorf("reading the contract: %w", err)
	}
	index := declared.Index()
	made := &builder{Params: p, contract: declared, pages: map[*contract.Binding]bool{}, root: &root{
		OpenAPI: Version,
		Servers: servers,
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

// mappingService is the service that responds with the pages of the policy as JSON.
const mappingService = "/statusway.mapping.v1.MappingService/"

// builder puts a document together.
type builder struct {
	Params

	contract *contract.Contract
	pages    map[*contract.Binding]bool // the routes that have a page besides
	root     *root
	schemas  schemas
	// wordless are the routes that OpenAPI has no words for.
	wordless []string
}

func (b *builder) method(method *contract.Method) {
	served := 0
	for _, binding := range method.Bindings {
		// Nothing below a retired prefix is served, whatever is declared there.
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

// tag groups the operations by their services.
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

// versionOf is the version that all packages end with, such as "v1"; "0" where they
// differ or have none.
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

// document encodes the document without the components that it does not refer to. Each
// component is encoded once to find out what it refers to, because encoding takes most of
// the time that a document takes.
func (b *builder) document() (*Document, error) {
	own := &b.root.Components
	own.Schemas, own.Responses, own.Examples = sorted(&b.schemas.known), sorted(own.Responses), sorted(own.Examples)
	parts := map[string][]byte{}
	if err := errors.Join(
		encodeEach(parts, "schemas", own.Schemas), encodeEach(parts, "responses", own.Responses),
		encodeEach(parts, "parameters", own.Parameters), encodeEach(parts, "headers", own.Headers),
	); err != nil {
		return nil, err
	}
	rest := *b.root
	rest.Components = components{Examples: own.Examples, SecuritySchemes: own.SecuritySchemes}
	text, err := encode(rest)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	follow(text, parts, used)
	unused := func(kind string) func(string) bool {
		return func(name string) bool { return !used[kind+"/"+name] }
	}
	own.Schemas.drop(unused("schemas"))
	own.Responses.drop(unused("responses"))
	own.Parameters.drop(unused("parameters"))
	own.Headers.drop(unused("headers"))
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

// references are the kinds and names of the components that a text refers to.
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

// sorted is an object with its members by name: in what order components were come
// upon tells a reader nothing.
func sorted[V any](of *ordered[V]) *ordered[V] {
	of.names = slices.Sorted(slices.Values(of.names))
	return of
}
