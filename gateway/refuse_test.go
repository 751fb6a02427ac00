package gateway_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/gateway/ratelimit"
)

// leavesEight is a limiter that lets all through, and says so.
func leavesEight(tb testing.TB) ratelimit.Limiter {
	tb.Helper()
	return limiterFunc(func(use ratelimit.Use) (ratelimit.Allowance, error) {
		if use.Caller != "address:127.0.0.1" {
			tb.Errorf("caller %q", use.Caller)
		}
		return ratelimit.Allowance{{Policy: "p", Limit: 9, Remaining: 8, Window: time.Minute, Reset: time.Second}}, nil
	})
}

// bareRequests are requests to which net/http itself responds, before any handler, or that it should refuse.
func bareRequests() map[string]struct {
	text                  string
	documented, canonical int
	reason                string
} {
	return map[string]struct {
		text                  string
		documented, canonical int
		reason                string
	}{
		"unknown Expect":         {get("/v1/entities/e1", "Expect: teapot"), 418, 417, "EXPECTATION_FAILED"},
		"unknown Expect on POST": {post("/v1/entities", "{}", "Expect: teapot"), 418, 417, "EXPECTATION_FAILED"},
		"no Host":                {"GET / HTTP/1.1\r\n\r\n", 400, 400, "MALFORMED_REQUEST"},
		"two Hosts":              {get("/", "Host: y"), 400, 400, "MALFORMED_REQUEST"},
		"a bad Host":             {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, 400, "MALFORMED_REQUEST"},
		"no request":             {"what is this\r\n\r\n", 400, 400, "MALFORMED_REQUEST"},
		"bytes":                  {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x01\x02\x03\x04\r\n\r\n", 400, 400, "MALFORMED_REQUEST"},
		"a bad target":           {"GET /%zz%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400, 400, "MALFORMED_REQUEST"},
		"a bad field":            {get("/", "X A : 1"), 400, 400, "MALFORMED_REQUEST"},
		"space before the colon": {get("/", "X-A : 1"), 400, 400, "MALFORMED_REQUEST"},
		"NUL in a value":         {get("/", "X-A: \x00"), 400, 400, "MALFORMED_REQUEST"},
		"a bad length":           {get("/", "Content-Length: -1"), 400, 400, "MALFORMED_REQUEST"},
		"two lengths":            {get("/", "Content-Length: 1", "Content-Length: 2"), 400, 400, "MALFORMED_REQUEST"},
		"transfer coding":        {get("/", "Transfer-Encoding: gzip"), 400, 501, "TRANSFER_CODING_UNSUPPORTED"},
		"two transfer codings":   {get("/", "Transfer-Encoding: gzip, chunked"), 400, 501, "TRANSFER_CODING_UNSUPPORTED"},
		"version 9.9":            {"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400, 505, "HTTP_VERSION_UNSUPPORTED"},
		"version 2.0":            {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 400, 505, "HTTP_VERSION_UNSUPPORTED"},
		"a large header":         {get("/", "X-Long: "+strings.Repeat("x", 128<<10)), 413, 431, "HEADER_TOO_LARGE"},
		"a long target":          {get("/" + strings.Repeat("x", 128<<10)), 413, 431, "HEADER_TOO_LARGE"},
		"a target of 66 KB":      {get("/" + strings.Repeat("x", 66_000)), 413, 431, "HEADER_TOO_LARGE"},
		"a header of 300 KB":     {get("/", "X-Long: "+strings.Repeat("x", 300<<10)), 413, 431, "HEADER_TOO_LARGE"},
		"many fields":            {get("/", strings.Repeat("X-A: x\r\n", 2000)+"X-B: x"), 413, 431, "HEADER_TOO_LARGE"},
		"a fragment":             {get("/v1/entities/e1#x"), 400, 400, "MALFORMED_REQUEST"},
		"a fragment in a URL":    {get("http://x/v1/entities/e1?x#y"), 400, 400, "MALFORMED_REQUEST"},
		"garbage":                {"garbage\r\n\r\n", 400, 400, "MALFORMED_REQUEST"},
		"one line end":           {"\n", 400, 400, "MALFORMED_REQUEST"},
		"HTTP/0.9":               {"GET /x\r\n\r\n", 400, 400, "MALFORMED_REQUEST"},
	}
}

func TestBareAnswers(t *testing.T) {
	t.Parallel()
	for _, policyName := range []string{policy.Documented, policy.Canonical, policy.Documented + " over TLS"} {
		c, f := configure(t, strings.TrimSuffix(policyName, " over TLS"))
		c.Limiter = leavesEight(t)
		var trust *tls.Config
		if strings.HasSuffix(policyName, " over TLS") {
			c.TLS, trust = secret(t)
		}
		serve(t, c, f)
		for name, test := range bareRequests() {
			t.Run(policyName+"/"+name, func(t *testing.T) {
				t.Parallel()
				w := dial(t, f)
				if trust != nil {
					secure := trust.Clone()
					secure.ServerName = "example.com"
					w.Conn = tls.Client(w.Conn, secure)
					w.reader = bufio.NewReader(w.Conn)
				}
				w.send(t, test.text)
				got := w.receive(t, "GET")
				want := test.documented
				if policyName == policy.Canonical {
					want = test.canonical
				}
				if f.table.Row(got.StatusCode) == nil {
					t.Errorf("%d is no row of the policy", got.StatusCode)
				}
				members := problemOf(t, got)
				// Only some policies have the rows 505 and 431.
				if f.table.Row(want) != nil && got.StatusCode != want || members["reason"] != test.reason && got.StatusCode < 500 {
					t.Errorf("%d %v, want %d %s", got.StatusCode, members["reason"], want, test.reason)
				}
				if !got.Close || !w.closed(t) {
					t.Error("the connection is not closed")
				}
				if got.Header.Get("X-Request-ID") == "" || members["requestId"] != got.Header.Get("X-Request-ID") {
					t.Errorf("X-Request-Id: %q, in the body %v", got.Header.Get("X-Request-ID"), members["requestId"])
				}
				if got.Header.Get("X-Rate-Limit-Limit") != "9" || got.Header.Get("X-Rate-Limit-Remaining") != "8" || got.Header.Get("X-Rate-Limit-Reset") != "1" {
					t.Errorf("X-Rate-Limit-*: %v", got.Header)
				}
				if (trust != nil) != (got.Header.Get("Strict-Transport-Security") != "") {
					t.Errorf("TLS: %v, %v", trust != nil, got.Header)
				}
				got.Header.Del("Strict-Transport-Security")
				checkVocabulary(t, got.Response)
				if f.calls.Load() != 0 {
					t.Error("the backend was called")
				}
			})
		}
	}
}

func TestBareAnswerToHead(t *testing.T) {
	t.Parallel()
	f := start(t, policy.Documented)
	w := dial(t, f)
	w.send(t, "HEAD / HTTP/1.1\r\nHost: x\r\nExpect: teapot\r\n\r\n")
	if got := w.receive(t, "HEAD"); got.StatusCode != 418 || got.ContentLength <= 0 || !w.closed(t) {
		t.Errorf("%d, Content-Length %d", got.StatusCode, got.ContentLength)
	}
}

func TestBareAnswerBehindOthers(t *testing.T) {
	t.Parallel()
	good := get("/v1/entities/e1")
	bad := get("/v1/entities/e1", "Expect: teapot")
	for name, parts := range map[string][]string{
		"keep-alive":        {good, bad},
		"three":             {good, good, bad},
		"pipelined":         {good + bad},
		"pipelined, in two": {good + bad[:9], bad[9:]},
		"behind an error":   {get("/v1/nothing"), bad},
		"behind a 204":      {"OPTIONS /v1/entities HTTP/1.1\r\nHost: x\r\n\r\n", bad},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, policy.Documented)
			w := dial(t, f)
			answers := strings.Count(strings.Join(parts, ""), "HTTP/1.1\r\n")
			for _, part := range parts[:len(parts)-1] {
				w.send(t, part)
				if strings.HasSuffix(part, "\r\n\r\n") || strings.Contains(part, "\r\n\r\n") {
					answers--
					if got := w.receive(t, "GET"); got.StatusCode == 418 {
						t.Fatalf("the good one got %d: %s", got.StatusCode, got.body)
					}
				}
			}
			w.send(t, parts[len(parts)-1])
			for range answers - 1 {
				if got := w.receive(t, "GET"); got.StatusCode != 200 {
					t.Fatalf("the good one got %d", got.StatusCode)
				}
			}
			if got := w.receive(t, "GET"); got.StatusCode != 418 || problemOf(t, got)["reason"] != "EXPECTATION_FAILED" || !w.closed(t) {
				t.Errorf("the bad one got %d", got.StatusCode)
			}
		})
	}
}

