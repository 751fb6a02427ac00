package hostile_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// sendBodiesSlowly begins 1,600 bodies from four addresses and never ends them: one byte a
// second, some with a length and some in chunks, on every route, on routes that take no
// body, on unknown routes, with wrong methods, with and without credentials.
func sendBodiesSlowly(ctx context.Context, b *battle) error {
	routes := append([]apiRoute{}, b.routes...)
	routes = append(
		routes, apiRoute{method: "POST", target: "/nothing"}, apiRoute{method: "DELETE", target: "/v1/entities"}, apiRoute{method: "POST", target: "/v0/coffee"},
		apiRoute{method: "POST", target: "/healthz"}, apiRoute{method: "POST", target: "/metrics"}, apiRoute{method: "BREW", target: "/v1/statuses"},
	)
	end := time.Now().Add(b.hold)
	group, ctx := errgroup.WithContext(ctx)
	for i := range 1600 {
		// Most of them are where a slow body costs most: on routes that take a body.
		route := routes[i%len(routes)]
		for j := i; route.fields == nil && i%8 != 0; j++ {
			route = routes[j%len(routes)]
		}
		group.Go(func() error {
			conn, err := b.connect(ctx, i%4, "http/1.1")
			if err != nil {
				return err
			}
			framing := []string{"Content-Length: 100000", "Transfer-Encoding: chunked"}[i%2]
			fields := []string{framing, "Content-Type: application/json"}
			if i%3 != 0 {
				fields = append(fields, b.credentials(route.target)...)
			}
			part := "{"
			if i%2 == 1 {
				part = "1\r\n{\r\n"
			}
			if _, err := io.WriteString(conn, message(route.method, route.target, fields...)+part); err != nil {
				return nil //nolint:nilerr // It was refused already.
			}
			go b.readRefusal(conn, route)
			for time.Now().Before(end) && ctx.Err() == nil {
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
				}
				if _, err := io.WriteString(conn, strings.ReplaceAll(part, "{", " ")); err != nil {
					return nil //nolint:nilerr // The server closed the connection, which is its right.
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// readRefusal reads a response, if there is one.
func (b *battle) readRefusal(from io.Reader, route apiRoute) {
	_, _ = b.read(bufio.NewReader(from), route.method, route.target) // The connection may close before.
}

// importAtOnce sends 200 imports of nearly 4 MiB at the same time. Each is read and
// decoded as a whole, and then refused, because it has one entity too many.
func importAtOnce(ctx context.Context, b *battle) error {
	one := []byte(`{"displayName": "` + strings.Repeat("x", 64) + `", "attributes": {"a": [1, 2, 3], "b": {"c": "` + strings.Repeat("y", 240) + `"}}}`)
	body := append([]byte(`{"entities": [`), bytes.Repeat(append(one, ','), 10_000)...)
	body = append(append(body, one...), `]}`...)
	if len(body) > 4<<20 {
		return fmt.Errorf("the body has %d bytes, more than the server accepts", len(body))
	}
	group, ctx := errgroup.WithContext(ctx)
	for i := range 200 {
		group.Go(func() error {
			conn, err := b.connect(ctx, i, "http/1.1")
			if err != nil {
				return err
			}
			head := message(
				http.MethodPost, "/v1/entities:import", "Content-Type: application/json", "Authorization: Bearer "+b.attackerToken,
				fmt.Sprintf("Content-Length: %d", len(body)),
			)
			answered := make(chan struct{})
			go func() {
				defer close(answered)
				b.readRefusal(conn, apiRoute{method: http.MethodPost, target: "/v1/entities:import"})
			}()
			_, _ = io.WriteString(conn, head) // An early response ends the request, and the reader has it.
			_, _ = conn.Write(body)
			select {
			case <-answered:
			case <-ctx.Done():
				return fmt.Errorf("an import gets no response: %w", ctx.Err())
			}
			return nil
		})
	}
	return group.Wait()
}
