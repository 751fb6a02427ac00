package forward

import (
	"context"
	"maps"
	"net/http"
	"strconv"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
)

// chosenKey is the response metadata with which a backend chooses one of the success statuses that its
// method declares (statusway/v1/annotations.proto).
const chosenKey = "statusway-status"

// Reply returns the successful response of a backend, with the status and headers from its metadata.
func (r *Rules) Reply(ctx context.Context, message proto.Message, header, trailer metadata.MD) respond.Reply {
	return respond.Reply{Message: message, Chosen: chosen(header, trailer), Header: r.Answered(ctx, header, trailer)}
}

// chosen returns the status that a backend chose, or 0. It looks at header and trailer, because gRPC
// libraries of some languages send all metadata as trailers.
func chosen(header, trailer metadata.MD) int32 {
	for _, part := range []metadata.MD{header, trailer} {
		for _, value := range part[chosenKey] {
			if number, err := strconv.ParseInt(value, 10, 32); err == nil {
				return int32(number)
			}
		}
	}
	return 0
}

// Answered sets the backend's allowance on every response to the request, and returns the other metadata
// that the client may get, as headers. It returns nil if there is none.
func (r *Rules) Answered(ctx context.Context, header, trailer metadata.MD) http.Header {
	r.mergeAllowance(ctx, exchange.From(ctx).Fields, received{header, trailer})
	if len(r.outbound) == 0 && !r.all {
		return nil
	}
	out := http.Header{}
	if r.all {
		addMetadata(out, header)
	}
	for key, name := range r.outbound {
		for _, value := range (received{header, trailer}).values(key) {
			out.Add(name, value)
		}
	}
	return out
}

// received is the metadata of a response. If a key is in header and trailer, the values of header count.
type received struct{ header, trailer metadata.MD }

func (m received) values(key string) []string {
	if values := m.header[key]; len(values) > 0 {
		return values
	}
	return m.trailer[key]
}

// Failed returns the failure of a call, with the details and headers from the backend's metadata.
func (r *Rules) Failed(ctx context.Context, err error, header, trailer metadata.MD) error {
	sent := r.Answered(ctx, header, trailer)
	for _, name := range aboutContent() {
		sent.Del(name)
	}
	if r.all && len(header) == 0 {
		// A trailers-only response: the trailer contains the metadata of the header too.
		addMetadata(sent, withoutContentType(trailer))
	}
	got := received{header, trailer}
	if failure := ofTransport(ctx, err, got); failure != nil {
		err = failure
	}
	stated := r.stated(ctx, err, got)
	final := isFinal(got)
	if len(sent) == 0 && len(stated) == 0 && !final {
		return err
	}
	failure := *respond.AsFailure(err) // a copy, because other requests may share the original
	failure.Final = final
	if len(sent) > 0 {
		maps.Copy(sent, failure.Header)
		failure.Header = sent
	}
	failure.Status = withDetails(failure.Status, stated)
	return &failure
}

// aboutContent returns the headers that describe the content of a success. An error response must not
// contain them (RFC 9110 §8.8, RFC 9111 §3).
func aboutContent() []string {
	return []string{
		"ETag", "Last-Modified", "Location", "Cache-Control", "Expires",
		"Content-Type", "Content-Encoding", "Content-Language", "Content-Location", "Content-Range", "Content-Length",
	}
}
