package respond_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/policy"
)

const updateEntity = "/entity.v1.EntityService/UpdateEntity"

// withoutNoContent is a policy without a row 204.
func withoutNoContent(t *testing.T) *policy.Table {
	t.Helper()
	return changed(t, policy.Documented, `  - status: 204
    title: No Content
    description: "The request succeeded and no body is needed, as after a DELETE."
    source: RFC 9110 §15.3.5
`, "")
}

// preferred is the part of a response's header that these tests check.
func preferred(header http.Header) map[string]string {
	got := map[string]string{}
	for _, name := range []string{"Location", "Etag", "Content-Type", "Content-Length", "Content-Location", "Preference-Applied"} {
		if values := header.Values(name); len(values) > 0 {
			got[name] = values[0]
		}
	}
	return got
}

// checklist: PRE-03, PRE-06, PRE-07, 204-03, 204-05, 201-04, 201-05
func TestReplyPreferred(t *testing.T) {
	t.Parallel()
	declared := entities(t)
	minimal := rfc9110.Preferences{Return: rfc9110.ReturnMinimal}
	representation := rfc9110.Preferences{Return: rfc9110.ReturnRepresentation}
	documentedTable, bare := builtin(t, policy.Documented), withoutNoContent(t)
	operation := &longrunningpb.Operation{Name: "operations/7"}
	async, wait := rfc9110.Preferences{RespondAsync: true}, rfc9110.Preferences{Waits: true, Wait: 5 * time.Second}
	both := rfc9110.Preferences{RespondAsync: true, Waits: true, Wait: 5 * time.Second}
	type want struct {
		status int
		body   bool
		header map[string]string
	}
	for name, test := range map[string]struct {
		table        *policy.Table
		verb, method string
		prefer       rfc9110.Preferences
		message      proto.Message
		chosen       int32
		want         want
	}{
		"create": {documentedTable, "POST", createEntity, rfc9110.Preferences{}, entity("e", "1"), 0, want{201, true, map[string]string{
			"Location": "/v1/entities/e", "Etag": `"1"`, "Content-Type": "application/json", "Content-Location": "/v1/entities/e",
		}}},
		"create, minimal": {documentedTable, "POST", createEntity, minimal, entity("e", "1"), 0, want{201, false, map[string]string{
			"Location": "/v1/entities/e", "Etag": `"1"`, "Content-Length": "0", "Preference-Applied": "return=minimal",
		}}},
		"create, representation": {documentedTable, "POST", createEntity, representation, entity("e", "1"), 0, want{201, true, map[string]string{
			"Location": "/v1/entities/e", "Etag": `"1"`, "Content-Type": "application/json",
			"Content-Location": "/v1/entities/e", "Preference-Applied": "return=representation",
		}}},
		"patch, minimal": {documentedTable, "PATCH", updateEntity, minimal, entity("e", "2"), 0, want{204, false, map[string]string{
			"Etag": `"2"`, "Preference-Applied": "return=minimal",
		}}},
		"patch, representation": {documentedTable, "PATCH", updateEntity, representation, entity("e", "2"), 0, want{200, true, map[string]string{
			"Etag": `"2"`, "Content-Type": "application/json", "Preference-Applied": "return=representation",
		}}},
		"put, minimal": {documentedTable, "PUT", putEntity, minimal, entity("e", "2"), 0, want{204, false, map[string]string{
			"Preference-Applied": "return=minimal",
		}}},
		"put that creates, minimal": {documentedTable, "PUT", putEntity, minimal, entity("e", "1"), 201, want{201, false, map[string]string{
			"Location": "/v1/entities/e", "Content-Length": "0", "Preference-Applied": "return=minimal",
		}}},
		"put that creates, representation": {documentedTable, "PUT", putEntity, representation, entity("e", "1"), 201, want{201, true, map[string]string{
			"Location": "/v1/entities/e", "Content-Type": "application/json",
			"Content-Location": "/v1/entities/e", "Preference-Applied": "return=representation",
		}}},
		"put, minimal, without the row": {bare, "PUT", putEntity, minimal, entity("e", "2"), 0, want{200, true, map[string]string{
			"Content-Type": "application/json",
		}}},
		"create, minimal, without the row": {bare, "POST", createEntity, minimal, entity("e", "1"), 0, want{201, false, map[string]string{
			"Location": "/v1/entities/e", "Etag": `"1"`, "Content-Length": "0", "Preference-Applied": "return=minimal",
		}}},
		"respond-async": {documentedTable, "POST", importMany, async, operation, 0, want{202, true, map[string]string{
			"Location": "/v1/operations/7", "Content-Type": "application/json", "Preference-Applied": "respond-async",
		}}},
		"wait, ended": {documentedTable, "POST", importMany, wait, operation, 200, want{200, true, map[string]string{
			"Content-Type": "application/json", "Preference-Applied": "wait=5",
		}}},
		"wait, not ended": {documentedTable, "POST", importMany, rfc9110.Preferences{Waits: true}, operation, 0, want{202, true, map[string]string{
			"Location": "/v1/operations/7", "Content-Type": "application/json", "Preference-Applied": "wait=0",
		}}},
		"both, ended": {documentedTable, "POST", importMany, both, operation, 200, want{200, true, map[string]string{
			"Content-Type": "application/json", "Preference-Applied": "wait=5",
		}}},
		"both, not ended": {documentedTable, "POST", importMany, both, operation, 0, want{202, true, map[string]string{
			"Location": "/v1/operations/7", "Content-Type": "application/json", "Preference-Applied": "respond-async, wait=5",
		}}},
		"minimal of what has no such form": {documentedTable, "POST", importMany, minimal, operation, 0, want{202, true, map[string]string{
			"Location": "/v1/operations/7", "Content-Type": "application/json",
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := ask(t, test.verb, bindingOf(t, declared, test.method))
			exchange.From(request.Context()).Prefer = test.prefer
			recorder := recorderOf(request)
			if err := newResponder(t, test.table).Reply(recorder, request, respond.Reply{Message: test.message, Chosen: test.chosen}); err != nil {
				t.Fatal(err)
			}
			if recorder.Code != test.want.status || (recorder.Body.Len() > 0) != test.want.body {
				t.Errorf("%d with the body %q, want %d, body %t", recorder.Code, recorder.Body, test.want.status, test.want.body)
			}
			got := preferred(recorder.Header())
			if test.want.body {
				delete(got, "Content-Length")
			}
			if diff := cmp.Diff(test.want.header, got); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			if _, has := recorder.Header()["Content-Length"]; has == (test.want.status == http.StatusNoContent) {
				t.Errorf("a %d with Content-Length: %t", test.want.status, has)
			}
		})
	}
}

// TestReplay: a stored response is sent again, with the parts that belong to the request
// from the new request.
//
// checklist: IDE-05
func TestReplay(t *testing.T) {
	t.Parallel()
	declared := entities(t)
	for name, test := range map[string]struct {
		verb, method string
		prefer       rfc9110.Preferences
		first, again int
		table        *policy.Table
	}{
		"created":           {"POST", createEntity, rfc9110.Preferences{}, 201, 201, nil},
		"created, bare":     {"POST", createEntity, rfc9110.Preferences{Return: rfc9110.ReturnMinimal}, 201, 201, nil},
		"without a body":    {"PATCH", updateEntity, rfc9110.Preferences{Return: rfc9110.ReturnMinimal}, 204, 204, nil},
		"the row has gone":  {"PATCH", updateEntity, rfc9110.Preferences{Return: rfc9110.ReturnMinimal}, 204, 200, withoutNoContent(t)},
		"nothing preferred": {"PATCH", updateEntity, rfc9110.Preferences{}, 200, 200, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			responder := documented(t)
			request := ask(t, test.verb, bindingOf(t, declared, test.method))
			ex := exchange.From(request.Context())
			ex.Prefer = test.prefer
			var kept exchange.Sent
			first := recorderOf(request)
			ex.Keep = func(sent exchange.Sent) {
				if first.Header().Get("Cache-Control") != "" || first.Body.Len() > 0 {
					t.Error("it is kept after it was sent")
				}
				kept = sent
			}
			if err := responder.Reply(first, request, respond.Reply{Message: entity("e", "1")}); err != nil {
				t.Fatal(err)
			}
			if first.Code != test.first || kept.Status != test.first || string(kept.Body) != first.Body.String() {
				t.Fatalf("%d %q was sent, and %d %q kept", first.Code, first.Body, kept.Status, kept.Body)
			}
			if _, has := kept.Header["X-Request-Id"]; has {
				t.Error("the request's own fields are kept")
			}
			if test.table != nil {
				responder = responder.With(test.table)
			}
			repeated := ask(t, test.verb, bindingOf(t, declared, test.method))
			exchange.From(repeated.Context()).Fields.Set("X-Request-ID", "r-2")
			again := recorderOf(repeated)
			if err := responder.Replay(again, repeated, kept); err != nil {
				t.Fatal(err)
			}
			if again.Code != test.again || again.Body.String() != first.Body.String() {
				t.Errorf("again %d %q, want %d %q", again.Code, again.Body, test.again, first.Body)
			}
			want := first.Header().Clone()
			want.Set("X-Request-ID", "r-2")
			if test.again != test.first {
				want.Set("Content-Length", "0")
			}
			if diff := cmp.Diff(want, again.Header()); diff != "" {
				t.Errorf("header (-first +again):\n%s", diff)
			}
			if got := exchange.From(repeated.Context()); got.Status != test.again || got.Rule == "" {
				t.Errorf("the log has %d by %q", got.Status, got.Rule)
			}
		})
	}
}

