package respond_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/policy"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// builtin is a policy by its name.
func builtin(tb testing.TB, name string) *policy.Table {
	tb.Helper()
	table, err := policy.Builtin(name)
	if err != nil {
		tb.Fatalf("Builtin(%q) failed: %v", name, err)
	}
	return table
}

// changed is a built-in policy with its text edited.
func changed(tb testing.TB, name, from, to string) *policy.Table {
	tb.Helper()
	source, err := os.ReadFile(filepath.Join("..", "..", "policy", name+".yaml"))
	if err != nil {
		tb.Fatal(err)
	}
	if !bytes.Contains(source, []byte(from)) {
		tb.Fatalf("%s.yaml has no %q", name, from)
	}
	table, err := policy.Load("test.yaml", bytes.Replace(source, []byte(from), []byte(to), 1))
	if err != nil {
		tb.Fatalf("Load() failed: %v", err)
	}
	return table
}

func newResponder(tb testing.TB, table *policy.Table) *respond.Responder {
	tb.Helper()
	responder, err := respond.New(respond.Params{Table: table, PublicURL: "https://api.example.com", Realm: `the "inner" realm`})
	if err != nil {
		tb.Fatalf("New() failed: %v", err)
	}
	return responder
}

func documented(tb testing.TB) *respond.Responder {
	tb.Helper()
	return newResponder(tb, builtin(tb, policy.Documented))
}

func accept(tb testing.TB, value string) []rfc9110.MediaRange {
	tb.Helper()
	ranges, err := rfc9110.ParseAccept([]string{value})
	if err != nil {
		tb.Fatalf("ParseAccept(%q) failed: %v", value, err)
	}
	return ranges
}

// text returns a response in the form of a golden file.
func text(tb testing.TB, answer respond.Answer) string {
	tb.Helper()
	var out strings.Builder
	fmt.Fprintf(&out, "%d by %s\n", answer.Decision.Status(), answer.Decision.Rule.GetName())
	for _, name := range slices.Sorted(maps.Keys(answer.Header)) {
		for _, value := range answer.Header[name] {
			fmt.Fprintf(&out, "%s: %s\n", name, value)
		}
	}
	var body bytes.Buffer
	if err := json.Indent(&body, answer.Body, "", "  "); err != nil {
		tb.Errorf("the body is no JSON: %v\n%s", err, answer.Body)
	}
	fmt.Fprintf(&out, "\n%s\n", &body)
	return out.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("run the test with -update once: %v", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// object is a JSON body.
func object(tb testing.TB, body []byte) map[string]any {
	tb.Helper()
	var members map[string]any
	if err := json.Unmarshal(body, &members); err != nil {
		tb.Fatalf("the body is no JSON object: %v\n%s", err, body)
	}
	return members
}

// declare makes a file descriptor from text, a FileDescriptorProto.
func declare(tb testing.TB, text string) protoreflect.FileDescriptor {
	tb.Helper()
	file := &descriptorpb.FileDescriptorProto{}
	const head = `name: "t.proto" package: "t" syntax: "proto3"
		dependency: "google/api/annotations.proto" dependency: "google/api/httpbody.proto"
		dependency: "google/protobuf/timestamp.proto" dependency: "statusway/v1/annotations.proto"
	`
	if err := prototext.Unmarshal([]byte(head+text), file); err != nil {
		tb.Fatal(err)
	}
	descriptor, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		tb.Fatal(err)
	}
	return descriptor
}

func read(tb testing.TB, files ...protoreflect.FileDescriptor) *contract.Contract {
	tb.Helper()
	declared, err := contract.Read(files...)
	if err != nil {
		tb.Fatalf("Read() failed: %v", err)
	}
	return declared
}

func entities(tb testing.TB) *contract.Contract {
	tb.Helper()
	return read(tb, entityv1.File_entity_v1_entity_service_proto)
}

// bindingOf is the first route of a method.
func bindingOf(tb testing.TB, declared *contract.Contract, fullName string) *contract.Binding {
	tb.Helper()
	for _, method := range declared.Methods {
		if method.FullName == fullName {
			return method.Bindings[0]
		}
	}
	tb.Fatalf("the contract has no %s", fullName)
	return nil
}

// recorderOf returns the recorder for a request of [ask]: its exchange has the header.
func recorderOf(request *http.Request) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	recorder.HeaderMap = exchange.From(request.Context()).Fields //nolint:staticcheck // it is the recorder's own header.
	return recorder
}

