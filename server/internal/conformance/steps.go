package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"
)

// A MessageStep is a step whose variables have been put in.
type MessageStep struct {
	Send      []byte
	Pause     time.Duration
	Await     *regexp.Regexp
	Meanwhile *Exchange
	vars      Variables
}

// addSteps puts in the steps. The body is all of their pieces.
func (m *Message) addSteps(steps []Step, v Variables) error {
	if len(steps) > 0 && m.Unsent > 0 {
		m.Body = []byte{} // It stays open, even if no piece of it is sent.
	}
	for _, one := range steps {
		step := MessageStep{Pause: time.Duration(one.Pause) * time.Millisecond, Meanwhile: one.Meanwhile, vars: v}
		if one.Send != nil {
			text, err := v.Expand(*one.Send)
			if err != nil {
				return err
			}
			step.Send = []byte(text)
			m.Body = append(m.Body, text...)
			if m.Body == nil {
				m.Body = []byte{} // A body without content is one, too.
			}
		}
		if one.Await != nil {
			pattern, err := v.Expand(*one.Await)
			if err != nil {
				return err
			}
			if step.Await, err = regexp.Compile(`^(?s:` + pattern + `)$`); err != nil {
				return fmt.Errorf("the pattern: %w", err)
			}
		}
		m.Steps = append(m.Steps, step)
	}
	return nil
}

// sendSteps sends a request step by step while its response arrives.
func (c *Client) sendSteps(ctx context.Context, transport string, m *Message) (*Answer, error) {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	send := c.openHTTP1
	if transport == OverH2C {
		send = c.openH2
	}
	body, response, err := send(ctx, m)
	if err != nil {
		return nil, err
	}
	err = c.takeSteps(ctx, stepsParams{transport: transport, message: m, body: body, response: response})
	if err == nil && !m.Leaves {
		return response.whole()
	}
	content := response.soFar() // The client does not read what comes after it left.
	leave()
	got, failure := response.left(content)
	if err != nil && got.Status == 0 {
		return nil, err
	}
	got.Framing = errors.Join(got.Framing, err)
	return got, failure
}

// stepsParams is a request whose header section has been sent.
type stepsParams struct {
	transport string
	message   *Message
	body      io.WriteCloser
	response  *arriving
}

// takeSteps does one step after the other. The body ends with its last piece, unless it
// stays open.
func (c *Client) takeSteps(ctx context.Context, p stepsParams) error {
	last := -1
	for i, step := range p.message.Steps {
		if step.Send != nil && p.message.Unsent == 0 {
			last = i
		}
	}
	for i, step := range p.message.Steps {
		var err error
		switch {
		case step.Send != nil:
			// A server that has responded may stop reading.
			if len(step.Send) > 0 {
				_, _ = p.body.Write(step.Send)
			}
			if i == last {
				_ = p.body.Close()
			}
		case step.Await != nil:
			err = p.response.await(ctx, step.Await)
		case step.Meanwhile != nil:
			_, err = c.Perform(ctx, p.transport, step.vars, *step.Meanwhile)
		default:
			select {
			case <-time.After(step.Pause):
			case <-ctx.Done():
			}
		}
		if err != nil {
			return fmt.Errorf("step %d of the request: %w", i+1, err)
		}
	}
	return nil
}

// openHTTP1 sends the header section over HTTP/1.1, and returns what sends the body.
func (c *Client) openHTTP1(ctx context.Context, m *Message) (io.WriteCloser, *arriving, error) {
	conn, err := c.Dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if _, err := conn.Write(m.head(c.params.Address)); err != nil {
		return nil, nil, fmt.Errorf("sending: %w", err)
	}
	response := newArriving()
	go response.read(func() (*Answer, io.Reader, error) { return newRecorder(conn).head(m.Method) })
	return &chunks{conn: conn, plain: !m.Chunked}, response, nil
}

// chunks writes a body over HTTP/1.1: as chunks, or as it is.
type chunks struct {
	conn  net.Conn
	plain bool
}

func (w *chunks) Write(piece []byte) (int, error) {
	if w.plain {
		return w.conn.Write(piece) //nolint:wrapcheck // the caller ignores it.
	}
	if _, err := fmt.Fprintf(w.conn, "%x\r\n%s\r\n", len(piece), piece); err != nil {
		return 0, fmt.Errorf("sending a chunk: %w", err)
	}
	return len(piece), nil
}

func (w *chunks) Close() error {
	if w.plain {
		return nil
	}
	_, err := io.WriteString(w.conn, "0\r\n\r\n")
	return err
}

// openH2 does the same over HTTP/2.
func (c *Client) openH2(ctx context.Context, m *Message) (io.WriteCloser, *arriving, error) {
	request := c.request(m)
	reader, writer := io.Pipe()
	if m.Body != nil {
		request.Body = reader
	}
	context.AfterFunc(ctx, func() { _ = reader.CloseWithError(context.Canceled) })
	response := newArriving()
	go response.read(func() (*Answer, io.Reader, error) {
		got, body, err := c.headH2(ctx, request)
		if err != nil {
			_ = reader.CloseWithError(err)
			return nil, nil, err
		}
		return got, body, nil
	})
	go func() {
		// Once the response has ended, nothing reads the rest of the body.
		<-response.ended
		_ = reader.CloseWithError(io.ErrClosedPipe)
	}()
	return writer, response, nil
}

// arriving is a response whose content may still be arriving.
type arriving struct {
	ended chan struct{}

	mu      sync.Mutex
	changed chan struct{} // closed with each change, and made anew
	got     *Answer       // nil until its header section has come
	content []byte
	err     error
}

func newArriving() *arriving {
	return &arriving{ended: make(chan struct{}), changed: make(chan struct{})}
}

// read reads a response to its end.
func (a *arriving) read(head func() (*Answer, io.Reader, error)) {
	defer close(a.ended)
	got, body, err := head()
	a.change(func() { a.got, a.err = got, err })
	piece := make([]byte, 32<<10)
	for err == nil {
		var n int
		n, err = body.Read(piece)
		a.change(func() { a.content = append(a.content, piece[:n]...) })
	}
	a.change(func() {
		if got != nil && !errors.Is(err, io.EOF) {
			a.err = got.cut(err)
		}
	})
}

func (a *arriving) change(do func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	do()
	close(a.changed)
	a.changed = make(chan struct{})
}

// await waits until all content that has come so far matches a pattern.
func (a *arriving) await(ctx context.Context, pattern *regexp.Regexp) error {
	for {
		a.mu.Lock()
		changed, matches, content := a.changed, a.got != nil && pattern.Match(a.content), string(a.content)
		a.mu.Unlock()
		if matches {
			return nil
		}
		select {
		case <-changed:
			continue
		case <-a.ended:
		case <-ctx.Done():
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.got != nil && pattern.Match(a.content) {
			return nil
		}
		err := fmt.Errorf("the content is %q, and does not match %s", content, pattern)
		return errors.Join(err, ctx.Err())
	}
}

// whole returns the response once it has ended.
func (a *arriving) whole() (*Answer, error) {
	<-a.ended
	if a.got == nil || a.err != nil {
		return nil, a.err
	}
	return a.got, a.got.decode(a.content)
}

// soFar returns the content that has come.
func (a *arriving) soFar() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.content)
}

// left returns the part that arrived before the client left. A response without any part
// has no status.
func (a *arriving) left(content []byte) (*Answer, error) {
	<-a.ended
	got := a.got
	if got == nil {
		got = &Answer{Header: http.Header{}}
	}
	got.Left, got.Cut = true, nil
	return got, got.decode(content)
}
