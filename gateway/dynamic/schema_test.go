package dynamic_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gateway/internal/contract"
)

// service is a file with one service of one method.
func service(path, pkg, name string, imports ...string) *descriptorpb.FileDescriptorProto {
	options := &descriptorpb.MethodOptions{}
	proto.SetExtension(options, annotations.E_Http, &annotations.HttpRule{Pattern: &annotations.HttpRule_Get{Get: "/" + name}})
	return &descriptorpb.FileDescriptorProto{
		Name: new(path), Package: new(pkg), Syntax: new("proto3"), Dependency: imports,
		MessageType: []*descriptorpb.DescriptorProto{{Name: new(name + "Message")}},
		Service: []*descriptorpb.ServiceDescriptorProto{{
			Name: new(name),
			Method: []*descriptorpb.MethodDescriptorProto{{
				Name: new("Do"), InputType: new("." + pkg + "." + name + "Message"), OutputType: new("." + pkg + "." + name + "Message"), Options: options,
			}},
		}},
	}
}

// imported marks a file as buf does.
func imported(file *descriptorpb.FileDescriptorProto) *descriptorpb.FileDescriptorProto {
	mark := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
	wire := protowire.AppendTag(nil, 5000, protowire.VarintType)
	wire = protowire.AppendVarint(wire, 7)
	wire = protowire.AppendBytes(protowire.AppendTag(wire, 8042, protowire.BytesType), mark)
	file.ProtoReflect().SetUnknown(wire)
	return file
}

func set(files ...*descriptorpb.FileDescriptorProto) *descriptorpb.FileDescriptorSet {
	return &descriptorpb.FileDescriptorSet{File: files}
}

