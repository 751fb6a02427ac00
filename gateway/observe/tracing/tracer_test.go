package tracing_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	rpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/internal/backend"
	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/observe/tracing"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

const (
	clientTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	clientSpan   = "00f067aa0ba902b7"
	clientParent = "00-" + clientTrace + "-" + clientSpan + "-01"
)

// front is a gateway whose backend is a function, and the spans it has made.
func front(t *testing.T, provider trace.TracerProvider, call exchange.Handler) http.Handler {
	t.Helper()
	declared, err := contract.Read(entityv1.File_entity_v1_entity_service_proto)
	if err != nil {
		t.Fatal(err)
	}
	built, err := gateway.New(backend.New(backend.Params{Version: &backend.Version{Contract: declared, Handler: func(host backend.Host) exchange.Handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			if err := call(w, r); err != nil {
				return err
			}
			return host.Responder.Reply(w, r, respond.Reply{Message: &entityv1.Entity{Id: "e"}})
		}
	}}}), gateway.Config{
		MaxBody: 1 << 10, Tracer: tracing.New(provider), Pages: map[string]gateway.Page{"/healthz": {
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { gateway.Content(w, r, "text/plain", nil) }),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return built
}

func recorded() (*tracetest.SpanRecorder, trace.TracerProvider) {
	recorder := tracetest.NewSpanRecorder()
	return recorder, sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
}

// attributesOf are all that a span says of itself.
func attributesOf(span sdktrace.ReadOnlySpan) map[string]any {
	all := map[string]any{}
	for _, one := range span.Attributes() {
		all[string(one.Key)] = one.Value.AsInterface()
	}
	return all
}

// TestSpanOfARequest checks its name, its status and all its attributes. None of them can
// contain a secret of a client.
func TestSpanOfARequest(t *testing.T) {
	t.Parallel()
	always := map[string]any{"http.request.method": "GET", "url.scheme": "http", "network.protocol.version": "1.1", "statusway.request_id": "r-1"}
	routed := map[string]any{"http.route": "/v1/entities/{id}"}
	for name, test := range map[string]struct {
		method, target string
		err            error
		span           string
		status         codes.Code
		want           map[string]any
		routed         bool
	}{
		"a success": {target: "/v1/entities/private", routed: true, span: "GET /v1/entities/{id}", want: map[string]any{
			"http.response.status_code": int64(200), "rpc.grpc.status_code": int64(0), "statusway.rule": "declared",
		}},
		"a path whose field has another name": {method: "PATCH", target: "/v1/entities/private", routed: true, span: "PATCH /v1/entities/{id}", want: map[string]any{
			"http.request.method":       "PATCH",
			"http.response.status_code": int64(200), "rpc.grpc.status_code": int64(0), "statusway.rule": "declared",
		}},
		"a failure of the client's": {
			target: "/v1/entities/private", err: respond.FailAs(rpccodes.NotFound, "PRIVATE_THING", "private"), routed: true, span: "GET /v1/entities/{id}",
			want: map[string]any{
				"http.response.status_code": int64(404), "rpc.grpc.status_code": int64(5), "statusway.rule": "not-found",
				"statusway.domain": "statusway.v1", "statusway.reason": "PRIVATE_THING",
			},
		},
		"a failure of the server's": {
			target: "/v1/entities/private", err: status.Error(rpccodes.DataLoss, "private"), routed: true, span: "GET /v1/entities/{id}", status: codes.Error,
			want: map[string]any{
				"http.response.status_code": int64(500), "rpc.grpc.status_code": int64(15), "statusway.rule": "data-loss", "error.type": "500",
			},
		},
		"a query": {target: "/v1/entities?private=private", err: respond.Invalid("private", nil), span: "GET /v1/entities", want: map[string]any{
			"http.response.status_code": int64(400), "rpc.grpc.status_code": int64(3), "statusway.rule": "invalid-argument", "http.route": "/v1/entities",
			"statusway.domain": "statusway.v1", "statusway.reason": "INVALID_ARGUMENT",
		}},
		"no route": {target: "/private", span: "GET", want: map[string]any{
			"http.response.status_code": int64(404), "rpc.grpc.status_code": int64(5), "statusway.rule": "route-not-found",
			"statusway.domain": "statusway.v1", "statusway.reason": "ROUTE_NOT_FOUND",
		}},
		"no known method": {method: "PRIVATE", target: "/private", span: "HTTP", want: map[string]any{
			"http.request.method":       "_OTHER",
			"http.response.status_code": int64(404), "rpc.grpc.status_code": int64(5), "statusway.rule": "route-not-found",
			"statusway.domain": "statusway.v1", "statusway.reason": "ROUTE_NOT_FOUND",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recorder, provider := recorded()
			handler := front(t, provider, func(http.ResponseWriter, *http.Request) error { return test.err })
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, test.target, nil)
			if test.method != "" {
				request.Method = test.method
			}
			for _, field := range []string{"Authorization", "Cookie", "User-Agent", "Forwarded", "Baggage"} {
				request.Header.Set(field, "private")
			}
			request.Header.Set("X-Request-Id", "r-1")
			handler.ServeHTTP(httptest.NewRecorder(), request)
			spans := recorder.Ended()
			if len(spans) != 1 {
				t.Fatalf("%d spans", len(spans))
			}
			span := spans[0]
			if span.Name() != test.span || span.SpanKind() != trace.SpanKindServer || span.Status().Code != test.status || span.Status().Description != "" {
				t.Errorf("%s, a %v, %+v", span.Name(), span.SpanKind(), span.Status())
			}
			want := maps.Clone(always)
			if test.routed {
				maps.Copy(want, routed)
			}
			maps.Copy(want, test.want)
			if diff := cmp.Diff(want, attributesOf(span)); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			if len(span.Events()) > 0 {
				t.Errorf("events: %v", span.Events())
			}
		})
	}
}

