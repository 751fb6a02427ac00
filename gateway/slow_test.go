package gateway_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/policy"
)

// oneSlot is a shedder with a single slot.
type oneSlot chan struct{}

func (s oneSlot) Admit() (func(bool), bool) {
	select {
	case s <- struct{}{}:
		return func(bool) { <-s }, true
	default:
		return nil, false
	}
}

// waitUntil waits for a condition that must become true soon.
func waitUntil(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 20 seconds", what)
		}
	}
}

// everywhere serves a handler over each transport, and hands each to test with a client.
func everywhere(t *testing.T, handler http.Handler, test func(t *testing.T, url string, client *http.Client)) {
	t.Helper()
	for name, version := range map[string]int{"HTTP/1.1": 1, "h2c": 2, "TLS, HTTP/1.1": 11, "TLS, HTTP/2": 12} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			protocols := &http.Protocols{}
			protocols.SetHTTP1(version%10 == 1)
			protocols.SetHTTP2(version == 12)
			protocols.SetUnencryptedHTTP2(version == 2)
			server := httptest.NewUnstartedServer(handler)
			server.Config.Protocols = protocols
			server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
			transport := &http.Transport{Protocols: protocols}
			if version > 10 {
				server.EnableHTTP2 = version == 12
				server.StartTLS()
				trusting := server.Client().Transport.(*http.Transport).TLSClientConfig
				transport.TLSClientConfig = &tls.Config{RootCAs: trusting.RootCAs, MinVersion: tls.VersionTLS12}
			} else {
				server.Start()
			}
			t.Cleanup(server.Close)
			t.Cleanup(transport.CloseIdleConnections)
			test(t, server.URL, &http.Client{Transport: transport})
		})
	}
}

// TestClientThatLeavesIsNoticed: the call is cancelled, with any body in the request.
func TestClientThatLeavesIsNoticed(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Documented)
	type call struct{ begun, ended chan struct{} }
	var calls sync.Map // by the request's id
	c.Intercept = func(gateway.Route, gateway.Handler) gateway.Handler {
		return func(_ http.ResponseWriter, r *http.Request) error {
			found, _ := calls.Load(r.Header.Get("X-Request-Id"))
			one := found.(call)
			close(one.begun)
			<-r.Context().Done()
			close(one.ended)
			return context.Cause(r.Context())
		}
	}
	everywhere(t, build(t, c, f).gateway, func(t *testing.T, url string, client *http.Client) {
		t.Helper()
		for _, request := range []struct {
			method, path, body string
			// length is the declared length of a body that never ends; -1 declares none.
			length int64
		}{
			{"GET", "/v1/entities/e", "", 0},
			{"GET", "/v1/entities/e", "{}", 0},
			{"GET", "/v1/entities/e", "{", 100},
			{"GET", "/v1/entities/e", "{", -1},
			{"GET", "/v1/entities:export", `{"x": 1}`, 0},
			{"GET", "/v1/entities:export", "{", 100},
			{"GET", "/v1/entities:export", "{", -1},
			{"DELETE", "/v1/entities/e", "{}", 0},
			{"POST", "/v1/entities", "{}", 0},
		} {
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			outgoing, err := http.NewRequestWithContext(ctx, request.method, url+request.path, strings.NewReader(request.body))
			if err != nil {
				t.Fatal(err)
			}
			if request.length != 0 {
				endless, more := io.Pipe()
				defer func() { _ = more.Close() }()
				go func() { _, _ = io.WriteString(more, request.body) }()
				outgoing.Body, outgoing.ContentLength = endless, request.length
			}
			id, one := rand.Text(), call{make(chan struct{}), make(chan struct{})}
			calls.Store(id, one)
			outgoing.Header.Set("Content-Type", "application/json")
			outgoing.Header.Set("X-Request-Id", id)
			go func() {
				if response, err := client.Do(outgoing); err == nil {
					_ = response.Body.Close()
				}
			}()
			<-one.begun
			select {
			case <-one.ended:
				t.Fatalf("%s %s %s: the call ended before its client left", request.method, request.path, request.body)
			case <-time.After(50 * time.Millisecond):
			}
			leave()
			select {
			case <-one.ended:
			case <-time.After(10 * time.Second):
				t.Fatalf("%s %s %s: the call goes on", request.method, request.path, request.body)
			}
		}
	})
}