// ask makes a request that has matched a route, with its header fields in pairs.
func ask(tb testing.TB, method string, binding *contract.Binding, fields ...string) *http.Request {
	tb.Helper()
	request := httptest.NewRequestWithContext(tb.Context(), method, "/v1/x?q=1", nil)
	for i := 0; i < len(fields); i += 2 {
		request.Header.Add(fields[i], fields[i+1])
	}
	request.Header.Set("X-Request-ID", "r-1")
	request, ex := exchange.Begin(httptest.NewRecorder(), request)
	ex.Binding = binding
	conditions, err := rfc9110.ParsePreconditions(request.Header.Values)
	if err != nil {
		tb.Fatal(err)
	}
	ex.Conditions = conditions
	if lines := request.Header.Values("Accept"); len(lines) > 0 {
		ex.Accept = accept(tb, strings.Join(lines, ", "))
	}
	return request
}

func TestNew(t *testing.T) {
	t.Parallel()
	table := builtin(t, policy.Documented)
	for name, test := range map[string]struct {
		params respond.Params
		ok     bool
	}{
		"https":         {respond.Params{Table: table, PublicURL: "https://api.example.com"}, true},
		"with a port":   {respond.Params{Table: table, PublicURL: "http://localhost:8080/"}, true},
		"no scheme":     {respond.Params{Table: table, PublicURL: "api.example.com"}, false},
		"other scheme":  {respond.Params{Table: table, PublicURL: "ftp://api.example.com"}, false},
		"with a path":   {respond.Params{Table: table, PublicURL: "https://api.example.com/x"}, true},
		"with a query":  {respond.Params{Table: table, PublicURL: "https://api.example.com/x?y"}, false},
		"with a user":   {respond.Params{Table: table, PublicURL: "https://user@api.example.com"}, false},
		"no authority":  {respond.Params{Table: table, PublicURL: "https:///x"}, false},
		"empty":         {respond.Params{Table: table}, true},
		"pages":         {respond.Params{Table: table, PagesURL: "https://docs.example.com/api/"}, true},
		"pages by path": {respond.Params{Table: table, PagesURL: "/docs"}, false},
		"malformed":     {respond.Params{Table: table, PublicURL: "https://a b"}, false},
		"without table": {respond.Params{PublicURL: "https://api.example.com"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			responder, err := respond.New(test.params)
			if (err == nil) != test.ok {
				t.Fatalf("New() = %v, want success %t", err, test.ok)
			}
			if test.ok && responder.Table() != table {
				t.Error("Table() is not the one given")
			}
		})
	}
}

func TestWithDecidesByTheOther(t *testing.T) {
	t.Parallel()
	responder := documented(t)
	other := responder.With(builtin(t, policy.Canonical))
	failure := respond.FailAs(9, "", "not now")
	if got := responder.Render(failure, respond.Request{}).Decision.Status(); got != 409 {
		t.Errorf("documented: %d, want 409", got)
	}
	if got := other.Render(failure, respond.Request{}).Decision.Status(); got != 400 {
		t.Errorf("canonical: %d, want 400", got)
	}
	if got := other.TypeURI(404, ""); got != "https://api.example.com/statuses/404" {
		t.Errorf("TypeURI(404) = %q", got)
	}
}

// TestTypeURI: a problem's type leads to a page that exists, or says that there is none.
func TestTypeURI(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		params       respond.Params
		prefix, want string
	}{
		"nothing is configured":    {respond.Params{}, "", "/statuses/404"},
		"a prefix":                 {respond.Params{}, "/api", "/api/statuses/404"},
		"a public URL":             {respond.Params{PublicURL: "https://api.example.com/"}, "", "https://api.example.com/statuses/404"},
		"a public URL with a path": {respond.Params{PublicURL: "https://example.com/api/"}, "/api", "https://example.com/api/statuses/404"},
		"pages elsewhere": {
			respond.Params{PublicURL: "https://example.com", PagesURL: "https://docs.example.com/a/"}, "/api", "https://docs.example.com/a/statuses/404",
		},
		"no pages": {respond.Params{PublicURL: "https://example.com", NoPages: true}, "/api", "about:blank"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.params.Table = builtin(t, policy.Documented)
			responder, err := respond.New(test.params)
			if err != nil {
				t.Fatal(err)
			}
			if got := responder.TypeURI(404, test.prefix); got != test.want {
				t.Errorf("TypeURI() = %q, want %q", got, test.want)
			}
			request := ask(t, "GET", nil)
			exchange.From(request.Context()).Prefix = test.prefix
			recorder := recorderOf(request)
			responder.Error(recorder, request, respond.FailAs(5, "", "not here"))
			if got := object(t, recorder.Body.Bytes()); got["type"] != test.want || got["instance"] != test.prefix+"/v1/x" {
				t.Errorf("the problem is %v, want the type %q", got, test.want)
			}
		})
	}
}
