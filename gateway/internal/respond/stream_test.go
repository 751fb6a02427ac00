package respond_test

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statusway/statusway/gateway/internal/budget"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/observe"
	"github.com/statusway/statusway/gateway/policy"
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
		"array":         {"GET", "application/json", []string{"a", "a"}, nil, "application/json", `[{"result":` + a + "}\n" + `,{"result":` + a + "}\n]"},
		"array of none": {"GET", "application/json", nil, nil, "application/json", "[]"},
		"array that fails": {
			"GET", "application/json",
			[]string{"a"},
			boom, "application/json",
			`[{"result":` + a + "}\n" + `,{"error":` + broken + "}\n]",
		},
		"array that cannot be encoded": {
			"GET", "application/json",
			[]string{"a", "\xff"},
			nil, "application/json",
			`[{"result":` + a + "}\n" + `,{"error":` + broken + "}\n]",
		},
		"head of an array":         {"HEAD", "application/json", []string{"a"}, nil, "application/json", ""},
		"head of an array of none": {"HEAD", "application/json", nil, nil, "application/json", ""},

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
			if ex.Status != 200 || (test.end != nil) != (ex.Rule == "internal") && !strings.HasSuffix(name, "cannot be encoded") {
				t.Errorf("the exchange has %d by %s", ex.Status, ex.Rule)
			}
		})
	}
}

// TestStreamType: Accept decides; between equals, what it names.
func TestStreamType(t *testing.T) {
	t.Parallel()
	const lines, events, array = respond.NDJSONType, respond.EventType, respond.JSONType
	for accept, want := range map[string]string{
		"": lines, "*/*": lines, "application/*": lines, "text/*": events, lines: lines, events: events, array: array,
		"application/json, text/plain, */*":                        array, // axios
		"*/*, application/json":                                    array,
		"application/json;charset=utf-8":                           array,
		"Application/JSON, */*":                                    array,
		"application/json, text/*":                                 array,
		"application/json, */*;q=0.1":                              array,
		"application/json;q=0.5, */*;q=0.1":                        array,
		"application/json;q=0.5, */*":                              lines,
		"application/json;q=0, */*":                                lines,
		"application/json;q=0, application/*;q=0, */*":             events,
		"application/json, application/x-ndjson":                   lines,
		"application/json, application/x-ndjson;q=0.9":             array,
		"application/json, text/event-stream":                      events, // as before there were arrays
		"text/event-stream, */*":                                   events,
		"application/problem+json":                                 array,
		"application/problem+json, application/json":               array,
		"application/problem+json, */*":                            lines,
		"application/problem+json, application/x-ndjson":           lines,
		"application/vnd.google.rpc.status+json, application/json": array,
		"text/html,application/xhtml+xml,*/*;q=0.8":                lines, // a browser
	} {
		recorder, err := streamed(t, ask(t, "GET", bindingOf(t, entities(t), exportMany), "Accept", accept), []string{"a"}, nil)
		if got := recorder.Header().Get("Content-Type"); err != nil || got != want {
			t.Errorf("Accept: %s: %s, %v; want %s", accept, got, err, want)
		}
	}
}

// TestArrayIsJSON: wherever a stream ends or fails, its array is whole.
func TestArrayIsJSON(t *testing.T) {
	t.Parallel()
	boom := respond.FailAs(codes.Unavailable, "AWAY", "away")
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		var messages []string
		for range r.IntN(4) {
			messages = append(messages, strings.Repeat(`"]},[`, r.IntN(20000)))
		}
		var end error
		want := len(messages)
		switch r.IntN(3) {
		case 0:
			end = boom
			want++
		case 1:
			messages = append(messages, "\xff")
			want++
		}
		recorder, err := streamed(t, ask(t, "GET", bindingOf(t, entities(t), exportMany), "Accept", "application/json"), messages, end)
		if want == 1 && (end != nil || !utf8.ValidString(messages[0])) {
			if err == nil || recorder.Body.Len() > 0 {
				t.Errorf("seed %d: a failure before the first message: %v, %s", seed, err, recorder.Body)
			}
			continue
		}
		var frames []map[string]json.RawMessage
		if bad := json.Unmarshal(recorder.Body.Bytes(), &frames); err != nil || bad != nil || len(frames) != want {
			t.Errorf("seed %d: %d elements, want %d: %v, %v", seed, len(frames), want, err, bad)
		}
	}
}

