package conformance

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// sendHTTP1 sends a request on a separate connection, byte by byte, and one more
// request after it, which succeeds only if the response is well framed.
func (c *Client) sendHTTP1(ctx context.Context, conn net.Conn, m *Message) (*Answer, error) {
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	next := "GET " + c.params.Next + " HTTP/1.1\r\nHost: next\r\n\r\n"
	pipelined := m.Raw == nil && m.Body == nil
	if err := c.write(conn, m, pipelined, next); err != nil {
		return nil, err
	}
	reader := newRecorder(conn)
	got, err := reader.final(conn, m)
	if err != nil || got.Closes || m.Cut || got.Cut != nil {
		return got, err
	}
	if !pipelined {
		if _, err := io.WriteString(conn, next); err != nil {
			got.Framing = fmt.Errorf("the connection is not closed, but takes no request: %w", err)
			return got, nil
		}
	}
	after, err := reader.answer(http.MethodGet)
	if err != nil || c.params.NextStatus != 0 && after.Status != c.params.NextStatus {
		got.Framing = fmt.Errorf("the next response on the connection cannot be read: %w", errors.Join(err, fmt.Errorf("%+v", after)))
	}
	return got, nil
}

// write sends a request, without a body that waits for 100 (Continue).
func (c *Client) write(conn net.Conn, m *Message, pipelined bool, next string) error {
	var err error
	switch {
	case m.Raw != nil:
		go func() { _, _ = conn.Write(m.Raw) }() // The server may respond before it has the whole request.
	case pipelined:
		_, err = conn.Write(append(m.head(c.params.Address), next...))
	case m.wantsContinue():
		_, err = conn.Write(m.head(c.params.Address))
	default:
		go func() {
			_, _ = conn.Write(append(m.head(c.params.Address), m.content()...))
			if half, ok := conn.(interface{ CloseWrite() error }); m.Cut && ok {
				_ = half.CloseWrite()
			}
		}()
	}
	if err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	return nil
}

// recorder reads responses from a connection and keeps their bytes.
type recorder struct {
	*bufio.Reader

	seen bytes.Buffer
}

func newRecorder(from io.Reader) *recorder {
	r := &recorder{}
	r.Reader = bufio.NewReader(io.TeeReader(from, &r.seen))
	return r
}

// final reads the final response. After a 100 (Continue) it sends the body that waits
// for it.
func (r *recorder) final(conn net.Conn, m *Message) (*Answer, error) {
	got, err := r.answer(m.Method)
	if err != nil || got.Status != http.StatusContinue {
		return got, err
	}
	if _, err := conn.Write(m.content()); err != nil {
		return nil, fmt.Errorf("sending the body: %w", err)
	}
	if got, err = r.answer(m.Method); err != nil {
		return nil, err
	}
	got.Continued = true
	return got, nil
}

func (r *recorder) answer(method string) (*Answer, error) {
	got, body, err := r.head(method)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(body)
	if err := got.cut(err); err != nil {
		return nil, err
	}
	return got, got.decode(content)
}

// head reads the header section of a response, and returns a reader of its content.
func (r *recorder) head(method string) (*Answer, io.Reader, error) {
	start := r.seen.Len() - r.Buffered()
	response, err := http.ReadResponse(r.Reader, &http.Request{Method: method}) //nolint:bodyclose // the caller reads it, and closes the connection.
	if err != nil {
		return nil, nil, fmt.Errorf("reading a response: %w", err)
	}
	head, _, _ := bytes.Cut(r.seen.Bytes()[start:], []byte("\r\n\r\n"))
	fields, framing := fieldsOf(head)
	got := &Answer{Transport: OverHTTP1, Status: response.StatusCode, Header: fields, Closes: response.Close, Framing: framing}
	return got, &untilTrailers{response: response, got: got}, nil
}

// untilTrailers reads content, and notes trailers, which no response has.
type untilTrailers struct {
	response *http.Response
	got      *Answer
}

func (u *untilTrailers) Read(p []byte) (int, error) {
	n, err := u.response.Body.Read(p)
	if errors.Is(err, io.EOF) && len(u.response.Trailer) > 0 {
		u.got.Framing = errors.Join(u.got.Framing, fmt.Errorf("it has trailers: %v", u.response.Trailer))
	}
	return n, err
}

// fieldsOf reads a header section as the server sent it: net/http's reader removes some
// fields and changes others.
func fieldsOf(head []byte) (http.Header, error) {
	lines := strings.Split(string(head), "\r\n")
	fields := http.Header{}
	var errs []error
	// HTTP/1.0 is what HTTP/1.0 was asked in.
	if !strings.HasPrefix(lines[0], "HTTP/1.1 ") && !strings.HasPrefix(lines[0], "HTTP/1.0 ") || len(lines[0]) < len("HTTP/1.1 200 ") || lines[0][12] != ' ' {
		errs = append(errs, fmt.Errorf("the status line is %q", lines[0]))
	}
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ": ")
		if !ok || name == "" || strings.ContainsAny(line, "\r\n\x00") {
			errs = append(errs, fmt.Errorf("a header line is %q", line))
			continue
		}
		fields.Add(name, value)
	}
	return fields, errors.Join(errs...)
}
