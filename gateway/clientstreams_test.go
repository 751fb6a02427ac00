package gateway_test

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
)

// inbox contains what a backend received in one call.
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

// TestClientStreams: what the backend gets from a body of many messages, in any
// spelling.
func TestClientStreams(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, method, target, body, kind string
		message                          string
		want                             []string // parts of the messages' JSON
		status                           int
		holds                            string // by the response
	}{
		{
			"lines", "POST", "/v1/animals/Ada:chat", "{\"name\":\"x\"}\n{\"name\":\"y\"}\n", "application/x-ndjson",
			"Query",
			[]string{`"name":"x"`, `"name":"y"`},
			200, "{\"result\":",
		},
		{
			"no space between", "POST", "/v1/animals:feed", `{"name":"x"}{"name":"y"}{}`, "application/json",
			"Nested",
			[]string{`"name":"x"`, `"name":"y"`, `"name":""`},
			200, "{",
		},
		{
			"an array", "POST", "/v1/animals/Ada:chat", ` [ {"name":"x"} , {"name":"y"} ] `, "application/json",
			"Query",
			[]string{`"name":"x"`, `"name":"y"`},
			200, "{",
		},
		{"no message", "POST", "/v1/animals/Ada:chat", "", "application/json", "Query", nil, 200, ""},
		{"white space", "POST", "/v1/animals/Ada:chat", " \n ", "application/json", "Query", nil, 200, ""},
		{"an empty array", "POST", "/v1/animals/Ada:chat", "[]", "application/json", "Query", nil, 200, ""},
		{
			"path and query", "POST", "/v1/animals/Ada:chat?stringValue=s&int32Value=7", "{}{}", "application/json", "Query",
			[]string{`"name":"Ada"`, `"int32Value":7`},
			200, "",
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
			onBothBackends(t, times{}, func(f *zooFront) grpc.StreamHandler {
				box := &inbox{}
				inboxes.Store(f, box)
				return box.collect
			}, func(t *testing.T, f *zooFront) {
				t.Helper()
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
	onBothBackends(t, times{}, same(func(_ any, stream grpc.ServerStream) error {
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
		t.Helper()
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
	onBothBackends(t, times{}, func(f *zooFront) grpc.StreamHandler {
		box := &inbox{}
		inboxes.Store(f, box)
		return box.collect
	}, func(t *testing.T, f *zooFront) {
		t.Helper()
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
