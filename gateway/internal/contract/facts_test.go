package contract_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	_ "google.golang.org/genproto/googleapis/api/httpbody"
	_ "google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/policy"
)

// routeOf reads a route of a method whose messages have a field of every kind that matters.
func routeOf(t *testing.T, rule, method string) *contract.Binding {
	t.Helper()
	return mustRead(t, `dependency: "google/api/httpbody.proto" dependency: "google/protobuf/field_mask.proto"
		message_type { name: "All"
			field { name: "file" number: 1 type: TYPE_MESSAGE type_name: ".google.api.HttpBody" label: LABEL_OPTIONAL }
			field { name: "files" number: 2 type: TYPE_MESSAGE type_name: ".google.api.HttpBody" label: LABEL_REPEATED }
			field { name: "item" number: 3 type: TYPE_MESSAGE type_name: ".t.M" label: LABEL_OPTIONAL }
			field { name: "mask" number: 4 type: TYPE_MESSAGE type_name: ".google.protobuf.FieldMask" label: LABEL_OPTIONAL }
		}
		service { name: "S" method { name: "Do" `+strings.NewReplacer("All", ".t.All", "HttpBody", ".google.api.HttpBody").Replace(method)+
		` options { [google.api.http] {`+rule+`} } } }`).Methods[0].Bindings[0]
}

func TestBodyFacts(t *testing.T) {
	t.Parallel()
	const all, raw = `input_type: "All" output_type: "All"`, `input_type: "HttpBody" output_type: "All"`
	for name, test := range map[string]struct {
		rule, method string
		message      string // what the body fills
		isRaw        bool
		types        string
		uploads      bool
		discards     bool
		mask         bool
	}{
		"none":               {`post: "/x"`, all, "", false, "", false, false, false},
		"none, GET":          {`get: "/x"`, all, "", false, "", false, true, false},
		"none, HEAD":         {`custom { kind: "HEAD" path: "/x" }`, all, "", false, "", false, true, false},
		"none, OPTIONS":      {`custom { kind: "OPTIONS" path: "/x" }`, all, "", false, "", false, false, false},
		"none, a stream":     {`post: "/x"`, all + " client_streaming: true", "", false, "", false, false, false},
		"whole":              {`post: "/x" body: "*"`, all, "All", false, "application/json", false, false, false},
		"whole, GET":         {`get: "/x" body: "*"`, all, "All", false, "application/json", false, false, false},
		"whole, PATCH":       {`patch: "/x" body: "*"`, all, "All", false, "application/merge-patch+json, application/json", false, false, false},
		"whole, a stream":    {`post: "/x" body: "*"`, all + " client_streaming: true", "All", false, "application/x-ndjson, application/json", true, false, false},
		"whole, raw":         {`post: "/x" body: "*"`, raw, "HttpBody", true, "", false, false, false},
		"whole, raw, stream": {`post: "/x" body: "*"`, raw + " client_streaming: true", "HttpBody", true, "", true, false, false},
		"field":              {`put: "/x" body: "item"`, all, "M", false, "application/json", false, false, false},
		"field, PATCH":       {`patch: "/x" body: "item"`, all, "M", false, "application/merge-patch+json, application/json", false, false, true},
		"field, raw":         {`post: "/x" body: "file"`, all, "HttpBody", true, "", false, false, false},
		"field, a raw list":  {`post: "/x" body: "files"`, all, "", false, "application/json", false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			route := routeOf(t, test.rule, test.method)
			message := ""
			if route.BodyMessage != nil {
				message = string(route.BodyMessage.Name())
			}
			if message != test.message || route.RawBody != test.isRaw || strings.Join(route.MediaTypes, ", ") != test.types {
				t.Errorf("it fills %s, raw %t, of the types %q", message, route.RawBody, route.MediaTypes)
			}
			if route.Uploads != test.uploads || route.DiscardsBody != test.discards || (route.Mask != nil) != test.mask {
				t.Errorf("uploads %t, discards %t, mask %v", route.Uploads, route.DiscardsBody, route.Mask)
			}
		})
	}
}

func TestResponseFacts(t *testing.T) {
	t.Parallel()
	const all, raw, stream = `input_type: "All" output_type: "All"`, `input_type: "All" output_type: "HttpBody"`, " server_streaming: true"
	const json, frames = "application/json", "application/x-ndjson, text/event-stream, application/json"
	for name, test := range map[string]struct {
		rule, method string
		isRaw        bool
		offers       string
	}{
		"whole":                 {`get: "/x"`, all, false, json},
		"whole, a stream":       {`get: "/x"`, all + stream, false, frames},
		"whole, raw":            {`get: "/x"`, raw, true, ""},
		"whole, raw, a stream":  {`get: "/x"`, raw + stream, true, ""},
		"field":                 {`get: "/x" response_body: "item"`, all, false, json},
		"field, a stream":       {`get: "/x" response_body: "item"`, all + stream, false, frames},
		"field, raw":            {`get: "/x" response_body: "file"`, all, true, ""},
		"field, raw, a stream":  {`get: "/x" response_body: "file"`, all + stream, true, ""},
		"field, a raw list":     {`get: "/x" response_body: "files"`, all, false, json},
		"field of an HttpBody":  {`get: "/x" response_body: "content_type"`, raw, false, json},
		"field of raw, streams": {`get: "/x" response_body: "data"`, raw + stream, false, frames},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			route := routeOf(t, test.rule, test.method)
			if route.RawResponse != test.isRaw || strings.Join(route.Offers, ", ") != test.offers {
				t.Errorf("raw %t, offers %q", route.RawResponse, route.Offers)
			}
		})
	}
}

