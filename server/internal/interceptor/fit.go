package interceptor

import (
	"context"
	"strconv"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// largestStatus keeps the trailers of an error within the 8 KiB that gRPC clients take
// by default (PROTOCOL-HTTP2): base64 makes four octets of three, and the message
// stands beside it once more.
const largestStatus = 4 << 10

// FitUnary shortens an error that a client could not read. It stands before what makes
// the errors, and only where they go over a network as trailers.
func FitUnary(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	response, err := handler(ctx, request)
	return response, fit(err)
}

// FitStream is FitUnary for streams.
func FitStream(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return fit(handler(service, stream))
}

// fit leaves out violations from the last on, and says in the metadata of ErrorInfo
// how many there were. If that is not enough, ErrorInfo alone stays.
func fit(err error) error {
	converted, ok := status.FromError(err)
	if err == nil || !ok || proto.Size(converted.Proto()) <= largestStatus {
		return err
	}
	shortened := converted.Proto()
	for i, detail := range shortened.GetDetails() {
		bad := &errdetails.BadRequest{}
		if detail.UnmarshalTo(bad) != nil {
			continue
		}
		all := len(bad.GetFieldViolations())
		keepFirst(bad, largestStatus-proto.Size(shortened)+len(detail.GetValue()))
		if packed, err := anypb.New(bad); err == nil {
			shortened.Details[i] = packed
		}
		tell(shortened, "violations", strconv.Itoa(all))
	}
	if proto.Size(shortened) > largestStatus {
		shortened.Details = infoAlone(shortened.GetDetails())
	}
	return status.FromProto(shortened).Err()
}

// overhead is at most what a violation takes beyond itself, and the number of all of
// them beyond the violations.
const overhead = 8

// keepFirst keeps the first violations of so many octets in all, and at least one.
func keepFirst(bad *errdetails.BadRequest, octets int) {
	octets -= 4 * overhead
	for i, one := range bad.GetFieldViolations() {
		octets -= proto.Size(one) + overhead
		if octets < 0 {
			bad.FieldViolations = bad.GetFieldViolations()[:max(1, i)]
			return
		}
	}
}

func tell(of *spb.Status, key, value string) {
	for _, detail := range of.GetDetails() {
		info := &errdetails.ErrorInfo{}
		if detail.UnmarshalTo(info) != nil {
			continue
		}
		if info.Metadata == nil {
			info.Metadata = map[string]string{}
		}
		info.Metadata[key] = value
		// What was packed before can be packed again.
		_ = detail.MarshalFrom(info)
	}
}

func infoAlone(details []*anypb.Any) []*anypb.Any {
	var kept []*anypb.Any
	for _, detail := range details {
		if detail.MessageIs(&errdetails.ErrorInfo{}) {
			kept = append(kept, detail)
		}
	}
	return kept
}
