package respond_test

import (
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

const (
	getEntity    = "/entity.v1.EntityService/GetEntity"
	putEntity    = "/entity.v1.EntityService/PutEntity"
	createEntity = "/entity.v1.EntityService/CreateEntity"
	deleteEntity = "/entity.v1.EntityService/DeleteEntity"
	importMany   = "/entity.v1.EntityService/ImportEntities"
	exportMany   = "/entity.v1.EntityService/ExportEntities"
)

var changedAt = time.Date(2024, 5, 6, 7, 8, 9, 500, time.UTC)

func entity(id, etag string) *entityv1.Entity {
	return &entityv1.Entity{Id: id, Etag: etag, UpdateTime: timestamppb.New(changedAt)}
}

// answer is what a client gets, without the body.
type answer struct {
	StatusCode    int
	Header        http.Header
	ContentLength int64
}

// answered is a response and its body.
func answered(tb testing.TB, request *http.Request, reply respond.Reply) (answer, string, error) {
	tb.Helper()
	recorder := recorderOf(request)
	err := documented(tb).Reply(recorder, request, reply)
	result := recorder.Result()
	defer func() { _ = result.Body.Close() }()
	return answer{result.StatusCode, result.Header, result.ContentLength}, recorder.Body.String(), err
}

func TestReplyStatusAndLocation(t *testing.T) {
	t.Parallel()
	declared := entities(t)
	for name, test := range map[string]struct {
		verb, method string
		message      proto.Message
		chosen       int32
		status       int
		location     string
	}{
		"get":                     {"GET", getEntity, entity("e", "1"), 0, 200, ""},
		"chosen but undeclared":   {"GET", getEntity, entity("e", "1"), 201, 200, ""},
		"chosen is no status":     {"GET", getEntity, entity("e", "1"), 999, 200, ""},
		"chosen is an error":      {"GET", getEntity, entity("e", "1"), 404, 200, ""},
		"created":                 {"POST", createEntity, entity("e", "1"), 0, 201, "/v1/entities/e"},
		"replaced":                {"PUT", putEntity, entity("e", "1"), 0, 200, ""},
		"created by PUT":          {"PUT", putEntity, entity("e", "1"), 201, 201, "/v1/entities/e"},
		"PUT, undeclared":         {"PUT", putEntity, entity("e", "1"), 202, 200, ""},
		"accepted":                {"POST", importMany, &longrunningpb.Operation{Name: "operations/7"}, 0, 202, "/v1/operations/7"},
		"deleted":                 {"DELETE", deleteEntity, &emptypb.Empty{}, 0, 204, ""},
		"an id with a slash":      {"POST", createEntity, entity("a/b", "1"), 0, 201, "/v1/entities/a%2Fb"},
		"an id with spaces":       {"POST", createEntity, entity("a b?c#d%e", "1"), 0, 201, "/v1/entities/a%20b%3Fc%23d%25e"},
		"an id of another tongue": {"POST", createEntity, entity("ü", "1"), 0, 201, "/v1/entities/%C3%BC"},
		"an id that is a colon":   {"POST", createEntity, entity("a:b", "1"), 0, 201, "/v1/entities/a%3Ab"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := ask(t, test.verb, bindingOf(t, declared, test.method))
			response, _, err := answered(t, request, respond.Reply{Message: test.message, Chosen: test.chosen})
			if err != nil {
				t.Fatalf("Reply() failed: %v", err)
			}
			if response.StatusCode != test.status || response.Header.Get("Location") != test.location {
				t.Errorf("%d, Location %q; want %d, %q", response.StatusCode, response.Header.Get("Location"), test.status, test.location)
			}
			if ex := exchange.From(request.Context()); ex.Status != test.status || ex.Rule != "declared" {
				t.Errorf("the exchange has %d by %q", ex.Status, ex.Rule)
			}
		})
	}
}

