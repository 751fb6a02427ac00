package mappingsvc_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/api/annotations"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	_ "google.golang.org/protobuf/types/known/wrapperspb" // details of these types are known

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/dynamic"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
	"github.com/statusway/statusway/server/internal/mappingsvc"
)

// vectors are as much of proto/vectors/mapping.json as MapStatus can be asked.
type vectors struct {
	PublicURL string            `json:"publicUrl"`
	Realm     string            `json:"realm"`
	Policies  []json.RawMessage `json:"policies"`
	Vectors   []vector          `json:"vectors"`
}

type vector struct {
	Name    string        `json:"name"`
	Policy  string        `json:"policy"`
	Wire    []byte        `json:"wire"`
	Request vectorRequest `json:"request"`
	Answer  vectorAnswer  `json:"answer"`
}

type vectorRequest struct {
	Method         string   `json:"method"`
	Path           string   `json:"path"`
	RequestID      string   `json:"requestId"`
	TraceID        string   `json:"traceId"`
	BodyField      string   `json:"bodyField"`
	Accept         []string `json:"accept"`
	AcceptLanguage []string `json:"acceptLanguage"`
	Conditional    bool     `json:"conditional"`
	Credentials    bool     `json:"credentials"`
}

type vectorAnswer struct {
	Status  int32             `json:"status"`
	Rule    string            `json:"rule"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// context is the request as MapStatus is told of it.
func (r vectorRequest) context() *mappingv1.RequestContext {
	headers := map[string]string{"x-request-id": r.RequestID}
	if r.Accept != nil {
		headers["accept"] = strings.Join(r.Accept, ", ")
	}
	if r.AcceptLanguage != nil {
		headers["accept-language"] = strings.Join(r.AcceptLanguage, ", ")
	}
	if r.Conditional {
		headers["if-match"] = "*"
	}
	if r.Credentials {
		headers["authorization"] = "Bearer x"
	}
	return &mappingv1.RequestContext{Method: r.Method, Path: r.Path, Headers: headers}
}

// compare says in what MapStatus differs from the vector; nothing if it does not.
func (a vectorAnswer) compare(t *testing.T, told *mappingv1.MapStatusResponse) string {
	t.Helper()
	headers := map[string]string{}
	for name, value := range told.GetHeaders() {
		headers[strings.ToLower(name)] = value
	}
	var body any
	if a.Body != "" {
		if err := json.Unmarshal([]byte(a.Body), &body); err != nil {
			t.Fatal(err)
		}
	}
	want := []any{a.Status, a.Rule, a.Headers, body}
	return cmp.Diff(want, []any{told.GetHttpStatus(), told.GetRule(), headers, told.GetBody().AsInterface()})
}

// service is that of a gateway with the vector's policy, before an API whose method has the
// vector's path and body field.
func (v vector) service(t *testing.T, file vectors) *mappingsvc.Service {
	t.Helper()
	var backend *gateway.Backend
	if field := v.Request.BodyField; field != "" {
		var err error
		if backend, err = dynamic.FromDescriptors(nil, declare(v.Request.Path, field)); err != nil {
			t.Fatal(err)
		}
	}
	mapper, err := gateway.NewMapper(backend, gateway.Config{
		Policy: tableOf(t, v.Policy), PublicURL: file.PublicURL, PagesURL: file.PublicURL, Realm: file.Realm,
	})
	if err != nil {
		t.Fatal(err)
	}
	service, err := mappingsvc.New(mapper, "build")
	if err != nil {
		t.Fatal(err)
	}
	return service
}

// declare returns an API with one method, whose body fills a field of its request.
func declare(path, field string) *descriptorpb.FileDescriptorSet {
	options := &descriptorpb.MethodOptions{}
	proto.SetExtension(options, annotations.E_Http, &annotations.HttpRule{Pattern: &annotations.HttpRule_Post{Post: path}, Body: field})
	name := field
	if name == "*" {
		name = "item"
	}
	return &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{{
		Name: new("things.proto"), Package: new("things.v1"), Syntax: new("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: new("Thing"), Field: []*descriptorpb.FieldDescriptorProto{{
			Name: &name, Number: new(int32(1)), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
			Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), TypeName: new(".things.v1.Thing"),
		}}}},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: new("Things"), Method: []*descriptorpb.MethodDescriptorProto{{
			Name: new("Put"), InputType: new(".things.v1.Thing"), OutputType: new(".things.v1.Thing"), Options: options,
		}}}},
	}}}
}

// What MapStatus says is what the vectors show.
func TestMapStatusIsTheVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../proto/vectors/mapping.json")
	if err != nil {
		t.Fatal(err)
	}
	var file vectors
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	// A port reads the built-in policies here, so they have to be those.
	for _, policy := range file.Policies {
		got := &statuswayv1.Policy{}
		if err := protojson.Unmarshal(policy, got); err != nil {
			t.Fatal(err)
		}
		if got.GetName() != "custom" && !proto.Equal(got, tableOf(t, got.GetName()).Policy()) {
			t.Errorf("the policy %s is another", got.GetName())
		}
	}
	asked, services := 0, map[[2]string]*mappingsvc.Service{}
	for _, v := range file.Vectors {
		status := &spb.Status{}
		// A policy that is not in force, text that no proto holds, and what MapStatus is not
		// told of a request, cannot be asked.
		if v.Policy == "custom" || proto.Unmarshal(v.Wire, status) != nil || v.Request.TraceID != "" {
			continue
		}
		if v.Request.BodyField != "" {
			v.Request.Method = http.MethodPost // A method of GET has no body. The response to POST is the same.
		}
		service := services[[2]string{v.Policy, v.Request.BodyField}]
		if service == nil {
			service = v.service(t, file)
			services[[2]string{v.Policy, v.Request.BodyField}] = service
		}
		told, err := service.MapStatus(t.Context(), &mappingv1.MapStatusRequest{Status: status, Context: v.Request.context()})
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		asked++
		if diff := v.Answer.compare(t, told); diff != "" {
			t.Errorf("%s (-vector +MapStatus):\n%s", v.Name, diff)
		}
	}
	if asked < 300 {
		t.Errorf("only %d of %d vectors could be asked", asked, len(file.Vectors))
	}
}
