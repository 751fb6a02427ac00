package respond

import (
	"bytes"
	"io"
	"net/http"
	"time"

	"github.com/statusway/statusway/gateway/rfc9110"
)

// Raw returns a whole HTTP/1.1 answer as bytes, for the few that net/http writes
// itself before any handler runs. The connection closes after it.
func (r *Responder) Raw(failure *Failure, request Request, fields http.Header, now time.Time) []byte {
	answer := r.Render(failure, request)
	response := http.Response{
		StatusCode:    answer.Decision.Status(),
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        http.Header{"Date": {rfc9110.FormatDate(now)}},
		Body:          io.NopCloser(bytes.NewReader(answer.Body)),
		ContentLength: int64(len(answer.Body)),
		Close:         true,
		Request:       &http.Request{Method: request.Method},
	}
	merge(response.Header, fields)
	merge(response.Header, answer.Header)
	var out bytes.Buffer
	// Writing to memory does not fail.
	_ = response.Write(&out)
	return out.Bytes()
}
