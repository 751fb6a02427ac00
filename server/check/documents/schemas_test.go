package documents_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	failures "github.com/pb33f/libopenapi-validator/errors"
	_ "google.golang.org/genproto/googleapis/rpc/errdetails" // in an Any
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gateway/inprocess"
	"github.com/statusway/statusway/gateway/openapi"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/gen/descriptors"
)

// Every document is valid OpenAPI 3.1, whatever the contract and the policy.
func TestDocumentsAreValid(t *testing.T) {
	t.Parallel()
	documented, canonical := edited(t, policy.Documented, "", ""), edited(t, policy.Canonical, "", "")
	shop := edited(t, policy.Canonical, "rules:\n", `rules:
  - {name: shop-closed, domain: shop.v1, reason: CLOSED, status: 410, why: It has closed., spec: shop/v1}
  - {name: shop-help, detail: google.rpc.Help, code: UNKNOWN, status: 422, why: It says how., spec: shop/v1}
  - {name: shop-aborted, code: ABORTED, conditional: true, status: 412, why: There was a condition., spec: shop/v1}
`)
	for _, test := range []struct {
		name    string
		backend *gateway.Backend
		table   *policy.Table
	}{
		{"the reference API", reference(t), documented},
		{"the reference API, by the other policy", reference(t), canonical},
		{"the zoo, with a plain status", backendOf(t, nil, zoo(t)), edited(t, policy.Documented, "errorFormat: problem", "errorFormat: status")},
		{"no service, with a plain error", nil, edited(t, policy.Documented, "errorFormat: problem", "errorFormat: error")},
		{"two routes that share a path", backendOf(t, nil, fileOf(t, twice)), shop},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if valid, wrong := validatorOf(t, documentFor(t, test.backend, test.table)).ValidateDocument(); !valid {
				t.Error(wrong)
			}
		})
	}
}

// The JSON of a message whose fields are all set, and that of an empty message, match the schema
// of the message. The schema names every member.
func TestSchemasMatchTheJSON(t *testing.T) {
	t.Parallel()
	file := zoo(t)
	query := file.Messages().ByName("Query")
	whole := dynamicpb.NewMessage(query)
	fill(t, whole, 3)
	text := documentFor(t, backendOf(t, nil, file), edited(t, policy.Documented, "", ""))
	checks := validatorOf(t, text)
	written := responseFor(t, file, whole)
	for name, text := range map[string][]byte{"whole": written, "empty": responseFor(t, file, dynamicpb.NewMessage(query))} {
		if wrong := exchanged(t, checks, string(text), string(text)); len(wrong) > 0 {
			t.Errorf("%s: %v\n%s", name, wrong, text)
		}
	}
	// A schema allows members that it does not name, so these are compared by name.
	var members map[string]any
	var document struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(written, &members); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	if fields := query.Fields().Len() - query.Oneofs().Len(); len(members) < fields {
		t.Errorf("only %d members for %d fields: %s", len(members), fields, written)
	}
	for name, object := range map[string]any{"zoo.v1.Query": members, "zoo.v1.Nested": members["nested"]} {
		for member := range object.(map[string]any) {
			if document.Components.Schemas[name].Properties[member] == nil {
				t.Errorf("%s has a member %s, which its schema lacks", name, member)
			}
		}
	}
	for _, test := range []struct{ name, text string }{
		{"a number instead of a string", `{"name":1}`},
		{"64 bits as a number", `{"int64Value":1}`},
		{"an unknown value of an enum", `{"kind":"KIND_BIRD"}`},
		{"a key of another type", `{"ranks":{"x":"KIND_CAT"}}`},
		{"two of a oneof", `{"left":"a","right":"b"}`},
		{"a negative number without sign", `{"uint32Value":-1}`},
		{"bytes that are no string", `{"bytesValue":[1]}`},
		{"an Any without its type", `{"any":{"reason":"X"}}`},
		{"deep inside", `{"nested":{"deeper":{"deeper":{"name":1}}}}`},
	} {
		if wrong := exchanged(t, checks, "{}", test.text); len(wrong) == 0 {
			t.Errorf("%s: the schema allows %s", test.name, test.text)
		}
	}
}

