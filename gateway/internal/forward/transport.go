package forward

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// gRPC libraries report some errors of their own as a status with a text and without a reason: a message that
// is over a limit has the code of an exhausted quota, and the page of a load balancer has the code that its
// HTTP status translates to. This file is the only place that looks at the text of a status. It knows the
// words of grpc-go, grpc-java, and gRPC's C core, on which the libraries of other languages build; grpc-js
// uses the same. An unknown text stays what its code says.
var (
	// receivedPattern matches a received message that is over the limit. The groups are sizes.
	receivedPattern = regexp.MustCompile(`^(?:SERVER: |CLIENT: )?(?:(?:grpc: )?[Rr]eceived message (?:after decompression )?|grpc: message after decompression )` +
		`larger than max(?: length allowed on current machine)? ?\(?([0-9]*)|^(?:Decompressed )?gRPC message exceeds maximum size [0-9]+(?:: ([0-9]+))?`)
	// sentPattern matches a message that its sender did not send.
	sentPattern = regexp.MustCompile(`^(?:SERVER: |CLIENT: )?(?:grpc: )?(?:trying to send message|Sent message) larger than max` +
		`|^Attempted to send message with a size larger than `)
)

// ofTransport returns the failure for a status that the transport made and not the service, or nil.
func ofTransport(ctx context.Context, err error, got received) *respond.Failure {
	code := status.Code(err)
	if code != codes.ResourceExhausted && code != codes.PermissionDenied && code != codes.Unauthenticated {
		return nil
	}
	st := status.Convert(err)
	if _, known := errors.AsType[*respond.Failure](err); known || len(st.Proto().GetDetails()) > 0 {
		return nil
	}
	text := st.Message()
	if code == codes.ResourceExhausted {
		if failure := overLimit(exchange.From(ctx), text, got); failure != nil {
			return failure.Because(err)
		}
	}
	if got.isLocal() && (IsPage(err) || strings.HasPrefix(text, "transport: ")) || len(got.trailer) == 0 && IsReset(err) {
		return respond.Fail(policy.ReasonInternal, "the backend's response is not a gRPC response").Because(err)
	}
	return nil
}

// isLocal reports whether the connection itself made the status. A status of the backend comes in trailers,
// and without leading metadata these have a content type.
func (m received) isLocal() bool { return len(m.header) == 0 && len(m.trailer) == 0 }

// IsPage reports whether err is the status that grpc-go's client makes of a response that is not a gRPC response.
func IsPage(err error) bool {
	text := textOf(err)
	return strings.HasPrefix(text, "unexpected HTTP status code received from server: ") ||
		strings.HasPrefix(text, "transport: received unexpected content-type ")
}

// IsReset reports whether err is the status that grpc-go's client makes of RST_STREAM, also after leading
// metadata.
func IsReset(err error) bool {
	return strings.HasPrefix(textOf(err), "stream terminated by RST_STREAM with error code: ")
}

// textOf returns the message of the status that err is or wraps, without the texts around it.
func textOf(err error) string {
	if of, ok := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err); ok {
		return of.GRPCStatus().Message()
	}
	return ""
}

// overLimit returns the failure for a text about a message that is over a limit, or nil. Whether the message is
// of the request or of the response depends on the side that has the limit.
func overLimit(ex *exchange.Exchange, text string, got received) *respond.Failure {
	request := respond.Fail(policy.ReasonRequestTooLarge, "the request is larger than the backend accepts")
	response := respond.Fail(policy.ReasonResponseTooLarge, "the backend's message is too large")
	if sentPattern.MatchString(text) {
		if got.isLocal() {
			return request
		}
		return response
	}
	match := receivedPattern.FindStringSubmatch(text)
	switch {
	case match == nil:
		return nil
	case strings.HasPrefix(text, "CLIENT: "):
		return response // of a call that the backend made
	case len(got.header) == 0, len(got.trailer) > 0:
		return request
	}
	// The backend has sent leading metadata, so the status may be the connection's own. A message that the
	// backend refused is not larger than those that it got.
	if size, err := strconv.ParseInt(match[1]+match[2], 10, 64); err == nil && size <= ex.LargestSent.Load() {
		return request
	}
	return response
}
