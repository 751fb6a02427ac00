package problem_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/gateway/problem"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// formats are the shapes of a body.
func formats() []statuswayv1.ErrorFormat {
	return []statuswayv1.ErrorFormat{
		statuswayv1.ErrorFormat_ERROR_FORMAT_PROBLEM, statuswayv1.ErrorFormat_ERROR_FORMAT_STATUS, statuswayv1.ErrorFormat_ERROR_FORMAT_ERROR,
	}
}

// responder responds like the gateway, with a policy that redacts nothing.
func responder(tb testing.TB, format statuswayv1.ErrorFormat) *respond.Responder {
	tb.Helper()
	source, err := os.ReadFile("../internal/respond/testdata/vectors-custom.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	table, err := policy.Load("vectors-custom.yaml", source)
	if err != nil {
		tb.Fatal(err)
	}
	made, err := respond.New(respond.Params{
		Table: table.WithErrorFormat(format), PublicURL: "https://api.example.com", Realm: "example",
	})
	if err != nil {
		tb.Fatal(err)
	}
	return made
}

// answered returns the response that a client gets for a status.
func answered(tb testing.TB, by *respond.Responder, of *spb.Status) error {
	tb.Helper()
	recorder := httptest.NewRecorder()
	request, _ := exchange.Begin(recorder, httptest.NewRequestWithContext(tb.Context(), http.MethodPost, "/v1/things", nil))
	by.Error(recorder, request, status.ErrorProto(of))
	response := recorder.Result()
	defer func() { _ = response.Body.Close() }()
	return problem.FromResponse(response)
}

func pack(tb testing.TB, message proto.Message) *anypb.Any {
	tb.Helper()
	packed, err := anypb.New(message)
	if err != nil {
		tb.Fatal(err)
	}
	return packed
}

// Every format gives back what was sent.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	strange := pack(t, &errdetails.ErrorInfo{Reason: "R", Domain: "d.example"})
	strange.Value = append(strange.Value, 0xfa, 0x01, 0x00) // a field that this version does not know
	for name, want := range map[string]*spb.Status{
		"a code alone": {Code: 5},
		"a message":    {Code: 3, Message: "No such thing: <\u2028\">."},
		"every detail": {Code: 8, Message: "Wait.", Details: []*anypb.Any{
			pack(t, &errdetails.ErrorInfo{Reason: "SOLD_OUT", Domain: "shop.example.com", Metadata: map[string]string{"left": "0"}}),
			pack(t, &errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)}),
			pack(t, &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "a.b", Description: "x", Reason: "Y"}}}),
			pack(t, &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{Subject: "s", QuotaId: "q"}}}),
			pack(t, &errdetails.Help{Links: []*errdetails.Help_Link{{Description: "more", Url: "https://example.com/more"}}}),
			pack(t, durationpb.New(time.Second)),
		}},
		"a type that nobody knows": {Code: 9, Details: []*anypb.Any{{TypeUrl: "type.example.com/acme.v1.Secret", Value: []byte{0x0a, 1, 'x'}}}},
		"a field nobody knows":     {Code: 10, Details: []*anypb.Any{strange}},
		"a failure of the server":  {Code: 13, Message: "kept by this policy", Details: []*anypb.Any{pack(t, &errdetails.ResourceInfo{ResourceName: "x"})}},
	} {
		for _, format := range formats() {
			t.Run(name+" as "+format.String(), func(t *testing.T) {
				t.Parallel()
				err := answered(t, responder(t, format), want)
				got, ok := status.FromError(err)
				if !ok {
					t.Fatalf("%v is no gRPC error", err)
				}
				if diff := cmp.Diff(want, got.Proto(), protocmp.Transform()); diff != "" {
					t.Errorf("(-sent +read)\n%s", diff)
				}
			})
		}
	}
}

// FuzzRoundTrip is for any status that gRPC can carry as text.
func FuzzRoundTrip(f *testing.F) {
	f.Add(int32(5), "message", "REASON", "type.example.com/a.B", []byte{1})
	f.Add(int32(16), "", "", "x/google.rpc.ErrorInfo", []byte{0xff})
	f.Add(int32(1), "\x00<>&\u2028", "R", "x/google.protobuf.Duration", []byte{0x08, 0x01})
	var all []*respond.Responder
	for _, format := range formats() {
		all = append(all, responder(f, format))
	}
	f.Fuzz(func(t *testing.T, code int32, message, reason, url string, value []byte) {
		if code < 1 || code > 16 || !utf8.ValidString(message) || !utf8.ValidString(reason) || !utf8.ValidString(url) {
			return
		}
		extra := &anypb.Any{TypeUrl: url, Value: value}
		if again := new(anypb.Any); jsoncodec.Unmarshal(jsoncodec.MarshalAny(extra), again) != nil || extra.MessageIs(&errdetails.LocalizedMessage{}) ||
			extra.MessageIs(&errdetails.DebugInfo{}) || extra.MessageIs(&statuswayv1.Problem{}) {
			return // It is not sent, or says another message.
		}
		sent := &spb.Status{Code: code, Message: message, Details: []*anypb.Any{pack(t, &errdetails.ErrorInfo{Reason: reason}), extra}}
		for _, by := range all {
			got, _ := status.FromError(answered(t, by, sent))
			if got.Code() != codes.Code(code) || got.Message() != message || len(got.Proto().GetDetails()) != 2 {
				t.Fatalf("%v became %v", sent, got.Proto())
			}
			for i, detail := range got.Proto().GetDetails() {
				if want := sent.GetDetails()[i]; !same(want, detail) {
					t.Errorf("the detail %v became %v", want, detail)
				}
			}
		}
	})
}

