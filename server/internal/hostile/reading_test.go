package hostile_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/sync/errgroup"
)

// readable are the targets of attacks that do not read: small and large bodies, lists,
// streams, pages, errors and every GET route of the API.
func (b *battle) readable() []string {
	paths := []string{
		"/v1/statuses/404", "/v1/statuses", "/conformance/v1/items:watch?count=1000", "/conformance/v1/sleep?milliseconds=1",
		"/openapi.json", "/nothing", "/statuses", "/v0/coffee",
	}
	for _, route := range b.routes {
		if route.method == "GET" && !route.isEndless() {
			paths = append(paths, route.target)
		}
	}
	return paths
}

// zeroWindows opens six connections on which the server may not send any body, and asks
// for hundreds of them.
func zeroWindows(ctx context.Context, b *battle) error {
	const connections, requests = 6, 240
	paths := b.readable()
	for attacker := range connections {
		h, err := b.openH2(ctx, attacker, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
		if err != nil {
			return err
		}
		go func() { _ = h.readFrames(func(http2.Frame) bool { return true }) }()
		for i := range requests {
			// Most responses are larger than the server's own buffer of 4 KiB.
			path := []string{"/v1/statuses", "/conformance/v1/items:watch?count=100"}[i%2]
			if i%8 == 0 {
				path = paths[i/8%len(paths)]
			}
			if _, err := h.request("GET", path, false); err != nil {
				return err
			}
		}
		if err := h.flush(); err != nil {
			return err
		}
	}
	b.wait(ctx)
	return nil
}

// neverRead asks for large and other responses on 1,200 connections with small buffers,
// and reads nothing.
func neverRead(ctx context.Context, b *battle) error {
	paths := b.readable()
	const large, size = "/conformance/v1/pictures/large", 300_000
	conn, err := b.connect(ctx, 100, "http/1.1")
	if err != nil {
		return err
	}
	head := message("PUT", large, "Content-Type: image/png", fmt.Sprintf("Content-Length: %d", size))
	if _, err := io.WriteString(conn, head+strings.Repeat("x", size)); err != nil {
		return err
	}
	if _, err := b.read(bufio.NewReader(conn), "PUT", large); err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(50)
	for i := range 1200 {
		time.Sleep(6 * time.Millisecond) // This is no attack by the number of requests.
		group.Go(func() error {
			conn, err := b.connectWithSmallBuffer(groupCtx, i%24)
			if err != nil {
				return err
			}
			// The responses together are larger than all buffers between.
			requests := strings.Repeat(message("GET", large), 4)
			if i%6 == 0 {
				var many strings.Builder
				for j := range 50 {
					many.WriteString(message("GET", paths[(i+j)%len(paths)]))
				}
				requests = many.String()
			}
			_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = io.WriteString(conn, requests) // The server need not read all requests.
			return nil
		})
	}
	err = group.Wait()
	b.wait(ctx)
	return err
}

// readSlowly reads one byte a second of each response.
func readSlowly(ctx context.Context, b *battle) error {
	paths := b.readable()
	end := time.Now().Add(b.hold)
	group, ctx := errgroup.WithContext(ctx)
	for i := range 200 {
		group.Go(func() error {
			conn, err := b.connectWithSmallBuffer(ctx, i%2)
			if err != nil {
				return err
			}
			if _, err := io.WriteString(conn, message("GET", paths[i%len(paths)])); err != nil {
				return err
			}
			for time.Now().Before(end) {
				if _, err := conn.Read(make([]byte, 1)); err != nil {
					return nil //nolint:nilerr // The server ended a response that was too slow.
				}
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// connectWithSmallBuffer connects so that all buffers between soon fill.
func (b *battle) connectWithSmallBuffer(ctx context.Context, attacker int) (net.Conn, error) {
	return b.connectWith(ctx, net.Dialer{
		LocalAddr: &net.TCPAddr{IP: b.address(attacker)},
		Control: func(_, _ string, raw syscall.RawConn) error {
			var failure error
			err := raw.Control(func(fd uintptr) {
				// The send buffer of the server depends on the segment size, which is 64 KiB on
				// loopback: the server could write 2.6 MB before it has to wait.
				failure = errors.Join(
					syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 16<<10),
					syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 536),
				)
			})
			return errors.Join(err, failure)
		},
	}, "http/1.1")
}
