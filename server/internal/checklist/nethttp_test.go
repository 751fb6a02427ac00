package checklist_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/statusway/statusway/server/internal/apptest"
)

// An exception is something that net/http decides before the gateway sees the request.
type exception struct {
	Sent string `yaml:"sent"`
	Gets string `yaml:"gets"`
	Why  string `yaml:"why"`
}

// An attempt sends something to a server and returns what the client gets.
type attempt func(*testing.T, *apptest.Server) string

// attempts are ways to send each exception of outcomes.yaml.
func attempts() map[string][]attempt {
	const session, json = "/v1/sessions", "application/json"
	large := func(count, size, frame int) func(*rawH2) {
		fields := ask("GET", "/healthz")
		for i := range count {
			fields = append(fields, field(fmt.Sprintf("x-%d", i), strings.Repeat("x", size)))
		}
		return func(h *rawH2) {
			h.frame = frame
			h.send(true, fields...)
		}
	}
	const frame = 16 << 10
	return map[string][]attempt{
		"HTTP/2: `Connection`, `Keep-Alive`, `Proxy-Connection`, `Transfer-Encoding` or `Upgrade`; `TE` other than `trailers`": overHTTP2(
			with(field("connection", "close")), with(field("keep-alive", "x")), with(field("proxy-connection", "x")),
			with(field("transfer-encoding", "chunked")), with(field("upgrade", "x")), with(field("te", "gzip"))),
		"HTTP/2: a header over 256 KiB in one frame":                       overHTTP2(large(30, 10_000, 1<<20)),
		"HTTP/2: a header over 256 KiB, with more frames behind the limit": overHTTP2(large(50, 10_000, frame)),
		"HTTP/2: a single field over 256 KiB":                              overHTTP2(large(1, 300_000, frame), large(1, 300_000, 1<<20)),
		"HTTP/2: a malformed field name or value; pseudo-header fields that are missing, unknown, repeated, misplaced or not a URL": overHTTP2(
			with(field("X-Upper", "x")), with(field("x y", "x")), with(field("", "x")), with(field("x", "a\nb")), with(field(":status", "200")),
			with(field(":unknown", "x")), with(field(":path", "/twice")), with(field("x", "y"), field(":late", "x")),
			one(ask("GET", "/%zz")), one(ask("GET", "healthz")), one(ask("GET", "")), one(ask("", "/healthz")), one(ask("CONNECT", "/healthz")),
			one([]hpack.HeaderField{field(":method", "GET"), field(":path", "/healthz")}),
			one([]hpack.HeaderField{field(":method", "GET"), field(":path", "/healthz"), field(":scheme", "ftp")}),
			one([]hpack.HeaderField{field(":method", "GET"), field(":path", "/healthz"), field(":scheme", "http"), field(":authority", "me@x")})),
		"HTTP/2: a body that is longer than its Content-Length; trailers with pseudo-header fields": overHTTP2(
			func(h *rawH2) {
				h.send(false, ask("POST", session, field("content-type", json), field("content-length", "1"))...)
				_ = h.framer.WriteData(1, true, []byte("{}"))
			},
			func(h *rawH2) {
				h.send(false, ask("POST", session, field("content-type", json))...)
				h.next = 1
				h.send(true, field(":path", "/x"))
			}),
		"HTTP/2: more than 250 requests at once on a connection": overHTTP2(func(h *rawH2) {
			for range 251 {
				h.send(false, ask("POST", session, field("content-type", json))...)
			}
		}),
		"HTTP/2: a frame that violates the protocol": overHTTP2(func(h *rawH2) { _ = h.framer.WriteData(99, true, nil) }),
		"HTTP/1.1: a header that is not complete within 10 seconds": {
			overHTTP1(""), overHTTP1("GET /healthz HTTP/1.1\r\nHost: x\r\n"),
		},
		"HTTP/1.1: a HEAD request that net/http refuses, pipelined behind another request": {
			overHTTP1("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nHEAD /healthz HTTP/1.1\r\nHost: x\r\nExpect: x\r\n\r\n"),
		},
		"HTTP/1.0: `Transfer-Encoding`": {
			overHTTP1("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
			overHTTP1("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
		},
		"TLS: bytes that are neither TLS nor HTTP": {func(t *testing.T, s *apptest.Server) string {
			t.Helper()
			if s.TLS == nil {
				return ""
			}
			return readHTTP1(dial(t, s), strings.Repeat("\x00", 100))
		}},
	}
}

// TestExceptions shows each exception, over TLS and without it. If a version of net/http decides otherwise,
// the list changes.
//
// checklist: ALL-25
func TestExceptions(t *testing.T) {
	t.Parallel()
	servers := map[string]*apptest.Server{
		"plain": apptest.Start(t, "default"), "TLS": apptest.StartTLS(t, "default", apptest.NewCertificate(t)),
	}
	listed, all := readOutcomes(t).Exceptions, attempts()
	if len(listed) != len(all) {
		t.Errorf("outcomes.yaml lists %d exceptions, and %d are tested", len(listed), len(all))
	}
	for _, exception := range listed {
		if len(all[exception.Sent]) == 0 {
			t.Errorf("%s: not tested", exception.Sent)
		}
		for i, attempt := range all[exception.Sent] {
			for name, server := range servers {
				t.Run(fmt.Sprintf("%s/%d/%s", exception.Sent, i, name), func(t *testing.T) {
					t.Parallel()
					if got := attempt(t, server); got != exception.Gets && got != "" {
						t.Errorf("got %q, want %q", got, exception.Gets)
					}
				})
			}
		}
	}
}

func field(name, value string) hpack.HeaderField { return hpack.HeaderField{Name: name, Value: value} }

// one sends a single request.
func one(fields []hpack.HeaderField) func(*rawH2) {
	return func(h *rawH2) { h.send(true, fields...) }
}

// with sends a request with more fields.
func with(more ...hpack.HeaderField) func(*rawH2) { return one(ask("GET", "/healthz", more...)) }

func dial(t *testing.T, s *apptest.Server) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// connect opens a connection, over TLS if the server uses it.
func connect(t *testing.T, s *apptest.Server, protocol string) net.Conn {
	t.Helper()
	conn := dial(t, s)
	if s.TLS == nil {
		return conn
	}
	secure := s.TLS.Clone()
	secure.ServerName, secure.NextProtos = "127.0.0.1", []string{protocol}
	return tls.Client(conn, secure)
}

func overHTTP1(text string) attempt {
	return func(t *testing.T, s *apptest.Server) string {
		t.Helper()
		return readHTTP1(connect(t, s, "http/1.1"), text)
	}
}

var http1Status = regexp.MustCompile(`HTTP/1\.[01] ([0-9]{3}) `)

// readHTTP1 returns the status of the last response, until the server closes the connection.
func readHTTP1(conn net.Conn, text string) string {
	if _, err := io.WriteString(conn, text); err != nil {
		return err.Error()
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		return err.Error()
	}
	all := http1Status.FindAllSubmatch(got, -1)
	if len(all) == 0 {
		return "no response, and the connection closes"
	}
	with := ""
	if len(all) > 1 && !bytes.HasSuffix(got, []byte("\r\n\r\n")) {
		with = " with a body"
	}
	return string(all[len(all)-1][1]) + with + ", and the connection closes"
}

// rawH2 is an HTTP/2 connection whose frames a test writes itself.
type rawH2 struct {
	framer *http2.Framer
	next   uint32
	frame  int // the maximum size of a frame
}

// send sends a header section on the next stream. The server may close before it has read all.
func (h *rawH2) send(end bool, fields ...hpack.HeaderField) {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	encoder.SetMaxDynamicTableSize(0)
	for _, field := range fields {
		_ = encoder.WriteField(field)
	}
	part := block.Next(h.frame)
	err := h.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: h.next, BlockFragment: part, EndStream: end, EndHeaders: block.Len() == 0})
	for err == nil && block.Len() > 0 {
		part = block.Next(h.frame)
		err = h.framer.WriteContinuation(h.next, block.Len() == 0, part)
	}
	h.next += 2
}

