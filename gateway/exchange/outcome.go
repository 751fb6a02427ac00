package exchange

import (
	"log/slog"
	"slices"

	"github.com/statusway/statusway/gateway/mapping"
)

// Outcome is what came of a request: what a log, a metric or a trace tells of it.
type Outcome struct {
	// Status and Rule are what was answered. Status is 0 before.
	Status int
	Rule   string
	// Code is the gRPC code that the answer was decided by, Domain and Reason are those
	// of its first ErrorInfo. All three are zero for a success.
	Code           int32
	Domain, Reason string
	// Failure is why the answer is an error, with what the client is not told.
	Failure error
	// Omitted counts what the error has beyond the bounds of package respond, such as
	// "details=3 errors=4900"; empty if it has nothing.
	Omitted string
	// Fault says that the failure is the server's, so that the client is not told its
	// cause: a 5xx, or what would have been one but for a status line that had gone out.
	Fault bool
	// Shed says that the server refused the request because it had too much to do.
	Shed bool
	// ClientClosed says that the request failed and its client had left before. It is
	// known when the request is over, and Fault is false then: log, metrics and traces
	// count such a request as no fault of the server's, whatever status it would have had.
	ClientClosed bool
	// Replayed says that the answer is that of an earlier request with the same
	// Idempotency-Key.
	Replayed bool
	// Received and Written are octets of the two bodies.
	Received, Written int64
}

// Level is an error only for what somebody should look into. A server that is closed,
// stopping or full on purpose does what it should.
func (o *Outcome) Level() slog.Level {
	onPurpose := []string{mapping.ReasonMaintenance, mapping.ReasonDraining, mapping.ReasonOverloaded}
	if !o.Fault || o.Domain == mapping.Domain && slices.Contains(onPurpose, o.Reason) {
		return slog.LevelInfo
	}
	return slog.LevelError
}
