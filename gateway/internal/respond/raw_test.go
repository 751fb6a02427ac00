package respond_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/internal/respond"
)

func TestRaw(t *testing.T) {
	t.Parallel()
	now := time.Date(1994, 11, 6, 8, 49, 37, 0, time.UTC)
	fields := http.Header{"X-Request-Id": {"r-1"}, "X-Evil": {"a\r\nSet-Cookie: x", "a\x00b"}}
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		failure := fail(codes.NotFound, "no\r\nX-Evil: 1").WithHeader("Link", "<a>; rel=b\r\nX-Evil: 1")
		raw := documented(t).Render(failure, respond.Request{Method: method, RequestID: "r-1"}).Raw(method, fields, now)
		reader := bufio.NewReader(bytes.NewReader(raw))
		response, err := http.ReadResponse(reader, &http.Request{Method: method})
		if err != nil {
			t.Fatalf("%s: no HTTP answer: %v\n%s", method, err, raw)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		if rest, _ := io.ReadAll(reader); len(rest) > 0 {
			t.Errorf("%s: %d bytes behind the answer", method, len(rest))
		}
		if response.StatusCode != 404 || !response.Close || response.Proto != "HTTP/1.1" || len(response.TransferEncoding) > 0 {
			t.Errorf("%s: %+v", method, response)
		}
		if got := response.Header["Date"]; len(got) != 1 || got[0] != "Sun, 06 Nov 1994 08:49:37 GMT" {
			t.Errorf("%s: Date %q", method, got)
		}
		for _, name := range []string{"X-Evil", "Set-Cookie", "Link"} {
			if got := response.Header.Get(name); got != "" {
				t.Errorf("%s: %s: %q", method, name, got)
			}
		}
		if response.ContentLength <= 0 || response.Header.Get("X-Request-ID") != "r-1" {
			t.Errorf("%s: Content-Length %d, %v", method, response.ContentLength, response.Header)
		}
		if method == http.MethodHead && len(body) > 0 {
			t.Errorf("HEAD has a body: %s", body)
		}
		if method != http.MethodHead && (int64(len(body)) != response.ContentLength || object(t, body)["status"] != 404.0) {
			t.Errorf("%s: body %s", method, body)
		}
	}
}
