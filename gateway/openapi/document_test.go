package openapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/openapi"
	"github.com/statusway/statusway/gateway/policy"
)

// The same contract gives the same bytes, and YAML says what JSON says.
func TestDocumentsAreDeterministic(t *testing.T) {
	t.Parallel()
	first := documentOf(t, sourceOf(reference(t), builtin(t, policy.Documented)))
	for range 5 {
		if again := documentOf(t, sourceOf(reference(t), builtin(t, policy.Documented))); !bytes.Equal(first.JSON(), again.JSON()) {
			t.Fatalf("two documents differ:\n%s", cmp.Diff(string(first.JSON()), string(again.JSON())))
		}
	}
	text, err := first.YAML()
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := yaml.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	var same map[string]any
	if err := json.Unmarshal(asJSON, &same); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(parsed(t, first), same); diff != "" {
		t.Errorf("JSON (-) and YAML (+):\n%s", diff)
	}
	// A change to the returned value changes nothing else.
	clear(first.JSON())
	if first.JSON()[0] != '{' {
		t.Error("a document's bytes are shared")
	}
}

// A backend whose messages contain each other in too many ways still has a document, with
// a readable number of parameters.
func TestMessagesThatHoldEachOther(t *testing.T) {
	t.Parallel()
	var layers strings.Builder
	for layer := range 40 {
		fmt.Fprintf(&layers, `message_type { name: "L%d"`, layer)
		for field := range 5 {
			if layer < 39 {
				fmt.Fprintf(&layers, ` field { name: "f%[1]d" json_name: "f%[1]d" number: %[2]d label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".test.v1.L%[3]d" }`,
					field, field+1, layer+1)
			}
		}
		layers.WriteString(` field { name: "text" json_name: "text" number: 9 label: LABEL_OPTIONAL type: TYPE_STRING } }`)
	}
	file := fileOf(t, `
		name: "layers.proto" package: "test.v1" syntax: "proto3" dependency: ["google/api/annotations.proto"] `+layers.String()+`
		service {
			name: "Layers"
			method { name: "Get" input_type: ".test.v1.L0" output_type: ".test.v1.L0" options { [google.api.http] { get: "/v1" } } }
			method { name: "Patch" input_type: ".test.v1.L0" output_type: ".test.v1.L0" options { [google.api.http] { patch: "/v1" body: "*" } } }
		}`)
	root := parsed(t, documentOf(t, sourceOf(contractOf(t, file), builtin(t, policy.Documented))))
	operation := root["paths"].(map[string]any)["/v1"].(map[string]any)["get"].(map[string]any)
	if parameters := operation["parameters"].([]any); len(parameters) != 200 {
		t.Errorf("%d parameters", len(parameters))
	}
	if schemas := root["components"].(map[string]any)["schemas"].(map[string]any); schemas["test.v1.L39"] == nil || schemas["test.v1.L39-patch"] == nil {
		t.Error("a message is missing")
	}
}

// Both forms can be read with any text in a comment.
func TestStrangeComments(t *testing.T) {
	t.Parallel()
	const strange = "\x7f\u0085\u2028\ufeff\u00a0 <>&'\"\\ : - # {} [] | > 0x1F yes ~ \t"
	file := protodesc.ToFileDescriptorProto(fileOf(t, twice))
	file.SourceCodeInfo = &descriptorpb.SourceCodeInfo{Location: []*descriptorpb.SourceCodeInfo_Location{{
		Path: []int32{4, 0}, Span: []int32{1, 0, 1}, LeadingComments: new(strange),
	}}}
	built, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	document := documentOf(t, sourceOf(contractOf(t, built), builtin(t, policy.Documented)))
	text, err := document.YAML()
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := yaml.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	for name, root := range map[string]map[string]any{"JSON": parsed(t, document), "YAML": root} {
		schemas := root["components"].(map[string]any)["schemas"].(map[string]any)
		if got := schemas["test.v1.Request"].(map[string]any)["description"]; got != strings.TrimSpace(strange) {
			t.Errorf("%s: %q, want %q", name, got, strange)
		}
	}
}

