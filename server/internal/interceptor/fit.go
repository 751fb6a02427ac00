package interceptor

import (
	"context"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

const (
	// maxStatus keeps the trailers of an error within the 8 KiB that gRPC clients take by
	// default (PROTOCOL-HTTP2): base64 makes four bytes of three, and the message is sent
	// once more beside it.
	maxStatus = 4 << 10
	// maxMessage is the longest message of such an error. It is sent twice, once with
	// three bytes for one where it is not ASCII.
	maxMessage = 1 << 10
	// maxDetails is how many details are checked.
	maxDetails = 32
)

// FitUnary shortens an error that a client could not read. It is around what makes the
// errors, and only where they go over a network as trailers.
func FitUnary(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	response, err := handler(ctx, request)
	return response, fit(err)
}

// FitStream is FitUnary for streams.
func FitStream(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return fit(handler(service, stream))
}

// fit drops violations, the last first, and sets their original number in the metadata of
// ErrorInfo. If that is not enough, it keeps only ErrorInfo, then only its domain and
// reason, and then shortens the message.
func fit(err error) error {
	converted, ok := status.FromError(err)
	if err == nil || !ok || proto.Size(converted.Proto()) <= maxStatus {
		return err
	}
	whole := converted.Proto()
	shortened := &spb.Status{Code: whole.GetCode(), Message: whole.GetMessage()}
	if len(shortened.GetMessage()) > maxMessage {
		shortened.Message = strings.ToValidUTF8(shortened.GetMessage()[:maxMessage], "") + "…"
	}
	info := infoOf(whole.GetDetails())
	if len(whole.GetDetails()) <= maxDetails {
		shortened.Details = whole.GetDetails()
		shortenViolations(shortened, info)
	}
	if len(whole.GetDetails()) > maxDetails || proto.Size(shortened) > maxStatus {
		shortened.Details = packed(info)
	}
	if proto.Size(shortened) > maxStatus {
		shortened.Details = packed(&errdetails.ErrorInfo{Domain: info.GetDomain(), Reason: info.GetReason()})
	}
	if proto.Size(shortened) > maxStatus {
		shortened.Details = nil
	}
	return status.FromProto(shortened).Err()
}

// shortenViolations shortens the first BadRequest, and puts the number of its violations
// into info, which it packs again.
func shortenViolations(of *spb.Status, info *errdetails.ErrorInfo) {
	for i, detail := range of.GetDetails() {
		bad := &errdetails.BadRequest{}
		if detail.UnmarshalTo(bad) != nil {
			continue
		}
		all := len(bad.GetFieldViolations())
		keepFirst(bad, maxStatus-proto.Size(of)+len(detail.GetValue()))
		if repacked, err := anypb.New(bad); err == nil {
			of.Details[i] = repacked
		}
		if info == nil {
			return
		}
		if info.Metadata == nil {
			info.Metadata = map[string]string{}
		}
		info.Metadata["violations"] = strconv.Itoa(all)
		for _, other := range of.GetDetails() {
			if other.MessageIs(info) {
				_ = other.MarshalFrom(info) // What was packed before can be packed again.
				return
			}
		}
	}
}

// overhead bounds the extra bytes of each violation, and of their number.
const overhead = 8

// keepFirst keeps the first violations of so many bytes in all, and at least one.
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

// infoOf is the first ErrorInfo; nil if there is none.
func infoOf(details []*anypb.Any) *errdetails.ErrorInfo {
	for _, detail := range details {
		info := &errdetails.ErrorInfo{}
		if detail.MessageIs(info) && detail.UnmarshalTo(info) == nil {
			return info
		}
	}
	return nil
}

func packed(info *errdetails.ErrorInfo) []*anypb.Any {
	if info.GetDomain() == "" && info.GetReason() == "" {
		return nil
	}
	detail, err := anypb.New(info)
	if err != nil {
		return nil
	}
	return []*anypb.Any{detail}
}
