package app_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"time"
)

// exchangeTimeout ends an exchange that hangs. No answer takes so long.
const exchangeTimeout = 30 * time.Second

// A message is a request whose variables have been put in.
type message struct {
	method, target string
	headers        [][2]string
	// body is nil where the request has none.
	body []byte
	// unsent is how much more of the body is announced than is sent.
	unsent  int
	chunked bool
	cut     bool
	// raw is all of the request, if not nil.
	raw []byte
}

// An answer is what came back.
type answer struct {
	transport string
	status    int
	header    http.Header
	// body is what was sent, without its content coding; length is that of what was sent.
	body      []byte
	length    int
	continued bool
	// closes says that the server closes the connection; only over HTTP/1.1.
	closes bool
	// framing is what was wrong around the answer, if anything.
	framing error
}

// prepare puts the variables into a request.
func prepare(r request, v variables) (*message, error) {
	m := &message{method: r.Method, chunked: r.Chunked, cut: r.Cut}
	var err error
	if len(r.Raw) > 0 {
		text, err := v.expand(strings.Join(r.Raw, "\r\n"))
		m.raw = []byte(text)
		m.method, _, _ = strings.Cut(text, " ")
		return m, err
	}
	if m.target, err = v.expand(r.Target); err != nil {
		return nil, err
	}
	typed := false
	for _, pair := range r.Headers {
		value, err := v.expand(pair[1])
		if err != nil {
			return nil, err
		}
		m.headers = append(m.headers, [2]string{pair[0], value})
		typed = typed || strings.EqualFold(pair[0], "Content-Type")
	}
	if token := v["token"]; token != "" {
		m.headers = append(m.headers, [2]string{"Authorization", "Bearer " + token})
	}
	switch {
	case r.JSON != nil:
		if m.body, err = jsonOf(r.JSON.value, v); err != nil {
			return nil, err
		}
		if !typed {
			m.headers = append(m.headers, [2]string{"Content-Type", "application/json"})
		}
	case r.Text != nil:
		text, err := v.expand(*r.Text)
		if err != nil {
			return nil, err
		}
		m.body = []byte(text)
	}
	if r.Stalled || r.Cut {
		m.unsent = 1
	}
	return m, nil
}

func jsonOf(value any, v variables) ([]byte, error) {
	expanded, err := v.expandJSON(value)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err = encoder.Encode(expanded)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

func (m *message) wantsContinue() bool {
	for _, pair := range m.headers {
		if strings.EqualFold(pair[0], "Expect") && strings.EqualFold(pair[1], "100-continue") {
			return true
		}
	}
	return false
}

// head is the header section of the request in HTTP/1.1.
func (m *message) head(host string) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s %s HTTP/1.1\r\n", m.method, m.target)
	named := false
	for _, pair := range m.headers {
		fmt.Fprintf(&out, "%s: %s\r\n", pair[0], pair[1])
		named = named || strings.EqualFold(pair[0], "Host")
	}
	if !named {
		fmt.Fprintf(&out, "Host: %s\r\n", host)
	}
	switch {
	case m.body == nil:
	case m.chunked:
		out.WriteString("Transfer-Encoding: chunked\r\n")
	default:
		fmt.Fprintf(&out, "Content-Length: %d\r\n", len(m.body)+m.unsent)
	}
	out.WriteString("\r\n")
	return out.Bytes()
}

func (m *message) content() []byte {
	if !m.chunked || m.body == nil {
		return m.body
	}
	// Two chunks, so that nothing but the framing tells the end.
	half := len(m.body) / 2
	var out bytes.Buffer
	for _, part := range [][]byte{m.body[:half], m.body[half:]} {
		if len(part) > 0 {
			fmt.Fprintf(&out, "%x\r\n%s\r\n", len(part), part)
		}
	}
	if m.unsent == 0 {
		out.WriteString("0\r\n\r\n")
	}
	return out.Bytes()
}

// sendHTTP1 sends a request on a connection of its own, byte by byte, and one more
// request behind it, which only a well framed answer leaves readable.
func sendHTTP1(ctx context.Context, conn net.Conn, address string, m *message) (*answer, error) {
	var err error
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	const next = "GET /healthz HTTP/1.1\r\nHost: next\r\n\r\n"
	pipelined := m.raw == nil && m.body == nil
	reader := newRecorder(conn)
	switch {
	case m.raw != nil:
		go func() { _, _ = conn.Write(m.raw) }() // The server may answer before it has all.
	case pipelined:
		_, err = conn.Write(append(m.head(address), next...))
	case m.wantsContinue():
		_, err = conn.Write(m.head(address))
	default:
		go func() {
			_, _ = conn.Write(append(m.head(address), m.content()...))
			if half, ok := conn.(*net.TCPConn); m.cut && ok {
				_ = half.CloseWrite()
			}
		}()
	}
	if err != nil {
		return nil, fmt.Errorf("sending: %w", err)
	}
	got, err := reader.answer(m.method)
	if err == nil && got.status == http.StatusContinue {
		if _, err = conn.Write(m.content()); err != nil {
			return nil, fmt.Errorf("sending the body: %w", err)
		}
		if got, err = reader.answer(m.method); err == nil {
			got.continued = true
		}
	}
	if err != nil {
		return nil, err
	}
	if got.closes || m.cut {
		return got, nil
	}
	if !pipelined {
		if _, err := io.WriteString(conn, next); err != nil {
			got.framing = fmt.Errorf("the connection is not closed, but takes no request: %w", err)
			return got, nil
		}
	}
	after, err := reader.answer(http.MethodGet)
	if err != nil || after.status != http.StatusOK {
		got.framing = fmt.Errorf("the next answer on the connection cannot be read: %w", errors.Join(err, fmt.Errorf("%+v", after)))
	}
	return got, nil
}