// The routes of the zoo, a few lines each: every kind of path, parameter and body.
func TestRoutes(t *testing.T) {
	t.Parallel()
	root := parsed(t, documentOf(t, sourceOf(contractOf(t, zoo(t)), builtin(t, policy.Documented))))
	var out bytes.Buffer
	paths := root["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := paths[path].(map[string]any)
		for _, verb := range slices.Sorted(maps.Keys(item)) {
			operation := item[verb].(map[string]any)
			fmt.Fprintf(&out, "%s %s\n  %s\n", strings.ToUpper(verb), path, operation["operationId"])
			var query []string
			parameters, _ := operation["parameters"].([]any)
			for _, one := range parameters {
				// The possible queries are the same for each, so they are shown once.
				if parameter := one.(map[string]any); parameter["in"] == "query" && operation["operationId"] != "zoo.v1.Zoo.GetAnimal" {
					query = append(query, parameter["name"].(string))
					continue
				}
				fmt.Fprintf(&out, "  %s\n", compact(t, one))
			}
			if len(query) > 0 {
				fmt.Fprintf(&out, "  ? %s\n", strings.Join(query, " "))
			}
			if body, ok := operation["requestBody"]; ok {
				fmt.Fprintf(&out, "  < %s\n", compact(t, body))
			}
			ok := operation["responses"].(map[string]any)["200"]
			if ok != nil {
				fmt.Fprintf(&out, "  > %s\n", compact(t, ok.(map[string]any)["content"]))
			}
		}
	}
	golden(t, "zoo.golden", out.Bytes())
}

func compact(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The server of a document is the public URL, or the document's own origin.
func TestPublicURL(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"https://api.example.com": "https://api.example.com", "http://127.0.0.1:8080": "http://127.0.0.1:8080",
		"https://example.com/api/": "https://example.com/api", "": "./",
		"/x": "", "api.example.com": "", "ftp://api.example.com": "",
	} {
		p := sourceOf(&contract.Contract{}, builtin(t, policy.Documented))
		p.PublicURL = url
		document, err := p.document()
		if (err == nil) != (want != "") {
			t.Errorf("%q: %v", url, err)
		}
		if err != nil {
			continue
		}
		if diff := cmp.Diff([]any{map[string]any{"url": want}}, parsed(t, document)["servers"]); diff != "" {
			t.Errorf("%q, want (-) and got (+):\n%s", url, diff)
		}
	}
}

// The description lists what OpenAPI cannot express; it is served anyway.
func TestWordless(t *testing.T) {
	t.Parallel()
	table := builtin(t, policy.Documented)
	for _, test := range []struct {
		name     string
		contract *contract.Contract
		want     string
	}{
		{"two routes that are one path", contractOf(t, fileOf(t, twice)), "\n- `GET /v1/{name=**}`"},
		{"a method of another name", contractOf(t, zoo(t)), "\n- `REPORT /v1/animals/{name}:look`"},
	} {
		document := documentOf(t, sourceOf(test.contract, table))
		about := parsed(t, document)["info"].(map[string]any)["description"].(string)
		if !strings.HasSuffix(about, "Routes that OpenAPI cannot express:\n"+test.want) {
			t.Errorf("%s: %s", test.name, about)
		}
	}
}

// An option that another has put under the same number says nothing.
func TestForeignOptions(t *testing.T) {
	t.Parallel()
	file := protodesc.ToFileDescriptorProto(fileOf(t, twice))
	// buf.validate.field is a message, and here is a text that is none.
	wire := protowire.AppendString(protowire.AppendTag(nil, 1159, protowire.BytesType), "\xff\xff")
	options := &descriptorpb.FieldOptions{}
	options.ProtoReflect().SetUnknown(wire)
	file.MessageType[0].Field[0].Options = options
	built, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	if got, needed, err := openapi.FieldSchema(built.Messages().Get(0).Fields().Get(0)); err != nil || needed || string(got) != `{"type":"string"}` {
		t.Errorf("%s, needed: %t, %v", got, needed, err)
	}
}

// twice has two routes that a gateway can distinguish, by the number of their segments.
const twice = `
	name: "twice.proto" package: "test.v1" syntax: "proto3" dependency: ["google/api/annotations.proto"]
	message_type { name: "Request" field { name: "name" json_name: "name" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING } }
	service {
		name: "Twice"
		method { name: "First" input_type: ".test.v1.Request" output_type: ".test.v1.Request" options { [google.api.http] { get: "/v1/{name}" } } }
		method { name: "Second" input_type: ".test.v1.Request" output_type: ".test.v1.Request" options { [google.api.http] { get: "/v1/{name=**}" } } }
	}`