// TestTraceOfAClient is continued, and nothing but W3C's two fields is read.
func TestTraceOfAClient(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fields  map[string]string
		trace   string
		sampled bool
	}{
		"none":            {nil, "", true},
		"one":             {map[string]string{"Traceparent": clientParent, "Tracestate": "vendor=1"}, clientTrace, true},
		"not recorded":    {map[string]string{"Traceparent": strings.TrimSuffix(clientParent, "1") + "0"}, clientTrace, false},
		"malformed":       {map[string]string{"Traceparent": "0" + clientParent}, "", true},
		"the forbidden":   {map[string]string{"Traceparent": "ff" + strings.TrimPrefix(clientParent, "00")}, "", true},
		"another's":       {map[string]string{"B3": clientTrace + "-" + clientSpan + "-1"}, "", true},
		"a state without": {map[string]string{"Tracestate": "vendor=1"}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recorder, provider := recorded()
			var seen trace.SpanContext
			var told string
			handler := front(t, provider, func(_ http.ResponseWriter, r *http.Request) error {
				seen, told = trace.SpanContextFromContext(r.Context()), exchange.From(r.Context()).TraceID
				return nil
			})
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/entities/e", nil)
			for field, value := range test.fields {
				request.Header.Set(field, value)
			}
			handler.ServeHTTP(httptest.NewRecorder(), request)
			if test.trace != "" && seen.TraceID().String() != test.trace || test.trace == "" && seen.TraceID().String() == clientTrace {
				t.Errorf("in the trace %s, want %q", seen.TraceID(), test.trace)
			}
			if told != seen.TraceID().String() || seen.SpanID().String() == clientSpan {
				t.Errorf("the exchange says %s of %+v", told, seen)
			}
			if got := len(recorder.Ended()); (got == 1) != test.sampled {
				t.Errorf("%d spans", got)
			}
			if test.sampled && test.trace != "" && recorder.Ended()[0].Parent().SpanID().String() != clientSpan {
				t.Errorf("the parent is %v", recorder.Ended()[0].Parent())
			}
		})
	}
}

// TestPagesAreNotFollowed: probes would be most of all traces.
func TestPagesAreNotFollowed(t *testing.T) {
	t.Parallel()
	recorder, provider := recorded()
	handler := front(t, provider, nil)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", nil))
	if answer.Code != http.StatusOK || len(recorder.Ended()) > 0 {
		t.Errorf("%d, and %d spans", answer.Code, len(recorder.Ended()))
	}
}

