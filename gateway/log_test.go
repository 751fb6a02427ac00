package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/identity"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// line is one line of a log in JSON.
type line map[string]any

// linesOf reads the log of f, which has to be in JSON.
func linesOf(tb testing.TB, f *front) []line {
	tb.Helper()
	var all []line
	for text := range strings.Lines(f.log.String()) {
		one := line{}
		if err := json.Unmarshal([]byte(text), &one); err != nil {
			tb.Fatalf("%v: %s", err, text)
		}
		all = append(all, one)
	}
	return all
}

// awaitLine waits for the one line of a request, which is written after its response.
func awaitLine(tb testing.TB, f *front) line {
	tb.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if all := linesOf(tb, f); len(all) > 0 {
			if len(all) > 1 {
				tb.Errorf("%d lines: %v", len(all), all)
			}
			return all[0]
		}
		if time.Now().After(deadline) {
			tb.Fatal("there is no line")
		}
	}
}

func jsonLogger(f *front) *slog.Logger {
	return slog.New(slog.NewJSONHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// status14 is UNAVAILABLE with a reason.
func unavailable(tb testing.TB, domain, reason string) *spb.Status {
	tb.Helper()
	info, err := anypb.New(&errdetails.ErrorInfo{Domain: domain, Reason: reason})
	if err != nil {
		tb.Fatal(err)
	}
	return &spb.Status{Code: int32(codes.Unavailable), Message: "inner text", Details: []*anypb.Any{info}}
}

// TestLog: one line for each request, by its route and not by its path, whose level
// says whether somebody has to look into it.
func TestLog(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		script     func(*script)
		closed     bool
		// want are attributes of the line; nil means that the attribute is not there.
		want line
	}{
		{name: "a success", text: get("/v1/entities/private?group=private", "X-Request-Id: r-9"), want: line{
			"level": "INFO", "msg": "request", "requestId": "r-9", "method": "GET", "route": "/v1/entities/{id}", "rpc": "/entity.v1.EntityService/GetEntity",
			"status": 400.0, "code": "INVALID_ARGUMENT", "reason": "INVALID_ARGUMENT", "domain": "statusway.v1",
		}},
		{name: "a body", text: post("/v1/entities", `{"displayName":"private"}`, "Content-Type: application/json"), want: line{
			"level": "INFO", "method": "POST", "route": "/v1/entities", "status": 201.0, "code": "OK", "rule": "declared", "received": 25.0,
			"caller": "address", "client": "loopback", "clientClosed": false, "replayed": false, "error": nil, "traceId": nil,
		}},
		{name: "a path whose field has another name", text: "PATCH /v1/entities/private HTTP/1.1\r\nHost: private\r\n\r\n", want: line{
			"method": "PATCH", "route": "/v1/entities/{id}", "rpc": "/entity.v1.EntityService/UpdateEntity", "status": 200.0,
		}},
		{name: "a trace", text: get("/v1/entities/private", "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), want: line{
			"status": 200.0, "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
		}},
		{name: "no route", text: "PRIVATE /private HTTP/1.1\r\nHost: private\r\n\r\n", want: line{
			"level": "INFO", "method": "_OTHER", "route": nil, "rpc": nil, "status": 404.0, "code": "NOT_FOUND", "reason": "ROUTE_NOT_FOUND", "rule": "route-not-found",
		}},
		{name: "a failure of the client's", text: get("/v1/entities/private"), script: func(s *script) {
			s.status = &spb.Status{Code: int32(codes.NotFound), Message: "private"}
		}, want: line{"level": "INFO", "status": 404.0, "code": "NOT_FOUND", "rule": "not-found", "error": nil}},
		{name: "a failure of the server's", text: get("/v1/entities/private"), script: func(s *script) {
			s.status = &spb.Status{Code: int32(codes.Internal), Message: "inner text"}
		}, want: line{"level": "ERROR", "status": 500.0, "code": "INTERNAL", "rule": "internal", "error": "inner text"}},
		{name: "a code without a name", text: get("/v1/entities/private"), script: func(s *script) {
			s.status = &spb.Status{Code: 99, Message: "inner text"}
		}, want: line{"level": "ERROR", "status": 500.0, "code": "UNKNOWN", "rule": "other", "error": "inner text"}},
		{name: "a backend that is away", text: get("/v1/entities/private"), script: func(s *script) {
			s.status = unavailable(t, "a.v1", "A_REASON")
		}, want: line{"level": "ERROR", "status": 503.0, "domain": "a.v1", "reason": "A_REASON", "error": "inner text"}},
		{name: "a reason that is none", text: get("/v1/entities/private"), script: func(s *script) {
			s.status = unavailable(t, "private of somebody", strings.Repeat("private", 10))
		}, want: line{"level": "ERROR", "domain": "other", "reason": "other"}},
		{name: "closed on purpose", text: get("/v1/entities/private"), closed: true, want: line{
			"level": "INFO", "status": 503.0, "reason": "SERVICE_IN_MAINTENANCE", "error": "closed",
		}},
		{name: "a backend that is full", text: get("/v1/entities/private"), script: func(s *script) {
			s.status = unavailable(t, policy.Domain, policy.ReasonOverloaded)
		}, want: line{"level": "INFO", "status": 503.0, "reason": "SERVICE_OVERLOADED"}},
		{name: "a panic in a handler", text: get("/v1/entities/private"), script: func(s *script) { s.panics = true }, want: line{
			"level": "ERROR", "status": 500.0, "code": "INTERNAL", "error": "secret.go:7",
		}},
		{name: "a stream that fails at once", text: get("/v1/entities:export"), script: func(s *script) {
			s.messages, s.status = 0, &spb.Status{Code: int32(codes.Internal), Message: "inner text"}
		}, want: line{"level": "ERROR", "status": 500.0, "error": "inner text"}},
		{name: "a stream that fails late", text: get("/v1/entities:export"), script: func(s *script) {
			s.status = &spb.Status{Code: int32(codes.Internal), Message: "inner text"}
		}, want: line{"level": "ERROR", "status": 200.0, "code": "INTERNAL", "rule": "internal", "error": "inner text"}},
		{name: "a page", text: get("/page"), want: line{"level": "DEBUG", "status": 200.0, "route": "/page", "rpc": nil, "caller": nil, "client": nil}},
		{name: "a page that says no", text: get("/closed"), want: line{"level": "WARN", "status": 503.0, "route": "/closed", "error": "inner text"}},
		{name: "a page that fails", text: get("/broken"), want: line{"level": "ERROR", "status": 500.0, "route": "/broken", "error": "inner text"}},
		{name: "what net/http refuses", text: get("/private", "Private : x"), want: line{
			"level": "INFO", "method": "_OTHER", "route": nil, "status": 400.0, "code": "INVALID_ARGUMENT", "reason": "MALFORMED_REQUEST",
			"caller": "address", "client": "loopback",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, f := configure(t, policy.Documented)
			c.Logger = jsonLogger(f)
			c.Closed = func(gateway.Route) error {
				if test.closed {
					return respond.Fail(policy.ReasonMaintenance, "closed")
				}
				return nil
			}
			c.Pages = map[string]gateway.Page{
				"/page": {Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					gateway.Content(w, r, "text/plain", []byte("page"))
				})},
				"/closed": {Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					gateway.Error(w, r, respond.FailAs(codes.Unavailable, "A_REASON", "inner text"))
				})},
				"/broken": {Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					gateway.Error(w, r, errors.New("inner text"))
				})},
			}
			serve(t, c, f)
			s := simple()
			if test.script != nil {
				test.script(s)
			}
			f.script.Store(s)
			got := exchangeOnce(t, f, "GET", test.text)
			logged := awaitLine(t, f)
			for name, want := range test.want {
				value := logged[name]
				if text, ok := value.(string); name == "error" && ok && want != nil {
					if !strings.Contains(text, want.(string)) {
						t.Errorf("the error is %s, want %s", text, want)
					}
				} else if value != want {
					t.Errorf("%s is %v, want %v", name, value, want)
				}
			}
			if written := logged["written"]; written != float64(len(got.body)) {
				t.Errorf("written is %v, and the body has %d bytes", written, len(got.body))
			}
			if id := logged["requestId"]; id != got.Header.Get("X-Request-Id") {
				t.Errorf("requestId is %v, and the answer's %q", id, got.Header.Get("X-Request-Id"))
			}
			if strings.Contains(strings.ToLower(f.log.String()), "private") {
				t.Errorf("the log tells what was asked for: %s", f.log)
			}
		})
	}
}

