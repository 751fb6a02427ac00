package respond_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
)

// streamed sends messages and then an end.
func streamed(tb testing.TB, request *http.Request, messages []string, end error) (*httptest.ResponseRecorder, error) {
	tb.Helper()
	recorder := recorderOf(request)
	stream := documented(tb).Stream(recorder, request, http.Header{"X-Info": {"1", "\r\n"}, "Cache-Control": {"public"}})
	for _, id := range messages {
		if err := stream.Send(entity(id, "")); err != nil {
			end = err
			break
		}
		if !recorder.Flushed {
			tb.Error("a message was kept back")
		}
	}
	return recorder, stream.End(end)
}

func TestStream(t *testing.T) {
	t.Parallel()
	binding := bindingOf(t, entities(t), exportMany)
	boom := status.Error(codes.Internal, "secret")
	const broken = `{"type":"https://api.example.com/statuses/500","title":"Internal Server Error","status":500,` +
		`"detail":"An unexpected error in the service or in a component behind it.","instance":"/v1/x","code":"INTERNAL","requestId":"r-1"}`
	a := `{"id":"a","displayName":"","group":"","etag":"","updateTime":"2024-05-06T07:08:09.000000500Z"}`
	for name, test := range map[string]struct {
		verb, accept string
		messages     []string
		end          error
		contentType  string
		body         string
	}{
		"ndjson":           {"GET", "", []string{"a", "a"}, nil, "application/x-ndjson", `{"result":` + a + "}\n" + `{"result":` + a + "}\n"},
		"events":           {"GET", "text/event-stream", []string{"a"}, nil, "text/event-stream", "data: " + a + "\n\n"},
		"none":             {"GET", "", nil, nil, "application/x-ndjson", ""},
		"fails later":      {"GET", "", []string{"a"}, boom, "application/x-ndjson", `{"result":` + a + "}\n" + `{"error":` + broken + "}\n"},
		"event of failure": {"GET", "text/event-stream", []string{"a"}, boom, "text/event-stream", "data: " + a + "\n\nevent: error\ndata: " + broken + "\n\n"},
		"cannot be encoded": {
			"GET", "",
			[]string{"a", "\xff"},
			nil, "application/x-ndjson",
			`{"result":` + a + "}\n" + `{"error":` + broken + "}\n",
		},
		"head":           {"HEAD", "", []string{"a", "b"}, nil, "application/x-ndjson", ""},
		"head of events": {"HEAD", "text/event-stream", []string{"a"}, nil, "text/event-stream", ""},
		"head of none":   {"HEAD", "", nil, nil, "application/x-ndjson", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var fields []string
			if test.accept != "" {
				fields = []string{"Accept", test.accept}
			}
			request := ask(t, test.verb, binding, fields...)
			recorder, err := streamed(t, request, test.messages, test.end)
			if err != nil {
				t.Fatalf("End() = %v", err)
			}
			response := recorder.Result()
			if response.StatusCode != 200 || response.Header.Get("Content-Type") != test.contentType {
				t.Errorf("%d, %s", response.StatusCode, response.Header.Get("Content-Type"))
			}
			if got := recorder.Body.String(); got != test.body {
				t.Errorf("body\n%s\nwant\n%s", got, test.body)
			}
			if got := response.Header; len(got["X-Info"]) != 1 || len(got["Cache-Control"]) != 1 || got.Get("Cache-Control") != "no-store" {
				t.Errorf("header %v", got)
			}
			ex := exchange.From(request.Context())
			if ex.Status != 200 || (test.end != nil) != (ex.Rule == "internal") && name != "cannot be encoded" {
				t.Errorf("the exchange has %d by %s", ex.Status, ex.Rule)
			}
		})
	}
}

// TestStreamFailsBeforeItsFirstMessage: that failure is answered like any other.
func TestStreamFailsBeforeItsFirstMessage(t *testing.T) {
	t.Parallel()
	boom := status.Error(codes.NotFound, "no")
	for _, verb := range []string{"GET", "HEAD"} {
		recorder, err := streamed(t, ask(t, verb, bindingOf(t, entities(t), exportMany)), nil, boom)
		if !errors.Is(err, boom) || recorder.Header().Get("Content-Type") != "" || recorder.Body.Len() > 0 {
			t.Errorf("%s: End() = %v, header %v", verb, err, recorder.Header())
		}
		recorder, err = streamed(t, ask(t, verb, bindingOf(t, entities(t), exportMany)), []string{"\xff"}, nil)
		if err == nil || recorder.Header().Get("Content-Type") != "" {
			t.Errorf("%s: a first message that cannot be encoded: %v, header %v", verb, err, recorder.Header())
		}
	}
}

// TestLateFailureIsLogged: what the last frame hides is to be found in the log.
func TestLateFailureIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	stream := newLogged(t, builtin(t, mapping.Documented), &log).Stream(httptest.NewRecorder(), ask(t, "GET", bindingOf(t, entities(t), exportMany)), nil)
	if err := stream.Send(entity("a", "")); err != nil {
		t.Fatal(err)
	}
	if !stream.Started() {
		t.Error("Started() is false")
	}
	if err := stream.End(status.Error(codes.Internal, "disk full")); err != nil {
		t.Fatal(err)
	}
	if got := log.String(); !strings.Contains(got, "disk full") || !strings.Contains(got, "requestId=r-1") {
		t.Errorf("log: %s", got)
	}
}

// gone is the connection of a client that has left.
type gone struct{ http.ResponseWriter }

var errGone = errors.New("broken pipe")

func (gone) Write([]byte) (int, error) { return 0, errGone }

func TestStreamToAClientThatHasGone(t *testing.T) {
	t.Parallel()
	stream := documented(t).Stream(gone{httptest.NewRecorder()}, ask(t, "GET", bindingOf(t, entities(t), exportMany)), nil)
	err := stream.Send(entity("a", ""))
	if !errors.Is(err, errGone) || respond.AsFailure(err).Status.GetCode() != int32(codes.Canceled) {
		t.Errorf("Send() = %v", err)
	}
	if err := stream.End(err); err != nil {
		t.Errorf("End() = %v", err)
	}
}

func TestErrorIsLogged(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		code   codes.Code
		logged bool
	}{{codes.NotFound, false}, {codes.Internal, true}, {codes.Unavailable, true}, {99, true}} {
		var log bytes.Buffer
		request := ask(t, "GET", nil)
		recorder := recorderOf(request)
		err := status.Error(test.code, "inner text")
		newLogged(t, builtin(t, mapping.Documented), &log).Error(recorder, request, err)
		if got := strings.Contains(log.String(), "inner text"); got != test.logged {
			t.Errorf("%v: logged %t, want %t", test.code, got, test.logged)
		}
		if test.logged && strings.Contains(recorder.Body.String(), "inner text") {
			t.Errorf("%v: the client reads %s", test.code, recorder.Body)
		}
		if !errors.Is(exchange.From(request.Context()).Failure, err) {
			t.Errorf("%v: the exchange does not have it", test.code)
		}
	}
}
