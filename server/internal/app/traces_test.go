package app_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/conformance"
)

const (
	clientTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	clientSpan  = "00f067aa0ba902b7"
)

// traced starts a server whose spans are kept.
func traced(t *testing.T) (*apptest.Server, *tracetest.SpanRecorder) {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	s := apptest.New(t, nil, nil, time.Now)
	s.Params.Traces = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	s.Launch(t)
	s.Login(t)
	return s, recorder
}

// chain returns the spans of the client's trace as each leads to the next, from the
// client's own on: "kind name". It waits until there are so many.
func chain(t *testing.T, recorder *tracetest.SpanRecorder, many int) []string {
	t.Helper()
	var names []string
	for deadline := time.Now().Add(conformance.EventuallyTimeout); len(names) < many && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		names = names[:0]
		parent := clientSpan
		for next := 0; next >= 0; {
			spans := recorder.Ended()
			next = slices.IndexFunc(spans, func(span sdktrace.ReadOnlySpan) bool {
				return span.Parent().SpanID().String() == parent && span.SpanContext().TraceID().String() == clientTrace
			})
			if next >= 0 {
				names = append(names, spans[next].SpanKind().String()+" "+spans[next].Name())
				parent = spans[next].SpanContext().SpanID().String()
			}
		}
	}
	return names
}

// A client's trace goes through the gateway, and through the proxy and gRPC to another
// server, span by span, whatever comes of the request. The services, too, are called in
// the trace: behind the proxy the last span is the called server's own.
func TestTraces(t *testing.T) {
	t.Parallel()
	const service = "entity.v1.EntityService/"
	for name, test := range map[string]struct {
		request conformance.Request
		status  int
		span    string
		method  string
	}{
		"a success":   {apptest.Get("/v1/entities/cup"), 200, "GET /v1/entities/{id}", "GetEntity"},
		"a failure":   {apptest.Get("/v1/entities/none"), 404, "GET /v1/entities/{id}", "GetEntity"},
		"a stream":    {apptest.Get("/v1/entities:export"), 200, "GET /v1/entities:export", "ExportEntities"},
		"a write":     {apptest.Post(apptest.EntitiesURL, apptest.Named("Traced")), 201, "POST /v1/entities", "CreateEntity"},
		"a head":      {conformance.Request{Method: "HEAD", Target: "/v1/entities/cup"}, 200, "HEAD /v1/entities/{id}", "GetEntity"},
		"a wrong one": {conformance.Request{Method: "DELETE", Target: "/v1/entities"}, 405, "DELETE", ""},
	} {
		for _, proxied := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", proxied"}[proxied], func(t *testing.T) {
				t.Parallel()
				s, recorder := traced(t)
				want := []string{"server " + test.span}
				switch {
				case test.method == "":
				case proxied:
					want = append(want, "client "+service+test.method, "server "+service+test.method)
				default:
					want = append(want, "internal "+service+test.method)
				}
				if proxied {
					s = apptest.StartProxy(t, s)
				}
				asked := test.request
				asked.Headers = append(asked.Headers, [2]string{"Traceparent", "00-" + clientTrace + "-" + clientSpan + "-01"})
				got := s.Do(t, "editor", asked)
				apptest.WantStatus(t, got, test.status, "")
				if names := chain(t, recorder, len(want)); !slices.Equal(names, want) {
					t.Errorf("the trace is %q, want %q", names, want)
				}
				if test.status >= 400 && !strings.Contains(string(got.Body), `"traceId":"`+clientTrace+`"`) {
					t.Errorf("%s", got.Body)
				}
			})
		}
	}
}

// A call over gRPC has its span, and the line of the log its trace. What watches the
// server has none.
func TestTracesOfCalls(t *testing.T) {
	t.Parallel()
	s, recorder := traced(t)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-request-id", "called", "traceparent", "00-"+clientTrace+"-"+clientSpan+"-01")
	_, err := entityv1.NewEntityServiceClient(s.GRPC).GetEntity(ctx, &entityv1.GetEntityRequest{Id: "cup"})
	if err == nil {
		t.Fatal("a call of nobody known was answered")
	}
	if names, want := chain(t, recorder, 1), []string{"server entity.v1.EntityService/GetEntity"}; !slices.Equal(names, want) {
		t.Errorf("the trace is %q, want %q", names, want)
	}
	if line := lineOf(t, s, "call", "called"); line["traceId"] != clientTrace || line["code"] != "UNAUTHENTICATED" || line["level"] != "INFO" {
		t.Errorf("%v", line)
	}
	before := len(recorder.Ended())
	if _, err := healthpb.NewHealthClient(s.GRPC).Check(ctx, &healthpb.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	s.Do(t, "", apptest.Get("/healthz"))
	if after := len(recorder.Ended()); after != before {
		t.Errorf("%d spans more", after-before)
	}
}

// What a client sends is in no span.
func TestTracesKeepSecrets(t *testing.T) {
	t.Parallel()
	s, recorder := traced(t)
	proxied := apptest.StartProxy(t, s)
	for part, one := range secretRequests() {
		for _, at := range []*apptest.Server{s, proxied} {
			m, err := conformance.Prepare(one, conformance.Variables{"token": s.Tokens["admin"]})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := at.Send(t.Context(), conformance.OverHTTP1, m); err != nil {
				t.Fatalf("%s: %v", part, err)
			}
		}
	}
	callWithSecrets(t, s, s.Tokens["admin"])
	kinds := map[trace.SpanKind]int{}
	for _, span := range recorder.Ended() {
		kinds[span.SpanKind()]++
		stub := tracetest.SpanStubFromReadOnlySpan(span)
		parts := []string{stub.Name, stub.Status.Description, stub.SpanContext.TraceState().String()}
		for _, one := range stub.Attributes {
			parts = append(parts, string(one.Key), one.Value.String())
		}
		text := strings.ToLower(strings.Join(parts, " "))
		if strings.Contains(text, secret) || len(stub.Events) > 0 {
			t.Errorf("a span tells the secret: %s, %v", text, stub.Events)
		}
	}
	for _, kind := range []trace.SpanKind{trace.SpanKindServer, trace.SpanKindInternal, trace.SpanKindClient} {
		if kinds[kind] == 0 {
			t.Errorf("there is no span of a %v", kind)
		}
	}
}