// TestLogOfACallThatNobodyWaitsFor: a client that has disconnected gets nothing, and that
// is not an error.
func TestLogOfACallThatNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err    error
		closed bool
	}{
		"cancelled":             {status.Error(codes.Canceled, "the call was cancelled"), true},
		"whatever it says":      {errors.New("interrupted"), true},
		"answered all the same": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, f := configure(t, policy.Documented)
			c.Logger = jsonLogger(f)
			begun := make(chan struct{})
			c.Intercept = func(gateway.Route, gateway.Handler) gateway.Handler {
				return func(w http.ResponseWriter, r *http.Request) error {
					close(begun)
					<-r.Context().Done()
					if test.err == nil {
						gateway.Content(w, r, "text/plain", nil)
					}
					return test.err
				}
			}
			serve(t, c, f)
			w := dial(t, f)
			w.send(t, get("/v1/entities/e1"))
			<-begun
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			logged := awaitLine(t, f)
			if logged["level"] != "INFO" || logged["clientClosed"] != test.closed {
				t.Errorf("%v", logged)
			}
			if _, hasStatus := logged["status"]; hasStatus == test.closed || test.closed && logged["written"] != 0.0 {
				t.Errorf("status %v and %v bytes were sent to a client that left: %t", logged["status"], logged["written"], test.closed)
			}
		})
	}
}

