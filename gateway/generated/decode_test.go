package generated_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// violations returns the errors of a problem.
func violations(tb testing.TB, recorder *httptest.ResponseRecorder) []string {
	tb.Helper()
	var all []string
	errors, _ := problemOf(tb, recorder)["errors"].([]any)
	for _, one := range errors {
		members := one.(map[string]any)
		all = append(all, fmt.Sprint(members["pointer"], " ", members["reason"]))
	}
	return all
}

func TestBodies(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 1000) + strings.Repeat("]", 1000)
	for name, test := range map[string]struct {
		method, target, body string
		violation            string // empty if it can be read
	}{
		"good":                   {"POST", "/v1/entities", `{"id":"a","attributes":{"x":[1]}}`, ""},
		"empty":                  {"POST", "/v1/entities", "", ""},
		"proto names":            {"POST", "/v1/entities", `{"display_name":"a"}`, ""},
		"null":                   {"POST", "/v1/entities", `null`, " INVALID_VALUE"},
		"malformed":              {"POST", "/v1/entities", `{"id":`, " MALFORMED_JSON"},
		"trailing":               {"POST", "/v1/entities", `{} {}`, " TRAILING_DATA"},
		"unknown":                {"POST", "/v1/entities", `{"nope":1}`, "/nope UNKNOWN_FIELD"},
		"duplicate":              {"POST", "/v1/entities", `{"id":"a","id":"b"}`, "/id DUPLICATE_FIELD"},
		"two spellings":          {"POST", "/v1/entities", `{"displayName":"a","display_name":"b"}`, "/display_name DUPLICATE_FIELD"},
		"wrong type":             {"POST", "/v1/entities", `{"id":1}`, "/id INVALID_VALUE"},
		"wrong time":             {"POST", "/v1/entities", `{"createTime":"x"}`, "/createTime INVALID_VALUE"},
		"invalid UTF-8":          {"POST", "/v1/entities", "{\"id\":\"\xff\"}", "/id INVALID_UTF8"},
		"too deep":               {"POST", "/v1/entities", `{"attributes":{"a":` + deep + `}}`, "… TOO_DEEP"},
		"an array":               {"POST", "/v1/entities", `[]`, " INVALID_VALUE"},
		"patch":                  {"PATCH", "/v1/entities/e1", `{"displayName":"a"}`, ""},
		"patch, unknown":         {"PATCH", "/v1/entities/e1", `{"nope":1}`, "/nope UNKNOWN_FIELD"},
		"patch, array":           {"PATCH", "/v1/entities/e1", `[1]`, " INVALID_VALUE"},
		"whole request":          {"POST", "/v1/entities:import", `{"entities":[{},{"id":1}]}`, "/entities/1/id INVALID_VALUE"},
		"whole, unknown":         {"POST", "/v1/entities:import", `{"nope":[]}`, "/nope UNKNOWN_FIELD"},
		"a body that is ignored": {"GET", "/v1/entities/e1", `{"nope"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSide(t, &service{})
			recorder := s.do(s.request(t, test.method, test.target, test.body))
			if test.violation == "" {
				if recorder.Code >= 300 {
					t.Errorf("%d: %s", recorder.Code, recorder.Body)
				}
				return
			}
			got := violations(t, recorder)
			if recorder.Code != 400 || len(got) != 1 || len(s.calls) > 0 {
				t.Fatalf("%d, %q: %s", recorder.Code, got, recorder.Body)
			}
			if want, cut := strings.CutPrefix(test.violation, "…"); cut && !strings.HasSuffix(got[0], want) || !cut && got[0] != test.violation {
				t.Errorf("violation %q, want %q", got[0], test.violation)
			}
			if text := recorder.Body.String(); strings.Contains(text, "proto:") || strings.Contains(text, "entityv1") {
				t.Errorf("the client reads of the implementation: %s", text)
			}
		})
	}
}

func TestUpdateMaskIsTheBodysFields(t *testing.T) {
	t.Parallel()
	var got *entityv1.UpdateEntityRequest
	s := newSide(t, &service{update: func(_ context.Context, in *entityv1.UpdateEntityRequest) (*entityv1.Entity, error) {
		got = proto.CloneOf(in)
		return entity(), nil
	}})
	recorder := s.do(s.request(t, "PATCH", "/v1/entities/a%2Fb", `{"displayName":"x","group":""}`))
	if recorder.Code != 200 || got.GetId() != "a/b" ||
		!slices.Equal(slices.Sorted(slices.Values(got.GetUpdateMask().GetPaths())), []string{"display_name", "group"}) {
		t.Errorf("%d: %v", recorder.Code, got)
	}
}

// TestPaths: the value that was checked is the value that arrives.
func TestPaths(t *testing.T) {
	t.Parallel()
	for spelled, want := range map[string]string{
		"e1": "e1", "a%2Fb": "a/b", "a%20b": "a b", "Hello%20100%25": "Hello 100%", "%2541": "%41", "%252F": "%2F", "%C3%BC": "ü", "a+b": "a+b",
		"a%2Bb": "a+b", "a:b": "a:b", "a%3Ab": "a:b", "a%3Fb": "a?b", "a%23b": "a#b", "a;b=c": "a;b=c", "%65": "e", "a%2Cb": "a,b", "~": "~",
	} {
		t.Run(spelled, func(t *testing.T) {
			t.Parallel()
			got := ""
			s := newSide(t, &service{get: func(_ context.Context, in *entityv1.GetEntityRequest) (*entityv1.Entity, error) {
				got = in.GetId()
				return entity(), nil
			}})
			request := s.request(t, "GET", "/v1/entities/"+spelled, "")
			if recorder := s.do(request); recorder.Code != 200 || got != want || exchange.From(request.Context()).Params[0].Value != want {
				t.Errorf("%d: got %q, want %q: %s", recorder.Code, got, want, recorder.Body)
			}
		})
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"pageSize=3&group=a":     "",
		"page_size=3":            "",
		"":                       "",
		"nope=1":                 "/nope UNKNOWN_PARAMETER",
		"pageSize=x":             "/pageSize INVALID_VALUE",
		"pageSize=2147483648":    "/pageSize INVALID_VALUE",
		"pageSize=1&pageSize=2":  "/pageSize DUPLICATE_PARAMETER",
		"pageSize=1&page_size=2": "/pageSize DUPLICATE_PARAMETER",
		"group=%zz":              " MALFORMED_QUERY",
		"group=%00":              "/group CONTROL_CHARACTER",
		"group=%FF":              "/group INVALID_UTF8",
		"a=1;b=2":                " MALFORMED_QUERY",
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			s := newSide(t, &service{})
			recorder := s.do(s.request(t, "GET", "/v1/entities?"+query, ""))
			if want == "" {
				if recorder.Code != 200 {
					t.Errorf("%d: %s", recorder.Code, recorder.Body)
				}
				return
			}
			if got := violations(t, recorder); recorder.Code != 400 || !slices.Equal(got, []string{want}) || len(s.calls) > 0 {
				t.Errorf("%d, %q, want %q", recorder.Code, got, want)
			}
		})
	}
}

// broken is a body that ends with an error.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

func TestBodyThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err      error
		tooLarge bool
		want     string
	}{
		"ends early": {io.ErrUnexpectedEOF, false, " BODY_INCOMPLETE"},
		"too slow":   {fmt.Errorf("x: %w", os.ErrDeadlineExceeded), false, " BODY_TIMEOUT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSide(t, &service{})
			request := s.request(t, "POST", "/v1/entities", "x")
			request.Body = io.NopCloser(broken{test.err})
			if recorder := s.do(request); recorder.Code != 400 || !slices.Equal(violations(t, recorder), []string{test.want}) || len(s.calls) > 0 {
				t.Errorf("%d: %s", recorder.Code, recorder.Body)
			}
		})
	}
	// A failure of the rule Body, such as a body over its limit, comes back unchanged.
	s := newSide(t, &service{})
	over := respond.Fail(policy.ReasonRequestTooLarge, "over")
	request := s.request(t, "POST", "/v1/entities", "x")
	request.Body = io.NopCloser(broken{over})
	if err := s.handle(httptest.NewRecorder(), request); !errors.Is(err, over) {
		t.Errorf("the handler returns %v", err)
	}
}