// TestBareAnswerCounts: such a request counts against the allowance, and is refused when
// that is used up.
func TestBareAnswerCounts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		allowance ratelimit.Allowance
		err       error
		status    int
		limit     string
	}{
		"exceeded": {ratelimit.Allowance{{Policy: "p", Limit: 1, Window: time.Minute, Exceeded: true, Reset: 1500 * time.Millisecond}}, nil, 429, "1"},
		"failing":  {nil, errors.New("redis is down"), 418, ""},
		"none":     {nil, nil, 418, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, f := configure(t, policy.Documented)
			c.Limiter = limiterFunc(func(ratelimit.Use) (ratelimit.Allowance, error) { return test.allowance, test.err })
			serve(t, c, f)
			got := exchangeOnce(t, f, "GET", get("/", "Expect: teapot"))
			if got.StatusCode != test.status || got.Header.Get("X-Rate-Limit-Limit") != test.limit {
				t.Errorf("%d, %v", got.StatusCode, got.Header)
			}
			if test.status == 429 && got.Header.Get("Retry-After") != "2" {
				t.Errorf("Retry-After: %q", got.Header.Get("Retry-After"))
			}
		})
	}
}

func TestHTTP10(t *testing.T) {
	t.Parallel()
	f := start(t, policy.Documented)
	for name, test := range map[string]struct {
		text string
		want int
	}{
		"plain":               {"GET /v1/entities/e1 HTTP/1.0\r\n\r\n", 200},
		"keep-alive":          {"GET /v1/entities/e1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200},
		"continue is ignored": {"POST /v1/entities HTTP/1.0\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", 201},
		"a stream":            {"GET /v1/entities:export HTTP/1.0\r\n\r\n", 200},
		// What net/http takes for the next request, if the connection stays, may be the body.
		"a transfer coding": {"GET /v1/entities/e1 HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + get("/v1/entities/e2"), 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := dial(t, f)
			w.send(t, test.text)
			got := w.receive(t, "GET")
			if got.StatusCode != test.want || len(got.TransferEncoding) > 0 {
				t.Errorf("%d, Transfer-Encoding %v: %s", got.StatusCode, got.TransferEncoding, got.body)
			}
			if !w.closed(t) {
				t.Error("the connection stays open")
			}
		})
	}
}

// TestHTTP2: over h2c every request reaches the handler, and nothing is replaced.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	f := start(t, policy.Documented)
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, f.address)
	}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for _, test := range []struct {
		path, expect string
		want         int
	}{{"/v1/entities/e1", "", 200}, {"/v1/entities/e1", "teapot", 418}, {"/v1/nothing", "", 404}, {"/v1/entities/e1", "", 200}} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x"+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if test.expect != "" {
			request.Header.Set("Expect", test.expect)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		if response.StatusCode != test.want || response.ProtoMajor != 2 || response.Header.Get("Connection") != "" {
			t.Errorf("%s: %d over %s, want %d", test.path, response.StatusCode, response.Proto, test.want)
		}
	}
}
