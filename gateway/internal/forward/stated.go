package forward

import (
	"context"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
)

// The response metadata with which a backend can describe an error if its language makes it hard to send
// the details of a google.rpc.Status (statusway/v1/annotations.proto).
const (
	reasonKey     = "statusway-reason"
	domainKey     = "statusway-domain"
	retryAfterKey = "statusway-retry-after"
	// pushbackKey is gRPC's own (gRFC A6): the time before the next attempt in milliseconds. A negative
	// value means that no attempt should follow.
	pushbackKey = "grpc-retry-pushback-ms"
)

var (
	// AIP-193: UPPER_SNAKE_CASE of at most 63 characters.
	reasonPattern = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,61}[A-Z0-9]$`)
	// A name such as pubsub.googleapis.com or of a proto package, at most as long as a domain name.
	domainPattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$`)
	// Whole seconds, as in Retry-After. A longer number is ignored.
	secondsPattern = regexp.MustCompile(`^[0-9]{1,9}$`)
	// Whole milliseconds, which may be negative.
	pushbackPattern = regexp.MustCompile(`^-?[0-9]{1,12}$`)
)

// stated returns the details that the metadata of an error describes, except details that the error
// already contains.
func (r *Rules) stated(ctx context.Context, err error, from received) []proto.Message {
	reason, domain := r.text(ctx, from, reasonKey, reasonPattern), r.text(ctx, from, domainKey, domainPattern)
	wait := r.wait(ctx, from)
	if reason == "" && wait == nil {
		return nil
	}
	known := respond.AsFailure(err).Status.GetDetails()
	var details []proto.Message
	if info := (&errdetails.ErrorInfo{Reason: reason, Domain: domain}); reason != "" && domain != "" && !has(known, info) {
		details = append(details, info)
	}
	if retry := (&errdetails.RetryInfo{RetryDelay: wait}); wait != nil && !has(known, retry) {
		details = append(details, retry)
	}
	return details
}

// wait returns the time before a retry that the metadata of an error states, or nil.
func (r *Rules) wait(ctx context.Context, from received) *durationpb.Duration {
	if text := r.text(ctx, from, retryAfterKey, secondsPattern); text != "" {
		seconds, _ := strconv.ParseInt(text, 10, 64)
		return &durationpb.Duration{Seconds: seconds}
	}
	text := r.text(ctx, from, pushbackKey, pushbackPattern)
	if text == "" || strings.HasPrefix(text, "-") {
		return nil
	}
	ms, _ := strconv.ParseInt(text, 10, 64)
	return durationpb.New(time.Duration(ms) * time.Millisecond)
}

// isFinal reports whether the metadata of an error says that no attempt should follow.
func isFinal(from received) bool {
	values := from.values(pushbackKey)
	return len(values) == 1 && strings.HasPrefix(values[0], "-") && pushbackPattern.MatchString(values[0])
}

// text returns the only value of a key, or "" if it does not match pattern.
func (r *Rules) text(ctx context.Context, from received, key string, pattern *regexp.Regexp) string {
	values := from.values(key)
	if len(values) == 1 && pattern.MatchString(values[0]) {
		return values[0]
	}
	if len(values) > 0 {
		r.ignored(ctx, key)
	}
	return ""
}

// ignored logs that a backend's metadata is malformed.
func (r *Rules) ignored(ctx context.Context, key string) {
	r.logger.DebugContext(
		ctx, "a backend's metadata cannot be read and is ignored",
		slog.String("requestId", exchange.From(ctx).RequestID), slog.String("key", key),
	)
}

func has(details []*anypb.Any, one proto.Message) bool {
	return slices.ContainsFunc(details, func(detail *anypb.Any) bool { return detail.MessageIs(one) })
}

// withDetails returns a copy of the status with more details.
func withDetails(status *spb.Status, more []proto.Message) *spb.Status {
	if len(more) == 0 {
		return status
	}
	whole := &spb.Status{Code: status.GetCode(), Message: status.GetMessage(), Details: slices.Clone(status.GetDetails())}
	for _, one := range more {
		if packed, err := anypb.New(one); err == nil { // It cannot fail, because the texts have matched the patterns.
			whole.Details = append(whole.Details, packed)
		}
	}
	return whole
}