// overHTTP2 returns attempts that write frames and read until the first result.
func overHTTP2(writes ...func(*rawH2)) []attempt {
	var all []attempt
	for _, write := range writes {
		all = append(all, func(t *testing.T, s *apptest.Server) string {
			t.Helper()
			conn := connect(t, s, "h2")
			h := &rawH2{framer: http2.NewFramer(conn, bufio.NewReader(conn)), next: 1, frame: 16 << 10}
			h.framer.AllowIllegalWrites = true
			h.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
			_, err := io.WriteString(conn, http2.ClientPreface)
			if err == nil {
				err = h.framer.WriteSettings()
			}
			if err == nil {
				err = h.framer.WriteSettingsAck()
			}
			if err != nil {
				t.Fatal(err)
			}
			go write(h)
			return firstResult(h.framer)
		})
	}
	return all
}

func firstResult(framer *http2.Framer) string {
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return err.Error()
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			for _, field := range frame.RegularFields() {
				if kind, _, _ := strings.Cut(field.Value, ";"); field.Name == "content-type" {
					return frame.PseudoValue("status") + " as " + kind
				}
			}
		case *http2.RSTStreamFrame:
			return "RST_STREAM, " + frame.ErrCode.String()
		case *http2.GoAwayFrame:
			return "GOAWAY, " + frame.ErrCode.String()
		}
	}
}
