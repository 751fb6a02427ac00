package observe

import (
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/statusway/statusway/gateway/policy"
)

// Record describes a request and its result. It is complete at the end of the request.
type Record struct {
	// RequestID identifies the request in responses and logs.
	RequestID string
	// TraceID is 32 hexadecimal digits, or "" if the request belongs to no trace.
	TraceID string
	// Start is the time when the gateway had read the request's headers.
	Start time.Time
	// Method is the HTTP method; see [KnownMethod]. It is also "_OTHER" if the request was
	// malformed, and empty for a call over gRPC.
	Method string
	// Route is the path of the matched route, as in the OpenAPI document, or the path of a page.
	// It is empty if the request matched neither.
	Route string
	// IsPage reports whether the request was for a page of [gateway.Config].
	IsPage bool
	// RPC is the full name of the gRPC method, "/service/method". It is empty without a route.
	RPC string
	// Client is the client's address without the port. It is personal data, so the log contains
	// only the kind of its network.
	Client string
	// Caller is the key that limits count: "user:" and a name, or "address:" and a network. It is
	// personal data too.
	Caller string

	// Status is the HTTP status of the response, or 0 without a response, as when the client left
	// before it.
	Status int
	// Rule is the name of the policy's rule that decided the status.
	Rule string
	// Code is the gRPC code of the failure, or 0 for a success.
	Code int32
	// Domain and Reason come from the failure's first google.rpc.ErrorInfo.
	Domain, Reason string
	// Failure is the error, with its cause. Clients do not see the cause.
	Failure error
	// Omitted counts the parts of the error that were not sent because they were too many or too
	// large, such as "details=3 errors=4900".
	Omitted string
	// Fault reports whether the server caused the failure: a 5xx, or a stream that failed after
	// its status was sent.
	Fault bool
	// Shed reports whether the server refused the request because it was overloaded.
	Shed bool
	// ClientClosed reports whether the request failed after the client had left. Fault is false
	// then.
	ClientClosed bool
	// Replayed reports whether the response is a copy of the response to an earlier request with
	// the same Idempotency-Key.
	Replayed bool
	// Received and Written are the sizes of the request body and the response body, in bytes.
	Received, Written int64
}

// Level returns the level of the request's log line. It is an error only if an operator should
// investigate. A server that is in maintenance, draining or overloaded works as designed.
func (r *Record) Level() slog.Level {
	onPurpose := []string{policy.ReasonMaintenance, policy.ReasonDraining, policy.ReasonOverloaded}
	switch {
	case r.IsPage && r.Status < 400:
		return slog.LevelDebug // Health checks request pages every few seconds.
	case r.IsPage && r.Status == 503:
		return slog.LevelWarn
	case !r.Fault || r.Domain == policy.Domain && slices.Contains(onPurpose, r.Reason):
		return slog.LevelInfo
	default:
		return slog.LevelError
	}
}

// Attrs returns the attributes of the request's log line. All text comes from this program, the
// contract, the policy or the backend, except the ids, whose characters are checked. The attributes
// contain no path, query, header or body, because each may contain a secret, and no address and no
// user name, because these are personal data. Only the cause of a fault is free text.
func (r *Record) Attrs() []slog.Attr {
	attrs := make([]slog.Attr, 0, 20)
	for _, one := range [...]struct{ name, value string }{
		{"requestId", r.RequestID},
		{"traceId", r.TraceID},
		{"method", r.Method},
		{"route", r.Route},
		{"rpc", r.RPC},
		{"code", policy.CodeName(r.Code)},
		{"domain", Identifier(r.Domain)},
		{"reason", Identifier(r.Reason)},
		{"rule", r.Rule},
		{"omitted", r.Omitted},
		{"caller", callerKind(r.Caller)},
		{"client", networkKind(r.Client)},
	} {
		if one.value != "" {
			attrs = append(attrs, slog.String(one.name, one.value))
		}
	}
	if r.Status != 0 {
		attrs = append(attrs, slog.Int("status", r.Status))
	}
	if r.Method != "" || r.Status != 0 { // not a call over gRPC
		attrs = append(attrs, slog.Int64("received", r.Received), slog.Int64("written", r.Written),
			slog.Bool("replayed", r.Replayed))
	}
	milliseconds := float64(time.Since(r.Start).Round(time.Microsecond)) / float64(time.Millisecond)
	attrs = append(attrs, slog.Bool("clientClosed", r.ClientClosed), slog.Float64("milliseconds", milliseconds))
	if r.Fault {
		attrs = append(attrs, cause(r.Failure))
	}
	return attrs
}

func callerKind(caller string) string {
	kind, _, _ := strings.Cut(caller, ":")
	return kind
}