// TestStreamFailsBeforeItsFirstMessage: that failure gets an ordinary response.
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

// TestLateFailureIsNoted: the log gets what the last frame hides, and what was sent
// before.
func TestLateFailureIsNoted(t *testing.T) {
	t.Parallel()
	request, recorder := ask(t, "GET", bindingOf(t, entities(t), exportMany)), httptest.NewRecorder()
	stream := documented(t).Stream(recorder, request, nil)
	if err := stream.Send(entity("a", "")); err != nil {
		t.Fatal(err)
	}
	if !stream.Started() {
		t.Error("Started() is false")
	}
	boom := status.Error(codes.Internal, "disk full")
	if err := stream.End(boom); err != nil {
		t.Fatal(err)
	}
	want := observe.Record{
		Status: 200, Rule: "internal", Code: int32(codes.Internal), Failure: boom, Fault: true, Written: int64(recorder.Body.Len()),
	}
	if got := noted(request); got != want {
		t.Errorf("noted %+v, want %+v", got, want)
	}
}

// noted is what the exchange of a request records about its response.
func noted(request *http.Request) observe.Record {
	record := exchange.From(request.Context()).Record
	record.RequestID, record.Method, record.Start = "", "", time.Time{} // They are about the request.
	return record
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

// TestStreamCutOff: nothing follows a message of which only a part may have been sent.
func TestStreamCutOff(t *testing.T) {
	t.Parallel()
	for _, accept := range []string{"*/*", "application/json", "text/event-stream"} {
		request := ask(t, "GET", bindingOf(t, entities(t), exportMany), "Accept", accept)
		recorder := recorderOf(request)
		stream := documented(t).Stream(recorder, request, nil)
		if err := stream.Send(entity("a", "")); err != nil {
			t.Fatal(err)
		}
		sent := recorder.Body.Len()
		func() {
			defer func() {
				if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // net/http compares it so.
					t.Errorf("%s: recovered %v", accept, got)
				}
			}()
			_ = stream.End(respond.Fail(policy.ReasonClientClosed, "the client has gone").Because(budget.ErrCut))
		}()
		if recorder.Body.Len() != sent {
			t.Errorf("%s: sent %s", accept, recorder.Body)
		}
	}
}

// TestErrorIsNoted: the rule that decided a response, even if the client does not see it.
func TestErrorIsNoted(t *testing.T) {
	t.Parallel()
	internal := observe.Record{Status: 500, Rule: "internal", Code: 13, Fault: true}
	withReason := func(reason string) observe.Record {
		outcome := internal
		outcome.Domain, outcome.Reason = policy.Domain, reason
		return outcome
	}
	for name, test := range map[string]struct {
		err  error
		want observe.Record
	}{
		"the client's": {
			respond.Fail(policy.ReasonRouteNotFound, "inner text"),
			observe.Record{Status: 404, Rule: "route-not-found", Code: 5, Domain: policy.Domain, Reason: policy.ReasonRouteNotFound},
		},
		"the server's":         {status.Error(codes.Internal, "inner text"), internal},
		"of a moment":          {status.Error(codes.Unavailable, "inner text"), observe.Record{Status: 503, Rule: "unavailable", Code: 14, Fault: true}},
		"a code without name":  {status.Error(99, "inner text"), observe.Record{Status: 500, Rule: "other", Code: 99, Fault: true}},
		"an error of success":  {&respond.Failure{Status: &spb.Status{Message: "inner text"}}, observe.Record{Status: 500, Rule: "unknown", Code: 2, Fault: true}},
		"a reason of a 5xx":    {respond.FailAs(codes.Internal, "A_REASON", "inner text"), withReason("A_REASON")},
		"an error without any": {errors.New("inner text"), withReason(policy.ReasonInternal)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := ask(t, "GET", nil)
			recorder := recorderOf(request)
			documented(t).Error(recorder, request, test.err)
			test.want.Failure, test.want.Written = test.err, int64(recorder.Body.Len())
			if got := noted(request); got != test.want {
				t.Errorf("noted %+v, want %+v", got, test.want)
			}
			if test.want.Fault && strings.Contains(recorder.Body.String(), "inner text") {
				t.Errorf("the client reads %s", recorder.Body)
			}
		})
	}
}

