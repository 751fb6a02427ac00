package gateway_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/policy"
)

// statusLine is the start of a response that net/http writes itself.
const statusLine = "HTTP/1.1 400"

// withPayload makes the entity's attributes a text of status lines after shift other
// bytes, so that all shifts together put one at every offset of the response.
func withPayload(tb testing.TB, f *front, shift int) string {
	tb.Helper()
	text := strings.Repeat("x", shift) + strings.Repeat(statusLine, 4000)
	attributes, err := structpb.NewStruct(map[string]any{"x": text})
	if err != nil {
		tb.Fatal(err)
	}
	s := simple()
	s.entity.Attributes = attributes
	f.script.Store(s)
	return text
}

// A payload can contain any bytes: they arrive unchanged, even if they look like a
// response of net/http itself.
func TestPayloadsArriveUnchanged(t *testing.T) {
	t.Parallel()
	for name, transport := range transports() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, f := configure(t, policy.Documented)
			secured := clientOf(t, c, transport, func(c gateway.Config) *gateway.Gateway { return build(t, c, f).gateway })
			for shift := range len(statusLine) {
				text := withPayload(t, f, shift)
				// A burst on connections that may be fresh or reused.
				var burst sync.WaitGroup
				for range 4 {
					burst.Go(func() { checkPayload(t, secured, text) })
				}
				burst.Wait()
				if shift%3 == 0 {
					secured.CloseIdleConnections()
				}
			}
		})
	}
}

func checkPayload(t *testing.T, client caller, text string) {
	t.Helper()
	for path, copies := range map[string]int{"/v1/entities/e1": 1, "/v1/entities:export": 2} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, client.base+path, nil)
		if err != nil {
			t.Error(err)
			return
		}
		response, err := client.Do(request)
		if err != nil {
			t.Errorf("GET %s: %v", path, err)
			return
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || bytes.Count(body, []byte(`"`+text+`"`)) != copies {
			t.Errorf("GET %s: %d, %v, %d bytes", path, response.StatusCode, err, len(body))
		}
	}
}

// Pipelined requests share writes and reads on one connection.
func TestPipelinedPayloadsArriveUnchanged(t *testing.T) {
	t.Parallel()
	f := start(t, policy.Documented)
	for shift := range len(statusLine) {
		text := withPayload(t, f, shift)
		w := dial(t, f)
		w.send(t, strings.Repeat(get("/v1/entities/e1"), 3))
		for range 3 {
			if got := w.receive(t, "GET"); got.StatusCode != http.StatusOK || !bytes.Contains(got.body, []byte(`"`+text+`"`)) {
				t.Fatalf("shift %d: %d, %d bytes", shift, got.StatusCode, len(got.body))
			}
		}
	}
}

// Not every connection that begins like the HTTP/2 preface is HTTP/2. What net/http
// refuses there is still a row of the policy.
func TestAlmostHTTP2(t *testing.T) {
	t.Parallel()
	f := start(t, policy.Documented)
	for _, text := range []string{"PRI * HTTP/1.1\r\n\r\n", "PRI /x HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "PRIX * HTTP/2.0\r\n\r\n"} {
		w := dial(t, f)
		w.send(t, text)
		got := w.receive(t, "GET")
		if f.table.Row(got.StatusCode) == nil || problemOf(t, got)["status"] == nil {
			t.Errorf("%q: %d %s", text, got.StatusCode, got.body)
		}
	}
}

// The preface may arrive byte by byte.
func TestPrefaceInPieces(t *testing.T) {
	t.Parallel()
	f := start(t, policy.Documented)
	text := withPayload(t, f, 1)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			go slowly(t, from, f.address)
		}
	}()
	checkPayload(t, dialer(t, listener.Addr().String(), nil, true, "http://"), text)
}

// slowly copies the first bytes of a connection one by one.
func slowly(t *testing.T, from net.Conn, address string) {
	t.Helper()
	to, err := dialTCP(t, address)
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(from, to)
		_ = from.Close()
	}()
	one := make([]byte, 1)
	for range 40 {
		if _, err := io.ReadFull(from, one); err != nil {
			break
		}
		_, _ = to.Write(one)
		time.Sleep(time.Millisecond)
	}
	_, _ = io.Copy(to, from)
	_ = to.Close()
}