// fileOf builds a file from its descriptor in the text format. The test links its imports.
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

// zoo is the file for the tests of package dynamic: it has every kind of field, route and stream.
func zoo(tb testing.TB) protoreflect.FileDescriptor {
	tb.Helper()
	text, err := os.ReadFile("../../../gateway/dynamic/testdata/zoo.txtpb")
	if err != nil {
		tb.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	// buf adds a field of its own.
	if err := (prototext.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, set); err != nil {
		tb.Fatal(err)
	}
	return fileOf(tb, prototext.Format(set.GetFile()[0]))
}

// twice has two routes that differ in the number of their segments only, which OpenAPI cannot say.
const twice = `
	name: "twice.proto" package: "test.v1" syntax: "proto3" dependency: ["google/api/annotations.proto"]
	message_type { name: "Request" field { name: "name" json_name: "name" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING } }
	service {
		name: "Twice"
		method { name: "First" input_type: ".test.v1.Request" output_type: ".test.v1.Request" options { [google.api.http] { get: "/v1/{name}" } } }
		method { name: "Second" input_type: ".test.v1.Request" output_type: ".test.v1.Request" options { [google.api.http] { get: "/v1/{name=**}" } } }
	}`

// backendOf is a backend with the services of a file.
func backendOf(tb testing.TB, conn grpc.ClientConnInterface, file protoreflect.FileDescriptor) *gateway.Backend {
	tb.Helper()
	backend, err := dynamic.FromDescriptors(conn, &descriptorpb.FileDescriptorSet{File: withImports(nil, file)})
	return opened(tb, backend, err)
}

// withImports appends a file to files, after all that it imports.
func withImports(files []*descriptorpb.FileDescriptorProto, file protoreflect.FileDescriptor) []*descriptorpb.FileDescriptorProto {
	if slices.ContainsFunc(files, func(known *descriptorpb.FileDescriptorProto) bool { return known.GetName() == file.Path() }) {
		return files
	}
	for i := range file.Imports().Len() {
		files = withImports(files, file.Imports().Get(i).FileDescriptor)
	}
	return append(files, protodesc.ToFileDescriptorProto(file))
}

// reference is a backend with the reference services and their comments.
func reference(tb testing.TB) *gateway.Backend {
	tb.Helper()
	set, err := descriptors.Reference()
	if err != nil {
		tb.Fatal(err)
	}
	backend, err := dynamic.FromDescriptors(nil, set)
	return opened(tb, backend, err)
}

func opened(tb testing.TB, backend *gateway.Backend, err error) *gateway.Backend {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = backend.Close() })
	return backend
}

// edited is a built-in policy after one change of its text.
func edited(tb testing.TB, name, from, to string) *policy.Table {
	tb.Helper()
	source, err := os.ReadFile("../../../gateway/policy/" + name + ".yaml")
	if err != nil {
		tb.Fatal(err)
	}
	if !bytes.Contains(source, []byte(from)) {
		tb.Fatalf("%s has no %q", name, from)
	}
	table, err := policy.Load(name+".yaml", bytes.Replace(source, []byte(from), []byte(to), 1))
	if err != nil {
		tb.Fatal(err)
	}
	return table
}