// TestLocationBelowAPrefix: Location and Content-Location lead clients back to where they reach the API.
func TestLocationBelowAPrefix(t *testing.T) {
	t.Parallel()
	request := ask(t, "POST", bindingOf(t, entities(t), createEntity))
	exchange.From(request.Context()).Prefix = "/api"
	response, _, err := answered(t, request, respond.Reply{Message: entity("a/b", "1")})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Location", "Content-Location"} {
		if got := response.Header.Get(name); got != "/api/v1/entities/a%2Fb" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestReplyWithoutLocation: a response that needs a Location, and cannot have one, is not a
// success.
func TestReplyWithoutLocation(t *testing.T) {
	t.Parallel()
	declared := entities(t)
	for _, id := range []string{"", ".", "..", "a\r\nb", "a\x00", "\xff"} {
		recorder := httptest.NewRecorder()
		err := documented(t).Reply(recorder, ask(t, "POST", bindingOf(t, declared, createEntity)), respond.Reply{Message: entity(id, "1")})
		if err == nil || len(recorder.Header()) > 0 || recorder.Body.Len() > 0 {
			t.Errorf("id %q: error %v, and %v was written", id, err, recorder.Header())
		}
	}
}

func TestReplyNoContent(t *testing.T) {
	t.Parallel()
	response, body, err := answered(t, ask(t, "DELETE", bindingOf(t, entities(t), deleteEntity)), respond.Reply{Message: &emptypb.Empty{}})
	if err != nil || body != "" {
		t.Fatalf("Reply() = %v, body %q", err, body)
	}
	for _, name := range []string{"Content-Type", "Content-Length", "Transfer-Encoding"} {
		if got, ok := response.Header[name]; ok {
			t.Errorf("a 204 has %s: %q", name, got)
		}
	}
}

func TestReplyConditions(t *testing.T) {
	t.Parallel()
	declared := entities(t)
	lastModified := rfc9110.FormatDate(changedAt)
	for name, test := range map[string]struct {
		verb   string
		fields []string
		want   int // 412 stands for the failure
	}{
		"none":                      {"GET", nil, 200},
		"matches":                   {"GET", []string{"If-None-Match", `"7"`}, 304},
		"matches on HEAD":           {"HEAD", []string{"If-None-Match", `"7"`}, 304},
		"matches weakly":            {"GET", []string{"If-None-Match", `W/"7"`}, 304},
		"in a list":                 {"GET", []string{"If-None-Match", `"x", W/"7" , "y"`}, 304},
		"on a second line":          {"GET", []string{"If-None-Match", `"x"`, "If-None-Match", `"7"`}, 304},
		"any":                       {"GET", []string{"If-None-Match", `*`}, 304},
		"another":                   {"GET", []string{"If-None-Match", `"8"`}, 200},
		"not since":                 {"GET", []string{"If-Modified-Since", lastModified}, 304},
		"since":                     {"GET", []string{"If-Modified-Since", rfc9110.FormatDate(changedAt.Add(-time.Second))}, 200},
		"the tag goes first":        {"GET", []string{"If-None-Match", `"8"`, "If-Modified-Since", lastModified}, 200},
		"tag first, the other way":  {"GET", []string{"If-None-Match", `"7"`, "If-Modified-Since", rfc9110.FormatDate(time.Unix(0, 0))}, 304},
		"a bad date is ignored":     {"GET", []string{"If-Modified-Since", "yesterday"}, 200},
		"must match, does":          {"GET", []string{"If-Match", `"7"`}, 200},
		"must match, does not":      {"GET", []string{"If-Match", `"8"`}, 412},
		"must match strongly":       {"GET", []string{"If-Match", `W/"7"`}, 412},
		"must match any":            {"GET", []string{"If-Match", `*`}, 200},
		"412 before 304":            {"GET", []string{"If-Match", `"8"`, "If-None-Match", `"7"`}, 412},
		"unmodified since":          {"GET", []string{"If-Unmodified-Since", lastModified}, 200},
		"modified since":            {"GET", []string{"If-Unmodified-Since", rfc9110.FormatDate(changedAt.Add(-time.Second))}, 412},
		"a write is not judged":     {"PATCH", []string{"If-Match", `"8"`}, 200},
		"nor by another tag either": {"PATCH", []string{"If-None-Match", `"7"`}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			method := getEntity
			if test.verb == "PATCH" {
				method = "/entity.v1.EntityService/UpdateEntity"
			}
			response, body, err := answered(t, ask(t, test.verb, bindingOf(t, declared, method), test.fields...), respond.Reply{Message: entity("e", "7")})
			if test.want == 412 {
				answer := documented(t).Render(respond.AsFailure(err), respond.Request{Conditional: true})
				if err == nil || answer.Decision.Status() != 412 || body != "" {
					t.Fatalf("Reply() = %v, body %q", err, body)
				}
				return
			}
			if err != nil || response.StatusCode != test.want {
				t.Fatalf("Reply() = %v, status %d, want %d", err, response.StatusCode, test.want)
			}
			if got := response.Header.Get("ETag"); got != `"7"` {
				t.Errorf("ETag: %s", got)
			}
			if response.StatusCode == 304 {
				for _, name := range []string{"Content-Type", "Content-Length", "Last-Modified"} {
					if response.Header.Get(name) != "" {
						t.Errorf("a 304 has %s", name)
					}
				}
				if body != "" || response.Header.Get("Cache-Control") != "no-cache" {
					t.Errorf("304 with body %q, Cache-Control %q", body, response.Header.Get("Cache-Control"))
				}
			} else if response.Header.Get("Last-Modified") != lastModified {
				t.Errorf("Last-Modified: %q", response.Header.Get("Last-Modified"))
			}
		})
	}
}

