package hostile_test

import (
	"context"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
)

// stayConnected opens 1,000 connections and sends nothing. Half of them have sent one
// request before.
func stayConnected(ctx context.Context, b *battle) error {
	for i := range 1000 {
		if i%2 == 0 {
			if _, err := b.dial(ctx, i%2); err != nil {
				return err
			}
			continue
		}
		conn, err := b.connect(ctx, i%100, "http/1.1")
		if err != nil {
			return err
		}
		if _, err := io.WriteString(conn, message("GET", "/v1/statuses/404")); err != nil {
			return err
		}
	}
	b.wait(ctx)
	return nil
}

// sendHeadersSlowly sends a header section with one byte every 100 ms on 500 connections.
func sendHeadersSlowly(ctx context.Context, b *battle) error {
	end := time.Now().Add(b.hold)
	group, ctx := errgroup.WithContext(ctx)
	for i := range 500 {
		group.Go(func() error {
			conn, err := b.connect(ctx, i%2, "http/1.1")
			if err != nil {
				return err
			}
			text := message("GET", "/v1/statuses", "X-Slow: "+fmt.Sprintf("%0500d", 0))
			for j := 0; time.Now().Before(end); j++ {
				if _, err := io.WriteString(conn, text[j%len(text):j%len(text)+1]); err != nil {
					return nil //nolint:nilerr // The server closed the connection, which is its right.
				}
				select {
				case <-time.After(100 * time.Millisecond):
				case <-ctx.Done():
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// stopInHandshake sends the beginning of a TLS handshake on 500 connections. Without TLS
// these bytes are not HTTP, and the server refuses them.
func stopInHandshake(ctx context.Context, b *battle) error {
	// A record of 512 bytes that contains a ClientHello; most of it is missing.
	hello := []byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03}
	for i := range 500 {
		conn, err := b.dial(ctx, i%2)
		if err != nil {
			return err
		}
		if _, err := conn.Write(hello[:1+i%len(hello)]); err != nil {
			return err
		}
	}
	b.wait(ctx)
	return nil
}
