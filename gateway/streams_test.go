package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
)

// inbox is what a backend received of one call.
type inbox struct {
	mu       sync.Mutex
	messages [][]byte
	end      error // how its receiving ended
}

// receive takes the next message of a call.
func (b *inbox) receive(stream grpc.ServerStream) ([]byte, error) {
	var message frame
	err := stream.RecvMsg(&message)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.end = err
		return nil, err
	}
	b.messages = append(b.messages, message.data)
	return message.data, nil
}

// ended waits until the receiving has ended.
func (b *inbox) ended(t *testing.T) error {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		b.mu.Lock()
		end := b.end
		b.mu.Unlock()
		if end != nil {
			return end
		}
	}
	t.Fatal("the call goes on")
	return nil
}

// collect receives all messages, and sends the last one back, or an empty one for
// each if the method streams.
func (b *inbox) collect(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	streams := strings.HasSuffix(method, "/Chat") || strings.HasSuffix(method, "/Film")
	var last []byte
	for {
		message, err := b.receive(stream)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		last = message
		if streams {
			if err := stream.SendMsg(&frame{}); err != nil {
				return err
			}
		}
	}
	if streams {
		return nil
	}
	return stream.SendMsg(&frame{last})
}

// TestClientStreams: what a body of many messages sends, however its messages are
// written.
func TestClientStreams(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, method, target, body, kind string
		message                          string
		want                             []string // parts of the messages' JSON
		status                           int
		holds                            string // by the response
	}{
		{"lines", "POST", "/v1/animals/Ada:chat", "{\"name\":\"x\"}\n{\"name\":\"y\"}\n", "application/x-ndjson", "Query", []string{`"name":"x"`, `"name":"y"`}, 200, "{\"result\":"},
		{"no space between", "POST", "/v1/animals:feed", `{"name":"x"}{"name":"y"}{}`, "application/json", "Nested", []string{`"name":"x"`, `"name":"y"`, `"name":""`}, 200, "{"},
		{"an array", "POST", "/v1/animals/Ada:chat", ` [ {"name":"x"} , {"name":"y"} ] `, "application/json", "Query", []string{`"name":"x"`, `"name":"y"`}, 200, "{"},
		{"no message", "POST", "/v1/animals/Ada:chat", "", "application/json", "Query", nil, 200, ""},
		{"white space", "POST", "/v1/animals/Ada:chat", " \n ", "application/json", "Query", nil, 200, ""},
		{"an empty array", "POST", "/v1/animals/Ada:chat", "[]", "application/json", "Query", nil, 200, ""},
		{
			"path and query", "POST", "/v1/animals/Ada:chat?stringValue=s&int32Value=7", "{}{}", "application/json", "Query",
			[]string{`"name":"Ada"`, `"int32Value":7`}, 200, "",
		},
		{"a bad second", "POST", "/v1/animals:feed", `{"name":"x"}{"colour":1}`, "application/json", "Nested", []string{`"name":"x"`}, 400, "UNKNOWN_FIELD"},
		{"broken off", "POST", "/v1/animals:feed", `{"name":"x"}{"na`, "application/json", "Nested", []string{`"name":"x"`}, 400, "BODY_INCOMPLETE"},
		{"an array without an end", "POST", "/v1/animals:feed", `[{"name":"x"}`, "application/json", "Nested", []string{`"name":"x"`}, 400, "BODY_INCOMPLETE"},
		{"behind the array", "POST", "/v1/animals:feed", `[{"name":"x"}]{}`, "application/json", "Nested", []string{`"name":"x"`}, 400, "TRAILING_DATA"},
		{"a picture", "PUT", "/v1/uploads/a:store", "\x89PNG\x00", "image/png", "Upload", []string{`"contentType":"image/png"`}, 200, "image/png"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var inboxes sync.Map // by the front
			onBothBackends(t, respond.Params{}, func(f *zooFront) grpc.StreamHandler {
				box := &inbox{}
				inboxes.Store(f, box)
				return box.collect
			}, func(t *testing.T, f *zooFront) {
				code, _, got := f.send(t, test.method, test.target, test.body, "Content-Type", test.kind)
				if code != test.status || !strings.Contains(got, test.holds) {
					t.Errorf("%d %s", code, got)
				}
				stored, _ := inboxes.Load(f)
				box := stored.(*inbox)
				if test.status == 200 {
					if end := box.ended(t); !errors.Is(end, io.EOF) {
						t.Errorf("the backend's receiving ended with %v", end)
					}
				}
				box.mu.Lock()
				defer box.mu.Unlock()
				// A call that is cancelled need not have reached the backend.
				if test.status != 200 && errors.Is(box.end, io.EOF) {
					t.Error("the backend takes the part for the whole")
				}
				var texts []string
				for _, message := range box.messages {
					texts = append(texts, f.zoo.jsonOf(t, test.message, message))
				}
				// A call that is cancelled may lose messages on their way.
				if test.status == 200 && len(texts) != len(test.want) {
					t.Fatalf("%d messages: %v", len(texts), texts)
				}
				for i, text := range texts {
					if !strings.Contains(text, test.want[i]) {
						t.Errorf("message %d is %s, want %s", i, text, test.want[i])
					}
					if strings.Contains(test.target, "?") && !strings.Contains(text, `"stringValue":"s"`) {
						t.Errorf("message %d is %s", i, text)
					}
				}
			})
		})
	}
}