// Facts about the whole API are where people look for them.
func TestInfo(t *testing.T) {
	t.Parallel()
	p := sourceOf(reference(t), builtin(t, policy.Documented))
	for _, test := range []struct {
		name   string
		change func(*source)
		want   map[string]any
	}{
		{"by default", func(*source) {}, map[string]any{"title": "entity.v1, statusway.mapping.v1", "version": "v1"}},
		{"named", func(p *source) { p.Title = "Shop" }, map[string]any{"title": "Shop", "version": "v1"}},
		{"no service", func(p *source) { p.contract = &contract.Contract{} }, map[string]any{"title": "No services", "version": "0"}},
		{
			"licensed", func(p *source) { p.License = "MIT" },
			map[string]any{"title": "entity.v1, statusway.mapping.v1", "version": "v1", "license": map[string]any{"name": "MIT", "identifier": "MIT"}},
		},
	} {
		p := p
		test.change(&p)
		info := parsed(t, documentOf(t, p))["info"].(map[string]any)
		delete(info, "description")
		if diff := cmp.Diff(test.want, info); diff != "" {
			t.Errorf("%s, want (-) and got (+):\n%s", test.name, diff)
		}
	}
	about := parsed(t, documentOf(t, p))["info"].(map[string]any)["description"].(string)
	for _, text := range []string{"`documented`", "`application/problem+json`", "HEAD", "OPTIONS", "405", "`/v0/`"} {
		if !strings.Contains(about, text) {
			t.Errorf("the description does not speak of %s:\n%s", text, about)
		}
	}
}

// A nil backend has a document without paths, as a gateway before it has no routes.
func TestNilBackend(t *testing.T) {
	t.Parallel()
	document, err := openapi.New(nil, sourceOf(nil, builtin(t, policy.Documented)).Params)
	if err != nil {
		t.Fatal(err)
	}
	if paths := parsed(t, document)["paths"]; len(paths.(map[string]any)) != 0 {
		t.Errorf("the paths are %v", paths)
	}
}

// A route of MappingService that the program has a page for besides says so of its success, and
// no other route does.
func TestPages(t *testing.T) {
	t.Parallel()
	p := sourceOf(reference(t), builtin(t, policy.Documented))
	p.Pages = []string{"/statuses/404", "/statuses/409", "/v1/entities", "/healthz"}
	var pages []string
	for path, item := range parsed(t, documentOf(t, p))["paths"].(map[string]any) {
		for method, operation := range item.(map[string]any) {
			for status, response := range operation.(map[string]any)["responses"].(map[string]any) {
				content, _ := response.(map[string]any)["content"].(map[string]any)
				if page, ok := content["text/html"].(map[string]any); ok {
					pages = append(pages, strings.Join([]string{method, path, status}, " "))
					if page["schema"].(map[string]any)["type"] != "string" || content["application/json"] == nil {
						t.Errorf("the content is %v", content)
					}
				}
			}
		}
	}
	if diff := cmp.Diff([]string{"get /statuses/{code} 200"}, pages); diff != "" {
		t.Errorf("want (-) and got (+):\n%s", diff)
	}
}

// A deprecated method is marked, and each of its responses may have the fields.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	declared := reference(t)
	root := parsed(t, documentOf(t, sourceOf(declared, retiring(t))))
	get := func(of any, names ...string) any {
		for _, name := range names {
			object, _ := of.(map[string]any)
			of = object[name]
		}
		return of
	}
	operation := get(root, "paths", "/v1/entities/{id}", "get")
	if get(operation, "deprecated") != true {
		t.Error("the operation is not deprecated")
	}
	for _, status := range []string{"200", "304"} {
		for _, name := range []string{"Deprecation", "Sunset", "Link"} {
			if get(operation, "responses", status, "headers", name) == nil {
				t.Errorf("%s has no %s", status, name)
			}
		}
	}
	if ref := get(operation, "responses", "404", "$ref"); ref != "#/components/responses/Error404-deprecated-sunset" {
		t.Errorf("404 is %v", ref)
	}
	if get(root, "components", "responses", "Error404-deprecated-sunset", "headers", "Sunset") == nil {
		t.Error("404 has no Sunset")
	}
	if get(root, "paths", "/v1/statuses", "get", "deprecated") != nil {
		t.Error("a method of another service is deprecated")
	}
}

func TestNoBackend(t *testing.T) {
	t.Parallel()
	document, err := openapi.New(nil, openapi.Params{})
	if err != nil || !bytes.Contains(document.JSON(), []byte(`"paths": {}`)) {
		t.Errorf("%v", err)
	}
}
