package dynamic_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/dynamic"
)

const (
	ndjson = "application/x-ndjson"
	events = "text/event-stream"
	array  = "application/json"
)

// after sends messages and then fails.
func after(err error, messages ...[]byte) handler {
	return func(method string, stream grpc.ServerStream) error {
		if failed := answer(messages...)(method, stream); failed != nil {
			return failed
		}
		return err
	}
}

// named is a Nested of this name, as it comes and goes.
func named(tb testing.TB, name string) []byte {
	tb.Helper()
	return wireOf(tb, "Nested", `{"name":"`+name+`"}`)
}

func line(name string) string {
	return `{"result":{"name":"` + name + `","many":[],"masks":[]}}` + "\n"
}

func TestServerStream(t *testing.T) {
	t.Parallel()
	ada, bob := named(t, "Ada"), named(t, "Bob")
	lost := status.Error(codes.DataLoss, "disk 7")
	for _, test := range []struct {
		name, method, accept string
		handler              handler
		status               int
		kind, body           string
		holds                string
	}{
		{name: "lines", handler: answer(ada, bob), status: 200, kind: ndjson, body: line("Ada") + line("Bob")},
		{name: "events", accept: events, handler: answer(ada), status: 200, kind: events, body: "data: {\"name\":\"Ada\",\"many\":[],\"masks\":[]}\n\n"},
		{name: "nothing", handler: answer(), status: 200, kind: ndjson},
		{name: "HEAD", method: "HEAD", handler: answer(ada, bob), status: 200, kind: ndjson},
		{name: "an error before the first", handler: after(lost), status: 500, kind: "application/problem+json", holds: `"code":"DATA_LOSS"`},
		{name: "an error after it", handler: after(lost, ada), status: 200, kind: ndjson, holds: line("Ada") + `{"error":{"type":`},
		{name: "a bad message first", handler: answer([]byte{0xff}), status: 500, kind: "application/problem+json", holds: `"code":"INTERNAL"`},
		{name: "a bad message later", handler: answer(ada, []byte{0xff}), status: 200, kind: ndjson, holds: `"status":500`},
		{name: "an oversized message", handler: answer(ada, make([]byte, 3<<20)), status: 200, kind: ndjson, holds: `"reason":"RESPONSE_TOO_LARGE"`},
		{name: "an array", accept: array, handler: answer(ada, bob), status: 200, kind: array, body: "[" + line("Ada") + "," + line("Bob") + "]"},
		{name: "an empty array", accept: array, handler: answer(), status: 200, kind: array, body: "[]"},
		{name: "HEAD of an array", method: "HEAD", accept: array, handler: answer(), status: 200, kind: array},
		{name: "an array, an error after it", accept: array, handler: after(lost, ada), status: 200, kind: array, holds: "[" + line("Ada") + `,{"error":{`},
		{name: "an array, an error first", accept: array, handler: after(lost), status: 500, kind: "application/problem+json", holds: `"code":"DATA_LOSS"`},
		{name: "a header", handler: withMetadata(metadata.Pairs("x-region", "eu"), nil, answer(ada)), status: 200, kind: ndjson, body: line("Ada")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			method := test.method
			if method == "" {
				method = http.MethodGet
			}
			accept := test.accept
			if accept == "" {
				accept = "*/*"
			}
			f := zooWith(t, dynamic.Target{MaxMessage: 2 << 20}, test.handler)
			got := f.send(method, "/v1/animals:watch", "", "Accept", accept)
			if got.status != test.status || got.header.Get("Content-Type") != test.kind {
				t.Fatalf("%d %s: %s\n%s", got.status, got.header.Get("Content-Type"), got.body, f.log)
			}
			if test.holds == "" && got.body != test.body || !strings.Contains(got.body, test.holds) || strings.Contains(got.body, "disk") {
				t.Errorf("%s", got.body)
			}
			if test.name == "a header" && got.header.Get("X-Region") != "eu" {
				t.Errorf("%v", got.header)
			}
		})
	}
}

