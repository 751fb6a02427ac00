package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

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
	onBothBackends(t, times{commentInterval: 10 * time.Millisecond}, silent(true, 0), func(t *testing.T, f *zooFront) {
		t.Helper()
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
	onBothBackends(t, times{openDelay: 10 * time.Second}, same(func(_ any, stream grpc.ServerStream) error {
		if err := stream.SendHeader(metadata.Pairs("x-any", "1")); err != nil {
			return err
		}
		return status.Error(codes.PermissionDenied, "not yours")
	}), func(t *testing.T, f *zooFront) {
		t.Helper()
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
			onBothBackends(t, times{}, silent(test.header, test.messages), func(t *testing.T, f *zooFront) {
				t.Helper()
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
	stop := respond.Fail(policy.ReasonDraining, "the server is stopping").
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
		"an array":            {"GET", "/v1/animals:watch", "application/json", false, true, 1, 200, `,{"error":{`},
		"an array, none yet":  {"GET", "/v1/animals:watch", "application/json", false, true, 0, 200, `[{"error":{`},
		"events":              {"GET", "/v1/animals:watch", "text/event-stream", false, true, 1, 200, "event: error\nretry: 2\ndata: {"},
		"events, none yet":    {"GET", "/v1/animals:watch", "text/event-stream", false, true, 0, 200, "event: error\nretry: 2\ndata: {"},
		"an upload":           {"POST", "/v1/animals:feed", "*/*", true, false, 0, 503, "SERVICE_DRAINING"},
		"a conversation":      {"POST", "/v1/animals/Ada:chat", "*/*", true, true, 1, 200, `{"error":{`},
		"a chat in an array":  {"POST", "/v1/animals/Ada:chat", "application/json, */*", true, true, 1, 200, `,{"error":{`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBothBackends(t, times{openDelay: time.Millisecond}, silent(test.header, test.messages), func(t *testing.T, f *zooFront) {
				t.Helper()
				var body io.Reader
				if test.body {
					reader, writer := io.Pipe()
					defer func() { _ = writer.Close() }()
					go func() { _, _ = io.WriteString(writer, `{"name":"x"}`) }()
					body = reader
				}
				if !test.header {
					go func() {
						<-f.begun
						f.stop(stop)
					}()
				}
				got, err := f.client.Do(f.request(t, test.method, test.target, body, "Accept", test.accept))
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = got.Body.Close() }()
				content := bufio.NewReader(got.Body)
				var sent string
				if test.header { // The header section is there before the stop.
					for range min(test.messages, 1) {
						if sent, err = content.ReadString('\n'); err != nil {
							t.Fatal(err)
						}
					}
					f.stop(stop)
				}
				rest, err := io.ReadAll(content)
				if err != nil || got.StatusCode != test.status || !strings.Contains(string(rest), test.want) || !strings.Contains(string(rest), "SERVICE_DRAINING") {
					t.Errorf("%d %q %v", got.StatusCode, rest, err)
				}
				if got.Header.Get("Content-Type") == "application/json" && !json.Valid([]byte(sent+string(rest))) {
					t.Errorf("not JSON: %s%s", sent, rest)
				}
				within(t, f.ended)
			})
		})
	}
}

// TestArrayGrows: each element of an array comes with its message, before there is another.
func TestArrayGrows(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method, target string
		end            error
		last           string // the member of the last element
	}{
		"a stream":            {"GET", "/v1/animals:watch", nil, "result"},
		"a stream that fails": {"GET", "/v1/animals:watch", status.Error(codes.NotFound, "gone"), "error"},
		"a conversation":      {"POST", "/v1/animals/Ada:chat", status.Error(codes.Internal, "disk 7"), "error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBothBackends(t, times{openDelay: time.Millisecond}, func(f *zooFront) grpc.StreamHandler {
				return func(_ any, stream grpc.ServerStream) error {
					if err := stream.SendHeader(nil); err != nil {
						return err
					}
					for range 2 { // f.begun is the test's word to go on.
						<-f.begun
						if err := stream.SendMsg(&frame{}); err != nil {
							return err
						}
					}
					<-f.begun
					return test.end
				}
			}, func(t *testing.T, f *zooFront) {
				t.Helper()
				var body io.Reader
				if test.method == "POST" {
					reader, writer := io.Pipe()
					defer func() { _ = writer.Close() }()
					go func() { _, _ = io.WriteString(writer, `{"name":"x"}`) }()
					body = reader
				}
				got, err := f.client.Do(f.request(t, test.method, test.target, body, "Accept", "application/json, text/plain, */*"))
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = got.Body.Close() }()
				if got.Header.Get("Content-Type") != "application/json" || got.ContentLength != -1 {
					t.Errorf("%v, length %d", got.Header, got.ContentLength)
				}
				var elements []map[string]json.RawMessage
				decoder := json.NewDecoder(got.Body)
				read := func() {
					var element map[string]json.RawMessage
					if err := decoder.Decode(&element); err != nil || len(element) != 1 {
						t.Fatalf("%v %v", element, err)
					}
					elements = append(elements, element)
				}
				f.begun <- struct{}{}
				if begin, err := decoder.Token(); err != nil || begin != json.Delim('[') {
					t.Fatal(begin, err)
				}
				read()
				f.begun <- struct{}{}
				read()
				f.begun <- struct{}{}
				if test.end != nil {
					read()
				}
				if end, err := decoder.Token(); err != nil || end != json.Delim(']') {
					t.Error(end, err)
				}
				if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
					t.Errorf("behind the array: %v", err)
				}
				if last := elements[len(elements)-1]; last[test.last] == nil {
					t.Errorf("the last element is %v", last)
				}
			})
		})
	}
}
