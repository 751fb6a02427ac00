// Package telemetry sends traces, configured by OpenTelemetry's environment variables
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
// The program has no flags for this, because operators of a collector set these variables
// for all programs.
//
// The package imports the exporters one by one. contrib's autoexport would also import the
// exporters for metrics, logs, Zipkin and the console.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// flushTime is how long spans may take to be sent at a stop.
const flushTime = 5 * time.Second

// Params configure the sending.
type Params struct {
	// Lookup reads an environment variable. The exporters read more of them by
	// themselves.
	Lookup func(name string) (string, bool)
	// Version is the program's.
	Version string
	// Logger gets a line if spans cannot be sent.
	Logger *slog.Logger
}

// Traces are where spans go.
type Traces struct {
	// Provider is nil where the environment asks for no traces.
	Provider trace.TracerProvider

	shutdown func(context.Context) error
	logger   *slog.Logger
}

// Start begins to send traces, if the environment asks for them. A failure to send them is
// logged and is not an error, because the service must run without its collector.
func Start(ctx context.Context, p Params) (Traces, error) {
	on, err := p.wanted()
	if err != nil || !on {
		return Traces{}, err
	}
	exporter, err := p.exporter(ctx)
	if err != nil {
		return Traces{}, err
	}
	// The environment comes last, so it overrides the others.
	about, err := resource.New(
		ctx, resource.WithAttributes(semconv.ServiceName("statusway"), semconv.ServiceVersion(p.Version)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithFromEnv(),
	)
	if err != nil {
		return Traces{}, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	// The only global of this program: the SDK offers no other way.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		p.Logger.WarnContext(context.WithoutCancel(ctx), "a fault of tracing", slog.Any("error", err))
	}))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return Traces{Provider: provider, shutdown: provider.Shutdown, logger: p.Logger}, nil
}

// Flush sends what there still is, and ends the sending.
func (t Traces) Flush(ctx context.Context) {
	if t.shutdown == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	if err := t.shutdown(ctx); err != nil {
		t.logger.WarnContext(ctx, "the last traces could not be sent", slog.Any("error", err))
	}
}

// first is the value of the first variable that is set and not empty, which is the same
// as not set to OpenTelemetry.
func (p Params) first(names ...string) string {
	for _, name := range names {
		if value, _ := p.Lookup(name); value != "" {
			return value
		}
	}
	return ""
}

// wanted reports whether the environment asks for traces: by naming the exporter, or an
// endpoint. A default endpoint alone would make every start on a developer's machine try
// to reach a collector.
func (p Params) wanted() (bool, error) {
	if p.first("OTEL_SDK_DISABLED") == "true" {
		return false, nil
	}
	switch exporter := p.first("OTEL_TRACES_EXPORTER"); exporter {
	case "otlp":
		return true, nil
	case "none":
		return false, nil
	case "":
		return p.first("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT") != "", nil
	default:
		return false, fmt.Errorf("OTEL_TRACES_EXPORTER: %q is neither otlp nor none", exporter)
	}
}

func (p Params) exporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	var exporter sdktrace.SpanExporter
	var err error
	switch protocol := p.first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); protocol {
	case "http/protobuf", "":
		exporter, err = otlptracehttp.New(ctx)
	case "grpc":
		exporter, err = otlptracegrpc.New(ctx)
	default:
		return nil, errors.New("OTEL_EXPORTER_OTLP_PROTOCOL: " + protocol + " is neither http/protobuf nor grpc")
	}
	if err != nil {
		return nil, fmt.Errorf("making the exporter of traces: %w", err)
	}
	return exporter, nil
}
