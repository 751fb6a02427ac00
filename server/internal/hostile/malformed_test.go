package hostile_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// malformed are requests that are not HTTP/1.1, or that an intermediary could read in
// another way.
func malformed() []string {
	long := strings.Repeat("a", 100<<10)
	return []string{
		"\r\n\r\n\r\n\r\n",
		"GET\r\n\r\n",
		"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
		"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n",
		"GET /\x80\xff HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v1/entities?a=%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET //v1//statuses HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /" + long + " HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nX: " + long + "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\n" + long + ": y\r\n\r\n",
		"G\x00T / HTTP/1.1\r\nHost: x\r\n\r\n",
		long + " / HTTP/1.1\r\nHost: x\r\n\r\n",
		"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
		"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET http://other/ HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /v1/statuses:map HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"POST /v1/statuses:map HTTP/1.1\r\nHost: x\r\nContent-Length: 1e3\r\n\r\n",
		"POST /v1/statuses:map HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"POST /v1/statuses:map HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
		"POST /v1/statuses:map HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
		"POST /v1/statuses:map HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		"POST /v1/statuses:map HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
		"POST /v1/statuses:map HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
		"POST /v1/statuses:map HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST /v1/statuses:map HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"POST /v1/statuses:map HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
		"POST /v1/statuses:map HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}X",
		"POST /v1/statuses:map HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2;" + long + "\r\n{}\r\n0\r\n\r\n",
		"POST /v1/statuses:map HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + long + "\r\n\r\n",
		"POST /v1/statuses:map HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
		"GET /v1/statuses HTTP/1.1\r\nHost: x\r\nExpect: coffee\r\n\r\n",
		"GET /v1/statuses HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
		"GET /v1/statuses HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
		"GET /v1/statuses HTTP/1.1\r\nHost: x\r\nAccept: " + strings.Repeat("a/b;q=0.1,", 5000) + "\r\n\r\n",
		"GET /v1/statuses HTTP/1.1\r\nHost: x\r\nIf-None-Match: " + strings.Repeat(`"a",`, 12_000) + "\r\n\r\n",
		"GET /v1/statuses HTTP/1.1\r\nHost: x\r\nAccept-Language: " + strings.Repeat("a,", 20_000) + "\r\n\r\n",
		"GET /v1/statuses HTTP/1.1\r\nHost: x\r\nForwarded: " + strings.Repeat("for=1,", 10_000) + "\r\n\r\n",
		"GET /v1/statuses?" + strings.Repeat("a=b&", 15_000) + " HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v1/statuses?" + strings.Repeat("a.", 25_000) + "=b HTTP/1.1\r\nHost: x\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nno frames, and more text than the header of a frame has",
		"\x16\x03\x01\x00\x05hello\r\n\r\n",
		strings.Repeat("\x00", 1000) + "\r\n\r\n",
	}
}

// sendMalformed sends each malformed request on a connection of its own. If the server
// responds, the response must be in the documented table.
func sendMalformed(ctx context.Context, b *battle) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(10)
	for i, text := range malformed() {
		group.Go(func() error { return b.sendOneMalformed(ctx, i%50, text) })
	}
	return group.Wait()
}

func (b *battle) sendOneMalformed(ctx context.Context, attacker int, text string) error {
	conn, err := b.connect(ctx, attacker, "http/1.1")
	if err != nil {
		return err
	}
	go func() { _, _ = io.WriteString(conn, text) }() // The server may close before it has read all.
	_ = conn.SetReadDeadline(time.Now().Add(3 * time.Second))
	method, _, _ := strings.Cut(text, " ")
	reader := bufio.NewReader(conn)
	if beginning, _ := reader.Peek(5); string(beginning) != "HTTP/" {
		return nil // The connection was closed, the server waits for more, or it speaks HTTP/2.
	}
	_ = conn.SetReadDeadline(time.Now().Add(responseTime))
	_, err = b.read(reader, method, fmt.Sprintf("%.90q", text))
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		b.faultf("no complete response within %s to %.90q", responseTime, text)
	}
	return nil
}
