package respond

import (
	"bytes"
	"io"
	"net/http"
	"time"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

// Raw returns the answer to a request with that method as HTTP/1.1 has it, with fields
// beside its own, for the few that net/http writes itself before any handler runs. The
// connection closes after it.
func (a Answer) Raw(method string, fields http.Header, now time.Time) []byte {
	response := http.Response{
		StatusCode:    a.Decision.Status(),
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        http.Header{"Date": {rfc9110.FormatDate(now)}},
		Body:          io.NopCloser(bytes.NewReader(a.Body)),
		ContentLength: int64(len(a.Body)),
		Close:         true,
		Request:       &http.Request{Method: method},
	}
	merge(response.Header, fields)
	merge(response.Header, a.Header)
	var out bytes.Buffer
	// Writing to memory does not fail.
	_ = response.Write(&out)
	return out.Bytes()
}