// TestRawUploadEnds: a raw body is sent whole, once, and has an end.
func TestRawUploadEnds(t *testing.T) {
	t.Parallel()
	onBothBackends(t, respond.Params{}, same(func(_ any, stream grpc.ServerStream) error {
		for {
			var message frame
			if err := stream.RecvMsg(&message); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if err := stream.SendMsg(&message); err != nil {
				return err
			}
		}
	}), func(t *testing.T, f *zooFront) {
		for _, body := range []string{"", "hello", strings.Repeat("\x00\xff[{", 50_000)} {
			if code, _, got := f.send(t, "POST", "/v1/film", body, "Content-Type", "video/mp4"); code != 200 || got != body {
				t.Errorf("%d, %d of %d bytes", code, len(got), len(body))
			}
		}
	})
}

// TestConversation: responses come while the body is open, and a bad message then is the
// last frame, while the backend's call is cancelled.
func TestConversation(t *testing.T) {
	t.Parallel()
	var inboxes sync.Map // by the front
	onBothBackends(t, respond.Params{}, func(f *zooFront) grpc.StreamHandler {
		box := &inbox{}
		inboxes.Store(f, box)
		return box.collect
	}, func(t *testing.T, f *zooFront) {
		reader, writer := io.Pipe()
		defer func() { _ = writer.Close() }()
		type answer struct {
			response *http.Response
			err      error
		}
		answers := make(chan answer, 1)
		r := f.request(t, "POST", "/v1/animals/Ada:chat", reader)
		go func() {
			got, err := f.client.Do(r) //nolint:bodyclose // the receiver closes it.
			answers <- answer{got, err}
		}()
		if _, err := io.WriteString(writer, `[{"name":"x"}`); err != nil {
			t.Fatal(err)
		}
		got := <-answers
		if got.err != nil {
			t.Fatal(got.err)
		}
		defer func() { _ = got.response.Body.Close() }()
		lines := bufio.NewReader(got.response.Body)
		for range 3 {
			line, err := lines.ReadString('\n')
			if err != nil || !strings.HasPrefix(line, `{"result":`) {
				t.Fatal(line, err)
			}
			if _, err := io.WriteString(writer, `,{"name":"x"}`); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(writer, `,{"colour":"x"}`); err != nil {
			t.Fatal(err)
		}
		last, err := io.ReadAll(lines)
		if err != nil || !strings.HasPrefix(string(last), `{"error":{`) || !strings.Contains(string(last), "UNKNOWN_FIELD") {
			t.Errorf("%s %v", last, err)
		}
		box, _ := inboxes.Load(f)
		if end := box.(*inbox).ended(t); errors.Is(end, io.EOF) {
			t.Error("the backend takes the part for the whole")
		}
	})
}

// silent sends its metadata and messages, and then waits for the end of the call.
func silent(sendHeader bool, messages int) backendOf {
	return func(f *zooFront) grpc.StreamHandler {
		return func(_ any, stream grpc.ServerStream) error {
			f.begun <- struct{}{}
			defer func() { f.ended <- struct{}{} }()
			if sendHeader {
				if err := stream.SendHeader(metadata.Pairs("x-rate-limit-limit", "5")); err != nil {
					return err
				}
			}
			for range messages {
				if err := stream.SendMsg(&frame{}); err != nil {
					return err
				}
			}
			<-stream.Context().Done()
			return stream.Context().Err()
		}
	}
}

// TestOpenStreamShows: a client sees that a stream is open before there is a message.
func TestOpenStreamShows(t *testing.T) {
	t.Parallel()
	onBothBackends(t, respond.Params{CommentInterval: 10 * time.Millisecond}, silent(true, 0), func(t *testing.T, f *zooFront) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		got, err := f.client.Do(f.request(t, "GET", "/v1/animals:watch", nil, "Accept", "text/event-stream").WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = got.Body.Close() }()
		comments := make([]byte, 6)
		if _, err := io.ReadFull(got.Body, comments); err != nil || got.StatusCode != 200 || string(comments) != ":\n\n:\n\n" {
			t.Errorf("%d %q %v", got.StatusCode, comments, err)
		}
		cancel()
		within(t, f.ended)
		// A HEAD ends once the header section may be sent.
		code, header, body := f.send(t, "HEAD", "/v1/animals:watch", "")
		if code != 200 || header.Get("Content-Type") != "application/x-ndjson" || body != "" {
			t.Errorf("HEAD: %d %v %s", code, header, body)
		}
		within(t, f.ended)
	})
}