// TestNotModifiedCostsNoEncoding proves it by a message that cannot be encoded.
func TestNotModifiedCostsNoEncoding(t *testing.T) {
	t.Parallel()
	binding := bindingOf(t, entities(t), getEntity)
	message := entity("e", "7")
	message.DisplayName = "\xff"
	response, _, err := answered(t, ask(t, "GET", binding, "If-None-Match", `"7"`), respond.Reply{Message: message})
	if err != nil || response.StatusCode != 304 {
		t.Errorf("with the tag: %d, %v", response.StatusCode, err)
	}
	recorder := httptest.NewRecorder()
	err = documented(t).Reply(recorder, ask(t, "GET", binding), respond.Reply{Message: message})
	if err == nil || len(recorder.Header()) > 0 {
		t.Fatalf("without it: %v, header %v; want a failure and nothing written", err, recorder.Header())
	}
	if got := documented(t).Render(respond.AsFailure(err), respond.Request{}).Decision.Status(); got != 500 {
		t.Errorf("without it: %d, want 500", got)
	}
}

func TestReplyValidators(t *testing.T) {
	t.Parallel()
	binding := bindingOf(t, entities(t), getEntity)
	for name, test := range map[string]struct {
		change         func(*entityv1.Entity)
		etag           string
		lastModified   string
		sentNowInstead bool
	}{
		"both":            {func(*entityv1.Entity) {}, `"7"`, rfc9110.FormatDate(changedAt), false},
		"no version":      {func(e *entityv1.Entity) { e.Etag = "" }, "", rfc9110.FormatDate(changedAt), false},
		"odd version":     {func(e *entityv1.Entity) { e.Etag = `a" b\ü%` }, `"a%22%20b%5C%C3%BC%25"`, rfc9110.FormatDate(changedAt), false},
		"no date":         {func(e *entityv1.Entity) { e.UpdateTime = nil }, `"7"`, "", false},
		"1970 is a date":  {func(e *entityv1.Entity) { e.UpdateTime = &timestamppb.Timestamp{} }, `"7"`, "Thu, 01 Jan 1970 00:00:00 GMT", false},
		"a date ahead":    {func(e *entityv1.Entity) { e.UpdateTime = timestamppb.New(time.Now().Add(time.Hour)) }, `"7"`, "", true},
		"the last second": {func(e *entityv1.Entity) { e.UpdateTime = &timestamppb.Timestamp{Seconds: 253402300799} }, `"7"`, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			message := entity("e", "7")
			test.change(message)
			response, _, err := answered(t, ask(t, "GET", binding), respond.Reply{Message: message})
			if err != nil {
				t.Fatal(err)
			}
			if got := response.Header.Get("ETag"); got != test.etag {
				t.Errorf("ETag: %q, want %q", got, test.etag)
			}
			got := response.Header.Get("Last-Modified")
			if test.sentNowInstead {
				if date, err := rfc9110.ParseDate(got); err != nil || date.After(time.Now()) {
					t.Errorf("Last-Modified: %q is ahead of the clock (RFC 9110 §8.8.2.1)", got)
				}
			} else if got != test.lastModified {
				t.Errorf("Last-Modified: %q, want %q", got, test.lastModified)
			}
		})
	}
}

