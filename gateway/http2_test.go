package gateway_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/policy"
)

// rawHTTP2 is an HTTP/2 connection whose frames a test writes itself.
type rawHTTP2 struct {
	*http2.Framer

	head    bytes.Buffer
	encoder *hpack.Encoder
	next    uint32
}

// dialHTTP2 connects to a gateway, over TLS if trust is not nil.
func dialHTTP2(t *testing.T, f *front, trust *tls.Config) *rawHTTP2 {
	t.Helper()
	conn, err := dialTCP(t, f.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if trust != nil {
		trust = trust.Clone()
		trust.ServerName, trust.NextProtos = "example.com", []string{"h2"}
		conn = tls.Client(conn, trust)
	}
	h := &rawHTTP2{Framer: http2.NewFramer(conn, conn), next: 1}
	h.encoder = hpack.NewEncoder(&h.head)
	h.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := h.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return h
}

type fields [][2]string

// send sends a header section and returns the number of its stream.
func (h *rawHTTP2) send(t *testing.T, method, path string, end bool, more fields) uint32 {
	t.Helper()
	h.head.Reset()
	for _, field := range append(fields{{":method", method}, {":scheme", "http"}, {":authority", "x"}, {":path", path}}, more...) {
		if err := h.encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}); err != nil {
			t.Fatal(err)
		}
	}
	stream, rest := h.next, h.head.Bytes()
	h.next += 2
	part := func() []byte {
		first := rest[:min(len(rest), 16<<10)]
		rest = rest[len(first):]
		return first
	}
	err := h.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: part(), EndStream: end, EndHeaders: len(rest) == 0})
	for err == nil && len(rest) > 0 {
		block := part()
		err = h.WriteContinuation(stream, len(rest) == 0, block)
	}
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// receive returns the response on a stream. It must not be a reset, or the end of the connection.
func (h *rawHTTP2) receive(t *testing.T, stream uint32) received {
	t.Helper()
	got := received{Response: &http.Response{Header: http.Header{}}}
	for ended := false; !ended; {
		frame, err := h.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch frame := frame.(type) {
		case *http2.GoAwayFrame:
			t.Fatalf("GOAWAY: %s", frame.ErrCode)
		case *http2.RSTStreamFrame:
			t.Fatalf("stream %d: %s", frame.StreamID, frame.ErrCode)
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				err = h.WriteSettingsAck()
			}
		case *http2.MetaHeadersFrame:
			if frame.StreamID != stream {
				t.Fatalf("a response on stream %d", frame.StreamID)
			}
			got.StatusCode, err = strconv.Atoi(frame.PseudoValue("status"))
			for _, field := range frame.RegularFields() {
				got.Header.Add(field.Name, field.Value)
			}
			ended = frame.StreamEnded()
		case *http2.DataFrame:
			got.body, ended = append(got.body, frame.Data()...), frame.StreamEnded()
			err = h.WriteWindowUpdate(0, uint32(len(frame.Data()))+1)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// tooLarge are header sections over the limit of the gateway.
func tooLarge() map[string]struct {
	path string
	more fields
} {
	repeated := func(count, size int) fields {
		var all fields
		for i := range count {
			all = append(all, [2]string{"x-" + strconv.Itoa(i), strings.Repeat("x", size)})
		}
		return all
	}
	const path = "/v1/entities/e1"
	return map[string]struct {
		path string
		more fields
	}{
		"just over":       {path, append(repeated(9, 7000), [2]string{"x-last", strings.Repeat("x", 2500)})},
		"one field":       {path, repeated(1, 90_000)},
		"a long name":     {path, fields{{strings.Repeat("x", 70_000), "x"}}},
		"a path":          {path + strings.Repeat("x", 66_000), nil},
		"a query":         {path + "?" + strings.Repeat("x", 90_000), nil},
		"small fields":    {path, repeated(2000, 1)},
		"a token":         {path, fields{{"authorization", "Bearer " + strings.Repeat("x", 200_000)}}},
		"Accept":          {path, fields{{"accept", strings.Repeat("a/b,", 20_000)}}},
		"200 KB":          {path, repeated(20, 10_000)},
		"a page":          {"/page", repeated(1, 90_000)},
		"to OPTIONS":      {path, repeated(1, 90_000)},
		"of a retired":    {"/v0/x", repeated(1, 90_000)},
		"an unknown path": {"/x", repeated(1, 90_000)},
	}
}

// A header over the limit gets a documented response, and the other streams go on.
//
// checklist: 413-06, ALL-25
func TestHeaderTooLargeOverHTTP2(t *testing.T) {
	t.Parallel()
	for policyName, want := range map[string]int{policy.Documented: 413, policy.Canonical: 431} {
		for _, secure := range []bool{false, true} {
			c, f := configure(t, policyName)
			var trust *tls.Config
			if secure {
				c.TLS, trust = secret(t)
			}
			c.Pages = map[string]gateway.Page{"/page": {Handler: http.NotFoundHandler()}}
			c.Limiter = leavesEight(t)
			h := dialHTTP2(t, serve(t, c, f), trust)
			other := h.send(t, "POST", "/v1/entities", false, fields{{"content-type", "application/json"}})
			for name, test := range tooLarge() {
				for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
					got := h.receive(t, h.send(t, method, test.path, true, test.more))
					checkRefused(t, policyName+"/"+name+"/"+method, got, method, want, "HEADER_TOO_LARGE")
				}
			}
			if f.calls.Load() != 0 {
				t.Error("the backend was called")
			}
			if err := h.WriteData(other, true, []byte("{}")); err != nil {
				t.Fatal(err)
			}
			if got := h.receive(t, other); got.StatusCode != http.StatusCreated {
				t.Errorf("the other stream got %d: %s", got.StatusCode, got.body)
			}
		}
	}
}

func checkRefused(t *testing.T, name string, got received, method string, status int, reason string) {
	t.Helper()
	var problem struct {
		Status    int    `json:"status"`
		Reason    string `json:"reason"`
		RequestID string `json:"requestId"`
	}
	if method != http.MethodHead {
		if err := json.Unmarshal(got.body, &problem); err != nil || problem.Status != status || problem.Reason != reason {
			t.Errorf("%s: %v, %s", name, err, got.body)
		}
		if problem.RequestID != got.Header.Get("X-Request-Id") {
			t.Errorf("%s: request id %q and %q", name, problem.RequestID, got.Header.Get("X-Request-Id"))
		}
	}
	if got.StatusCode != status || got.Header.Get("Content-Type") != "application/problem+json" || got.Header.Get("X-Rate-Limit-Remaining") != "8" {
		t.Errorf("%s: %d, want %d: %v", name, got.StatusCode, status, got.Header)
	}
}

// Malformed requests that net/http accepts over HTTP/2 get 400, and the other streams go on.
//
// checklist: 400-04, ALL-25
func TestMalformedOverHTTP2(t *testing.T) {
	t.Parallel()
	const path = "/v1/entities"
	length := func(values ...string) fields {
		all := fields{{"content-type", "application/json"}}
		for _, value := range values {
			all = append(all, [2]string{"content-length", value})
		}
		return all
	}
	for _, secure := range []bool{false, true} {
		c, f := configure(t, policy.Documented)
		c.Limiter = leavesEight(t)
		var trust *tls.Config
		if secure {
			c.TLS, trust = secret(t)
		}
		h := dialHTTP2(t, serve(t, c, f), trust)
		for name, test := range map[string]struct {
			method, path, body string
			more               fields
			want               int
		}{
			"two lengths":         {"POST", path, "{}", length("2", "3"), 400},
			"two, the last right": {"POST", path, "", length("2", "0"), 400},
			"no number":           {"POST", path, "", length("x"), 400},
			"a sign":              {"POST", path, "", length("+0"), 400},
			"negative":            {"POST", path, "", length("-1"), 400},
			"a list":              {"POST", path, "", length("0, 0"), 400},
			"the first too long":  {"POST", path, "{}", length("3", "2"), 400},
			"without a body":      {"GET", path + "/e1", "", length("5"), 400},
			"the same twice":      {"POST", path, "{}", length("2", "2"), 201},
			"leading zeros":       {"POST", path, "{}", length("002"), 201},
			"none":                {"POST", path, "{}", length(), 201},
			"zero":                {"GET", path + "/e1", "", length("0"), 200},
			"a fragment":          {"GET", path + "/e1#x", "", nil, 400},
			"a space":             {"GET", path + "/e 1", "", nil, 400},
			"encoded":             {"GET", path + "/e%231%20", "", nil, 200},
		} {
			stream := h.send(t, test.method, test.path, test.body == "", test.more)
			if test.body != "" {
				if err := h.WriteData(stream, true, []byte(test.body)); err != nil {
					t.Fatal(err)
				}
			}
			got := h.receive(t, stream)
			if test.want == http.StatusBadRequest {
				checkRefused(t, name, got, test.method, test.want, "MALFORMED_REQUEST")
			} else if got.StatusCode != test.want {
				t.Errorf("%s: %d, want %d: %s", name, got.StatusCode, test.want, got.body)
			}
		}
	}
}
