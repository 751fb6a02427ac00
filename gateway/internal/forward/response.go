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

// chosenKey is the response metadata by which a backend chooses among the statuses
// of success that its method declares (statusway/v1/annotations.proto).
const chosenKey = "statusway-status"

// Reply is what a backend answered, with what its metadata says of it.
func (r *Rules) Reply(ctx context.Context, message proto.Message, header, trailer metadata.MD) respond.Reply {
	return respond.Reply{Message: message, Chosen: chosen(header, trailer), Header: r.Answered(ctx, header, trailer)}
}

// chosen is the status that a backend chose; 0 if it did not. It counts from either
// kind of metadata, because some languages send all of it as trailers.
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

// Answered notes what a backend says of the caller's allowance, so that it leaves with
// the answer whatever that becomes, and returns the metadata that may leave as well,
// as header fields; nil if none may.
func (r *Rules) Answered(ctx context.Context, header, trailer metadata.MD) http.Header {
	r.allow(ctx, exchange.From(ctx).Fields, received{header, trailer})
	if len(r.outbound) == 0 && !r.all {
		return nil
	}
	out := http.Header{}
	if r.all {
		addAnswered(out, header)
	}
	for key, name := range r.outbound {
		for _, value := range (received{header, trailer}).values(key) {
			out.Add(name, value)
		}
	}
	return out
}

// received is the metadata of an answer. Either kind counts, because some languages
// send all of it as trailers; a key that is in both has the header's values.
type received struct{ header, trailer metadata.MD }

func (m received) values(key string) []string {
	if values := m.header[key]; len(values) > 0 {
		return values
	}
	return m.trailer[key]
}

// Failed is why a call failed, with what the backend's metadata says of it and the
// fields that it may send along.
func (r *Rules) Failed(ctx context.Context, err error, header, trailer metadata.MD) error {
	sent := r.Answered(ctx, header, trailer)
	for _, name := range aboutContent() {
		sent.Del(name)
	}
	if r.all && len(header) == 0 {
		// An answer of trailers only: what another would have sent first is among them.
		addAnswered(sent, withoutContentType(trailer))
	}
	stated := r.stated(ctx, err, received{header, trailer})
	if len(sent) == 0 && len(stated) == 0 {
		return err
	}
	failure := *respond.AsFailure(err) // a copy: the original may answer other requests
	if len(sent) > 0 {
		maps.Copy(sent, failure.Header)
		failure.Header = sent
	}
	failure.Status = withDetails(failure.Status, stated)
	return &failure
}

// aboutContent are the fields that speak of a success: on an error they would be
// about something that is not there (RFC 9110 §8.8, RFC 9111 §3).
func aboutContent() []string {
	return []string{
		"ETag", "Last-Modified", "Location", "Cache-Control", "Expires",
		"Content-Type", "Content-Encoding", "Content-Language", "Content-Location", "Content-Range", "Content-Length",
	}
}
