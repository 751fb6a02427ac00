package respond

import (
	"bytes"
	"io"
	"net/http"
	"time"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

// Raw returns the response as HTTP/1.1 bytes, with additional headers. It is for the few responses that
// net/http sends itself before any handler runs. The connection closes afterwards.
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
