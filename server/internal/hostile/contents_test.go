package hostile_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// responseTime is how long one hostile body may occupy the server. It only says that the
// server gets over it.
const responseTime = 20 * time.Second

// hostileBody is a body and why it may cost more than its size.
type hostileBody struct{ name, text string }

// repeat joins one text until it has about so many bytes.
func repeat(text, separator string, size int) string {
	return strings.TrimSuffix(strings.Repeat(text+separator, max(1, size/(len(text)+len(separator)))), separator)
}

func manyMembers(size int) string {
	var text strings.Builder
	text.WriteString("{")
	for i := 0; text.Len() < size; i++ {
		fmt.Fprintf(&text, `"k%d":"",`, i)
	}
	return strings.TrimSuffix(text.String(), ",") + "}"
}

// hostileValues are JSON values of about so many bytes.
func hostileValues(size int) []hostileBody {
	return []hostileBody{
		{"a list of empty objects", "[" + repeat("{}", ",", size) + "]"},
		{"a list of lists", "[" + repeat("[]", ",", size) + "]"},
		{"deep lists", strings.Repeat("[", size/2) + strings.Repeat("]", size/2)},
		{"deep objects", strings.Repeat(`{"a":`, size/6) + "1" + strings.Repeat("}", size/6)},
		{"a deep object without an end", strings.Repeat(`{"a":`, size/5)},
		{"many members", manyMembers(size)},
		{"one member many times", "{" + repeat(`"a":1`, ",", size) + "}"},
		{"a long text", `"` + strings.Repeat("x", size) + `"`},
		{"a text of escapes", `"` + strings.Repeat(`\u0000`, size/6) + `"`},
		{"lone surrogates", `"` + strings.Repeat(`\ud800`, size/6) + `"`},
		{"invalid UTF-8", `"` + strings.Repeat("\xff\xc0\x80", size/3) + `"`},
		{"a number with many digits", strings.Repeat("9", size)},
		{"a number with a huge exponent", "1e" + strings.Repeat("9", size/2)},
		{"a small number with a huge exponent", "1e999999999"},
		{"white space", strings.Repeat(" \n", size/2) + "{"},
	}
}

// suits reports whether a value is worth sending for a field of that type: a value of a
// wrong type is refused at its first byte.
func suits(value hostileBody, of schema) bool {
	kind, ok := of.Type.(string)
	switch {
	case !ok:
		return true
	case kind == "array":
		return strings.HasPrefix(value.text, "[")
	case kind == "object":
		return strings.HasPrefix(value.text, "{")
	case kind == "string":
		return strings.HasPrefix(value.text, `"`) || strings.HasPrefix(value.text, "9")
	case kind == "integer" || kind == "number":
		return strings.HasPrefix(value.text, "9") || strings.HasPrefix(value.text, "1")
	default:
		return false
	}
}

// sendHugeBodies sends huge and deep values to each route of the API: as the body, and as
// each field of the body.
func sendHugeBodies(ctx context.Context, b *battle) error {
	values := hostileValues(256 << 10)
	sender := b.newBodySender(ctx)
	for _, route := range b.routes {
		if route.method == "GET" || route.isEndless() {
			continue
		}
		for i, value := range values {
			// A route that takes no body need not see all of them.
			if route.fields != nil || i%5 == 0 {
				sender.send(route, value.name, value.text)
			}
		}
		for name, field := range route.fields {
			if route.target == "/conformance/v1/outcomes" && name == "metadata" {
				continue // The backend would send this metadata, and gRPC refuses so much: a 5xx that a backend causes.
			}
			for _, value := range values {
				if suits(value, field) {
					sender.send(route, value.name+" in "+name, fmt.Sprintf("{%q: %s}", name, value.text))
				}
			}
		}
	}
	return sender.wait()
}

// sendErrorDetails sends errors with huge details: to the route that maps them, and to
// the method that raises any error.
func sendErrorDetails(ctx context.Context, b *battle) error {
	// The largest body that the server accepts takes it a second or two. In the short
	// campaign only the first one is so large.
	size := 3_900_000
	empty := repeat("{}", ",", size)
	if b.hold < 10*time.Second {
		size = 1_000_000
	}
	detail := func(kind, rest string) string {
		return `{"@type": "type.googleapis.com/google.rpc.` + kind + `", ` + rest + `}`
	}
	details := []hostileBody{
		{"violations without a field", detail("BadRequest", `"fieldViolations": [`+empty+"]")},
		{"violations", detail("BadRequest", `"fieldViolations": [`+repeat(`{"field":"a.b[1].c","description":"d"}`, ",", size)+"]")},
		{"a deep field", detail("BadRequest", `"fieldViolations": [{"field": "`+repeat("a", ".", size)+`"}]`)},
		{"quota violations", detail("QuotaFailure", `"violations": [`+repeat("{}", ",", size)+"]")},
		{"preconditions", detail("PreconditionFailure", `"violations": [`+repeat("{}", ",", size)+"]")},
		{"links", detail("Help", `"links": [`+repeat(`{"url":"http://a/"}`, ",", size)+"]")},
		{"metadata", detail("ErrorInfo", `"reason": "A", "domain": "b.c", "metadata": `+manyMembers(size))},
		{"a long reason", detail("ErrorInfo", `"reason": "`+strings.Repeat("A", size)+`"`)},
		{"stack entries", detail("DebugInfo", `"stackEntries": [`+repeat(`""`, ",", size)+"]")},
		{"a long translation", detail("LocalizedMessage", `"locale": "en", "message": "`+strings.Repeat("m", size)+`"`)},
		{"many details", repeat(detail("ErrorInfo", `"reason":"A"`), ",", size)},
		{"many details without violations", repeat(detail("BadRequest", `"fieldViolations":[]`), ",", size)},
		{"a long retry", detail("RetryInfo", `"retryDelay": "`+strings.Repeat("9", size)+`s"`)},
	}
	sender := b.newBodySender(ctx)
	for _, one := range details {
		status := `{"status": {"code": 3, "message": "m", "details": [` + one.text + `]}}`
		sender.send(apiRoute{method: "POST", target: "/v1/statuses:map"}, one.name, status)
		sender.send(apiRoute{method: "POST", target: "/conformance/v1/outcomes"}, one.name, status)
	}
	message := `{"status": {"code": 3, "message": "` + strings.Repeat("m", size) + `"}}`
	sender.send(apiRoute{method: "POST", target: "/v1/statuses:map"}, "a long message", message)
	return sender.wait()
}

