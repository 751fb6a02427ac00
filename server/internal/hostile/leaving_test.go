package hostile_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/net/http2"
)

// slowCall is a call that goes on for 10 s unless it notices that its client has left.
const slowCall = "/conformance/v1/sleep?milliseconds=10000"

// leaveAtEveryStage leaves during the header section, during the body, before the
// response, in the middle of the response and on streams, over HTTP/1.1 and HTTP/2.
func leaveAtEveryStage(ctx context.Context, b *battle) error {
	const body = `{"displayName": "one whose client leaves"}`
	post := message("POST", "/conformance/v1/items", "Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(body)))
	streams := []string{"/conformance/v1/items:watch?count=1000", "/v1/entities:export"}
	stages := []struct {
		sent string
		// read is how many bytes the client reads before it leaves.
		read int
	}{
		{"GET /v1/statuses HTTP/1.1\r\nHo", 0},
		{post, 0},
		{post + body[:10], 0},
		{post + body, 0},
		{message("GET", slowCall), 0},
		{message("GET", "/v1/statuses"), 0},
		{message("GET", "/v1/statuses"), 300},
		{message("GET", "/openapi.json"), 5000},
		{message("GET", streams[0], "Accept: application/x-ndjson"), 0},
		{message("GET", streams[0], "Accept: application/x-ndjson"), 1000},
		{message("GET", streams[0], "Accept: text/event-stream"), 1000},
		{message("GET", streams[1], "Accept: text/event-stream", "Authorization: Bearer "+b.attackerToken), 300},
	}
	for i := range 20 {
		for _, stage := range stages {
			conn, err := b.connect(ctx, i, "http/1.1")
			if err != nil {
				return err
			}
			if _, err := io.WriteString(conn, stage.sent); err != nil {
				return err
			}
			_, _ = io.CopyN(io.Discard, bufio.NewReader(conn), int64(stage.read))
			if i%2 == 0 {
				resetOnClose(conn)
			}
			_ = conn.Close()
		}
		if err := b.leaveHTTP2(ctx, 50+i, append(streams, slowCall, "/v1/statuses", "/openapi.json")); err != nil {
			return err
		}
	}
	return nil
}

// resetOnClose makes Close send RST instead of FIN.
func resetOnClose(conn net.Conn) {
	if plain, ok := conn.(*net.TCPConn); ok {
		_ = plain.SetLinger(0)
	}
}

// leaveHTTP2 resets half of its streams and closes the connection under the others.
func (b *battle) leaveHTTP2(ctx context.Context, attacker int, paths []string) error {
	h, err := b.openH2(ctx, attacker)
	if err != nil {
		return err
	}
	go func() { _ = h.readFrames(func(http2.Frame) bool { return true }) }()
	for i, path := range append(paths, paths...) {
		stream, err := h.request("GET", path, false, [2]string{"authorization", "Bearer " + b.attackerToken})
		if err != nil {
			return err
		}
		if err := h.flush(); err != nil {
			return err
		}
		if i < len(paths) {
			if err := h.write(func(f *http2.Framer) error { return f.WriteRSTStream(stream, http2.ErrCodeCancel) }); err != nil {
				return err
			}
		}
	}
	if err := h.flush(); err != nil {
		return err
	}
	time.Sleep(50 * time.Millisecond) // The server now handles some of the requests.
	return h.conn.Close()
}

// leaveUnreadBody sends a body to methods that do not read one, and leaves.
func leaveUnreadBody(ctx context.Context, b *battle) error {
	bodies := []string{
		message("GET", slowCall, "Content-Type: application/json", "Content-Length: 2") + "{}",
		message("GET", slowCall, "Content-Type: application/json", "Content-Length: 100000") + strings.Repeat(" ", 1000),
		message("GET", slowCall, "Content-Type: application/json", "Transfer-Encoding: chunked") + "2\r\n{}\r\n",
		message("GET", slowCall, "Content-Type: application/json", "Transfer-Encoding: chunked") + "2\r\n{}\r\n0\r\n\r\n",
		message("GET", slowCall, "Content-Type: text/plain", "Content-Length: 2", "Expect: 100-continue") + "{}",
		// A second request behind the first one keeps the server from noticing, too.
		message("GET", slowCall) + message("GET", slowCall),
	}
	for i := range 10 {
		for _, body := range bodies {
			conn, err := b.connect(ctx, i, "http/1.1")
			if err != nil {
				return err
			}
			if _, err := io.WriteString(conn, body); err != nil {
				return err
			}
			time.Sleep(20 * time.Millisecond) // The call has begun.
			_ = conn.Close()
		}
		h, err := b.openH2(ctx, 50+i)
		if err != nil {
			return err
		}
		stream, err := h.request("GET", slowCall, true, [2]string{"content-type", "application/json"})
		if err != nil {
			return err
		}
		if err := h.write(func(f *http2.Framer) error { return f.WriteData(stream, false, []byte("{}")) }); err != nil {
			return err
		}
		if err := h.flush(); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
		_ = h.conn.Close()
	}
	return nil
}