// recorder reads answers from a connection and keeps their bytes.
type recorder struct {
	*bufio.Reader

	seen bytes.Buffer
}

func newRecorder(from io.Reader) *recorder {
	r := &recorder{}
	r.Reader = bufio.NewReader(io.TeeReader(from, &r.seen))
	return r
}

func (r *recorder) answer(method string) (*answer, error) {
	start := r.seen.Len() - r.Buffered()
	response, err := http.ReadResponse(r.Reader, &http.Request{Method: method})
	if err != nil {
		return nil, fmt.Errorf("reading an answer: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the content of %s: %w", response.Status, err)
	}
	head, _, _ := bytes.Cut(r.seen.Bytes()[start:], []byte("\r\n\r\n"))
	fields, framing := fieldsOf(head)
	if len(response.Trailer) > 0 {
		framing = errors.Join(framing, fmt.Errorf("it has trailers: %v", response.Trailer))
	}
	got := &answer{transport: overHTTP1, status: response.StatusCode, header: fields, closes: response.Close, framing: framing}
	return got, got.decode(content)
}

// fieldsOf reads a header section as it stands on the wire: net/http's reader takes
// some fields away, and mends others.
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

// newH2C is a client that speaks HTTP/2 without TLS, from the first byte.
func newH2C() *http.Client {
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	return &http.Client{
		Transport: &http.Transport{
			Protocols:             protocols,
			DisableCompression:    true,
			ExpectContinueTimeout: exchangeTimeout,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// sendH2C sends a request over HTTP/2.
func sendH2C(ctx context.Context, client *http.Client, scheme, address string, m *message) (*answer, error) {
	got := &answer{transport: overH2C}
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
		got.continued = got.continued || code == http.StatusContinue
		return nil
	}}
	r := &http.Request{Method: m.method, URL: targetURL(scheme, address, m.target), Header: http.Header{}, Host: address}
	r = r.WithContext(httptrace.WithClientTrace(ctx, trace))
	for _, pair := range m.headers {
		if strings.EqualFold(pair[0], "Host") {
			r.Host = pair[1]
			continue
		}
		r.Header.Add(pair[0], pair[1])
	}
	if m.body != nil {
		r.ContentLength = int64(len(m.body) + m.unsent)
		if m.chunked {
			r.ContentLength = -1
		}
		r.Body = io.NopCloser(bytes.NewReader(m.body))
		if m.unsent > 0 {
			r.Body = &stalledBody{Reader: bytes.NewReader(m.body), closed: make(chan struct{})}
		}
	}
	response, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("sending: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the content of %s: %w", response.Status, err)
	}
	got.status, got.header = response.StatusCode, response.Header
	if len(response.Trailer) > 0 {
		got.framing = fmt.Errorf("it has trailers: %v", response.Trailer)
	}
	return got, got.decode(content)
}

// decode takes the content coding off.
func (a *answer) decode(content []byte) error {
	a.body, a.length = content, len(content)
	if a.header.Get("Content-Encoding") != "gzip" || len(content) == 0 {
		return nil
	}
	plain, err := gzip.NewReader(bytes.NewReader(content))
	if err == nil {
		a.body, err = io.ReadAll(plain)
	}
	if err != nil {
		return fmt.Errorf("decompressing: %w", err)
	}
	return nil
}

// targetURL is a URL that net/http's client sends as target, character by character.
func targetURL(scheme, address, target string) *url.URL {
	if parsed, err := url.Parse(scheme + "://" + address + target); err == nil && parsed.RequestURI() == target {
		return parsed
	}
	if target == "*" {
		return &url.URL{Scheme: scheme, Host: address, Opaque: "*"}
	}
	return &url.URL{Scheme: scheme, Host: address, Opaque: "//" + address + target}
}

// stalledBody is a body whose end never comes: it waits until it is closed.
type stalledBody struct {
	io.Reader

	closed    chan struct{}
	closeOnce sync.Once
}

func (b *stalledBody) Read(p []byte) (int, error) {
	if n, err := b.Reader.Read(p); err == nil {
		return n, nil
	}
	<-b.closed
	return 0, io.ErrUnexpectedEOF
}

func (b *stalledBody) Close() error {
	b.closeOnce.Do(func() { close(b.closed) })
	return nil
}

func hasContent(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}
