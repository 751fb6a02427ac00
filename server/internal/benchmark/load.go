package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// connections is how many requests are under way at once.
const connections = 32

// load is a number of connections to one front end.
type load struct {
	front *process
	conns []*client
}

// client sends one request after the other on a connection. It parses only as much of a
// response as it needs to find the end, because its CPU time competes with the front end's.
type client struct {
	net.Conn

	reader *bufio.Reader
}

func connect(ctx context.Context, front *process) (*load, error) {
	l := &load{front: front}
	var dialer net.Dialer
	for range connections {
		conn, err := dialer.DialContext(ctx, "tcp", front.address)
		if err != nil {
			return nil, fmt.Errorf("connecting to a front end: %w", err)
		}
		l.conns = append(l.conns, &client{Conn: conn, reader: bufio.NewReaderSize(conn, 128<<10)})
	}
	return l, nil
}

func (l *load) close() {
	for _, conn := range l.conns {
		_ = conn.Close()
	}
}

// run sends a request again and again on all connections for about so long.
func (l *load) run(o operation, kind string, long time.Duration) (figures, error) {
	wire, want := o.wire(), o.statusOf(kind)
	before, err := l.front.usage()
	if err != nil {
		return figures{}, err
	}
	var n atomic.Int64
	var group errgroup.Group
	begin := time.Now()
	for _, conn := range l.conns {
		group.Go(func() error {
			for time.Since(begin) < long {
				status, err := conn.exchange(wire)
				if err != nil {
					return err
				}
				if status != want {
					return fmt.Errorf("%w: %s by %s: %d, want %d", errStatus, o.name, kind, status, want)
				}
				n.Add(1)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return figures{}, fmt.Errorf("sending requests: %w", err)
	}
	elapsed := time.Since(begin)
	after, err := l.front.usage()
	return per(int(n.Load()), elapsed, before, after), err
}

// exchange sends the request and reads the whole response.
func (c *client) exchange(wire []byte) (int, error) {
	if _, err := c.Write(wire); err != nil {
		return 0, fmt.Errorf("sending: %w", err)
	}
	line, err := c.reader.ReadSlice('\n')
	if err != nil || len(line) < len("HTTP/1.1 200") {
		return 0, fmt.Errorf("reading the status line: %w", err)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, fmt.Errorf("reading the status: %w", err)
	}
	length, chunked := 0, false
	for {
		if line, err = c.reader.ReadSlice('\n'); err != nil {
			return 0, fmt.Errorf("reading the header: %w", err)
		}
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(": "))
		switch {
		case len(name) == 0:
			return status, c.skip(length, chunked && status != 304)
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, fmt.Errorf("reading the length: %w", err)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		}
	}
}

// skip reads the content.
func (c *client) skip(length int, chunked bool) error {
	for chunked {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("reading a chunk: %w", err)
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return fmt.Errorf("reading a chunk's size: %w", err)
		}
		chunked = size > 0
		length = int(size) + len("\r\n")
		if _, err := c.reader.Discard(length); err != nil {
			return fmt.Errorf("reading a chunk: %w", err)
		}
		length = 0
	}
	_, err := c.reader.Discard(length)
	return wrap("reading the content", ignoreEOF(err))
}

func ignoreEOF(err error) error {
	if err == io.EOF { //nolint:errorlint // bufio returns it as it is.
		return io.ErrUnexpectedEOF
	}
	return err
}