func TestVerbFacts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		verb       string
		isSafe     bool
		conditions contract.Conditions
	}{
		{"GET", true, contract.ConditionsCompared},
		{"HEAD", true, contract.ConditionsCompared},
		{"QUERY", true, contract.ConditionsCompared},
		{"OPTIONS", true, contract.ConditionsIgnored},
		{"TRACE", true, contract.ConditionsIgnored},
		{"PROPFIND", true, contract.ConditionsRefused},
		{"REPORT", true, contract.ConditionsRefused},
		{"SEARCH", true, contract.ConditionsRefused},
		{"POST", false, contract.ConditionsRefused},
		{"PUT", false, contract.ConditionsRefused},
		{"LINK", false, contract.ConditionsRefused},
		{"query", false, contract.ConditionsRefused}, // another method (RFC 9110 §9.1)
	} {
		rule := `custom { kind: "` + test.verb + `" path: "/x" } body: "*"`
		route := mustRead(t, method(rule, "")).Methods[0].Bindings[0]
		if route.Verb != test.verb || route.Safe != test.isSafe || route.Conditions != test.conditions {
			t.Errorf("%s: safe %t, conditions %d", route.Verb, route.Safe, route.Conditions)
		}
	}
	const rule = `post: "/x" body: "*" additional_bindings { custom { kind: "QUERY" path: "/x" } body: "*" }`
	write := mustRead(t, method(rule, "preconditions: true")).Methods[0].Bindings
	if write[0].Conditions != contract.ConditionsForwarded || write[1].Conditions != contract.ConditionsCompared {
		t.Errorf("conditions %d, %d", write[0].Conditions, write[1].Conditions)
	}
}

// A rule for any method is a route for each method that no other rule of the path has.
func TestAnyMethod(t *testing.T) {
	t.Parallel()
	declared := mustRead(t, `service { name: "S"
		method { name: "Any" input_type: ".t.M" output_type: ".t.M" options { [google.api.http] { custom { kind: "*" path: "/x/{id}" } body: "*" } } }
		method { name: "Get" input_type: ".t.M" output_type: ".t.M" options { [google.api.http] {
			get: "/x/{inner.id}" additional_bindings { delete: "/x/y" } additional_bindings { custom { kind: "LINK" path: "/x/{id}" } }
		} } }
	}`)
	for target, want := range map[string]string{
		"GET /x/1": "Get", "PUT /x/1": "Any", "POST /x/1": "Any", "DELETE /x/1": "Any", "PATCH /x/1": "Any", "LINK /x/1": "Get",
		"DELETE /x/y": "Get", "PROPFIND /x/1": "", "* /x/1": "",
	} {
		verb, path, _ := strings.Cut(target, " ")
		found, _, err := declared.Index().Lookup(verb, path)
		got := ""
		if found.Value != nil {
			got = string(found.Value.Method.Descriptor.Name())
		}
		if got != want || err != nil {
			t.Errorf("%s is %s, %v; want %s", target, got, err, want)
		}
	}
	var verbs []string
	for i, route := range declared.Methods[0].Bindings {
		verbs = append(verbs, route.Verb)
		if route.Number != i || route.Kind != "*" {
			t.Errorf("%s has the number %d and the kind %s", route.Verb, route.Number, route.Kind)
		}
	}
	if !slices.Equal(verbs, []string{"PUT", "POST", "DELETE", "PATCH"}) {
		t.Errorf("the routes are %q", verbs)
	}
	_, err := read(t, `service { name: "S"
		method { name: "One" input_type: ".t.M" output_type: ".t.M" options { [google.api.http] { custom { kind: "*" path: "/x/{id}" } } } }
		method { name: "Two" input_type: ".t.M" output_type: ".t.M" options { [google.api.http] { custom { kind: "*" path: "/x/{inner.id}" } } } }
	}`)
	if len(faults(t, err)) == 0 {
		t.Error("two rules for any method have the same paths")
	}
}

// Retire returns another contract, whose routes lead to its own methods.
func TestRetireChangesNothing(t *testing.T) {
	t.Parallel()
	declared := mustRead(t, method(`get: "/x/{id}"`, ""))
	table, err := policy.Builtin(policy.Documented)
	if err != nil {
		t.Fatal(err)
	}
	if same, err := declared.Retire(table); err != nil || same != declared {
		t.Errorf("without retirements: %p, %v; want %p", same, err, declared)
	}
	source, err := os.ReadFile("../../policy/documented.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const end = "\nretirements: [{selector: t.S, deprecated: \"2030-01-01\", sunset: \"2031-01-01\"}]\n"
	if table, err = policy.Load("retiring.yaml", append(source, end...)); err != nil {
		t.Fatal(err)
	}
	retired, err := declared.Retire(table)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name      string
		declared  *contract.Contract
		isRetired bool
	}{{"given", declared, false}, {"returned", retired, true}} {
		found, _, err := test.declared.Index().Lookup("GET", "/x/1")
		if err != nil || found.Value != test.declared.Methods[0].Bindings[0] || found.Value.Method != test.declared.Methods[0] {
			t.Fatalf("%s: the index leads to another route, %v", test.name, err)
		}
		if got := !found.Value.Method.Lifecycle.Sunset.IsZero(); got != test.isRetired {
			t.Errorf("%s: retired %t", test.name, got)
		}
	}
}
