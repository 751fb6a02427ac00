package command_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/statusway/statusway/gen/descriptors"
)

// gen/openapi is what the program writes: whoever reviews a change of the API, or of
// the policy, sees there what clients will.
func TestOpenAPIReference(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("../../../gen/openapi/reference.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, "", "openapi", "--format=yaml")
	if diff := cmp.Diff(string(want), got.out); got.code != 0 || diff != "" {
		t.Errorf("exit code %d; gen/openapi/reference.yaml (-) and what is written (+), `make generate` writes it anew:\n%s%s", got.code, diff, got.err)
	}
}

// described is what openapi writes, as any JSON.
func described(t *testing.T, arguments ...string) map[string]any {
	t.Helper()
	got := run(t, "", append([]string{"openapi"}, arguments...)...)
	var root map[string]any
	if err := json.Unmarshal([]byte(got.out), &root); err != nil || got.code != 0 {
		t.Fatalf("exit code %d: %v: %s", got.code, err, got.err)
	}
	return root
}

// setOf writes a descriptor set as buf does, of what is served outside of a demo, after
// a change of the method GetEntity.
func setOf(t *testing.T, change func(*descriptorpb.MethodDescriptorProto)) string {
	t.Helper()
	set, err := descriptors.Reference()
	if err != nil {
		t.Fatal(err)
	}
	set.File = slices.DeleteFunc(set.GetFile(), func(file *descriptorpb.FileDescriptorProto) bool {
		return file.GetPackage() == "statusway.conformance.v1"
	})
	for _, file := range set.GetFile() {
		for _, service := range file.GetService() {
			for _, method := range service.GetMethod() {
				if method.GetName() == "GetEntity" && change != nil {
					change(method)
				}
			}
		}
	}
	wire, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "api.binpb")
	if err := os.WriteFile(path, wire, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func routed(path string) func(*descriptorpb.MethodDescriptorProto) {
	return func(method *descriptorpb.MethodDescriptorProto) {
		proto.SetExtension(method.GetOptions(), annotations.E_Http, &annotations.HttpRule{Pattern: &annotations.HttpRule_Get{Get: path}})
	}
}

// Descriptors are enough for the whole document: what a proxy before that backend would
// serve, which has no store for idempotency keys.
func TestOpenAPIOfDescriptors(t *testing.T) {
	t.Parallel()
	reference := described(t)
	got := described(t, "--descriptors="+setOf(t, nil))
	for _, same := range []string{"openapi", "servers", "tags"} {
		if diff := cmp.Diff(reference[same], got[same]); diff != "" {
			t.Errorf("%s, of the reference (-) and of its descriptors (+):\n%s", same, diff)
		}
	}
	get := func(of any, names ...string) any {
		for _, name := range names {
			of = of.(map[string]any)[name]
		}
		return of
	}
	const schema = "entity.v1.Entity"
	if diff := cmp.Diff(get(reference, "components", "schemas", schema), get(got, "components", "schemas", schema)); diff != "" {
		t.Errorf("the schema of an entity, of the reference (-) and of its descriptors (+):\n%s", diff)
	}
	if text := strings.Join(strings.Fields(string(must(json.Marshal(got)))), ""); strings.Contains(text, "Idempotency-Key\"") {
		t.Error("a proxy honours no Idempotency-Key")
	}
	if title := get(got, "info", "title"); title != "entity.v1, statusway.mapping.v1" {
		t.Errorf("the title is %q", title)
	}
}

func must(text []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return text
}

func TestOpenAPIFollowsItsFlags(t *testing.T) {
	t.Parallel()
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(rules, []byte("http:\n  rules:\n  - selector: entity.v1.EntityService.GetEntity\n    get: /v2/things/{id}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	documented := described(t, "--public-url=https://api.example.com")
	if url := documented["servers"].([]any)[0].(map[string]any)["url"]; url != "https://api.example.com" {
		t.Errorf("the server is %v", url)
	}
	statuses := func(root map[string]any) map[string]any {
		return root["paths"].(map[string]any)["/v1/entities"].(map[string]any)["get"].(map[string]any)["responses"].(map[string]any)
	}
	if statuses(documented)["406"] != nil || statuses(described(t, "--policy=canonical"))["406"] == nil {
		t.Error("the answers do not follow the policy")
	}
	if paths := described(t, "--descriptors="+setOf(t, nil), "--service-config="+rules)["paths"].(map[string]any); paths["/v2/things/{id}"] == nil {
		t.Error("the routes do not follow the service configuration")
	}
}

// An error names the file, the method and the reason, as those of proxy do.
func TestOpenAPIRefuses(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	rules := filepath.Join(folder, "rules.yaml")
	if err := os.WriteFile(rules, []byte("http:\n  rules:\n  - selector: entity.v1.EntityService.Nothing\n    get: /v2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name      string
		arguments []string
		want      []string
	}{
		{
			"a template that is none",
			[]string{"--descriptors=" + setOf(t, routed("/v1/{id"))},
			[]string{"api.binpb: ", "entity/v1/entity_service.proto:", "entity.v1.EntityService.GetEntity: ", "not closed"},
		},
		{
			"a field that is not there",
			[]string{"--descriptors=" + setOf(t, routed("/v1/{nothing}"))},
			[]string{"entity.v1.EntityService.GetEntity: ", `no field "nothing"`},
		},
		{
			"a route that is there already",
			[]string{"--descriptors=" + setOf(t, routed("/v1/maintenance"))},
			[]string{"entity/v1/", "Maintenance", "GET /v1/maintenance"},
		},
		{
			"imports that are missing",
			[]string{"--descriptors=../../../gen/descriptors/reference.binpb"},
			[]string{"reference.binpb: ", "which is missing: a descriptor set needs all imports"},
		},
		{
			"rules for no method",
			[]string{"--descriptors=" + setOf(t, nil), "--service-config=" + rules},
			[]string{rules, "entity.v1.EntityService.Nothing: there is no such method"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := run(t, "", append([]string{"openapi"}, test.arguments...)...)
			for _, text := range test.want {
				if got.code != 1 || got.out != "" || !strings.Contains(got.err, text) {
					t.Errorf("exit code %d: %q, want %q in it", got.code, got.err, text)
				}
			}
		})
	}
}
