package dynamic_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gateway/internal/jsoncodec"
)

// jsonOf is the JSON of a zoo message's wire form.
func jsonOf(tb testing.TB, name string, wire []byte) string {
	tb.Helper()
	message := dynamicpb.NewMessage(zooMessage(tb, name))
	if err := proto.Unmarshal(wire, message); err != nil {
		tb.Fatal(err)
	}
	text, err := jsoncodec.Marshal(message)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// sameJSON compares values in which the order of members may differ.
func sameJSON(tb testing.TB, want, got string) {
	tb.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(want), &x); err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal([]byte(got), &y); err != nil {
		tb.Fatalf("%v: %s", err, got)
	}
	if diff := cmp.Diff(x, y); diff != "" {
		tb.Errorf("-want +got:\n%s", diff)
	}
}

// recorded is a backend that keeps what it receives and returns it.
type recorded struct {
	method string
	wire   []byte
	md     metadata.MD
}

func record(into *recorded) handler {
	return func(method string, stream grpc.ServerStream) error {
		var message raw
		if err := stream.RecvMsg(&message); err != nil {
			return err
		}
		md, _ := metadata.FromIncomingContext(stream.Context())
		*into = recorded{method: method, wire: message.data, md: md}
		if method == "/zoo.v1.Zoo/UpdateAnimal" {
			message.data = nil // a mask may hold what JSON has no form for
		}
		return stream.SendMsg(&message)
	}
}