// bodySender sends bodies, a few at the same time, each from another address.
type bodySender struct {
	*battle

	ctx   context.Context
	group *errgroup.Group
	count int
}

func (b *battle) newBodySender(ctx context.Context) *bodySender {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	return &bodySender{battle: b, ctx: ctx, group: group}
}

func (s *bodySender) wait() error { return s.group.Wait() }

// send sends one body and reads the response.
func (s *bodySender) send(route apiRoute, name, body string) {
	s.count++
	attacker := s.count
	s.group.Go(func() error {
		if s.ctx.Err() != nil {
			return fmt.Errorf("the server was too slow to receive all bodies: %w", s.ctx.Err())
		}
		conn, err := s.connect(s.ctx, attacker, "http/1.1")
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		start := time.Now()
		_ = conn.SetDeadline(start.Add(responseTime))
		fields := append(s.credentials(route.target), "Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(body)))
		go func() {
			// The server may respond, and close, before it has read all of the body.
			_, _ = io.WriteString(conn, message(route.method, route.target, fields...)+body)
		}()
		_, err = s.read(bufio.NewReader(conn), route.method, route.target)
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			s.faultf("%s with %s (%d bytes): no response within %s", route, name, len(body), responseTime)
		}
		return nil
	})
}

// readContentLikeHTTP stores content that looks like responses of HTTP/1.1 and reads it in
// bursts. Each response must have exactly the stored content.
func readContentLikeHTTP(ctx context.Context, b *battle) error {
	for offset := range 12 {
		content := strings.Repeat("x", offset) + strings.Repeat("HTTP/1.1 400", 220)
		path := fmt.Sprintf("/conformance/v1/items/like-http-%d", offset)
		want, err := b.store(ctx, offset, path, content)
		if err != nil {
			return err
		}
		for range 10 {
			if err := b.readPipelined(ctx, offset, path, want); err != nil {
				return err
			}
			if err := b.readBurst(ctx, offset, path, want); err != nil {
				return err
			}
		}
	}
	return nil
}

// store writes an item and returns the body with which it is read.
func (b *battle) store(ctx context.Context, attacker int, path, content string) (string, error) {
	label, err := json.Marshal(content)
	if err != nil {
		return "", err
	}
	body := fmt.Sprintf(`{"displayName": "an item", "labels": {"a": %s}}`, label)
	conn, err := b.connect(ctx, attacker, "http/1.1")
	if err != nil {
		return "", err
	}
	head := message("PUT", path, "Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(body)))
	if _, err := io.WriteString(conn, head+body+message("GET", path)); err != nil {
		return "", err
	}
	reader := bufio.NewReader(conn)
	if _, err := b.read(reader, "PUT", path); err != nil {
		return "", err
	}
	stored, err := b.read(reader, "GET", path)
	if err != nil {
		return "", err
	}
	var item struct {
		Labels map[string]string `json:"labels"`
	}
	if err := json.Unmarshal(stored, &item); err != nil || item.Labels["a"] != content {
		return "", fmt.Errorf("%s was not stored: %.200s", path, stored)
	}
	return string(stored), nil
}

// readPipelined sends eight requests at once over HTTP/1.1.
func (b *battle) readPipelined(ctx context.Context, attacker int, path, want string) error {
	conn, err := b.connect(ctx, attacker, "http/1.1")
	if err != nil {
		return err
	}
	const requests = 8
	if _, err := io.WriteString(conn, strings.Repeat(message("GET", path), requests)); err != nil {
		return err
	}
	reader := bufio.NewReader(conn)
	for range requests {
		body, err := b.read(reader, "GET", path)
		if err != nil {
			b.faultf("%s over HTTP/1.1: the connection was lost: %v", path, err)
			return nil
		}
		if string(body) != want {
			b.faultf("%s over HTTP/1.1: the content is %.300s", path, body)
		}
	}
	return nil
}

// readBurst sends four requests in one packet over a new HTTP/2 connection.
func (b *battle) readBurst(ctx context.Context, attacker int, path, want string) error {
	h, err := b.openH2(ctx, attacker)
	if err != nil {
		return err
	}
	const requests = 4
	for range requests {
		if _, err := h.request("GET", path, false); err != nil {
			return err
		}
	}
	if err := h.flush(); err != nil {
		return err
	}
	_ = h.conn.SetReadDeadline(time.Now().Add(responseTime / 4))
	replies, err := h.readReplies(requests)
	if err != nil {
		b.faultf("%s over HTTP/2: the connection was lost: %v", path, err)
	}
	for _, reply := range replies {
		if reply.ended && (reply.status != "200" || string(reply.body) != want) {
			b.faultf("%s over HTTP/2: the response is %s %.300s", path, reply.status, reply.body)
		}
	}
	return nil
}
