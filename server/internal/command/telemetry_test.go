package command_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Traces go to the collector that OpenTelemetry's own variables name, the last of them
// when the program stops.
func TestTracesGoToTheCollector(t *testing.T) {
	var mu sync.Mutex
	var sent bytes.Buffer
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.Copy(&sent, r.Body)
	}))
	t.Cleanup(collector.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	p := serve(t, "--demo")
	p.must(t, http.MethodGet, "/v1/entities/teapot", p.demoToken(t), nil)
	p.stop(t)
	mu.Lock()
	defer mu.Unlock()
	for _, name := range []string{"GET /v1/entities/{id}", "entity.v1.EntityService/GetEntity", "statusway"} {
		if !bytes.Contains(sent.Bytes(), []byte(name)) {
			t.Errorf("%q was not sent", name)
		}
	}
}

// A variable that cannot be meant is a mistake in how the program was called.
func TestTracesThatCannotBe(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "zipkin")
	got := run(t, "", "serve", "--demo", "--http-addr=127.0.0.1:0", "--grpc-addr=127.0.0.1:0")
	if got.code != 2 || !strings.Contains(got.err, "OTEL_TRACES_EXPORTER") {
		t.Errorf("%+v", got)
	}
}

// Where the metrics are is said, if it is not the REST address, and they name what the
// program was built from.
func TestMetricsAreAnnounced(t *testing.T) {
	t.Parallel()
	p := serve(t, "--demo", "--metrics-addr=127.0.0.1:0")
	found := p.await(t, `(?m)^metrics +(http://\S+)$`)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, found[1], nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || !bytes.Contains(body, []byte("statusway_build_info{commit=")) {
		t.Errorf("%s: %v: %s", response.Status, err, body)
	}
	p.stop(t)
}
