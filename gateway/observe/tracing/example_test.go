package tracing_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/observe/tracing"
)

// A gateway continues the traces of its clients.
func Example() {
	spans := tracetest.NewInMemoryExporter() // A program exports to its collector, for example by otlptracegrpc.
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	gw, err := gateway.New(nil, gateway.Config{Tracer: tracing.New(provider)}) // A real gateway has a backend.
	if err != nil {
		fmt.Println(err)
		return
	}
	request := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/nothing", nil)
	request.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	gw.ServeHTTP(httptest.NewRecorder(), request)
	for _, span := range spans.GetSpans() {
		fmt.Println(span.Name, span.SpanContext.TraceID(), span.Parent.SpanID())
	}
	// Output: GET 4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7
}
