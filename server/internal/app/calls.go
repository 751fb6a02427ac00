package app

import (
	"context"
	"log/slog"
	"net"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/observe"
	"github.com/statusway/statusway/gateway/observe/tracing"
	"github.com/statusway/statusway/server/internal/interceptor"
)

// called counts a call over gRPC and writes its log line. The line has the same attributes as that of a
// request, by the same rules: see gateway/observe/record.go.
func (a *App) called(ctx context.Context, call *interceptor.Call) {
	record := recordOf(ctx, call)
	if a.rest.meters != nil {
		a.rest.meters.Call(call.Method, record.Code, time.Since(call.Start))
	}
	level := record.Level()
	if isPlumbing(call.Method) && level < slog.LevelError {
		level = slog.LevelDebug
	}
	log := a.params.Logger
	if !log.Enabled(ctx, level) {
		return
	}
	log.LogAttrs(ctx, level, "call", record.Attrs()...)
}

// recordOf returns the record of a call, in the form of a request's. Over gRPC no row says whose failure
// it is: the server's faults are the codes that OpenTelemetry's conventions name.
func recordOf(ctx context.Context, call *interceptor.Call) observe.Record {
	record := observe.Record{
		RequestID: requestID(ctx), TraceID: traceID(ctx), Start: call.Start, RPC: call.Method, Caller: "address:", Client: addressOf(ctx),
		Code: call.Status.Proto().GetCode(),
	}
	if call.User {
		record.Caller = "user:"
	}
	switch call.Status.Code() {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		record.Fault, record.Failure = true, call.Cause
	default:
	}
	record.ClientClosed = call.Status.Err() != nil && ctx.Err() == context.Canceled
	info := infoOf(call.Status)
	record.Domain, record.Reason = info.GetDomain(), info.GetReason()
	return record
}

func infoOf(of *status.Status) *errdetails.ErrorInfo {
	for _, detail := range of.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info
		}
	}
	return nil
}

// requestID returns the id that the caller, such as a gateway, gave the request.
func requestID(ctx context.Context) string {
	for _, id := range metadata.ValueFromIncomingContext(ctx, "x-request-id") {
		if observe.IsRequestID(id) {
			return id
		}
	}
	return ""
}

func addressOf(ctx context.Context) string {
	from, ok := peer.FromContext(ctx)
	if !ok {
		return ""
	}
	host, _, err := net.SplitHostPort(from.Addr.String())
	if err != nil {
		return ""
	}
	return host
}

// traceCalls returns the options of a server whose calls have spans. otelgrpc writes
// nothing that a caller sees. Without traces there are no such options.
func (a *App) traceCalls() []grpc.ServerOption {
	if a.params.Traces == nil {
		return nil
	}
	return []grpc.ServerOption{grpc.StatsHandler(otelgrpc.NewServerHandler(
		otelgrpc.WithTracerProvider(a.params.Traces), otelgrpc.WithPropagators(tracing.W3C{}), otelgrpc.WithMeterProvider(noop.NewMeterProvider()),
		otelgrpc.WithFilter(func(info *stats.RPCTagInfo) bool { return !isPlumbing(info.FullMethodName) }),
	))}
}

// traceID is the trace that a call belongs to; empty if it belongs to none.
func traceID(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		return span.TraceID().String()
	}
	parents := metadata.ValueFromIncomingContext(ctx, "traceparent")
	if len(parents) == 0 {
		return ""
	}
	return observe.TraceID(parents[0])
}