// TestEarlyResponse: a response that does not depend on the body does not wait for it, and
// a body that has already arrived does not close the connection.
func TestEarlyResponse(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Documented)
	c.BodyTimeout = time.Hour
	serve(t, c, f)
	for name, test := range map[string]struct {
		head, sent string
		status     int
		stays      bool
	}{
		"no route":               {"POST /v1/nothing", "Content-Length: 100\r\n\r\n{", 404, false},
		"chunked":                {"POST /v1/nothing", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", 404, false},
		"the method":             {"POST /v1/entities/e", "Content-Length: 100\r\n\r\n", 405, false},
		"the media type":         {"POST /v1/entities", "Content-Type: text/plain\r\nContent-Length: 9\r\n\r\n", 415, false},
		"too large":              {"POST /v1/entities", "Content-Type: application/json\r\nContent-Length: 9999999\r\n\r\n{", 413, false},
		"retired":                {"POST /v0/x", "Content-Length: 9\r\n\r\n", 410, false},
		"a body that is there":   {"POST /v1/nothing", "Content-Length: 2\r\n\r\n{}", 404, true},
		"what the method has no": {"DELETE /v1/entities/e", "Content-Length: 3\r\n\r\n[1]", 400, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := dial(t, f)
			w.send(t, test.head+" HTTP/1.1\r\nHost: x\r\n"+test.sent)
			got := w.receive(t, "POST")
			if got.StatusCode != test.status || got.Close == test.stays {
				t.Errorf("%d, closing %t; want %d, closing %t", got.StatusCode, got.Close, test.status, !test.stays)
			}
			if !test.stays {
				if !w.closed(t) {
					t.Error("the connection stays open")
				}
				return
			}
			w.send(t, get("/v1/entities/e"))
			if got := w.receive(t, "GET"); got.StatusCode != 200 {
				t.Errorf("the next one: %d", got.StatusCode)
			}
		})
	}
}

// TestSlowBodiesHoldNoSlot, however many there are.
func TestSlowBodiesHoldNoSlot(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Documented)
	slot := make(oneSlot, 1)
	c.Shedder, c.BodyTimeout = slot, time.Hour
	serve(t, c, f)
	slow := make([]*wire, 20)
	for i := range slow {
		slow[i] = dial(t, f)
		slow[i].send(t, "POST /v1/entities HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{")
	}
	if got := exchangeOnce(t, f, "GET", get("/v1/entities/e")); got.StatusCode != 200 {
		t.Errorf("beside slow bodies: %d", got.StatusCode)
	}
	for _, w := range slow {
		w.send(t, "}")
		if got := w.receive(t, "POST"); got.StatusCode != 201 {
			t.Errorf("a slow body: %d", got.StatusCode)
		}
	}
}

// zeroWindow is a connection of HTTP/2 whose client takes no byte of any body.
func zeroWindow(t *testing.T, f *front, requests int, path string) *http2.Framer {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, conn)
	if err := framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}); err != nil {
		t.Fatal(err)
	}
	for i := range requests {
		var head strings.Builder
		encoder := hpack.NewEncoder(&head)
		for _, field := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "x"}, {":path", path}} {
			_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
		}
		if err := framer.WriteHeaders(http2.HeadersFrameParam{
			StreamID: uint32(2*i + 1), BlockFragment: []byte(head.String()), EndStream: true, EndHeaders: true,
		}); err != nil {
			t.Fatal(err)
		}
	}
	return framer
}

