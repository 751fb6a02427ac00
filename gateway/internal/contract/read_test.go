package contract_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/policy"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
)

// TestRefusals: each error has its file, line and method, and there are no others.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const at = "t/t.proto:42: t.S.Do: "
	for name, test := range map[string]struct {
		http, semantics string
		want            []string // parts of each fault; nil if there is none
	}{
		"good":                     {`get: "/x/{id}"`, ``, nil},
		"no pattern":               {`body: "*"`, ``, []string{"google.api.http needs an HTTP method and a path"}},
		"no path":                  {`get: ""`, ``, []string{"google.api.http needs an HTTP method and a path"}},
		"a custom one without one": {`custom { path: "/x" }`, ``, []string{"google.api.http needs an HTTP method and a path"}},
		"custom":                   {`custom { kind: "PURGE" path: "/x" }`, ``, nil},
		"any method":               {`custom { kind: "*" path: "/x" }`, ``, nil},
		"CONNECT":                  {`custom { kind: "CONNECT" path: "/x" }`, ``, []string{`a path cannot have the HTTP method "CONNECT"`}},
		"no token":                 {`custom { kind: "A B" path: "/x" }`, ``, []string{`a path cannot have the HTTP method "A B"`}},
		"a bad template":           {`get: "x"`, ``, []string{`path template "x", offset 0`}},
		"nested bindings": {
			`get: "/x" additional_bindings { get: "/y" additional_bindings { get: "/z" } }`, ``,
			[]string{"additional_bindings cannot nest"},
		},
		"unknown variable":        {`get: "/x/{nope}"`, ``, []string{`t.M has no field "nope"`}},
		"a variable too deep":     {`get: "/x/{id.nope}"`, ``, []string{"id is not a message"}},
		"through a list":          {`get: "/x/{many.id}"`, ``, []string{"many has many values"}},
		"a list as a variable":    {`get: "/x/{names}"`, ``, []string{"names is a repeated field, but a path variable holds one value"}},
		"a map as a variable":     {`get: "/x/{labels}"`, ``, []string{"labels is a repeated field"}},
		"deep variable":           {`get: "/x/{inner.inner.id}"`, ``, nil},
		"unknown body":            {`post: "/x" body: "nope"`, ``, []string{`body: t.M has no field "nope"`}},
		"body":                    {`post: "/x" body: "inner"`, ``, nil},
		"unknown response body":   {`get: "/x" response_body: "nope"`, ``, []string{`response_body: t.M has no field "nope"`}},
		"response body":           {`get: "/x" response_body: "inner"`, ``, nil},
		"no success":              {`get: "/x"`, `success: 404`, []string{"404 is not a success status"}},
		"206":                     {`get: "/x"`, `success: 206`, []string{"206 is not a success status"}},
		"twice":                   {`get: "/x"`, `success: [200, 200]`, []string{"success: 200 is a duplicate"}},
		"GET that creates":        {`get: "/x"`, `success: 201 location: "/x/{id}"`, []string{"a GET creates nothing"}},
		"QUERY that creates":      {`custom { kind: "QUERY" path: "/x" }`, `success: 201 location: "/x/{id}"`, []string{"a QUERY creates nothing"}},
		"201 without location":    {`post: "/x"`, `success: 201`, []string{"201 needs a location"}},
		"202 without location":    {`post: "/x"`, `success: 202`, []string{"202 needs a location"}},
		"location without 201":    {`post: "/x"`, `location: "/x/{id}"`, []string{"location needs the status 201 or 202"}},
		"a bad location":          {`post: "/x"`, `success: 201 location: "{id}"`, []string{"location: path template"}},
		"unknown location":        {`post: "/x"`, `success: 201 location: "/x/{nope}"`, []string{`location: t.M has no field "nope"`}},
		"a list as a location":    {`post: "/x"`, `success: 201 location: "/x/{names}"`, []string{"location: names cannot be written in a URL"}},
		"bytes as a location":     {`post: "/x"`, `success: 201 location: "/x/{data}"`, []string{"location: data cannot be written in a URL"}},
		"a message as a location": {`post: "/x"`, `success: 201 location: "/x/{inner}"`, []string{"location: inner cannot be written in a URL"}},
		"a number as a location":  {`post: "/x"`, `success: [200, 201] location: "/x/{size}"`, nil},
		"unknown etag":            {`get: "/x"`, `etag_field: "nope"`, []string{`etag_field: t.M has no field "nope"`}},
		"etag of a number":        {`get: "/x"`, `etag_field: "size"`, []string{"etag_field: size is not a string"}},
		"etag of a list":          {`get: "/x"`, `etag_field: "names"`, []string{"etag_field: names is not a string"}},
		"etag of a map":           {`get: "/x"`, `etag_field: "labels"`, []string{"etag_field: labels is not a string"}},
		"deep etag":               {`get: "/x"`, `etag_field: "inner.id"`, nil},
		"unknown date":            {`get: "/x"`, `last_modified_field: "nope"`, []string{`last_modified_field: t.M has no field "nope"`}},
		"date of a text":          {`get: "/x"`, `last_modified_field: "id"`, []string{"last_modified_field: id is not a google.protobuf.Timestamp"}},
		"date of a message":       {`get: "/x"`, `last_modified_field: "inner"`, []string{"last_modified_field: inner is not a google.protobuf.Timestamp"}},
		"a list of dates":         {`get: "/x"`, `last_modified_field: "times"`, []string{"last_modified_field: times is not a google.protobuf.Timestamp"}},
		"date":                    {`get: "/x"`, `last_modified_field: "changed_at"`, nil},
		"a negative body":         {`post: "/x"`, `max_body_bytes: -1`, []string{"max_body_bytes is -1"}},
		"hostile cache control":   {`get: "/x"`, `cache_control: "no-store\r\nX-Evil: 1"`, []string{"cache_control"}},
		"foreign cache control":   {`get: "/x"`, `cache_control: "ü"`, []string{"cache_control"}},
		"sunset before":           {`get: "/x"`, `lifecycle { deprecated: "2025-01-02" sunset: "2025-01-01" }`, []string{"the sunset is before the deprecation"}},
		"sunset at once":          {`get: "/x"`, `lifecycle { deprecated: "2025-01-01" sunset: "2025-01-01T00:00:00Z" }`, nil},
		"no date at all": {`get: "/x"`, `lifecycle { deprecated: "soon" sunset: "01.01.2025" }`, []string{
			`"01.01.2025" is not an RFC 3339`,
			`"soon" is not an RFC 3339`,
		}},
		"a bad successor":     {`get: "/x"`, `lifecycle { successor: "a b" }`, []string{`the successor "a b" is not a URI reference`}},
		"a hostile successor": {`get: "/x"`, `lifecycle { successor: "/x>; rel=x" }`, []string{"is not a URI reference"}},
		"many at once": {
			`get: "/x/{nope}" body: "nope"`, `success: 404 etag_field: "nope" max_body_bytes: -1`,
			[]string{"/x/{nope}", "404 is", "body:", "etag_field", "max_body_bytes"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := read(t, method(test.http, test.semantics))
			got := faults(t, err)
			if len(got) != len(test.want) {
				t.Fatalf("faults %q, want %q", got, test.want)
			}
			for i, want := range test.want {
				if !strings.HasPrefix(got[i], at) || !strings.Contains(got[i], want) {
					t.Errorf("fault %q, want %q at %q", got[i], want, at)
				}
			}
		})
	}
}