// TestProblemNamesTheTrace: a problem has the trace id of its request.
func TestProblemNamesTheTrace(t *testing.T) {
	t.Parallel()
	_, provider := recorded()
	for name, test := range map[string]struct {
		provider trace.TracerProvider
		parent   string
		want     string
	}{
		"the client's":          {provider, clientParent, `"traceId":"` + clientTrace + `"`},
		"one of its own":        {provider, "", `"traceId":"`},
		"of nobody who follows": {noop.NewTracerProvider(), clientParent, `"traceId":"` + clientTrace + `"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/nothing", nil)
			if test.parent != "" {
				request.Header.Set("Traceparent", test.parent)
			}
			answer := httptest.NewRecorder()
			front(t, test.provider, nil).ServeHTTP(answer, request)
			if !strings.Contains(answer.Body.String(), test.want) {
				t.Errorf("%s", answer.Body)
			}
		})
	}
}

// TestClientsThatLeave: a client that disconnects is not an error, and neither is a failure
// that it causes.
func TestClientsThatLeave(t *testing.T) {
	t.Parallel()
	recorder, provider := recorded()
	ctx, cancel := context.WithCancel(t.Context())
	handler := front(t, provider, func(http.ResponseWriter, *http.Request) error {
		cancel()
		return errors.New("interrupted")
	})
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/entities/e", nil))
	span := recorder.Ended()[0]
	if closed := attributesOf(span)["statusway.client_closed"]; span.Status().Code != codes.Unset || closed != true {
		t.Errorf("%+v, %v", span.Status(), span.Attributes())
	}
}

// TestCallOfAClientThatLeft is no error of the backend.
func TestCallOfAClientThatLeft(t *testing.T) {
	t.Parallel()
	recorder, provider := recorded()
	ctx, cancel := context.WithCancel(t.Context())
	handler := front(t, provider, func(_ http.ResponseWriter, r *http.Request) error {
		// A context of the call's own, which ends with every call.
		own, end := context.WithCancel(r.Context())
		_, call := exchange.From(own).Trace.Call(own, "/entity.v1.EntityService/GetEntity", false)
		end()
		if r.URL.Path == "/v1/entities/left" {
			cancel()
		}
		err := status.Error(rpccodes.Unavailable, "private")
		call.End(err)
		return err
	})
	for path, want := range map[string]codes.Code{"/v1/entities/there": codes.Error, "/v1/entities/left": codes.Unset} {
		asking := ctx
		if want == codes.Error {
			asking = t.Context()
		}
		before := len(recorder.Ended())
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(asking, http.MethodGet, path, nil))
		for _, span := range recorder.Ended()[before:] {
			if got := span.Status().Code; got != want {
				t.Errorf("%s: the status of %s is %v, want %v", path, span.Name(), got, want)
			}
		}
	}
}

// TestSpanOfACall: its parent is the request's span, its kind says where the service is, and
// the backend gets its trace context.
func TestSpanOfACall(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		local  bool
		err    error
		kind   trace.SpanKind
		status codes.Code
		want   map[string]any
	}{
		"in process": {true, nil, trace.SpanKindInternal, codes.Unset, map[string]any{"rpc.response.status_code": "OK"}},
		"elsewhere":  {false, nil, trace.SpanKindClient, codes.Unset, map[string]any{"rpc.response.status_code": "OK"}},
		"a failure": {false, status.Error(rpccodes.Unavailable, "private"), trace.SpanKindClient, codes.Error, map[string]any{
			"rpc.response.status_code": "UNAVAILABLE", "error.type": "UNAVAILABLE",
		}},
		"no status": {false, errors.New("private"), trace.SpanKindClient, codes.Error, map[string]any{
			"rpc.response.status_code": "UNKNOWN", "error.type": "UNKNOWN",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recorder, provider := recorded()
			var parent, state string
			handler := front(t, provider, func(_ http.ResponseWriter, r *http.Request) error {
				ctx, call := exchange.From(r.Context()).Trace.Call(r.Context(), "/entity.v1.EntityService/GetEntity", test.local)
				parent, state = call.Fields()
				if inside := trace.SpanContextFromContext(ctx).SpanID().String(); !strings.Contains(parent, inside) {
					t.Errorf("the context is of %s, and what goes on %s", inside, parent)
				}
				call.End(test.err)
				return nil
			})
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/entities/e", nil)
			request.Header.Set("Traceparent", clientParent)
			request.Header.Set("Tracestate", "vendor=1")
			handler.ServeHTTP(httptest.NewRecorder(), request)
			spans := recorder.Ended()
			if len(spans) != 2 {
				t.Fatalf("%d spans", len(spans))
			}
			call, outer := spans[0], spans[1]
			if call.Name() != "entity.v1.EntityService/GetEntity" || call.SpanKind() != test.kind {
				t.Errorf("%s, a %v", call.Name(), call.SpanKind())
			}
			if call.Status().Code != test.status || call.Status().Description != "" {
				t.Errorf("%+v", call.Status())
			}
			if call.Parent().SpanID() != outer.SpanContext().SpanID() {
				t.Errorf("the parent is %v", call.Parent())
			}
			if want := "00-" + clientTrace + "-" + call.SpanContext().SpanID().String() + "-01"; parent != want || state != "vendor=1" {
				t.Errorf("what goes on is %q and %q, want %q", parent, state, want)
			}
			want := map[string]any{"rpc.system.name": "grpc", "rpc.method": "entity.v1.EntityService/GetEntity"}
			maps.Copy(want, test.want)
			if diff := cmp.Diff(want, attributesOf(call)); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
		})
	}
}