// waiting returns a responder that shows an open stream after a moment.
func waiting(tb testing.TB, open, comment time.Duration) *respond.Responder {
	tb.Helper()
	responder, err := respond.New(respond.Params{
		Table: documented(tb).Table(), PublicURL: "https://api.example.com", OpenDelay: open, CommentInterval: comment,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return responder
}

// TestWait: what an idle stream sends, and when.
func TestWait(t *testing.T) {
	t.Parallel()
	binding := bindingOf(t, entities(t), exportMany)
	const moment, never = time.Millisecond, -1
	for name, test := range map[string]struct {
		verb, accept  string
		open, comment time.Duration
		started       bool
		enough        bool
		holds         string
	}{
		"lines":             {"GET", "*/*", moment, moment, true, false, ""},
		"an array":          {"GET", "application/json", moment, moment, true, false, ""},
		"events":            {"GET", "text/event-stream", moment, moment, true, false, ":\n\n"},
		"without comments":  {"GET", "text/event-stream", moment, never, true, false, ""},
		"never open":        {"GET", "text/event-stream", never, moment, false, false, ""},
		"head":              {"HEAD", "*/*", moment, moment, true, true, ""},
		"head, never open":  {"HEAD", "*/*", never, moment, false, false, ""},
		"an early response": {"GET", "*/*", time.Hour, time.Hour, false, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recorder := httptest.NewRecorder()
			stream := waiting(t, test.open, test.comment).Stream(recorder, ask(t, test.verb, binding, "Accept", test.accept), nil)
			release := make(chan struct{})
			if test.enough {
				defer close(release)
			} else {
				time.AfterFunc(50*time.Millisecond, func() { close(release) })
			}
			err := stream.Wait(func() error {
				<-release
				return io.EOF
			})
			if want := map[bool]error{true: respond.ErrEnough, false: io.EOF}[test.enough]; !errors.Is(err, want) {
				t.Errorf("Wait() = %v, want %v", err, want)
			}
			if stream.Started() != test.started || recorder.Flushed != (test.started && !test.enough) {
				t.Errorf("started %t, flushed %t", stream.Started(), recorder.Flushed)
			}
			if got := recorder.Body.String(); strings.ReplaceAll(got, ":\n\n", "") != "" || !strings.Contains(got, test.holds) || test.holds == "" && got != "" {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestWaitPassesOn: a panic of the waiting function becomes a panic of the request.
func TestWaitPassesOn(t *testing.T) {
	t.Parallel()
	stream := documented(t).Stream(httptest.NewRecorder(), ask(t, "GET", bindingOf(t, entities(t), exportMany)), nil)
	defer func() {
		if got := recover(); got != "odd" {
			t.Errorf("recovered %v", got)
		}
	}()
	_ = stream.Wait(func() error { panic("odd") })
}

// TestRetryOfTheLastEvent: when an EventSource connects again.
func TestRetryOfTheLastEvent(t *testing.T) {
	t.Parallel()
	for delay, want := range map[time.Duration]string{
		0: "event: error\ndata: {", -time.Second: "event: error\ndata: {", time.Microsecond: "event: error\nretry: 1\ndata: {",
		1500 * time.Millisecond: "event: error\nretry: 1500\ndata: {", 26 * time.Hour: "event: error\nretry: 93600000\ndata: {",
		time.Duration(math.MaxInt64): "event: error\nretry: 9223372036855\ndata: {",
	} {
		request := ask(t, "GET", bindingOf(t, entities(t), exportMany), "Accept", "text/event-stream")
		failure := respond.FailAs(codes.Unavailable, "AWAY", "away").With(&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
		recorder, err := streamed(t, request, []string{"a"}, failure)
		if _, last, _ := strings.Cut(recorder.Body.String(), "\n\n"); err != nil || !strings.HasPrefix(last, want) {
			t.Errorf("%v: %q, %v; want %q", delay, last, err, want)
		}
	}
}