func within(t *testing.T, happened <-chan struct{}) {
	t.Helper()
	select {
	case <-happened:
	case <-time.After(20 * time.Second):
		t.Error("the backend's call did not begin or end")
	}
}

// TestFailureBehindMetadata: a failure that follows the metadata at once has its own
// status.
func TestFailureBehindMetadata(t *testing.T) {
	t.Parallel()
	onBothBackends(t, respond.Params{OpenDelay: 10 * time.Second}, same(func(_ any, stream grpc.ServerStream) error {
		if err := stream.SendHeader(metadata.Pairs("x-any", "1")); err != nil {
			return err
		}
		return status.Error(codes.PermissionDenied, "not yours")
	}), func(t *testing.T, f *zooFront) {
		if code, _, got := f.send(t, "GET", "/v1/animals:watch", ""); code != 403 {
			t.Errorf("%d %s", code, got)
		}
	})
}

// TestClientLeaves: a client that leaves at any stage ends the backend's call.
func TestClientLeaves(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method, target string
		header         bool
		messages       int
		body           string // the body then stays open
	}{
		"before the metadata":  {"GET", "/v1/animals:watch", false, 0, ""},
		"behind the metadata":  {"GET", "/v1/animals:watch", true, 0, ""},
		"behind a message":     {"GET", "/v1/animals:watch", true, 1, ""},
		"of an upload":         {"POST", "/v1/animals:feed", false, 0, `{"name":"x"}`},
		"of a silent upload":   {"POST", "/v1/film", false, 0, "x"},
		"of a conversation":    {"POST", "/v1/animals/Ada:chat", true, 1, `{"name":"x"}`},
		"of an array":          {"POST", "/v1/animals/Ada:chat", true, 0, `[{"name":"x"}`},
		"behind a whole array": {"POST", "/v1/animals/Ada:chat", true, 0, `[{"name":"x"}]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBothBackends(t, respond.Params{}, silent(test.header, test.messages), func(t *testing.T, f *zooFront) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var body io.Reader
				leave := cancel
				if test.body != "" {
					reader, writer := io.Pipe()
					go func() { _, _ = io.WriteString(writer, test.body) }()
					body = reader
					// The client's transport waits for the body, although nobody reads it.
					leave = func() { cancel(); _ = writer.CloseWithError(context.Canceled) }
				}
				done := make(chan struct{})
				r := f.request(t, test.method, test.target, body).WithContext(ctx)
				go func() {
					defer close(done)
					if got, err := f.client.Do(r); err == nil {
						_, _ = io.Copy(io.Discard, got.Body)
						_ = got.Body.Close()
					}
				}()
				within(t, f.begun)
				leave()
				<-done
				within(t, f.ended)
			})
		})
	}
}

// TestStopEndsStreams: a stream whose context is cancelled with a failure ends with it.
func TestStopEndsStreams(t *testing.T) {
	t.Parallel()
	stop := respond.Fail(codes.Unavailable, mapping.ReasonDraining, "the server is stopping").
		With(&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Microsecond)})
	for name, test := range map[string]struct {
		method, target, accept string
		body                   bool
		header                 bool
		messages               int
		status                 int
		want                   string
	}{
		"before the metadata": {"GET", "/v1/animals:watch", "*/*", false, false, 0, 503, "SERVICE_DRAINING"},
		"lines":               {"GET", "/v1/animals:watch", "*/*", false, true, 1, 200, `{"error":{`},
		"events":              {"GET", "/v1/animals:watch", "text/event-stream", false, true, 1, 200, "event: error\nretry: 2\ndata: {"},
		"events, none yet":    {"GET", "/v1/animals:watch", "text/event-stream", false, true, 0, 200, "event: error\nretry: 2\ndata: {"},
		"an upload":           {"POST", "/v1/animals:feed", "*/*", true, false, 0, 503, "SERVICE_DRAINING"},
		"a conversation":      {"POST", "/v1/animals/Ada:chat", "*/*", true, true, 1, 200, `{"error":{`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBothBackends(t, respond.Params{OpenDelay: time.Millisecond}, silent(test.header, test.messages), func(t *testing.T, f *zooFront) {
				var body io.Reader
				if test.body {
					reader, writer := io.Pipe()
					defer func() { _ = writer.Close() }()
					go func() { _, _ = io.WriteString(writer, `{"name":"x"}`) }()
					body = reader
				}
				if test.header {
					// The header section is there before the stop.
					got, err := f.client.Do(f.request(t, test.method, test.target, body, "Accept", test.accept))
					if err != nil {
						t.Fatal(err)
					}
					defer func() { _ = got.Body.Close() }()
					content := bufio.NewReader(got.Body)
					if test.messages > 0 {
						if _, err := content.ReadString('\n'); err != nil {
							t.Fatal(err)
						}
					}
					f.stop(stop)
					rest, err := io.ReadAll(content)
					if err != nil || got.StatusCode != test.status || !strings.Contains(string(rest), test.want) || !strings.Contains(string(rest), "SERVICE_DRAINING") {
						t.Errorf("%d %q %v", got.StatusCode, rest, err)
					}
				} else {
					go func() {
						<-f.begun
						f.stop(stop)
					}()
					got, err := f.client.Do(f.request(t, test.method, test.target, body, "Accept", test.accept))
					if err != nil {
						t.Fatal(err)
					}
					defer func() { _ = got.Body.Close() }()
					rest, err := io.ReadAll(got.Body)
					if err != nil || got.StatusCode != test.status || !strings.Contains(string(rest), test.want) {
						t.Errorf("%d %q %v", got.StatusCode, rest, err)
					}
				}
				within(t, f.ended)
			})
		})
	}
}

// TestRequests: what one message is made of, and what is refused.
func TestRequests(t *testing.T) {
	t.Parallel()
	echo := func(_ any, stream grpc.ServerStream) error {
		var message frame
		if err := stream.RecvMsg(&message); err != nil {
			return err
		}
		return stream.SendMsg(&message)
	}
	const both = "DUPLICATE_PARAMETER"
	onBothBackends(t, respond.Params{}, same(echo), func(t *testing.T, f *zooFront) {
		for _, test := range []struct {
			method, target, body, kind string
			status                     int
			holds                      []string
		}{
			// A parameter must not replace another member of a oneof.
			{"GET", "/v1/animals/Ada?middle.name=a&far.name=b", "", "", 400, []string{both, "/middle/name"}},
			{"GET", "/v1/animals/Ada?far.deeper.name=a&left=b", "", "", 400, []string{both, "/left"}},
			{"GET", "/v1/animals/Ada?middle.name=a&middle.deeper.name=b", "", "", 200, []string{`"name":"a"`, `"name":"b"`}},
			{"GET", "/v1/animals/Ada?maybe=a&middle.name=b", "", "", 200, []string{`"maybe":"a"`, `"name":"b"`}},
			{"GET", "/v1/middle/a?far.name=b", "", "", 400, []string{both, "/far/name"}},
			{"GET", "/v1/middle/a?far.deeper.timestamp=2026-01-02T03:04:05Z", "", "", 400, []string{both}},
			{"GET", "/v1/middle/a?left=b", "", "", 400, []string{both, "/left"}},
			{"GET", "/v1/middle/a?middle.int32=5", "", "", 200, []string{`"name":"a"`, `"int32":5`}},
			{"POST", "/v1/middle?far.name=b", `{"name":"a"}`, "", 400, []string{both}},
			{"POST", "/v1/middle?right=b", `{}`, "", 400, []string{both}},
			{"POST", "/v1/middle?right=b", ``, "", 200, []string{`"right":"b"`}},
			{"PUT", "/v1/left/a", `{"right":"b"}`, "", 400, []string{both, "/left"}},
			{"PUT", "/v1/left/a", `{"far":{}}`, "", 400, []string{both}},
			{"PUT", "/v1/left/a", `{"name":"b","maybe":""}`, "", 200, []string{`"left":"a"`, `"name":"b"`, `"maybe":""`}},
			// A raw field takes any media type.
			{"PUT", "/v1/uploads/a.png", "\x89PNG\x00", "image/png", 200, []string{`"contentType":"image/png"`, `"data":"iVBORwA="`, `"name":"a.png"`}},
			{"PUT", "/v1/uploads/a.png", `{"x":`, "application/json", 200, []string{`"contentType":"application/json"`}},
			{"POST", "/v1/tags/Ada", `["a","b"]`, "", 200, []string{`["a","b"]`}},
			{"POST", "/v1/tags/Ada", `["a"] ["b"]`, "", 400, []string{"TRAILING_DATA"}},
			{"POST", "/v1/notes", `"text"`, "", 200, []string{`"text"`}},
			{"POST", "/v1/notes", `1`, "", 400, []string{"INVALID_VALUE"}},
			// A mask is read as JSON, and one that is given replaces the body's.
			{"PATCH", "/v1/animals/Ada?updateMask=int32", `{"string":"s"}`, "", 200, []string{`"updateMask":"int32"`}},
			{"PATCH", "/v1/animals/Ada?update_mask.paths=int32", `{"string":"s"}`, "", 200, []string{`"updateMask":"int32"`}},
			{"PATCH", "/v1/animals/Ada", `{"string":"s","deeper":{"int64":"1"}}`, "", 200, []string{`"updateMask":"deeper.int64,string"`}},
			{"PATCH", "/v1/animals/Ada?updateMask=int32,", `{}`, "", 400, []string{"/updateMask"}},
			// Both backends name the parameter, and take the same values.
			{"GET", "/v1/kinds/77/1/2026-01-02T03:04:05Z", "", "", 200, []string{`"kind":77`}},
			{"GET", "/v1/kinds/1/1/yesterday", "", "", 400, []string{"/nested/timestamp"}},
			{"GET", "/v1/numbers/08/AA/T/1m?kind=99", "", "", 200, []string{`"int32Value":8`, `"bytesValue":"AA=="`, `"boolValue":true`, `"duration":"60s"`, `"kind":99`}},
			{"GET", "/v1/animals/Ada?nested.bytes=!", "", "", 400, []string{"/nested/bytes"}},
			{"GET", "/v1/animals/Ada?doubleValue=0x1p-2", "", "", 400, []string{"/doubleValue"}},
			{"GET", "/v1/shelves/1/books/2%2F3", "", "", 200, []string{`"name":"shelves/1/books/2/3"`}},
			{"GET", "/v1/files/a/b%20c", "", "", 200, []string{`"name":"a/b c"`}},
		} {
			var header []string
			if test.kind != "" {
				header = []string{"Content-Type", test.kind}
			}
			code, _, got := f.send(t, test.method, test.target, test.body, header...)
			if code != test.status || slices.ContainsFunc(test.holds, func(part string) bool { return !strings.Contains(got, part) }) {
				t.Errorf("%s %s %q: %d %s, want %d and %q", test.method, test.target, test.body, code, got, test.status, test.holds)
			}
		}
	})
}