func TestServices(t *testing.T) {
	t.Parallel()
	apis, err := dynamic.ParseServiceConfig("service.yaml", []byte("apis: [{name: google.x.Mixin}, {name: a.v1.A}]"))
	if err != nil {
		t.Fatal(err)
	}
	files := func() *descriptorpb.FileDescriptorSet {
		return set(
			service("b.proto", "b.v1", "B", "a.proto", "p.proto"), service("a.proto", "a.v1", "A"),
			service("p.proto", "google.p", "P", "o.proto"), service("o.proto", "google.longrunning", "Operations"),
			service("m.proto", "google.x", "Mixin"), imported(service("i.proto", "i.v1", "I")), service("h.proto", "grpc.health.v1", "Health"),
			service("g.proto", "grpc.shop.v1", "G"),
		)
	}
	for _, test := range []struct {
		name   string
		target dynamic.Target
		want   []string
	}{
		{"all but imports", dynamic.Target{}, []string{"b.v1.B", "a.v1.A", "google.x.Mixin", "grpc.shop.v1.G"}},
		{"those named", dynamic.Target{Services: []string{"i.v1.I", "google.x.Mixin"}}, []string{"i.v1.I", "google.x.Mixin"}},
		{"a file that others import, and that is named", dynamic.Target{Services: []string{"google.p.P"}}, []string{"google.p.P"}},
		{"infrastructure that is named", dynamic.Target{Services: []string{"grpc.health.v1.Health"}}, []string{"grpc.health.v1.Health"}},
		{"none", dynamic.Target{Services: []string{}}, nil},
		{"without exceptions", dynamic.Target{Except: []string{"a.v1.A", "x.X"}}, []string{"b.v1.B", "google.x.Mixin", "grpc.shop.v1.G"}},
		{"the configuration's", dynamic.Target{ServiceConfig: apis}, []string{"google.x.Mixin", "a.v1.A"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.target.Descriptors = files()
			first, err := dynamic.Fingerprint(t.Context(), test.target)
			again, errAgain := dynamic.Fingerprint(t.Context(), test.target)
			if err != nil || errAgain != nil || first != again {
				t.Errorf("the same descriptors have two fingerprints: %v, %v", err, errAgain)
			}
			backend, err := dynamic.Connect(t.Context(), test.target)
			if test.want == nil {
				if err == nil || !strings.Contains(err.Error(), "no method has an HTTP route") {
					t.Errorf("Connect() = %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, route := range backend.Routes() {
				service, _, _ := strings.Cut(strings.TrimPrefix(route.RPC, "/"), "/")
				got = append(got, service)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
			if err := backend.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLeftOut: the error names the services that are not served, because one of them may have the missing route.
func TestLeftOut(t *testing.T) {
	t.Parallel()
	none := service("n.proto", "n.v1", "N")
	none.Service[0].Method[0].Options = nil
	files := []*descriptorpb.FileDescriptorProto{
		none, service("h.proto", "grpc.health.v1", "Health"), imported(service("i.proto", "i.v1", "I")), service("e.proto", "e.v1", "E"),
	}
	_, err := dynamic.Connect(t.Context(), dynamic.Target{Descriptors: set(files...), Except: []string{"e.v1.E"}})
	want := "no method has an HTTP route: neither google.api.http nor a service configuration declares one in n.v1.N; not served, unless you name them: " +
		"grpc.health.v1.Health (infrastructure of gRPC), i.v1.I (only an import), e.v1.E (excluded or served by another backend)"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestDescriptorErrors: the error says which file is wrong, and why.
func TestDescriptorErrors(t *testing.T) {
	t.Parallel()
	lost := service("a.proto", "a.v1", "A")
	lost.Service[0].Method[0].InputType = new(".a.v1.Gone")
	for _, test := range []struct {
		name     string
		target   dynamic.Target
		file     string
		reason   string
		fullName string
	}{
		{
			name: "a missing import", target: dynamic.Target{Descriptors: set(service("a.proto", "a.v1", "A", "b/c.proto"))}, file: "a.proto",
			reason: `"b/c.proto", which is missing`,
		},
		{
			name: "a circle", target: dynamic.Target{Descriptors: set(service("a.proto", "a.v1", "A", "b.proto"), service("b.proto", "b.v1", "B", "a.proto"))},
			file: "a.proto", reason: "imports itself",
		},
		{name: "a missing message", target: dynamic.Target{Descriptors: set(lost)}, file: "a.proto", reason: "a.v1.Gone"},
		{
			name: "two of a name", target: dynamic.Target{Descriptors: set(service("a.proto", "a.v1", "A"), service("b.proto", "a.v1", "A"))}, file: "b.proto",
			reason: "name conflict",
		},
		{
			name: "no such service", target: dynamic.Target{Descriptors: set(service("a.proto", "a.v1", "A")), Services: []string{"a.v1.AMessage"}},
			file: "the descriptors", fullName: "a.v1.AMessage", reason: "no such service",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := dynamic.Connect(t.Context(), test.target)
			var wrong *dynamic.DescriptorError
			if !errors.As(err, &wrong) {
				t.Fatalf("%v", err)
			}
			if wrong.File != test.file || wrong.Name != test.fullName || !strings.Contains(wrong.Reason, test.reason) ||
				!strings.HasPrefix(wrong.Error(), test.file+": ") {
				t.Errorf("%+v", wrong)
			}
		})
	}
}

// TestAnnotationErrors: one error names everything that is wrong with annotations, with the methods.
func TestAnnotationErrors(t *testing.T) {
	t.Parallel()
	rules := `
type: google.api.Service
http:
  rules:
  - {selector: zoo.v1.Zoo.GetAnimal, get: "/v1/{colour}"}
  - {selector: zoo.v1.Zoo.CreateAnimal, post: "/v1/animals", body: nowhere}
  - {selector: zoo.v1.Zoo.PutAnimal, put: "v1/animals"}
  - {selector: zoo.v1.Zoo.Hidden, get: "/v1/x", response_body: gone}
`
	config, err := dynamic.ParseServiceConfig("service.yaml", []byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	_, err = dynamic.Connect(t.Context(), dynamic.Target{Descriptors: zooSet(t), ServiceConfig: config}, dynamic.Target{Descriptors: zooSet(t)})
	var wrong *contract.AnnotationError
	if !errors.As(err, &wrong) || wrong.File != "zoo.proto" {
		t.Errorf("%v", err)
	}
	for _, part := range []string{
		`zoo.proto: zoo.v1.Zoo: two backends serve it`,
		`zoo.proto: zoo.v1.Zoo.GetAnimal: `, `"colour"`,
		`zoo.v1.Zoo.CreateAnimal: body: zoo.v1.Query has no field "nowhere"`,
		`zoo.v1.Zoo.PutAnimal: path template "v1/animals"`,
		`zoo.v1.Zoo.Hidden: response_body: zoo.v1.Query has no field "gone"`,
	} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in\n%v", part, err)
		}
	}
}

// TestServiceConfig serves a method that has no rule of its own, and one by another.
func TestServiceConfig(t *testing.T) {
	t.Parallel()
	config, err := dynamic.ParseServiceConfig("service.yaml", []byte(`
type: google.api.Service
config_version: 3
name: zoo.example.com
apis:
- name: zoo.v1.Zoo
http:
  fully_decode_reserved_expansion: true
  rules:
  - selector: zoo.v1.Zoo.Hidden
    get: /v2/hidden/{name}
    additional_bindings:
    - {post: "/v2/hidden", body: "*"}
  - selector: zoo.v1.Zoo.GetAnimal
    get: /v2/animals/{name}
`))
	if err != nil {
		t.Fatal(err)
	}
	target := dynamic.Target{Descriptors: zooSet(t), ServiceConfig: config}
	with, err := dynamic.Fingerprint(t.Context(), target)
	without, errWithout := dynamic.Fingerprint(t.Context(), dynamic.Target{Descriptors: zooSet(t)})
	if err != nil || errWithout != nil || with == without {
		t.Errorf("other rules have the same fingerprint: %v, %v", err, errWithout)
	}
	target.Address = serveGRPC(t, echo)
	f := serve(t, target)
	for target, want := range map[string]int{"/v2/hidden/x": 200, "/v2/animals/x": 200, "/v1/animals/x": 405, "/v1/files/x": 404} {
		if got := f.send("GET", target, ""); got.status != want {
			t.Errorf("%s: %d, want %d", target, got.status, want)
		}
	}
	if got := f.send("POST", "/v2/hidden", `{"name":"x"}`); got.status != 200 {
		t.Errorf("%+v", got)
	}
}

func TestServiceConfigRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, reason string }{
		"no YAML":            {"\t", "no YAML"},
		"another type":       {"type: google.api.Quota", "its type is"},
		"an unknown member":  {`http: {rules: [{selector: a.B, gett: /}]}`, "http/rules/0/gett is not a known field"},
		"a wrong value":      {`http: {rules: 1}`, "http/rules"},
		"no selector":        {`http: {rules: [{get: /v1}]}`, "a rule has a selector"},
		"one selector twice": {`http: {rules: [{selector: a, get: /v1}, {selector: a, get: /v2}]}`, "a rule has a selector"},
		"apis of no list":    {"apis: 7", "no YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := dynamic.ParseServiceConfig("service.yaml", []byte(test.text))
			if err == nil || !strings.HasPrefix(err.Error(), "service.yaml: ") || !strings.Contains(err.Error(), test.reason) {
				t.Errorf("%v", err)
			}
		})
	}
	config, err := dynamic.ParseServiceConfig("service.yaml", []byte(`{"apis": [{"name": "x.Y"}], "http": {"rules": [
		{"selector": "zoo.v1.Zoo.Gone", "get": "/"}, {"selector": "zoo.v1.Query", "get": "/"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = dynamic.Connect(t.Context(), dynamic.Target{Descriptors: zooSet(t), Services: []string{"zoo.v1.Zoo"}, ServiceConfig: config})
	for _, part := range []string{
		"service.yaml: zoo.v1.Zoo.Gone: there is no such method", "service.yaml: zoo.v1.Query: there is no such method",
		"service.yaml: x.Y: there is no such service",
	} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %v", part, err)
		}
	}
}
