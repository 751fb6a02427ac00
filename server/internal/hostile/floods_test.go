package hostile_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/sync/errgroup"
)

// flooders is how many connections flood the server at the same time.
const flooders = 6

// flood repeats an attack on several connections. When the server closes one, the
// attacker opens the next. It fails if no frame was sent at all.
func (b *battle) flood(ctx context.Context, attack func(h *rawH2) error) error {
	ctx, cancel := context.WithTimeout(ctx, b.hold)
	defer cancel()
	group, _ := errgroup.WithContext(ctx)
	for i := range flooders {
		group.Go(func() error {
			for rounds := 0; ctx.Err() == nil; rounds++ {
				h, err := b.openH2(context.WithoutCancel(ctx), i)
				if err != nil && rounds > 0 {
					continue // The server refuses further connections, which is its right.
				}
				if err != nil {
					return err
				}
				_ = h.conn.SetWriteDeadline(time.Now().Add(b.hold))
				for err == nil && ctx.Err() == nil {
					err = attack(h)
				}
				_ = h.conn.Close()
			}
			return nil
		})
	}
	return group.Wait()
}

// resetRapidly sends requests and resets each at once.
func resetRapidly(ctx context.Context, b *battle) error {
	return b.flood(ctx, func(h *rawH2) error {
		stream, err := h.request("GET", "/v1/statuses", false)
		if err != nil {
			return err
		}
		return h.write(func(f *http2.Framer) error { return f.WriteRSTStream(stream, http2.ErrCodeCancel) })
	})
}

// continueEndlessly sends a header section that never ends.
func continueEndlessly(ctx context.Context, b *battle) error {
	// A literal field without indexing (RFC 7541 §6.2.2): x: 100 times y.
	field := append([]byte{0x00, 0x01, 'x', 100}, strings.Repeat("y", 100)...)
	return b.flood(ctx, func(h *rawH2) error {
		return h.write(func(f *http2.Framer) error {
			if h.next == 1 {
				h.next += 2
				return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: field, EndHeaders: false})
			}
			return f.WriteContinuation(1, false, field)
		})
	})
}

// floodWith repeats one frame without reading anything.
func floodWith(send func(*rawH2) error) func(context.Context, *battle) error {
	return func(ctx context.Context, b *battle) error { return b.flood(ctx, send) }
}

func sendPing(h *rawH2) error {
	return h.write(func(f *http2.Framer) error { return f.WritePing(false, [8]byte{}) })
}

func sendSettings(h *rawH2) error {
	return h.write(func(f *http2.Framer) error {
		return f.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 14})
	})
}

func sendWindowUpdate(h *rawH2) error {
	return h.write(func(f *http2.Framer) error { return f.WriteWindowUpdate(0, 1) })
}

func sendEmptyData(h *rawH2) error {
	if h.next == 1 {
		if _, err := h.request("POST", "/conformance/v1/echo", true, [2]string{"content-type", "application/json"}); err != nil {
			return err
		}
	}
	return h.write(func(f *http2.Framer) error { return f.WriteData(1, false, nil) })
}

// sendManyFields sends requests with thousands of header fields, below and above the
// limit of 64 KiB.
func sendManyFields(ctx context.Context, b *battle) error {
	for i, count := range []int{100, 1000, 5000, 20_000, 100_000} {
		conn, err := b.connect(ctx, i, "http/1.1")
		if err != nil {
			return err
		}
		path := "/v1/statuses"
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			b.readRefusal(conn, apiRoute{method: "GET", target: path})
		}()
		var fields []string
		for j := range count {
			fields = append(fields, fmt.Sprintf("X-Field-%d: y", j))
		}
		writer := bufio.NewWriter(conn)
		_, _ = writer.WriteString(message("GET", path, append(fields, "Connection: close")...))
		_ = writer.Flush() // The server may close before it has read all.
		select {
		case <-answered:
		case <-ctx.Done():
			return fmt.Errorf("no response to %d header fields", count)
		}
		h, err := b.openH2(ctx, i)
		if err != nil {
			return err
		}
		var pairs [][2]string
		for j := range count {
			pairs = append(pairs, [2]string{fmt.Sprintf("x-field-%d", j), "y"})
		}
		if _, err := h.request("GET", path, false, pairs...); err == nil {
			_ = h.flush()
			// net/http writes the response to a list that is too long itself, or ends the
			// connection.
			_ = h.conn.SetReadDeadline(time.Now().Add(responseTime))
			if _, err := h.readReplies(1); errors.Is(err, os.ErrDeadlineExceeded) {
				b.faultf("no response within %s to %d header fields over HTTP/2", responseTime, count)
			}
		}
	}
	return nil
}
