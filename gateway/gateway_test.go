package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/identity"
	ibackend "github.com/statusway/statusway/gateway/internal/backend"
	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/gateway/ratelimit"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	declared, err := contract.Read(entityv1.File_entity_v1_entity_service_proto)
	if err != nil {
		t.Fatal(err)
	}
	method := *declared.Methods[0]
	method.Success, method.IdempotencyKey = []int32{206}, contract.KeyRequired
	declared.Methods = append(declared.Methods, &method) // no policy has 206, and nothing keeps keys
	_, err = gateway.New(backendWith(declared), gateway.Config{})
	if err == nil || !strings.Contains(err.Error(), "206") || !strings.Contains(err.Error(), "needs an Idempotency-Key") {
		t.Errorf("New() = %v, want both faults", err)
	}
}

// backendWith is a backend that declares a contract and calls nothing.
func backendWith(declared *contract.Contract) *gateway.Backend {
	return ibackend.New(ibackend.Params{Version: &ibackend.Version{Contract: declared}})
}

// TestOrder tests the order of the chain: a request with two errors gets the response for
// the first of them.
func TestOrder(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Canonical)
	closed, over := atomic.Bool{}, atomic.Bool{}
	c.Identify = func(r *http.Request) (context.Context, identity.Identity, error) {
		if r.Header.Get("Authorization") == "" {
			return nil, identity.Identity{}, status.Error(16, "who are you")
		}
		return r.Context(), identity.Identity{Name: "u"}, nil
	}
	c.Limiter = limiterFunc(func(ratelimit.Use) (ratelimit.Allowance, error) {
		return ratelimit.Allowance{{Policy: "p", Subject: "s", Limit: 1, Window: time.Minute, Exceeded: over.Load(), Reset: time.Second}}, nil
	})
	c.Closed = func(gateway.Route) error {
		if closed.Load() {
			return respond.Fail(policy.ReasonMaintenance, "closed")
		}
		return nil
	}
	c.Pages = map[string]gateway.Page{"/page": {Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gateway.Content(w, r, "text/plain", []byte("page"))
	})}}
	serve(t, c, f)

	// Each error is added to the earlier ones, from the inside out. Each new one must win.
	const badCondition, badType, reserved = "If-Match: x", "Content-Type: text/plain", "Grpc-Metadata-X: 1"
	long := strings.Repeat(" ", 2000)
	auth := "Authorization: Bearer x"
	for _, step := range []struct {
		name, text   string
		closed, over bool
		want         int
	}{
		{"the call", post("/v1/entities", "{}", "Content-Type: application/json", auth), false, false, 201},
		{"the body's size", post("/v1/entities", long, "Content-Type: application/json", auth), false, false, 413},
		{"a condition", post("/v1/entities", long, "Content-Type: application/json", badCondition, auth), false, false, 400},
		{"the media type", post("/v1/entities", long, badType, badCondition, auth), false, false, 415},
		{"a reserved field", post("/v1/entities", long, badType, badCondition, reserved, auth), false, false, 400},
		{"no credentials", post("/v1/entities", long, badType, badCondition, reserved), false, false, 401},
		{"closed", post("/v1/entities", long, badType, badCondition, reserved), true, false, 503},
		{"no route", post("/v1/nothing", long, badType, badCondition, reserved), true, false, 404},
		{"the method", "DELETE /v1/entities HTTP/1.1\r\nHost: x\r\n" + reserved + "\r\n\r\n", true, false, 405},
		{"retired", post("/v0/nothing", long, badType, badCondition, reserved), true, false, 410},
		{"an expectation", post("/v0/nothing", long, badType, badCondition, reserved, "Expect: 100-continue, x"), true, false, 417},
		{"the limit", post("/v0/nothing", long, badType, badCondition, reserved, "Expect: 100-continue, x", "Accept: x"), true, true, 429},
		{"a page", get("/page", "Accept: x", reserved), true, true, 200},
	} {
		closed.Store(step.closed)
		over.Store(step.over)
		got := exchangeOnce(t, f, "POST", step.text)
		if got.StatusCode != step.want {
			t.Errorf("%s: %d, want %d\n%s", step.name, got.StatusCode, step.want, got.body)
		}
	}
}

type limiterFunc func(ratelimit.Use) (ratelimit.Allowance, error)

func (f limiterFunc) Take(_ context.Context, use ratelimit.Use) (ratelimit.Allowance, error) {
	return f(use)
}