// TestRoutes: every way in which a rule can bind a request, and what the backend then
// gets.
func TestRoutes(t *testing.T) { //nolint:tparallel // one backend records them all.
	t.Parallel()
	var got recorded
	f := zoo(t, record(&got))
	for _, test := range []struct { //nolint:paralleltest // as above.
		name, method, target, body string
		rpc, message, want         string
		// content is the response's body if it is not the whole message.
		content string
	}{
		{name: "a path variable", method: "GET", target: "/v1/animals/Ada", rpc: "GetAnimal", message: "Query", want: `{"name":"Ada"}`},
		{name: "an escaped slash", method: "GET", target: "/v1/animals/a%2Fb%20c", rpc: "GetAnimal", message: "Query", want: `{"name":"a/b c"}`},
		{
			name: "a template of several segments", method: "GET", target: "/v1/shelves/1/books/2%2F3", rpc: "GetAnimal", message: "Query",
			want: `{"nested":{"name":"shelves/1/books/2%2F3"}}`,
		},
		{name: "the rest of the path", method: "GET", target: "/v1/files/a/b/c", rpc: "GetAnimal", message: "Query", want: `{"name":"a/b/c"}`},
		{
			name: "an enum, a number and a timestamp", method: "GET", target: "/v1/kinds/KIND_DOG/-9/2026-01-02T03:04:05Z", rpc: "GetAnimal", message: "Query",
			want: `{"kind":"KIND_DOG","int64Value":"-9","nested":{"timestamp":"2026-01-02T03:04:05Z"}}`,
		},
		{name: "a custom verb and kind", method: "REPORT", target: "/v1/animals/Ada:look", rpc: "GetAnimal", message: "Query", want: `{"name":"Ada"}`},
		{
			name: "the whole body", method: "POST", target: "/v1/animals", body: `{"name":"Ada","numbers":[1,2]}`, rpc: "CreateAnimal", message: "Query",
			want: `{"name":"Ada","numbers":[1,2]}`,
		},
		{name: "an empty body", method: "POST", target: "/v1/animals", body: " ", rpc: "CreateAnimal", message: "Query", want: `{}`},
		{
			name:   "a message as the body, and as the answer",
			method: "POST", target: "/v1/nested/Ada?stringValue=s", body: `{"name":"inner"}`, rpc: "CreateAnimal", message: "Query",
			want: `{"name":"Ada","stringValue":"s","nested":{"name":"inner"}}`, content: `{"name":"inner","many":[],"masks":[]}`,
		},
		{
			name: "a list as the body", method: "POST", target: "/v1/tags/Ada", body: `["a","b"]`, rpc: "CreateAnimal", message: "Query",
			want: `{"name":"Ada","strings":["a","b"]}`, content: `["a","b"]`,
		},
		{
			name: "a map as the body", method: "POST", target: "/v1/labels?name=Ada", body: `{"a":"b"}`, rpc: "CreateAnimal", message: "Query",
			want: `{"name":"Ada","labels":{"a":"b"}}`, content: `{"a":"b"}`,
		},
		{
			name: "a scalar as the body", method: "POST", target: "/v1/notes", body: `"text"`, rpc: "CreateAnimal", message: "Query",
			want: `{"stringValue":"text"}`, content: `"text"`,
		},
		{
			name: "an update mask", method: "PATCH", target: "/v1/animals/Ada",
			body: `{"timestamp":null,"struct":{"a":{"b":1},"cD":{}},"deeper":{"string":"x","deeper":{}},"many":[{"name":"x"}],"int64":"7"}`,
			rpc:  "UpdateAnimal", message: "Update",
			want: `{"animal":{"name":"Ada","struct":{"a":{"b":1},"cD":{}},"deeper":{"string":"x","deeper":{}},"many":[{"name":"x"}],"int64":"7"}}`,
		},
		{name: "a HEAD", method: "HEAD", target: "/v1/animals/Ada", rpc: "GetAnimal", message: "Query", want: `{"name":"Ada"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := f.send(test.method, test.target, test.body)
			if answer.status != http.StatusOK {
				t.Fatalf("%d: %s", answer.status, answer.body)
			}
			if want := "/zoo.v1.Zoo/" + test.rpc; got.method != want {
				t.Errorf("%s was called, want %s", got.method, want)
			}
			sent := dynamicpb.NewMessage(zooMessage(t, test.message))
			if err := proto.Unmarshal(got.wire, sent); err != nil {
				t.Fatal(err)
			}
			if test.message == "Update" {
				sent.Clear(sent.Descriptor().Fields().ByName("update_mask"))
			}
			wire, err := proto.Marshal(sent)
			if err != nil {
				t.Fatal(err)
			}
			sameJSON(t, jsonOf(t, test.message, wireOf(t, test.message, test.want)), jsonOf(t, test.message, wire))
			switch {
			case test.message == "Update":
			case test.method == http.MethodHead:
				if answer.body != "" {
					t.Errorf("a body: %s", answer.body)
				}
			case test.content != "":
				sameJSON(t, test.content, answer.body)
			default:
				sameJSON(t, jsonOf(t, test.message, got.wire), answer.body)
			}
		})
	}
}

// TestMetadata is what goes on with a call: no more than is allowed, and nothing that
// a client could pass off as the gateway's.
func TestMetadata(t *testing.T) {
	t.Parallel()
	var got recorded
	f := zoo(t, record(&got))
	answer := f.send(
		http.MethodGet, "/v1/animals/Ada", "",
		"Authorization", "Bearer x", "Accept-Language", "de", "Traceparent", "00-1-2-3", "X-Tenant", "acme",
		"X-Forwarded-For", "6.6.6.6", "X-Forwarded-Host", "evil", "X-Other", "1", "Cookie", "a=b", "X-Request-Id", "r-1",
	)
	if answer.status != http.StatusOK {
		t.Fatal(answer)
	}
	md := maps.Clone(got.md)
	for _, transport := range []string{":authority", "content-type", "user-agent", "grpc-accept-encoding", "grpc-timeout"} {
		delete(md, transport)
	}
	want := metadata.MD{
		"authorization": {"Bearer x"}, "accept-language": {"de"}, "traceparent": {"00-1-2-3"}, "x-tenant": {"acme"},
		"x-forwarded-for": {"127.0.0.1"}, "x-forwarded-host": {strings.TrimPrefix(f.url, "http://")}, "x-request-id": {"r-1"},
	}
	if diff := cmp.Diff(want, md); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestRefused is what never reaches the backend.
func TestRefused(t *testing.T) {
	t.Parallel()
	f := zooWith(t, dynamic.Target{MaxMessage: 100}, func(method string, _ grpc.ServerStream) error {
		t.Errorf("%s was called", method)
		return nil
	})
	for _, test := range []struct {
		name, method, target, body string
		status                     int
		reason, pointer, violation string
	}{
		{"an unknown member", "POST", "/v1/animals", `{"nested":{"colour":1}}`, 400, "INVALID_ARGUMENT", "/nested/colour", "UNKNOWN_FIELD"},
		{"no JSON", "POST", "/v1/animals", `{`, 400, "INVALID_ARGUMENT", "", "MALFORMED_JSON"},
		{"two values", "POST", "/v1/animals", `{}{}`, 400, "INVALID_ARGUMENT", "", "TRAILING_DATA"},
		{"null for a message", "POST", "/v1/nested/Ada", `null`, 400, "INVALID_ARGUMENT", "", "INVALID_VALUE"},
		{"a wrong value in a field's body", "POST", "/v1/tags/Ada", `[1]`, 400, "INVALID_ARGUMENT", "/0", "INVALID_VALUE"},
		{"an unknown parameter", "GET", "/v1/animals/Ada?colour=red", "", 400, "INVALID_ARGUMENT", "/colour", "UNKNOWN_PARAMETER"},
		{"a parameter that the path sets", "GET", "/v1/animals/Ada?name=Bob", "", 400, "INVALID_ARGUMENT", "/name", "DUPLICATE_PARAMETER"},
		{"two values for one field", "GET", "/v1/animals/Ada?int32Value=1&int32Value=2", "", 400, "INVALID_ARGUMENT", "/int32Value", "DUPLICATE_PARAMETER"},
		{"one field under two names", "GET", "/v1/animals/Ada?int32Value=1&int32_value=2", "", 400, "INVALID_ARGUMENT", "/int32Value", "DUPLICATE_PARAMETER"},
		{
			"a message and a part of it", "GET", "/v1/animals/Ada?nested.duration=1s&nested.duration.nanos=1", "",
			400, "INVALID_ARGUMENT", "/nested/duration/nanos", "DUPLICATE_PARAMETER",
		},
		{"one key in two spellings", "GET", "/v1/animals/Ada?ranks[1]=1&ranks[1e0]=2", "", 400, "INVALID_ARGUMENT", "/ranks/1e0", "DUPLICATE_PARAMETER"},
		{"two of a oneof", "GET", "/v1/animals/Ada?left=1&right=2", "", 400, "INVALID_ARGUMENT", "/right", "DUPLICATE_PARAMETER"},
		{"a message as a parameter", "GET", "/v1/animals/Ada?nested=x", "", 400, "INVALID_ARGUMENT", "/nested", "INVALID_VALUE"},
		{"a list of messages", "POST", "/v1/nested/Ada?middle.many=x", "{}", 400, "INVALID_ARGUMENT", "/middle/many", "INVALID_VALUE"},
		{"a time that is none in the path", "GET", "/v1/kinds/1/2/yesterday", "", 400, "INVALID_ARGUMENT", "/nested/timestamp", "INVALID_VALUE"},
		{"a message over the limit", "POST", "/v1/animals", `{"name":"` + strings.Repeat("x", 100) + `"}`, 413, "REQUEST_TOO_LARGE", "", ""},
		{"a method without a route", "POST", "/zoo.v1.Zoo/Hidden", "{}", 404, "ROUTE_NOT_FOUND", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			answer := f.send(test.method, test.target, test.body)
			got := answer.problem(t)
			if answer.status != test.status || got.Reason != test.reason {
				t.Fatalf("%d %s, want %d %s: %s", answer.status, got.Reason, test.status, test.reason, answer.body)
			}
			if test.violation == "" {
				return
			}
			if len(got.Errors) != 1 || got.Errors[0].Pointer != test.pointer || got.Errors[0].Reason != test.violation {
				t.Errorf("%+v, want %s at %q", got.Errors, test.violation, test.pointer)
			}
		})
	}
}

// TestSizes is a request of exactly the limit and one byte more.
func TestSizes(t *testing.T) {
	t.Parallel()
	f := zooWith(t, dynamic.Target{MaxMessage: 100}, echo)
	for _, test := range []struct{ length, status int }{{98, 200}, {99, 413}} { // a tag and a length stand before the text
		answer := f.send(http.MethodPost, "/v1/animals", `{"name":"`+strings.Repeat("x", test.length)+`"}`)
		if answer.status != test.status {
			t.Errorf("%d bytes: %d, want %d", test.length, answer.status, test.status)
		}
	}
}

// TestSemantics is the contract on the way back.
func TestSemantics(t *testing.T) {
	t.Parallel()
	tagged := wireOf(t, "Nested", `{"name":"v/1","timestamp":"2026-01-02T03:04:05Z"}`)
	for _, test := range []struct {
		name, method, target, body string
		handler                    handler
		status                     int
		want                       map[string]string
		absent                     []string
		content                    string
	}{
		{
			name: "the default status", method: "PUT", target: "/v1/animals/x", body: "{}", handler: answer(tagged), status: 200,
			want: map[string]string{"ETag": `"v/1"`, "Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT", "Cache-Control": "no-cache"}, absent: []string{"Location"},
		},
		{
			name: "a chosen one in the header", method: "PUT", target: "/v1/animals/x", body: "{}", status: 201,
			handler: withMetadata(metadata.Pairs("statusway-status", "201"), nil, answer(tagged)), want: map[string]string{"Location": "/v1/animals/v%2F1"},
		},
		{
			name: "a chosen one in the trailer", method: "PUT", target: "/v1/animals/x", body: "{}", status: 201,
			handler: withMetadata(nil, metadata.Pairs("statusway-status", "201"), answer(tagged)), want: map[string]string{"Location": "/v1/animals/v%2F1"},
		},
		{
			name: "one that is not declared", method: "PUT", target: "/v1/animals/x", body: "{}", status: 200,
			handler: withMetadata(metadata.Pairs("statusway-status", "204", "statusway-status", "x"), nil, answer(tagged)),
		},
		{name: "no content", method: "DELETE", target: "/v1/animals/x", handler: answer(nil), status: 204, absent: []string{"Content-Type", "Content-Length"}},
		{
			name: "allowed metadata", method: "GET", target: "/v1/animals/x", status: 200,
			handler: withMetadata(metadata.Pairs("x-region", "eu", "x-secret", "1"), metadata.Pairs("x-blob-bin", "\x00\r\n"), answer(nil)),
			want:    map[string]string{"X-Region": "eu"}, absent: []string{"X-Secret", "X-Blob"},
		},
		{
			name: "allowed metadata of an error", method: "GET", target: "/v1/animals/x", status: 404,
			handler: withMetadata(nil, metadata.Pairs("x-region", "eu", "x-secret", "1"), fails(status.Error(codes.NotFound, "gone fishing"))),
			want:    map[string]string{"X-Region": "eu"}, absent: []string{"X-Secret"},
		},
		{
			name: "a raw answer", method: "POST", target: "/v1/photo", body: "\x00\xff", status: 200, handler: echo,
			want: map[string]string{"Content-Type": "application/json"}, content: "\x00\xff",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			answer := zoo(t, test.handler).send(test.method, test.target, test.body)
			if answer.status != test.status {
				t.Fatalf("%d, want %d: %s", answer.status, test.status, answer.body)
			}
			for name, want := range test.want {
				if got := answer.header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			for _, name := range test.absent {
				if got := answer.header.Values(name); len(got) > 0 {
					t.Errorf("%s is %q, want none", name, got)
				}
			}
			if test.content != "" && answer.body != test.content {
				t.Errorf("%q, want %q", answer.body, test.content)
			}
		})
	}
}

func withMetadata(header, trailer metadata.MD, next handler) handler {
	return func(method string, stream grpc.ServerStream) error {
		if err := stream.SetHeader(header); err != nil {
			return err
		}
		stream.SetTrailer(trailer)
		return next(method, stream)
	}
}

// TestMask is the mask that a PATCH's body makes.
func TestMask(t *testing.T) { //nolint:tparallel // as above.
	t.Parallel()
	var got recorded
	f := zoo(t, record(&got))
	for _, test := range []struct { //nolint:paralleltest // as above.
		name, query, body string
		want              []string
	}{
		{name: "no body", body: " "},
		{name: "an empty object", body: "{}"},
		{
			name: "leaves at any depth", body: `{"name":"Ada","deeper":{"string":"y","deeper":{"bool":null}}}`,
			want: []string{"deeper.deeper.bool", "deeper.string", "name"},
		},
		{name: "an empty message", body: `{"deeper":{}}`, want: []string{"deeper"}},
		{name: "proto names", body: `{"update_mask":1}`, want: nil},
		{
			name: "a free object", body: `{"struct":{"a":{"b":1},"cD":{}},"value":{"x":1},"list":[{"a":1}]}`,
			want: []string{"list", "struct.a.b", "struct.cD", "value.x"},
		},
		{
			name: "names in backticks", body: `{"struct":{"a.b":1,"*":{"c,d":2},"e":3},"value":{"x":{"":1},"y":2}}`,
			want: []string{"struct.`*`.`c,d`", "struct.`a.b`", "struct.e", "value.x.``", "value.y"},
		},
		{
			name: "a name that a path cannot contain", body: "{\"struct\":{\"a`b\":1,\"c\":2}}",
			want: []string{"struct"},
		},
		{name: "lists", body: `{"many":[{"name":"x"}]}`, want: []string{"many"}},
		{name: "given", query: "?updateMask=name,deeper.string", body: `{"int32":1}`, want: []string{"name", "deeper.string"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := f.send(http.MethodPatch, "/v1/animals/Ada"+test.query, test.body)
			if test.name == "proto names" {
				if answer.status != http.StatusBadRequest {
					t.Errorf("%d", answer.status)
				}
				return
			}
			message := dynamicpb.NewMessage(zooMessage(t, "Update"))
			if err := proto.Unmarshal(got.wire, message); err != nil || answer.status != http.StatusOK {
				t.Fatal(err, answer)
			}
			field := message.Descriptor().Fields().ByName("update_mask")
			if !message.Has(field) {
				t.Fatal("no mask")
			}
			mask := message.Get(field).Message()
			list := mask.Get(mask.Descriptor().Fields().ByNumber(1)).List()
			var paths []string
			for i := range list.Len() {
				paths = append(paths, list.Get(i).String())
			}
			if !slices.Equal(paths, test.want) {
				t.Errorf("%q, want %q", paths, test.want)
			}
		})
	}
}
