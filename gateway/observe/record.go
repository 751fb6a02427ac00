package observe

import (
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/statusway/statusway/gateway/policy"
)

// Record says what a request was and what came of it. It is complete when the request is over.
type Record struct {
	// RequestID identifies the request in responses and logs.
	RequestID string
	// TraceID is 32 hexadecimal digits, or "" if the request belongs to no trace.
	TraceID string
	// Start is when the request's header section had been read.
	Start time.Time
	// Method is the HTTP method, or "_OTHER" if it is not one of RFC 9110 or RFC 5789 or if the
	// request could not be read. It is empty for a call over gRPC.
	Method string
	// Route is the path of the matched route as the OpenAPI document shows it, or the path of
	// a page. It is empty if the request has neither.
	Route string
	// IsPage reports whether a page of [gateway.Config] responds, and no route.
	IsPage bool
	// RPC is the full name of the gRPC method, "/service/method"; empty without a route.
	RPC string
	// Client is the client's address without the port. It is personal data: the log has no
	// more than the kind of its network.
	Client string
	// Caller is who the limits count: "user:" and a name, or "address:" and a network. It is
	// personal data too.
	Caller string

	// Status is the HTTP status of the response; 0 if none was sent.
	Status int
	// Rule is the policy's rule that decided the status.
	Rule string
	// Code is the gRPC code of the failure; 0 for a success.
	Code int32
	// Domain and Reason are those of the failure's first google.rpc.ErrorInfo.
	Domain, Reason string
	// Failure is the error behind the response, with its cause. Clients do not see the cause.
	Failure error
	// Omitted counts the parts of the error that were too many or too large to send, such as
	// "details=3 errors=4900".
	Omitted string
	// Fault reports whether the server caused the failure: a 5xx, or a stream that failed
	// after its status had been sent.
	Fault bool
	// Shed reports whether the server refused the request because it was overloaded.
	Shed bool
	// ClientClosed reports whether the request failed and its client had left before that.
	// Fault is false then.
	ClientClosed bool
	// Replayed reports whether the response is that of an earlier request with the same
	// Idempotency-Key.
	Replayed bool
	// Received and Written are the lengths of the two bodies in bytes.
	Received, Written int64
}

// Level is the level of the request's log line. It is an error only if an operator should look
// into it: a server that is closed, stopping or full on purpose works as it should.
func (r *Record) Level() slog.Level {
	onPurpose := []string{policy.ReasonMaintenance, policy.ReasonDraining, policy.ReasonOverloaded}
	switch {
	case r.IsPage && r.Status < 400:
		return slog.LevelDebug // Health checks ask for pages every few seconds.
	case r.IsPage && r.Status == 503:
		return slog.LevelWarn
	case !r.Fault || r.Domain == policy.Domain && slices.Contains(onPurpose, r.Reason):
		return slog.LevelInfo
	default:
		return slog.LevelError
	}
}

// Attrs returns the attributes of the request's log line. All their text comes from this
// program, the contract, the policy or the backend, except for the ids, whose characters are
// checked. There is no path, query, header field or body, because each may hold a secret; and
// no address and no user name, which are personal data. Only the cause of a fault is free text,
// because no client sees it.
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
	if r.Method != "" || r.Status != 0 { // not a call over gRPC
		attrs = append(attrs, slog.Int("status", r.Status), slog.Int64("received", r.Received), slog.Int64("written", r.Written),
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