// TestDeath: a backend dies in the middle of a stream. The client gets an error, and the
// gateway continues to serve.
func TestDeath(t *testing.T) {
	t.Parallel()
	ada := named(t, "Ada")
	server := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		if err := answer(ada)("", stream); err != nil {
			return err
		}
		<-stream.Context().Done()
		return stream.Context().Err()
	}))
	listener := listen(t)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-done })
	f := serve(t, dynamic.Target{Descriptors: zooSet(t), Address: listener.Addr().String()})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/v1/animals:watch", nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	lines := bufio.NewReader(got.Body)
	if first, err := lines.ReadString('\n'); err != nil || first != line("Ada") {
		t.Fatal(first, err)
	}
	server.Stop()
	rest, err := io.ReadAll(lines)
	if err != nil || !strings.HasPrefix(string(rest), `{"error":{`) || !strings.Contains(string(rest), `"status":503`) {
		t.Errorf("%s %v", rest, err)
	}
	if again := f.send(http.MethodGet, "/v1/animals/Ada", ""); again.status != http.StatusServiceUnavailable {
		t.Errorf("afterwards: %d %s", again.status, again.body)
	}
}

// TestClientStream is a body of many messages.
func TestClientStream(t *testing.T) { //nolint:tparallel // one backend serves them all.
	t.Parallel()
	f := zoo(t, func(_ string, stream grpc.ServerStream) error {
		var names []string
		for {
			var message raw
			err := stream.RecvMsg(&message)
			if errors.Is(err, io.EOF) {
				return stream.SendMsg(&raw{named(t, strings.Join(names, "+"))})
			}
			if err != nil {
				return err
			}
			names = append(names, string(message.data[min(2, len(message.data)):]))
		}
	})
	for _, test := range []struct { //nolint:paralleltest // as above.
		name, body, kind string
		status           int
		holds            string
	}{
		{"lines", "{\"name\":\"a\"}\n{\"name\":\"b\"}\n", ndjson, 200, `"name":"a+b"`},
		{"values beside each other", `{"name":"a"}{"name":"b"} {}`, "application/json", 200, `"name":"a+b+"`},
		{"one", `{"name":"a"}`, "application/json", 200, `"name":"a"`},
		{"none", " \n", ndjson, 200, `"name":""`},
		{"an unknown member", `{"name":"a"}{"colour":"b"}`, ndjson, 400, `"reason":"UNKNOWN_FIELD"`},
		{"no JSON", `{"name":"a"}x`, ndjson, 400, `"reason":"MALFORMED_JSON"`},
		{"an end in the middle", `{"name":"a"}{"na`, ndjson, 400, `"reason":"BODY_INCOMPLETE"`},
		{"an array", ` [{"name":"a"},{"name":"b"}] `, "application/json", 200, `"name":"a+b"`},
		{"an empty array", `[]`, "application/json", 200, `"name":""`},
		{"an array without its end", `[{"name":"a"},`, "application/json", 400, `"reason":"BODY_INCOMPLETE"`},
		{"an array and more", `[{"name":"a"}]{}`, "application/json", 400, `"reason":"TRAILING_DATA"`},
		{"an array in an array", `[[{"name":"a"}]]`, "application/json", 400, `"reason":"INVALID_VALUE"`},
		{"an array behind a value", `{"name":"a"}[]`, "application/json", 400, `"reason":"INVALID_VALUE"`},
		{"another type", `<a/>`, "text/xml", 415, `"UNSUPPORTED_MEDIA_TYPE"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := f.send(http.MethodPost, "/v1/animals:feed", test.body, "Content-Type", test.kind)
			if got.status != test.status || !strings.Contains(got.body, test.holds) {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
}

// TestBothStreams talks in both directions at once, over HTTP/1.1 and HTTP/2.
func TestBothStreams(t *testing.T) {
	t.Parallel()
	f := zoo(t, func(_ string, stream grpc.ServerStream) error {
		for i := 0; ; i++ {
			var message raw
			if err := stream.RecvMsg(&message); err != nil {
				if errors.Is(err, io.EOF) {
					return nil
				}
				return err
			}
			if i == 2 {
				return nil // it is through before the client is
			}
			// Query's nested is field 2, and its own name is field 1.
			if err := stream.SendMsg(&raw{named(t, "heard")}); err != nil {
				return err
			}
		}
	})
	h2c := new(http.Protocols)
	h2c.SetUnencryptedHTTP2(true)
	for name, transport := range map[string]*http.Transport{"http1": {}, "h2c": {Protocols: h2c}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer transport.CloseIdleConnections()
			reader, writer := io.Pipe()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url+"/v1/animals/Ada:chat", reader)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", ndjson)
			type result struct {
				answer *http.Response
				err    error
			}
			answered := make(chan result, 1)
			go func() {
				answer, err := transport.RoundTrip(r) //nolint:bodyclose // whoever receives it does.
				answered <- result{answer, err}
			}()
			if _, err := io.WriteString(writer, "{\"name\":\"x\"}\n"); err != nil {
				t.Fatal(err)
			}
			got := <-answered // before the body is over
			if got.err != nil {
				t.Fatal(got.err)
			}
			defer func() { _ = got.answer.Body.Close() }()
			lines := bufio.NewReader(got.answer.Body)
			for range 2 {
				text, err := lines.ReadString('\n')
				if err != nil || text != line("heard") {
					t.Fatalf("%q %v", text, err)
				}
				_, _ = io.WriteString(writer, "{}\n")
			}
			rest, err := io.ReadAll(lines)
			if err != nil || len(rest) > 0 {
				t.Errorf("%q %v", rest, err)
			}
			_ = writer.Close()
		})
	}
}

// TestRawStream is a stream of google.api.HttpBody, up and down.
func TestRawStream(t *testing.T) {
	t.Parallel()
	f := zoo(t, echo)
	body := strings.Repeat("\x00\xffraw", 50_000)
	got := f.send(http.MethodPost, "/v1/film", body, "Content-Type", "video/mp4")
	if got.status != http.StatusOK || got.body != body || got.header.Get("Content-Type") != "video/mp4" {
		t.Errorf("%d %v, %d of %d bytes", got.status, got.header, len(got.body), len(body))
	}
	none := zoo(t, answer()).send(http.MethodPost, "/v1/film", "x", "Content-Type", "video/mp4")
	if none.status != http.StatusOK || none.body != "" || none.header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("%+v", none)
	}
}

// TestRawStreamBreaks: raw bytes have no frame for an error, so their end must not look
// like one.
func TestRawStreamBreaks(t *testing.T) {
	t.Parallel()
	f := zoo(t, func(_ string, stream grpc.ServerStream) error {
		var message raw
		if err := stream.RecvMsg(&message); err != nil {
			return err
		}
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
		return status.Error(codes.DataLoss, "disk 7")
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/v1/film", strings.NewReader("abc"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "video/mp4")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return // it broke before the header had been read
	}
	defer func() { _ = answer.Body.Close() }()
	if body, err := io.ReadAll(answer.Body); err == nil {
		t.Errorf("%q ends as if it were whole", body)
	}
}

// TestUpload: a raw field and other fields in one request.
func TestUpload(t *testing.T) {
	t.Parallel()
	var got recorded
	f := zoo(t, record(&got))
	answer := f.send(http.MethodPut, "/v1/uploads/a.png", "\x89PNG", "Content-Type", "image/png")
	if answer.status != http.StatusOK {
		t.Fatal(answer)
	}
	sameJSON(t, `{"name":"a.png","file":{"contentType":"image/png","data":"iVBORw==","extensions":[]}}`, jsonOf(t, "Upload", got.wire))
}

// TestClientLeaves: the call ends when its client has disconnected.
func TestClientLeaves(t *testing.T) {
	t.Parallel()
	begun, ended := make(chan struct{}), make(chan struct{})
	f := zoo(t, func(_ string, stream grpc.ServerStream) error {
		close(begun)
		<-stream.Context().Done()
		close(ended)
		return stream.Context().Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+"/v1/animals:watch", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() { <-begun; cancel() }()
	if answer, err := http.DefaultTransport.RoundTrip(r); err == nil {
		_ = answer.Body.Close()
		t.Error("an answer came")
	}
	<-ended
}