// TestRefusalWithoutSource: a descriptor over the network has no lines.
func TestRefusalWithoutSource(t *testing.T) {
	t.Parallel()
	file := fileOf(t, method(`get: "x"`, ""))
	file.SourceCodeInfo = nil
	_, err := contract.Read(describe(t, file))
	if got := faults(t, err); len(got) != 1 || !strings.HasPrefix(got[0], "t/t.proto: t.S.Do: ") {
		t.Errorf("faults %q", got)
	}
}

func TestStreamIsAnswered200(t *testing.T) {
	t.Parallel()
	for semantics, ok := range map[string]bool{"": true, "success: 200": true, "success: 204": false, "success: [200, 204]": false} {
		file := fileOf(t, method(`get: "/x"`, semantics))
		file.Service[0].Method[0].ServerStreaming = new(true)
		_, err := contract.Read(describe(t, file))
		if got := faults(t, err); (got == nil) != ok {
			t.Errorf("%s: %q", semantics, got)
		}
	}
}

func TestRetired(t *testing.T) {
	t.Parallel()
	service := func(retired string) string {
		return `service { name: "S" options { [statusway.v1.service] { ` + retired + ` } } } source_code_info { location { path: [6, 0] span: [20, 0, 50, 1] } }`
	}
	for retired, want := range map[string]string{
		`retired { prefix: "/v0/" successor: "/v1/x" }`:             "",
		`retired { prefix: "/v0" successor: "/v1/x" }`:              "must have the form",
		`retired { prefix: "v0/" successor: "/v1/x" }`:              "must have the form",
		`retired { prefix: "//" successor: "/v1/x" }`:               "must have the form",
		`retired { prefix: "/" successor: "/v1/x" }`:                "must have the form",
		`retired { successor: "/v1/x" }`:                            "must have the form",
		`retired { prefix: "/v0/" }`:                                "is not a URI reference",
		`retired { prefix: "/v0/" successor: "a\nb" }`:              "is not a URI reference",
		`retired { prefix: "/v0/" successor: "https://x.example" }`: "",
	} {
		_, err := read(t, service(retired))
		got := faults(t, err)
		if want == "" && got != nil || want != "" && (len(got) != 1 || !strings.Contains(got[0], want) || !strings.HasPrefix(got[0], "t/t.proto:21: t.S: ")) {
			t.Errorf("%s: %q, want %q", retired, got, want)
		}
	}
	declared := mustRead(t, service(`retired { prefix: "/v0/" successor: "/v1/x" }`))
	for path, want := range map[string]bool{"/v0/": true, "/v0": true, "/v0/a": true, "/v00": false, "/v": false, "/": false, "": false} {
		if retired, ok := declared.RetiredBy(path); ok != want || ok && retired.Successor != "/v1/x" {
			t.Errorf("RetiredBy(%q) = %v, %t", path, retired, ok)
		}
	}
}

