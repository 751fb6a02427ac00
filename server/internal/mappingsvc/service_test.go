package mappingsvc_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gateway/policy"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
	"github.com/statusway/statusway/server/internal/mappingsvc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The media types of errors.
const (
	statusType = "application/vnd.google.rpc.status+json"
	errorType  = "application/vnd.google.rpc.error+json"
)

const publicURL = "https://api.example.com"

// documented is the text of the documented policy.
func documented(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../gateway/policy/documented.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tableOf is a built-in policy, or one of a user's own, called "mine", whose UNKNOWN
// is 503.
func tableOf(t *testing.T, name string) *policy.Table {
	t.Helper()
	var table *policy.Table
	var err error
	if name == "mine" {
		text := strings.Replace(documented(t), "name: documented", "name: mine", 1)
		text = strings.Replace(text, "code: UNKNOWN\n    status: 500", "code: UNKNOWN\n    status: 503", 1)
		table, err = policy.Load("mine.yaml", []byte(text))
	} else {
		table, err = policy.Builtin(name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// configOf is the configuration of a gateway whose problem types are pages of its own.
func configOf(t *testing.T, policy string) gateway.Config {
	t.Helper()
	return gateway.Config{Policy: tableOf(t, policy), PublicURL: publicURL, PagesURL: publicURL, Realm: "test"}
}

func newMapper(t *testing.T, policy string, backend *gateway.Backend) *gateway.Mapper {
	t.Helper()
	mapper, err := gateway.NewMapper(backend, configOf(t, policy))
	if err != nil {
		t.Fatal(err)
	}
	return mapper
}

func newService(t *testing.T, policy string) *mappingsvc.Service {
	t.Helper()
	service, err := mappingsvc.New(newMapper(t, policy, nil), "build-1")
	if err != nil {
		t.Fatal(err)
	}
	return service
}

// refused checks that err is a status of the contract with this reason.
func refused(t *testing.T, err error, code codes.Code, reason string) {
	t.Helper()
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetReason() == reason && info.GetDomain() == "statusway.v1" && status.Code(err) == code {
			return
		}
	}
	t.Errorf("error %v, want %v with %s", err, code, reason)
}

func TestListStatuses(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{policy.Documented, policy.Canonical, "mine"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			service, table := newService(t, policy), tableOf(t, policy)
			got, err := service.ListStatuses(t.Context(), &mappingv1.ListStatusesRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if got.GetEtag() != table.Version()+"-build-1" {
				t.Errorf("the etag %q", got.GetEtag())
			}
			if len(got.GetStatuses()) != len(table.Rows()) {
				t.Fatalf("%d statuses of %d rows", len(got.GetStatuses()), len(table.Rows()))
			}
			last := int32(0)
			for i, one := range got.GetStatuses() {
				number := one.GetRow().GetStatus()
				want := &mappingv1.Status{Row: table.Rows()[i], Rules: table.RulesTo(int(number)), Etag: got.GetEtag()}
				if number >= 400 {
					want.Type = publicURL + "/statuses/" + strconv.Itoa(int(number))
				}
				if diff := cmp.Diff(want, one, protocmp.Transform()); diff != "" || number <= last {
					t.Errorf("%d after %d (-want +got):\n%s", number, last, diff)
				}
				last = number
				single, err := service.GetStatus(t.Context(), &mappingv1.GetStatusRequest{Code: number})
				if diff := cmp.Diff(one, single, protocmp.Transform()); diff != "" || err != nil {
					t.Errorf("%d alone: %v (-in the list +alone):\n%s", number, err, diff)
				}
			}
		})
	}
}

func TestGetStatusOfNoRow(t *testing.T) {
	t.Parallel()
	service := newService(t, policy.Documented)
	// 406, 417 and 501 are rows of the other policy; 199 and 600 are of none.
	for _, code := range []int32{-1, 0, 199, 203, 406, 417, 501, 504, 600, 1 << 30} {
		got, err := service.GetStatus(t.Context(), &mappingv1.GetStatusRequest{Code: code})
		refused(t, err, codes.NotFound, "STATUS_NOT_FOUND")
		if got != nil {
			t.Errorf("%d is %v", code, got)
		}
	}
}

// A built-in policy is there beside the effective one, by its name.
func TestMapStatusByPolicy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		effective, asked string
		code             codes.Code
		want             int32
	}{
		{policy.Documented, "", codes.Unimplemented, 500},
		{policy.Documented, policy.Documented, codes.Unimplemented, 500},
		{policy.Documented, policy.Canonical, codes.Unimplemented, 501},
		{policy.Canonical, "", codes.Unimplemented, 501},
		{policy.Canonical, policy.Documented, codes.Unimplemented, 500},
		{"mine", "", codes.Unknown, 503},
		{"mine", "mine", codes.Unknown, 503},
		{"mine", policy.Documented, codes.Unknown, 500},
		{policy.Documented, "", 17, 500},
		{policy.Documented, "", 1 << 30, 500},
	} {
		service := newService(t, test.effective)
		got, err := service.MapStatus(t.Context(), &mappingv1.MapStatusRequest{Status: &spb.Status{Code: int32(test.code)}, Policy: test.asked})
		if err != nil || got.GetHttpStatus() != test.want || got.GetRule() == "" || got.GetWhy() == "" || got.GetSpec() == "" {
			t.Errorf("%v by %q, in force %s: %v, %v; want %d", test.code, test.asked, test.effective, got, err, test.want)
		}
		if kind := got.GetBody().GetStructValue().GetFields()["type"].GetStringValue(); !strings.HasPrefix(kind, publicURL+"/statuses/") {
			t.Errorf("the problem's type is %q", kind)
		}
	}
	for _, name := range []string{"mine", "Documented", "x"} {
		service := newService(t, policy.Documented)
		_, err := service.MapStatus(t.Context(), &mappingv1.MapStatusRequest{Status: &spb.Status{Code: 5}, Policy: name})
		refused(t, err, codes.NotFound, "POLICY_NOT_FOUND")
		_, err = service.GetPolicy(t.Context(), &mappingv1.GetPolicyRequest{Name: name})
		refused(t, err, codes.NotFound, "POLICY_NOT_FOUND")
	}
}