// A client that speaks plain HTTP to a TLS port gets a response that it can read.
func TestPlainHTTPToTLS(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Documented)
	c.TLS, _ = secret(t)
	conn, err := dialTCP(t, serve(t, c, f).address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, get("/v1/entities/e1")); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(conn)
	head, body, found := bytes.Cut(text, []byte("\r\n\r\n"))
	var problem struct {
		Reason string `json:"reason"`
	}
	if err != nil || !found || !bytes.HasPrefix(head, []byte("HTTP/1.1 400 ")) || json.Unmarshal(body, &problem) != nil || problem.Reason == "" {
		t.Errorf("%v: %q", err, text)
	}
}

// A request over TLS has the state of its connection, and responses promise to stay on TLS.
func TestTLSState(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		c, f := configure(t, policy.Documented)
		server, trust := secret(t)
		states := make(chan *tls.ConnectionState, 1)
		c.TLS, c.Around = server, func(handler http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				states <- r.TLS
				handler.ServeHTTP(w, r)
			})
		}
		response := dialer(t, serve(t, c, f).address, trust, http2, "https://").get(t, "/v1/entities/e1")
		_ = response.Body.Close()
		if state := <-states; state == nil || !state.HandshakeComplete || response.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("HTTP/2 %v: %+v, %v", http2, state, response.Header)
		}
		if response.ProtoMajor == 2 != http2 {
			t.Errorf("HTTP/2 %v: %s", http2, response.Proto)
		}
		if http2 {
			continue
		}
		// A response in place of net/http's own has the same headers.
		bare, err := (&tls.Dialer{Config: trust}).DialContext(t.Context(), "tcp", f.address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = bare.Close() }()
		if _, err := io.WriteString(bare, "GET /v1/entities/e1 HTTP/9.9\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		refused, err := http.ReadResponse(bufio.NewReader(bare), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = refused.Body.Close()
		for _, name := range []string{"Strict-Transport-Security", "X-Content-Type-Options", "Content-Security-Policy"} {
			if got, want := refused.Header.Get(name), response.Header.Get(name); got != want {
				t.Errorf("%s is %q, not %q", name, got, want)
			}
		}
	}
}

// A client that has sent more than one request, and leaves while the first one runs, is
// noticed although its bytes are still unread.
func TestPipeliningClientThatLeaves(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Log("elsewhere the kernel is not asked")
		return
	}
	for _, secure := range []bool{false, true} {
		begun, ended := make(chan struct{}), make(chan struct{})
		c, f := configure(t, policy.Documented)
		c.Around = instead(func(_ http.ResponseWriter, r *http.Request) {
			close(begun)
			<-r.Context().Done()
			close(ended)
		})
		var trust *tls.Config
		if secure {
			c.TLS, trust = secret(t)
		}
		conn, err := dialTCP(t, serve(t, c, f).address)
		if err != nil {
			t.Fatal(err)
		}
		raw := conn
		if secure {
			trust = trust.Clone()
			trust.ServerName = "example.com"
			conn = tls.Client(conn, trust)
		}
		if _, err := io.WriteString(conn, get("/first")); err != nil {
			t.Fatal(err)
		}
		wait(t, begun, "the first request")
		if _, err := io.WriteString(conn, strings.Repeat(get("/more"), 200)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ended:
			t.Fatal("the request ended while its client was there")
		case <-time.After(700 * time.Millisecond):
		}
		_ = raw.Close()
		wait(t, ended, "the end of the request whose client left")
	}
}

// A first line that is too short for a request is refused at once, also if it arrives in pieces.
func TestShortLines(t *testing.T) {
	t.Parallel()
	f := start(t, policy.Documented)
	for _, pieces := range [][]string{{"GET /x\r\n"}, {"PRI\r\n\r\n"}, {"gar", "bage\r\n", "\r\n"}, {"G", "E", "T", "\n"}, {"\r\n", "\r\n"}} {
		w := dial(t, f)
		begin := time.Now()
		for _, piece := range pieces {
			w.send(t, piece)
			time.Sleep(10 * time.Millisecond)
		}
		if got := w.receive(t, "GET"); got.StatusCode != 400 || problemOf(t, got)["reason"] != "MALFORMED_REQUEST" || time.Since(begin) > 5*time.Second {
			t.Errorf("%q: %d after %s", pieces, got.StatusCode, time.Since(begin))
		}
	}
	// The shortest request, in pieces.
	w := dial(t, f)
	for _, piece := range []string{"A", " / HTTP/1.1", "\n", "Host: x\n", "\n"} {
		w.send(t, piece)
		time.Sleep(10 * time.Millisecond)
	}
	if got := w.receive(t, "A"); got.StatusCode != 404 {
		t.Errorf("the shortest request: %d", got.StatusCode)
	}
}