// TestWhateverTheOptionsAreMadeOf: linked types, unknown bytes, and the types of
// another resolver, on which proto.GetExtension panics.
func TestWhateverTheOptionsAreMadeOf(t *testing.T) {
	t.Parallel()
	text := method(`post: "/x" body: "*"`,
		`success: [201, 200] location: "/x/{id}" etag_field: "id" max_body_bytes: 7 preconditions: true anonymous: true lifecycle { successor: "/y" }`)
	for name, file := range map[string]protoreflect.FileDescriptor{
		"linked":  describe(t, fileOf(t, text)),
		"unknown": describe(t, unknown(t, fileOf(t, text))),
		"dynamic": dynamicFile{describe(t, unknown(t, fileOf(t, text)))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			declared, err := contract.Read(file)
			if err != nil || len(declared.Methods) != 1 {
				t.Fatalf("Read() = %v, %v", declared, err)
			}
			got := declared.Methods[0]
			if got.FullName != "/t.S/Do" || !slices.Equal(got.Success, []int32{201, 200}) || got.Location.String() != "/x/{id}" || got.ETag.String() != "id" ||
				got.MaxBody != 7 || !got.Preconditions || !got.Anonymous || got.Lifecycle.Successor != "/y" || got.CacheControl != "no-cache" {
				t.Errorf("%+v", got)
			}
			if len(got.Bindings) != 1 || got.Bindings[0].Verb != "POST" || got.Bindings[0].Body != "*" || got.Bindings[0].Method != got {
				t.Errorf("%+v", got.Bindings)
			}
		})
	}
}

// dynamicFile has the options of its services and methods in dynamic messages.
type dynamicFile struct{ protoreflect.FileDescriptor }

func (f dynamicFile) Services() protoreflect.ServiceDescriptors {
	return dynamicServices{f.FileDescriptor.Services()}
}

type dynamicServices struct {
	protoreflect.ServiceDescriptors
}

func (s dynamicServices) Get(i int) protoreflect.ServiceDescriptor {
	return dynamicService{s.ServiceDescriptors.Get(i)}
}

type dynamicService struct{ protoreflect.ServiceDescriptor }

func (s dynamicService) Methods() protoreflect.MethodDescriptors {
	return dynamicMethods{s.ServiceDescriptor.Methods()}
}

type dynamicMethods struct{ protoreflect.MethodDescriptors }

func (m dynamicMethods) Get(i int) protoreflect.MethodDescriptor {
	return dynamicMethod{m.MethodDescriptors.Get(i)}
}

type dynamicMethod struct{ protoreflect.MethodDescriptor }

func (m dynamicMethod) Options() protoreflect.ProtoMessage {
	wire, err := proto.Marshal(m.MethodDescriptor.Options())
	if err != nil {
		return nil
	}
	options := dynamicpb.NewMessage((&descriptorpb.MethodOptions{}).ProtoReflect().Descriptor())
	if err := proto.Unmarshal(wire, options); err != nil {
		return nil
	}
	return options
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ semantics, cacheControl string }{
		"nothing":    {``, "no-store"},
		"etag":       {`etag_field: "id"`, "no-cache"},
		"date":       {`last_modified_field: "changed_at"`, "no-cache"},
		"its own":    {`etag_field: "id" cache_control: "max-age=60"`, "max-age=60"},
		"no options": {``, "no-store"},
	} {
		got := mustRead(t, method(`get: "/x"`, test.semantics)).Methods[0]
		if got.CacheControl != test.cacheControl || !slices.Equal(got.Success, []int32{200}) || got.Preconditions || got.Anonymous || got.MaxBody != 0 ||
			got.Location != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	declared := mustRead(t, `service { name: "S" method { name: "Plain" input_type: ".t.M" output_type: ".t.M" } }`)
	if len(declared.Methods) != 0 {
		t.Errorf("a method without a route is in the contract: %+v", declared.Methods)
	}
}