// TestPanics: a panic in the backend's handler or in the chain gives a complete response.
// A panic after the status line closes the connection and is logged.
//
// checklist: 500-03
func TestPanics(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Documented)
	c.Intercept = func(_ gateway.Route, call gateway.Handler) gateway.Handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			switch r.Header.Get("X-Panic") {
			case "before":
				panic("early secret")
			case "after":
				gateway.Content(w, r, "text/plain", bytes.Repeat([]byte("x"), 1<<20))
				panic("late secret")
			default:
				return call(w, r)
			}
		}
	}
	serve(t, c, f)
	s := simple()
	s.panics = true
	f.script.Store(s)
	for _, header := range []string{"X-Panic: before", "X-Other: 1"} {
		got := exchangeOnce(t, f, "GET", get("/v1/entities/e1", header))
		if members := problemOf(t, got); got.StatusCode != 500 || strings.Contains(fmt.Sprint(members), "secret") {
			t.Errorf("%s: %d %v", header, got.StatusCode, members)
		}
	}
	w := dial(t, f)
	w.send(t, get("/v1/entities/e1", "X-Panic: after", "X-Request-Id: late"))
	response, err := http.ReadResponse(w.reader, nil)
	if err == nil {
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		_, err = w.reader.ReadByte()
	}
	if err == nil {
		t.Error("the connection goes on after a panic behind the status line")
	}
	for _, want := range []string{"early secret", "late secret"} {
		if !strings.Contains(f.log.String(), want) {
			t.Errorf("the log does not have %q", want)
		}
	}
}

// TestSlowBodyDoesNotHoldUpItsRefusal: net/http reads the rest of a body before it
// responds, so a client that sends nothing gets a refusal only because of a deadline.
func TestSlowBodyDoesNotHoldUpItsRefusal(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Documented)
	c.BodyTimeout = 50 * time.Millisecond
	serve(t, c, f)
	for _, test := range []struct {
		name, path, contentType string
		want                    int
	}{
		{"no route", "/v1/nothing", "application/json", 404},
		{"wrong type", "/v1/entities", "text/plain", 415},
		{"read by the backend", "/v1/entities", "application/json", 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := dial(t, f)
			w.send(t, "POST "+test.path+" HTTP/1.1\r\nHost: x\r\nContent-Type: "+test.contentType+"\r\nContent-Length: 10\r\n\r\n{")
			if got := w.receive(t, "POST"); got.StatusCode != test.want || !got.Close {
				t.Errorf("%d, closing %t; want %d, closing", got.StatusCode, got.Close, test.want)
			}
			if !w.closed(t) {
				t.Error("the connection stays open")
			}
		})
	}
}

// TestDeadlineIsLifted: once the body is there its deadline must not end the call.
func TestDeadlineIsLifted(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Documented)
	c.BodyTimeout = 100 * time.Millisecond
	c.Intercept = func(_ gateway.Route, call gateway.Handler) gateway.Handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			data, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			r.Body = io.NopCloser(bytes.NewReader(data))
			timer := time.NewTimer(3 * c.BodyTimeout)
			defer timer.Stop()
			select {
			case <-r.Context().Done():
				return r.Context().Err()
			case <-timer.C:
				return call(w, r)
			}
		}
	}
	serve(t, c, f)
	w := dial(t, f)
	for range 2 { // and the connection lives on
		w.send(t, post("/v1/entities", "{}", "Content-Type: application/json"))
		if got := w.receive(t, "POST"); got.StatusCode != 201 {
			t.Fatalf("%d: %s", got.StatusCode, got.body)
		}
	}
}

func TestHeadHasTheFieldsOfGet(t *testing.T) {
	t.Parallel()
	f := start(t, policy.Documented)
	for _, path := range []string{
		"/v1/entities/e1", "/v1/nothing", "/v0/x", "/v1/entities:import", "/v1/entities/a%00b", "/v1/entities/%zz",
		"/v1/entities/e1?x=1",
	} {
		got := exchangeOnce(t, f, "GET", get(path, "X-Request-Id: r", "Connection: close"))
		w := dial(t, f)
		w.send(t, strings.Replace(get(path, "X-Request-Id: r", "Connection: close"), "GET", "HEAD", 1))
		head := w.receive(t, "HEAD")
		if !w.closed(t) {
			t.Errorf("%s: the connection stays open", path)
		}
		if head.StatusCode != got.StatusCode {
			t.Errorf("%s: HEAD %d, GET %d", path, head.StatusCode, got.StatusCode)
		}
		got.Header.Del("Date")
		head.Header.Del("Date")
		if !slices.Equal(head.Header["Content-Length"], got.Header["Content-Length"]) || len(head.Header) != len(got.Header) {
			t.Errorf("%s: HEAD %v\nGET  %v", path, head.Header, got.Header)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	f := start(t, policy.Documented)
	for path, want := range map[string]string{
		"*":               "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
		"/v1/entities":    "GET, HEAD, OPTIONS, POST",
		"/v1/entities/e1": "DELETE, GET, HEAD, OPTIONS, PATCH, PUT",
		"/v1/nothing":     "",
	} {
		got := exchangeOnce(t, f, "OPTIONS", "OPTIONS "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
		if got.Header.Get("Allow") != want || (got.StatusCode == 204) != (want != "") {
			t.Errorf("%s: %d, Allow %q, want %q", path, got.StatusCode, got.Header.Get("Allow"), want)
		}
	}
}