// TestImpossibleDate: a date without an HTTP-date is not a validator, and must not make a
// malformed field that nothing else would notice.
func TestImpossibleDate(t *testing.T) {
	t.Parallel()
	for _, seconds := range []int64{math.MaxInt64, math.MinInt64, 253402300800, -62135596801} {
		message := entity("e", "")
		message.UpdateTime = &timestamppb.Timestamp{Seconds: seconds}
		request := ask(t, "GET", bindingOf(t, entities(t), getEntity), "If-None-Match", "*")
		response, _, err := answered(t, request, respond.Reply{Message: message})
		if err != nil || response.StatusCode != 304 || response.Header.Get("Last-Modified") != "" {
			t.Errorf("%d: %d, %v, Last-Modified %q", seconds, response.StatusCode, err, response.Header.Get("Last-Modified"))
		}
	}
}

func TestReplyHead(t *testing.T) {
	t.Parallel()
	binding := bindingOf(t, entities(t), getEntity)
	get, body, err := answered(t, ask(t, "GET", binding), respond.Reply{Message: entity("e", "7")})
	if err != nil {
		t.Fatal(err)
	}
	head, nothing, err := answered(t, ask(t, "HEAD", binding), respond.Reply{Message: entity("e", "7")})
	if err != nil || nothing != "" {
		t.Fatalf("HEAD: %v, body %q", err, nothing)
	}
	for name := range get.Header {
		if head.Header.Get(name) != get.Header.Get(name) {
			t.Errorf("%s: GET %q, HEAD %q", name, get.Header.Get(name), head.Header.Get(name))
		}
	}
	if int(get.ContentLength) != len(body) || head.Header.Get("Content-Length") != get.Header.Get("Content-Length") {
		t.Errorf("Content-Length %d, HEAD %d, body %d", get.ContentLength, head.ContentLength, len(body))
	}
}

// TestHostileFields: values that no field may contain are not sent, and the rest is.
func TestHostileFields(t *testing.T) {
	t.Parallel()
	header := http.Header{"X-Info": {"good", "a\r\nX-Evil: 1", "a\nb", "nul\x00", "bell\a", "del\x7f", "ünï", "\xff", " padded\t", "tab\tinside"}}
	want := []string{"good", "padded", "tab\tinside"}
	response, _, err := answered(t, ask(t, "GET", bindingOf(t, entities(t), getEntity)), respond.Reply{Message: entity("e", "7"), Header: header})
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Header["X-Info"]; !slices.Equal(got, want) {
		t.Errorf("X-Info: %q, want %q", got, want)
	}
	recorder := httptest.NewRecorder()
	failure := respond.FailAs(5, "", "no")
	failure.Header = header
	documented(t).Error(recorder, ask(t, "GET", nil), failure)
	if got := recorder.Result().Header["X-Info"]; len(got) != len(want) {
		t.Errorf("on an error: %q, want %q", got, want)
	}
}