func TestLifecycleIsInherited(t *testing.T) {
	t.Parallel()
	const file = `options { [statusway.v1.lifecycle] { deprecated: "2024-01-01" sunset: "2025-01-01" successor: "/file" } }`
	const service = `options { [statusway.v1.service] { lifecycle { sunset: "2026-01-01" successor: "/service" } } }`
	one := func(options string) string {
		return `method { name: "Do" input_type: ".t.M" output_type: ".t.M" options { [google.api.http] { get: "/x" } ` + options + ` } }`
	}
	const own = `[statusway.v1.method] { lifecycle { sunset: "2027-01-01T12:00:00+02:00" } }`
	day := func(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
	for name, test := range map[string]struct {
		text string
		want contract.Lifecycle
	}{
		"none":    {`service { name: "S" ` + one("") + `}`, contract.Lifecycle{}},
		"file":    {file + `service { name: "S" ` + one("") + `}`, contract.Lifecycle{Deprecated: day(2024), Sunset: day(2025), Successor: "/file"}},
		"service": {file + `service { name: "S" ` + service + one("") + `}`, contract.Lifecycle{Deprecated: day(2024), Sunset: day(2026), Successor: "/service"}},
		"method": {file + `service { name: "S" ` + service + one(own) + `}`, contract.Lifecycle{
			Deprecated: day(2024), Sunset: day(2027).Add(10 * time.Hour),
			Successor: "/service",
		}},
	} {
		if got := mustRead(t, test.text).Methods[0].Lifecycle; got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestIndexClashes(t *testing.T) {
	t.Parallel()
	_, err := read(t, `service { name: "S"
		method { name: "A" input_type: ".t.M" output_type: ".t.M" options { [google.api.http] { get: "/x/{id}" } } }
		method { name: "B" input_type: ".t.M" output_type: ".t.M" options { [google.api.http] { get: "/x/{inner.id}" additional_bindings { post: "/x/{id}" } } } }
	} source_code_info { location { path: [6, 0, 2, 1] span: [8, 2, 9, 3] } }`)
	const want = "t/t.proto:9: t.S.B: GET /x/{inner.id} matches exactly the paths of /x/{id}, a route of t.S.A (t/t.proto)"
	if got := faults(t, err); len(got) != 1 || got[0] != want {
		t.Errorf("faults %q, want %q", got, want)
	}
}

// TestManyClashes: each pair of rules is one line, and the text has a limit.
func TestManyClashes(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString(`service { name: "S" `)
	for i := range 25 {
		rule := fmt.Sprintf(`{ get: "/x/%d" }`, i)
		if i%2 == 0 {
			rule = fmt.Sprintf(`{ custom { kind: "*" path: "/x/%d" } }`, i) // five routes
		}
		for _, name := range []string{"A", "B"} {
			fmt.Fprintf(&text, `method { name: "%s%d" input_type: ".t.M" output_type: ".t.M" options { [google.api.http] %s } } `, name, i, rule)
		}
	}
	_, err := read(t, text.String()+"}")
	if got := faults(t, err); len(got) != 25 {
		t.Errorf("%d faults: %q", len(got), got)
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 21 || lines[20] != "and 5 more problems" {
		t.Errorf("%d lines:\n%v", len(lines), err)
	}
	for _, want := range []string{
		"t.S.B1: GET /x/1 matches exactly the paths of /x/1, a route of t.S.A1 ", "t.S.B2: * /x/2 matches exactly the paths of /x/2, a route of t.S.A2 ",
	} {
		if strings.Count(err.Error(), want) != 1 {
			t.Errorf("%q is not once in\n%v", want, err)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	table, err := policy.Builtin(policy.Documented)
	if err != nil {
		t.Fatal(err)
	}
	declared, err := contract.Read(
		entityv1.File_entity_v1_entity_service_proto, entityv1.File_entity_v1_session_service_proto,
		entityv1.File_entity_v1_maintenance_service_proto, mappingv1.File_statusway_mapping_v1_mapping_service_proto,
	)
	if err != nil {
		t.Fatalf("Read() failed: %v", err)
	}
	if err := declared.Check(table); err != nil {
		t.Errorf("Check() = %v", err)
	}
	declared.Methods[0].Success = []int32{200, 206}
	if got := faults(t, declared.Check(table)); len(got) != 1 || !strings.Contains(got[0], "declares 206, which the policy documented has no row for") {
		t.Errorf("faults %q", got)
	}
}
