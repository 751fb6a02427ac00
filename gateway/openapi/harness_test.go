package openapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	_ "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/statusway/statusway/gateway/internal/backend"
	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/openapi"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/gen/descriptors"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fileOf builds a file from its descriptor in the text format. Its imports are linked
// into the test.
func fileOf(tb testing.TB, text string) protoreflect.FileDescriptor {
	tb.Helper()
	file := &descriptorpb.FileDescriptorProto{}
	if err := prototext.Unmarshal([]byte(text), file); err != nil {
		tb.Fatal(err)
	}
	built, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		tb.Fatal(err)
	}
	return built
}

// zoo is the file of package dynamic's tests: every kind of field, route and stream.
func zoo(tb testing.TB) protoreflect.FileDescriptor {
	tb.Helper()
	text, err := os.ReadFile("../dynamic/testdata/zoo.txtpb")
	if err != nil {
		tb.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	// buf adds what only its own types can read.
	if err := (prototext.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, set); err != nil {
		tb.Fatal(err)
	}
	built, err := protodesc.NewFile(set.GetFile()[0], protoregistry.GlobalFiles)
	if err != nil {
		tb.Fatal(err)
	}
	return built
}

func contractOf(tb testing.TB, files ...protoreflect.FileDescriptor) *contract.Contract {
	tb.Helper()
	declared, err := contract.Read(files...)
	if err != nil {
		tb.Fatal(err)
	}
	return declared
}

// reference is the contract of the reference services, with their comments.
func reference(tb testing.TB) *contract.Contract {
	tb.Helper()
	set, err := descriptors.Reference()
	if err != nil {
		tb.Fatal(err)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		tb.Fatal(err)
	}
	var own []protoreflect.FileDescriptor
	for _, name := range []string{
		"statusway/mapping/v1/mapping_service.proto", "entity/v1/entity_service.proto", "entity/v1/session_service.proto", "entity/v1/maintenance_service.proto",
	} {
		file, err := files.FindFileByPath(name)
		if err != nil {
			tb.Fatal(err)
		}
		own = append(own, file)
	}
	return contractOf(tb, own...)
}

func builtin(tb testing.TB, name string) *policy.Table {
	tb.Helper()
	table, err := policy.Builtin(name)
	if err != nil {
		tb.Fatal(err)
	}
	return table
}

// edited is a built-in policy after a change of its text.
func edited(tb testing.TB, name, from, to string) *policy.Table {
	tb.Helper()
	source, err := os.ReadFile("../policy/" + name + ".yaml")
	if err != nil {
		tb.Fatal(err)
	}
	changed := bytes.Replace(source, []byte(from), []byte(to), 1)
	if bytes.Equal(changed, source) {
		tb.Fatalf("%s has no %q", name, from)
	}
	table, err := policy.Load(name+".yaml", changed)
	if err != nil {
		tb.Fatal(err)
	}
	return table
}

// source returns the source of a document.
type source struct {
	openapi.Params

	contract *contract.Contract
}

func sourceOf(declared *contract.Contract, table *policy.Table) source {
	return source{contract: declared, Params: openapi.Params{
		Table: table, PublicURL: "https://api.example.com", Title: "", License: "", Keys: true, Pages: nil,
	}}
}

func (s source) document() (*openapi.Document, error) {
	return openapi.New(backend.New(backend.Params{Version: &backend.Version{Contract: s.contract}}), s.Params)
}

func documentOf(tb testing.TB, s source) *openapi.Document {
	tb.Helper()
	document, err := s.document()
	if err != nil {
		tb.Fatal(err)
	}
	return document
}

// parsed is the document as any JSON.
func parsed(tb testing.TB, document *openapi.Document) map[string]any {
	tb.Helper()
	var root map[string]any
	if err := json.Unmarshal(document.JSON(), &root); err != nil {
		tb.Fatal(err)
	}
	return root
}

// golden compares text with a file of testdata.
func golden(t *testing.T, name string, text []byte) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("%s (-) and what is written (+); -update writes it anew:\n%s", path, diff)
	}
}