// Code OK is no failure: it has the row of success and no body.
func TestMapStatusOfOK(t *testing.T) {
	t.Parallel()
	for name, given := range map[string]*spb.Status{"OK": {}, "OK with a message": {Message: "fine"}, "nothing": nil} {
		got, err := newService(t, policy.Documented).MapStatus(t.Context(), &mappingv1.MapStatusRequest{Status: given})
		if err != nil || got.GetHttpStatus() != 200 || got.GetRule() != "ok" || got.GetBody() != nil || len(got.GetHeaders()) > 0 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// rich is a status with as many details as a response can show.
func rich(t *testing.T, code codes.Code) *spb.Status {
	t.Helper()
	s := &spb.Status{Code: int32(code), Message: `A "message" & <more>.`}
	for _, detail := range []proto.Message{
		&errdetails.ErrorInfo{Domain: "a.v1", Reason: "A_REASON", Metadata: map[string]string{"b": "c"}},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * 1e6)},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "a_field", Description: "Bad.", Reason: "BAD"}}},
		&errdetails.LocalizedMessage{Locale: "de", Message: "Eine Nachricht."},
		&errdetails.Help{Links: []*errdetails.Help_Link{{Url: "https://example.com/help"}}},
		&errdetails.DebugInfo{Detail: "secret"},
	} {
		packed, err := anypb.New(detail)
		if err != nil {
			t.Fatal(err)
		}
		s.Details = append(s.Details, packed)
	}
	s.Details = append(s.Details, &anypb.Any{TypeUrl: "type.googleapis.com/nobody.knows.This", Value: []byte{1, 2}})
	return s
}