func TestBackendFieldsDoNotOverrule(t *testing.T) {
	t.Parallel()
	header := http.Header{
		"Cache-Control": {"public"}, "Etag": {`"x"`}, "Last-Modified": {"x"}, "Content-Type": {"text/html"}, "Content-Length": {"1"},
		"Location": {"/x"},
	}
	response, _, err := answered(t, ask(t, "POST", bindingOf(t, entities(t), createEntity)), respond.Reply{Message: entity("e", "7"), Header: header})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Cache-Control": "no-cache", "Etag": `"7"`, "Content-Type": "application/json", "Location": "/v1/entities/e"} {
		if got := response.Header[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want only %q", name, got, want)
		}
	}
	if len(response.Header["Content-Length"]) != 1 || len(response.Header["Last-Modified"]) != 1 {
		t.Errorf("a single field stands twice: %v", response.Header)
	}
}

const bodies = `
	message_type { name: "M"
		field { name: "id" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
		field { name: "inner" number: 2 type: TYPE_MESSAGE type_name: ".t.M" label: LABEL_OPTIONAL }
		field { name: "names" number: 3 type: TYPE_STRING label: LABEL_REPEATED }
	}
	service { name: "S"
		method { name: "Inner" input_type: ".t.M" output_type: ".t.M" options { [google.api.http] { get: "/inner" response_body: "inner" } } }
		method { name: "Names" input_type: ".t.M" output_type: ".t.M" options { [google.api.http] { get: "/names" response_body: "names" } } }
		method { name: "File" input_type: ".t.M" output_type: ".google.api.HttpBody" options { [google.api.http] { get: "/file" } } }
	}`

func TestReplyBody(t *testing.T) {
	t.Parallel()
	file := declare(t, bodies)
	declared := read(t, file)
	of := func(json string) proto.Message {
		message := dynamicpb.NewMessage(file.Messages().Get(0))
		fields := message.Descriptor().Fields()
		inner := dynamicpb.NewMessage(message.Descriptor())
		inner.Set(fields.ByName("id"), protoString(json))
		message.Set(fields.ByName("inner"), protoMessage(inner))
		return message
	}
	for name, test := range map[string]struct {
		method      string
		message     proto.Message
		contentType string
		body        string
	}{
		"response_body message": {"/t.S/Inner", of("x"), "application/json", `{"id":"x","names":[]}`},
		"response_body unset":   {"/t.S/Inner", dynamicpb.NewMessage(file.Messages().Get(0)), "application/json", `null`},
		"response_body list":    {"/t.S/Names", of("x"), "application/json", `[]`},
		"raw": {
			"/t.S/File", &httpbody.HttpBody{ContentType: "Text/CSV; charset=utf-8", Data: []byte("a,b\r\n")}, "text/csv; charset=utf-8",
			"a,b\r\n",
		},
		"raw without type":  {"/t.S/File", &httpbody.HttpBody{Data: []byte{0xff}}, "application/octet-stream", "\xff"},
		"raw, hostile type": {"/t.S/File", &httpbody.HttpBody{ContentType: "text/html\r\nX-Evil: 1"}, "application/octet-stream", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response, body, err := answered(t, ask(t, "GET", bindingOf(t, declared, test.method)), respond.Reply{Message: test.message})
			if err != nil || body != test.body || response.Header.Get("Content-Type") != test.contentType {
				t.Errorf("%v, %q as %q; want %q as %q", err, body, response.Header.Get("Content-Type"), test.body, test.contentType)
			}
		})
	}
}

func TestPageAndEmpty(t *testing.T) {
	t.Parallel()
	recorder := httptest.NewRecorder()
	documented(t).Page(recorder, ask(t, "HEAD", nil), "text/plain", []byte("ok"))
	if got := recorder.Result(); got.StatusCode != 200 || recorder.Body.Len() != 0 || got.Header.Get("Content-Length") != "2" ||
		got.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("Page() on HEAD: %v, body %q", got, recorder.Body)
	}
	recorder = httptest.NewRecorder()
	if err := documented(t).Empty(recorder, ask(t, "OPTIONS", nil)); err != nil {
		t.Fatal(err)
	}
	if got := recorder.Result(); got.StatusCode != 204 || got.Header.Get("Content-Type") != "" {
		t.Errorf("Empty(): %v", got)
	}
}
