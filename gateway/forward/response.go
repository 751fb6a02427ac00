package forward

import (
	"maps"
	"net/http"
	"strconv"

	"google.golang.org/grpc/metadata"

	"github.com/statusway/statusway/gateway/respond"
)

// chosenKey is the response metadata by which a backend chooses among the statuses
// of success that its method declares (statusway/v1/annotations.proto).
const chosenKey = "statusway-status"

// Chosen is the status that a backend chose; 0 if it did not. It counts from either
// kind of metadata, because some languages send all of it as trailers.
func Chosen(header, trailer metadata.MD) int32 {
	for _, part := range []metadata.MD{header, trailer} {
		for _, value := range part[chosenKey] {
			if number, err := strconv.ParseInt(value, 10, 32); err == nil {
				return int32(number)
			}
		}
	}
	return 0
}

// Header is the metadata that may leave, as header fields; nil if none may.
func (r *Rules) Header(header, trailer metadata.MD) http.Header {
	if len(r.outbound) == 0 {
		return nil
	}
	out := http.Header{}
	for key, name := range r.outbound {
		values := header[key]
		if len(values) == 0 {
			values = trailer[key]
		}
		for _, value := range values {
			out.Add(name, value)
		}
	}
	return out
}

// Failed is why a call failed, with the fields that the backend may send along.
func (r *Rules) Failed(err error, header, trailer metadata.MD) error {
	sent := r.Header(header, trailer)
	for _, name := range aboutContent() {
		sent.Del(name)
	}
	if len(sent) == 0 {
		return err
	}
	failure := *respond.AsFailure(err) // a copy: the original may answer other requests
	maps.Copy(sent, failure.Header)
	failure.Header = sent
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