// described is a request, once as a client sends it and once as MapStatus is told.
type described struct {
	name    string
	method  string
	path    string
	headers map[string]string
}

func (d described) request(t *testing.T) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), d.method, d.path, nil)
	if d.method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range d.headers {
		r.Header.Set(name, value)
	}
	return r
}

// What MapStatus says is what a gateway sends, for every code and one beyond, in every format.
func TestMapStatusIsWhatIsSent(t *testing.T) {
	t.Parallel()
	backend, err := dynamic.Linked(nil, entityv1.File_entity_v1_entity_service_proto.Services().ByName("EntityService"))
	if err != nil {
		t.Fatal(err)
	}
	const id = "x-request-id"
	for _, d := range []described{
		{name: "plain", method: "GET", path: "/v1/entities/a%20b", headers: map[string]string{id: "id-1"}},
		{name: "HEAD", method: "HEAD", path: "/v1/entities", headers: map[string]string{id: "id-1"}},
		{name: "bare status", method: "POST", path: "/v1/entities", headers: map[string]string{id: "id-1", "accept": statusType + ", application/json"}},
		{name: "AIP-193", method: "POST", path: "/v1/entities", headers: map[string]string{"Accept": errorType + ", */*;q=0.1", "X-Request-Id": "id-2"}},
		{
			name: "in German", method: "GET", path: "/v1/entities",
			headers: map[string]string{id: "id-1", "accept-language": "de-AT, de;q=0.5", "Authorization": "Bearer x"},
		},
		{name: "with a condition", method: "DELETE", path: "/v1/entities/x", headers: map[string]string{id: "id-1", "IF-MATCH": `"a"`, "authorization": ""}},
	} {
		for _, policy := range []string{policy.Documented, policy.Canonical} {
			t.Run(d.name+" "+policy, func(t *testing.T) {
				t.Parallel()
				service, err := mappingsvc.New(newMapper(t, policy, backend), "build-1")
				if err != nil {
					t.Fatal(err)
				}
				var given *spb.Status
				config := configOf(t, policy)
				config.Intercept = func(gateway.Route, gateway.Handler) gateway.Handler {
					return func(http.ResponseWriter, *http.Request) error { return status.FromProto(given).Err() }
				}
				sends, err := gateway.New(backend, config)
				if err != nil {
					t.Fatal(err)
				}
				for code := codes.Code(1); code <= 18; code++ {
					given = rich(t, code)
					told, err := service.MapStatus(t.Context(), &mappingv1.MapStatusRequest{
						Status: given, Context: &mappingv1.RequestContext{Method: d.method, Path: d.path, Headers: d.headers},
					})
					if err != nil {
						t.Fatal(err)
					}
					recorder := httptest.NewRecorder()
					sends.ServeHTTP(recorder, d.request(t))
					compareSent(t, told, recorder)
				}
			})
		}
	}
}

