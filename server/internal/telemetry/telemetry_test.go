package telemetry_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/server/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector keeps what it is sent, over HTTP and over gRPC.
type collector struct {
	collectorv1.UnimplementedTraceServiceServer

	mu   sync.Mutex
	sent []*collectorv1.ExportTraceServiceRequest
}

func (c *collector) Export(_ context.Context, request *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, request)
	return &collectorv1.ExportTraceServiceResponse{}, nil
}

func (c *collector) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(r.Body)
	}
	data, _ := io.ReadAll(body)
	request := &collectorv1.ExportTraceServiceRequest{}
	if proto.Unmarshal(data, request) == nil {
		_, _ = c.Export(r.Context(), request)
	}
}

// spans are the names of all spans, each with its service.
func (c *collector) spans() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for _, request := range c.sent {
		for _, one := range request.GetResourceSpans() {
			service := map[string]string{}
			for _, attribute := range one.GetResource().GetAttributes() {
				service[attribute.GetKey()] = attribute.GetValue().GetStringValue()
			}
			for _, scope := range one.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					names = append(names, service["service.name"]+" "+service["service.version"]+" "+span.GetName())
				}
			}
		}
	}
	return names
}

// TestTracesAreSent where the environment says, by the protocol that it says, under the
// name that it says.
func TestTracesAreSent(t *testing.T) {
	for name, test := range map[string]struct {
		protocol, service, want string
	}{
		"by default":   {"", "", "statusway v7 a span"},
		"over HTTP":    {"http/protobuf", "", "statusway v7 a span"},
		"over gRPC":    {"grpc", "", "statusway v7 a span"},
		"another name": {"", "mine", "mine v7 a span"},
	} {
		t.Run(name, func(t *testing.T) {
			received := &collector{}
			var endpoint string
			if test.protocol == "grpc" {
				listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				server := grpc.NewServer()
				collectorv1.RegisterTraceServiceServer(server, received)
				go func() { _ = server.Serve(listener) }()
				t.Cleanup(server.Stop)
				endpoint = "http://" + listener.Addr().String()
			} else {
				server := httptest.NewServer(received)
				t.Cleanup(server.Close)
				endpoint = server.URL
			}
			variables := map[string]string{
				"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": test.protocol, "OTEL_SERVICE_NAME": test.service,
			}
			for key, value := range variables {
				t.Setenv(key, value)
			}
			traces, err := telemetry.Start(t.Context(), telemetry.Params{Lookup: lookup(variables), Version: "v7", Logger: slog.New(slog.DiscardHandler)})
			if err != nil || traces.Provider == nil {
				t.Fatalf("Start() = %v, %v", traces.Provider, err)
			}
			_, span := traces.Provider.Tracer("test").Start(t.Context(), "a span")
			span.End()
			traces.Flush(t.Context())
			if got := received.spans(); len(got) != 1 || got[0] != test.want {
				t.Errorf("received %q, want %q", got, test.want)
			}
		})
	}
}

// TestCollectorThatIsAway holds up nothing, and is told of once.
func TestCollectorThatIsAway(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }))
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	var log bytes.Buffer
	traces, err := telemetry.Start(t.Context(), telemetry.Params{
		Lookup: lookup(map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL}), Version: "v7", Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, span := traces.Provider.Tracer("test").Start(t.Context(), "a span")
		span.End()
	}
	traces.Flush(t.Context())
	if got := log.String(); strings.Count(got, "a fault of tracing") != 1 {
		t.Errorf("log: %s", got)
	}
}

func lookup(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}
}

// TestWhenTracesAreOff: unless the environment asks for them, and it says so by mistake in
// ways that are told.
func TestWhenTracesAreOff(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		variables map[string]string
		on        bool
		fails     string
	}{
		"nothing":                  {nil, false, ""},
		"empty ones":               {map[string]string{"OTEL_TRACES_EXPORTER": "", "OTEL_EXPORTER_OTLP_ENDPOINT": ""}, false, ""},
		"an endpoint":              {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, true, ""},
		"an endpoint of traces":    {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1"}, true, ""},
		"the exporter":             {map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true, ""},
		"none":                     {map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, false, ""},
		"disabled":                 {map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}, false, ""},
		"not disabled":             {map[string]string{"OTEL_SDK_DISABLED": "false", "OTEL_TRACES_EXPORTER": "otlp"}, true, ""},
		"another exporter":         {map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, false, "OTEL_TRACES_EXPORTER"},
		"another protocol":         {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, false, "_PROTOCOL"},
		"another protocol, unused": {map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, false, ""},
		"that of traces counts": {map[string]string{
			"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc",
		}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			traces, err := telemetry.Start(t.Context(), telemetry.Params{Lookup: lookup(test.variables), Version: "v7", Logger: slog.New(slog.DiscardHandler)})
			if (traces.Provider != nil) != test.on || (err != nil) != (test.fails != "") {
				t.Fatalf("Start() = %v, %v", traces.Provider, err)
			}
			if err != nil && !strings.Contains(err.Error(), test.fails) {
				t.Errorf("the error does not name %s: %v", test.fails, err)
			}
			traces.Flush(t.Context())
		})
	}
}