// TestFailuresAreNotGivenToKeep: a failure is stored elsewhere, as a status.
func TestFailuresAreNotGivenToKeep(t *testing.T) {
	t.Parallel()
	request := ask(t, "POST", bindingOf(t, entities(t), createEntity))
	exchange.From(request.Context()).Keep = func(exchange.Sent) { t.Error("Keep was called") }
	if err := documented(t).Reply(recorderOf(request), request, respond.Reply{Message: entity("", "1")}); err == nil {
		t.Fatal("a 201 without a location")
	}
	documented(t).Error(recorderOf(request), request, http.ErrBodyNotAllowed)
}

// TestReplayIsCodedAnew: a client that accepts no compression can get a response again that
// was sent compressed, and the other way round.
func TestReplayIsCodedAnew(t *testing.T) {
	t.Parallel()
	responder, err := respond.New(respond.Params{
		Table: builtin(t, policy.Documented), PublicURL: "https://api.example.com", Gzip: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	binding := bindingOf(t, entities(t), createEntity)
	ways := map[string]*httptest.ResponseRecorder{}
	codings := map[string][]string{"plain": nil, "gzip": {"Accept-Encoding", "gzip"}}
	var kept []exchange.Sent
	created := entity("e", "1")
	created.DisplayName = strings.Repeat("x", 2000) // large enough to be compressed
	for name, fields := range codings {
		request := ask(t, "POST", binding, fields...)
		exchange.From(request.Context()).Keep = func(sent exchange.Sent) { kept = append(kept, sent) }
		ways[name] = httptest.NewRecorder()
		if err := responder.Reply(ways[name], request, respond.Reply{Message: created}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(kept[0], kept[1]); diff != "" {
		t.Errorf("what is kept depends on the coding:\n%s", diff)
	}
	if got := ways["gzip"].Header(); got.Get("Content-Encoding") != "gzip" || got.Get("ETag") == ways["plain"].Header().Get("ETag") {
		t.Fatalf("it was not compressed: %v", got)
	}
	for name, fields := range codings {
		again := httptest.NewRecorder()
		if err := responder.Replay(again, ask(t, "POST", binding, fields...), kept[0]); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(ways[name].Header(), again.Header()); diff != "" || again.Body.String() != ways[name].Body.String() {
			t.Errorf("%s (-first +again):\n%s", name, diff)
		}
	}
}