func compareSent(t *testing.T, told *mappingv1.MapStatusResponse, sent *httptest.ResponseRecorder) {
	t.Helper()
	if int(told.GetHttpStatus()) != sent.Code {
		t.Errorf("%d is told and %d is sent", told.GetHttpStatus(), sent.Code)
	}
	headers := map[string]string{}
	for name, values := range sent.Header() {
		switch name {
		case "Content-Length": // It follows from the body, and not from the status.
		case "X-Request-Id", "X-Content-Type-Options", "Content-Security-Policy": // Every response has them.
		case "Vary": // A route's responses all vary by what its successes vary by.
			if rest := slices.DeleteFunc(values, func(value string) bool { return value == "Accept" || value == "Prefer" }); len(rest) > 0 {
				headers[name] = strings.Join(rest, ", ")
			}
		default:
			headers[name] = strings.Join(values, ", ")
		}
	}
	if diff := cmp.Diff(headers, told.GetHeaders()); diff != "" {
		t.Errorf("headers of %d (-sent +told):\n%s", sent.Code, diff)
	}
	var body any
	if sent.Body.Len() > 0 {
		if err := json.Unmarshal(sent.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(body, told.GetBody().AsInterface()); diff != "" {
		t.Errorf("body of %d (-sent +told):\n%s", sent.Code, diff)
	}
}

// Two spellings of a name are two lines of one field, always in the same order.
func TestMapStatusOfTwoSpellings(t *testing.T) {
	t.Parallel()
	service := newService(t, policy.Documented)
	request := &mappingv1.MapStatusRequest{Status: &spb.Status{Code: 5}, Context: &mappingv1.RequestContext{
		Method: "head", // No HEAD: a method is case-sensitive (RFC 9110 §9.1).
		Headers: map[string]string{
			"Accept": statusType, "accept": errorType + ";q=0.5", "X-Request-ID": "first", "x-request-id": "second",
		},
	}}
	want, err := service.MapStatus(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if want.GetHeaders()["Content-Type"] != statusType || want.GetBody() == nil {
		t.Errorf("got %v", want)
	}
	for range 50 {
		got, err := service.MapStatus(t.Context(), request)
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || err != nil {
			t.Fatalf("%v: asked again (-first +again):\n%s", err, diff)
		}
	}
}

func TestMapStatusRefuses(t *testing.T) {
	t.Parallel()
	service := newService(t, policy.Documented)
	for _, test := range []struct{ field, value, reason string }{
		{"Accept", "text", "MALFORMED_ACCEPT"},
		{"accept", "a/b;q=2", "MALFORMED_ACCEPT"},
		{"If-Match", "abc", "MALFORMED_PRECONDITION"},
		{"if-none-match", `"a`, "MALFORMED_PRECONDITION"},
	} {
		got, err := service.MapStatus(t.Context(), &mappingv1.MapStatusRequest{
			Status: &spb.Status{Code: 5}, Context: &mappingv1.RequestContext{Headers: map[string]string{test.field: test.value}},
		})
		refused(t, err, codes.InvalidArgument, test.reason)
		if got != nil {
			t.Errorf("%s: %s is %v", test.field, test.value, got)
		}
	}
}

func TestGetPolicy(t *testing.T) {
	t.Parallel()
	etags := map[string]bool{}
	for _, test := range []struct{ effective, asked, want string }{
		{policy.Documented, "", policy.Documented},
		{policy.Documented, policy.Canonical, policy.Canonical},
		{policy.Canonical, "", policy.Canonical},
		{policy.Canonical, policy.Documented, policy.Documented},
		{"mine", "", "mine"},
		{"mine", "mine", "mine"},
		{"mine", policy.Documented, policy.Documented},
	} {
		got, err := newService(t, test.effective).GetPolicy(t.Context(), &mappingv1.GetPolicyRequest{Name: test.asked})
		if err != nil {
			t.Fatal(err)
		}
		table := tableOf(t, test.want)
		want := &mappingv1.GetPolicyResponse{Policy: table.Policy(), Etag: table.Version() + "-build-1"}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%q, in force %s (-want +got):\n%s", test.asked, test.effective, diff)
		}
		etags[got.GetEtag()] = true
	}
	if len(etags) != 3 {
		t.Errorf("three policies have the etags %v", slices.Sorted(maps.Keys(etags)))
	}
	// Another program may write the same policy in other bytes.
	other, err := mappingsvc.New(newMapper(t, policy.Documented, nil), "build-2")
	if err != nil {
		t.Fatal(err)
	}
	got, err := other.GetPolicy(t.Context(), &mappingv1.GetPolicyRequest{})
	if err != nil || etags[got.GetEtag()] {
		t.Errorf("another build has the etag %q, %v", got.GetEtag(), err)
	}
}