// TestEarlyResponseHTTP2: the stream is not reset if the body that nobody reads is small and has arrived, because some
// clients then lose the response.
func TestEarlyResponseHTTP2(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Documented)
	serve(t, c, f)
	framer := zeroWindow(t, f, 0, "")
	if err := framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 65535}); err != nil {
		t.Fatal(err)
	}
	var head strings.Builder
	encoder := hpack.NewEncoder(&head)
	for _, field := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":authority", "x"}, {":path", "/v1/nothing"}, {"content-length", "3"}} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
	}
	if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte(head.String()), EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
	if err := framer.WriteData(1, true, []byte("a=1")); err != nil {
		t.Fatal(err)
	}
	for ended := false; ; {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch frame := frame.(type) {
		case *http2.RSTStreamFrame:
			t.Fatalf("the stream is reset: %s", frame.ErrCode)
		case *http2.DataFrame:
			if ended = frame.StreamEnded(); ended {
				err = framer.WritePing(false, [8]byte{1}) // A reset would be sent before the answer.
			}
		case *http2.PingFrame:
			if ended && frame.IsAck() {
				return
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestStalledResponses hold no slot, and end after the send timeout.
func TestStalledResponses(t *testing.T) {
	t.Parallel()
	for path, status := range map[string]int{"/v1/entities/e": 200, "/v1/entities:export": 200, "/v1/nothing": 404} {
		t.Run(fmt.Sprint(path, status), func(t *testing.T) {
			t.Parallel()
			c, f := configure(t, policy.Documented)
			slot := make(oneSlot, 1)
			c.Shedder, c.MaxStreams, c.SendTimeout = slot, 1, 2*time.Second
			serve(t, c, f)
			const requests = 20
			var framer *http2.Framer
			// One after the other, so that each has a slot.
			for i := range requests {
				framer = zeroWindow(t, f, 1, path)
				waitUntil(t, "the response waits", func() bool { return f.gateway.Usage().Responses.Held >= int64(i+1)*(16<<10) })
			}
			if len(slot) != 0 || f.gateway.Usage().Streams != 0 {
				t.Errorf("%d calls and %d streams hold slots", len(slot), f.gateway.Usage().Streams)
			}
			if got := exchangeOnce(t, f, "GET", get("/v1/entities/e")); got.StatusCode != 200 {
				t.Errorf("another client: %d", got.StatusCode)
			}
			if got := exchangeOnce(t, f, "GET", get("/v1/entities:export")); got.StatusCode != 200 {
				t.Errorf("another client's stream: %d", got.StatusCode)
			}
			for {
				frame, err := framer.ReadFrame()
				if err != nil {
					t.Fatalf("the stream is not reset: %v", err)
				}
				if _, ok := frame.(*http2.RSTStreamFrame); ok {
					break
				}
			}
			waitUntil(t, "all are cut off", func() bool { return f.gateway.Usage().Responses.Held == 0 })
			if got := f.gateway.Usage().Responses.CutOff; got != requests {
				t.Errorf("%d were cut off", got)
			}
		})
	}
}

// TestStalledResponsesGiveWay: when they hold too many bytes, the next response does not
// wait until they time out.
func TestStalledResponsesGiveWay(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Documented)
	c.SendTimeout, c.ResponseMemory = time.Hour, 10*(17<<10)
	serve(t, c, f)
	zeroWindow(t, f, 50, "/v1/entities/e")
	waitUntil(t, "the responses hold all that there is", func() bool { return f.gateway.Usage().Responses.Held > 9*(16<<10) })
	for range 20 {
		if got := exchangeOnce(t, f, "GET", get("/v1/entities/e")); got.StatusCode != 200 && got.StatusCode != 503 {
			t.Errorf("another client: %d", got.StatusCode)
		}
	}
	waitUntil(t, "a healthy client is served", func() bool { return exchangeOnce(t, f, "GET", get("/v1/entities/e")).StatusCode == 200 })
	if got := f.gateway.Usage().Responses; got.CutOff == 0 {
		t.Errorf("%+v", got)
	}
}

// TestSlowReaderGoesOn: a client that reads slowly is not cut off, nor is the next response
// on its connection.
func TestSlowReaderGoesOn(t *testing.T) {
	t.Parallel()
	c, f := configure(t, policy.Documented)
	c.SendTimeout = 3 * time.Second
	const size = 16 << 20
	body := strings.Repeat("x", size)
	c.Pages = map[string]gateway.Page{"/large": {Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gateway.Content(w, r, "text/plain", []byte(body))
	})}}
	serve(t, c, f)
	w := dial(t, f)
	for range 2 {
		w.send(t, get("/large"))
		response, err := http.ReadResponse(w.reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		var total int64
		for total < size {
			n, err := io.CopyN(io.Discard, response.Body, size/8)
			if total += n; err != nil {
				t.Fatalf("after %d bytes: %v", total, err)
			}
			time.Sleep(500 * time.Millisecond)
		}
		_ = response.Body.Close()
	}
	if got := f.gateway.Usage().Responses; got.CutOff != 0 {
		t.Errorf("%+v", got)
	}
}