func documentFor(tb testing.TB, backend *gateway.Backend, table *policy.Table) []byte {
	tb.Helper()
	document, err := openapi.New(backend, openapi.Params{
		Table: table, PublicURL: "https://api.example.com", Title: "", License: "", Keys: true, Pages: nil,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return document.JSON()
}

func validatorOf(tb testing.TB, text []byte) validator.Validator {
	tb.Helper()
	document, err := libopenapi.NewDocument(text)
	if err != nil {
		tb.Fatal(err)
	}
	checks, errs := validator.NewValidator(document, config.WithFormatAssertions())
	if len(errs) > 0 {
		tb.Fatal(errs)
	}
	return checks
}

// responseFor is the body that a gateway writes when its backend replies to CreateAnimal with reply.
func responseFor(tb testing.TB, file protoreflect.FileDescriptor, reply proto.Message) []byte {
	tb.Helper()
	conn := inprocess.New(inprocess.Params{})
	conn.RegisterService(&grpc.ServiceDesc{
		ServiceName: "zoo.v1.Zoo",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "CreateAnimal",
			Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				return reply, decode(dynamicpb.NewMessage(file.Messages().ByName("Query")))
			},
		}},
	}, nil)
	gw, err := gateway.New(backendOf(tb, conn, file), gateway.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	request := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, "/v1/animals", strings.NewReader("{}"))
	request.Header.Set("Content-Type", "application/json")
	response := httptest.NewRecorder()
	gw.ServeHTTP(response, request)
	if response.Code != http.StatusOK {
		tb.Fatalf("%d: %s", response.Code, response.Body)
	}
	return response.Body.Bytes()
}

// exchanged checks POST /v1/animals with a request body and a response body.
func exchanged(t *testing.T, checks validator.Validator, sent, got string) []*failures.ValidationError {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/animals", strings.NewReader(sent))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer x")
	response := &http.Response{
		StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(got)),
		Header: http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"x"}, "Cache-Control": {"no-store"}},
	}
	_, wrong := checks.ValidateHttpRequestResponse(request, response)
	return wrong
}

// fill sets every field of a message, down to a depth. Of a oneof it sets the last field.
func fill(tb testing.TB, message protoreflect.Message, depth int) {
	tb.Helper()
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		switch {
		case field.IsMap():
			entries := message.Mutable(field).Map()
			key := valueOf(tb, field.MapKey(), nil, depth)
			entries.Set(key.MapKey(), valueOf(tb, field.MapValue(), entries.NewValue, depth))
		case field.IsList():
			list := message.Mutable(field).List()
			if field.Message() == nil || depth > 0 {
				list.Append(valueOf(tb, field, list.NewElement, depth))
			}
		case field.Message() != nil && depth == 0:
		default:
			message.Set(field, valueOf(tb, field, func() protoreflect.Value { return message.NewField(field) }, depth))
		}
	}
}

func valueOf(tb testing.TB, field protoreflect.FieldDescriptor, fresh func() protoreflect.Value, depth int) protoreflect.Value {
	tb.Helper()
	switch field.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(1)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(-1 << 31)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(1<<32 - 1)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(-1 << 63)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(1<<64 - 1)
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(1.5)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(-1e300)
	case protoreflect.StringKind:
		return protoreflect.ValueOfString("text")
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{0, 255})
	default:
		value := fresh()
		fillMessage(tb, value.Message(), depth)
		return value
	}
}

// fillMessage fills a message. It parses the types that have a JSON form of their own, because not
// every value of them has one.
func fillMessage(tb testing.TB, message protoreflect.Message, depth int) {
	tb.Helper()
	text, ok := map[protoreflect.FullName]string{
		"google.protobuf.Any":       `{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"X"}`,
		"google.protobuf.Timestamp": `"2030-01-02T03:04:05.678Z"`, "google.protobuf.Duration": `"-1.5s"`, "google.protobuf.FieldMask": `"displayName,a.b"`,
		"google.protobuf.Struct": `{"a":[1,null,{"b":true}]}`, "google.protobuf.Value": `[1]`, "google.protobuf.ListValue": `[null,"x"]`,
	}[message.Descriptor().FullName()]
	if !ok {
		fill(tb, message, depth-1)
		return
	}
	if err := protojson.Unmarshal([]byte(text), message.Interface()); err != nil {
		tb.Fatal(err)
	}
}