// leaver is a client that leaves once it has received a text.
type leaver struct {
	*httptest.ResponseRecorder

	until string
	leave context.CancelFunc
}

func (l leaver) Write(p []byte) (int, error) {
	n, err := l.ResponseRecorder.Write(p)
	if strings.Contains(l.Body.String(), l.until) {
		l.leave()
	}
	return n, err
}

// A client that leaves with the whole response has not left too early: a failure stays a failure.
func TestLogOfAClientThatLeavesWithItsResponse(t *testing.T) {
	t.Parallel()
	broken := status.Error(codes.Internal, "broken")
	through := func(_ gateway.Route, next gateway.Handler) gateway.Handler { return next }
	for name, test := range map[string]struct {
		target, until string
		intercept     func(gateway.Route, gateway.Handler) gateway.Handler
		closed        bool
		want          line
	}{
		"no route":          {target: "/v1/nothing", until: "}", intercept: through, want: line{"level": "INFO", "status": 404.0}},
		"the backend fails": {target: "/v1/entities/e1", until: "}", intercept: through, want: line{"level": "ERROR", "status": 500.0}},
		"a stream fails after its status": {
			target: "/v1/entities:export", until: `"error"`, intercept: through, want: line{"level": "ERROR", "status": 200.0, "code": "INTERNAL"},
		},
		"a hook fails": {target: "/v1/entities/e1", until: "}", intercept: func(gateway.Route, gateway.Handler) gateway.Handler {
			return func(http.ResponseWriter, *http.Request) error { return broken }
		}, want: line{"level": "ERROR", "status": 500.0}},
		"a hook ends its own context": {target: "/v1/entities/e1", until: "}", intercept: func(_ gateway.Route, next gateway.Handler) gateway.Handler {
			return func(w http.ResponseWriter, r *http.Request) error {
				ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
				defer cancel()
				return next(w, r.WithContext(ctx))
			}
		}, want: line{"level": "ERROR", "status": 500.0}},
		"a hook fails after the client has left": {
			target: "/v1/entities/e1", until: "part", closed: true, want: line{"level": "INFO", "status": 200.0},
			intercept: func(gateway.Route, gateway.Handler) gateway.Handler {
				return func(w http.ResponseWriter, _ *http.Request) error {
					_, _ = io.WriteString(w, "part")
					return broken
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, f := configure(t, policy.Documented)
			c.Logger, c.Intercept = jsonLogger(f), test.intercept
			f.script.Store(&script{messages: 2, status: status.Convert(broken).Proto()})
			build(t, c, f)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			request := httptest.NewRequestWithContext(ctx, http.MethodGet, test.target, nil)
			f.gateway.ServeHTTP(leaver{httptest.NewRecorder(), test.until, leave}, request)
			if ctx.Err() == nil {
				t.Fatal("the client has not left")
			}
			logged := awaitLine(t, f)
			for name, want := range test.want {
				if logged[name] != want {
					t.Errorf("%s is %v, not %v", name, logged[name], want)
				}
			}
			if logged["clientClosed"] != test.closed {
				t.Errorf("%v", logged)
			}
		})
	}
}

// TestLogTellsOfUsers no more than that they are known.
func TestLogTellsOfUsers(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Documented)
	c.Logger = jsonLogger(f)
	c.Identify = func(r *http.Request) (context.Context, identity.Identity, error) {
		return r.Context(), identity.Identity{Name: "private", Groups: []string{"private"}}, nil
	}
	build(t, c, f)
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/entities/e1", nil)
	for address, kind := range map[string]any{
		"192.0.2.7:1": "public", "10.1.2.3:1": "private", "169.254.0.1:1": "private", "[fe80::1%eth0]:1": "private", "[::1]:1": "loopback",
		"@": nil, "[2001:db8::1]:1": "public",
	} {
		f.log.text.Reset()
		request.RemoteAddr = address
		f.gateway.ServeHTTP(httptest.NewRecorder(), request)
		logged := awaitLine(t, f)
		if logged["caller"] != "user" || logged["client"] != kind {
			t.Errorf("%s: %v", address, logged)
		}
		host, _, _ := net.SplitHostPort(address)
		if text := f.log.String(); host != "" && strings.Contains(text, host) || strings.Count(text, "private") > strings.Count(fmt.Sprint(kind), "private") {
			t.Errorf("%s: %s", address, text)
		}
	}
}