// same reports whether two details have the same type and JSON.
func same(one, other *anypb.Any) bool {
	return one.GetTypeUrl() == other.GetTypeUrl() && string(jsoncodec.MarshalAny(one)) == string(jsoncodec.MarshalAny(other))
}

// The error also has the other members of a response.
func TestMembers(t *testing.T) {
	t.Parallel()
	err := answered(t, responder(t, statuswayv1.ErrorFormat_ERROR_FORMAT_PROBLEM), &spb.Status{
		Code: 9, Message: "None left.", Details: []*anypb.Any{
			pack(t, &errdetails.ErrorInfo{Reason: "SOLD_OUT", Domain: "shop.example.com"}),
			pack(t, &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "size", Description: "is gone", Reason: "GONE"}}}),
		},
	})
	got, ok := errors.AsType[*problem.Error](err)
	if !ok {
		t.Fatalf("%v", err)
	}
	want := problem.Error{
		HTTPStatus: 409, Type: "https://api.example.com/statuses/409", Title: "Clash", Instance: "/v1/things", RetryAfter: 90 * time.Second,
		Violations: []problem.Violation{{Pointer: "/size", Detail: "is gone", Reason: "GONE"}},
	}
	if got.HTTPStatus != want.HTTPStatus || got.Type != want.Type || got.Title != want.Title || got.Instance != want.Instance ||
		got.RetryAfter != want.RetryAfter || !cmp.Equal(got.Violations, want.Violations) || got.RequestID == "" {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got.Info().GetDomain() != "shop.example.com" || string(got.Members["reason"]) != `"SOLD_OUT"` {
		t.Errorf("%v, %s", got.Info(), got.Members)
	}
	if text := "409 FailedPrecondition SOLD_OUT: None left."; err.Error() != text {
		t.Errorf("%q, want %q", err, text)
	}
}

// For a response of any server there is a status, and never OK.
func TestForeignAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		status int
		body   string
		want   codes.Code
	}{
		{"a page of a proxy", 502, "<html>Bad Gateway</html>", codes.Unavailable},
		{"nothing", 404, "", codes.Unimplemented},
		{"nothing for a bad request", 400, "", codes.Internal},
		{"no credentials", 401, "", codes.Unauthenticated},
		{"not allowed", 403, "{}", codes.PermissionDenied},
		{"a teapot", 418, "null", codes.Unknown},
		{"a problem of another API", 403, `{"type":"about:blank","title":"Forbidden","status":403}`, codes.PermissionDenied},
		{"a code of its own", 503, `{"code":"E_BUSY"}`, codes.Unavailable},
		{"OK by name", 500, `{"code":"OK","detail":"x"}`, codes.Unknown},
		{"OK by number", 500, `{"code":0,"message":"x"}`, codes.Unknown},
		{"an error that is a text", 429, `{"error":"slow down"}`, codes.Unavailable},
		{"an error without a name", 500, `{"error":{"code":500}}`, codes.Unknown},
		{"a code of the future", 500, `{"code":99,"message":"x"}`, codes.Code(99)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := problem.FromResponse(&http.Response{StatusCode: test.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(test.body))})
			if got := status.Code(err); got != test.want || err.Error() == "" {
				t.Errorf("%v: %s, want %s", err, got, test.want)
			}
		})
	}
}

// A detail that the gateway knows and the client does not is kept by its members.
func TestDetailOfAnotherVersion(t *testing.T) {
	t.Parallel()
	const body = `{"code":"ABORTED","details":[{"@type":"type.example.com/acme.v1.Reason","why":"later"},7]}`
	err := problem.FromResponse(&http.Response{StatusCode: 409, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))})
	details := status.Convert(err).Proto().GetDetails()
	if len(details) != 1 {
		t.Fatalf("%v", details)
	}
	text := string(jsoncodec.MarshalAny(details[0]))
	if want := `{"@type":"type.googleapis.com/google.protobuf.Struct","value":{"@type":"type.example.com/acme.v1.Reason","why":"later"}}`; text != want {
		t.Errorf("%s, want %s", text, want)
	}
}

func TestNoError(t *testing.T) {
	t.Parallel()
	for _, code := range []int{200, 204, 304, 399} {
		if err := problem.FromResponse(&http.Response{StatusCode: code, Body: http.NoBody}); err != nil {
			t.Errorf("%d: %v", code, err)
		}
	}
}

// A body that breaks off costs the details, and not the error.
func TestBodyBreaksOff(t *testing.T) {
	t.Parallel()
	broken := errors.New("the connection broke")
	err := problem.FromResponse(&http.Response{
		StatusCode: 503, Header: http.Header{"Retry-After": {"7"}, "X-Request-Id": {"abc"}}, Body: io.NopCloser(iotest.ErrReader(broken)),
	})
	got, ok := errors.AsType[*problem.Error](err)
	if !ok || !errors.Is(err, broken) || status.Code(err) != codes.Unavailable || got.RetryAfter != 7*time.Second || got.RequestID != "abc" {
		t.Errorf("%+v", err)
	}
}
