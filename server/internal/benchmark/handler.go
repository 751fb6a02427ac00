package main

import (
	"fmt"
	"net/http"
	"time"
)

// discard is a ResponseWriter that keeps nothing but the status.
type discard struct {
	header http.Header
	status int
	length int
}

func (d *discard) Header() http.Header { return d.header }

func (d *discard) WriteHeader(status int) {
	if d.status == 0 {
		d.status = status
	}
}

func (d *discard) Write(p []byte) (int, error) {
	d.WriteHeader(http.StatusOK) //nolint:forbidigo // as net/http does.
	d.length += len(p)
	return len(p), nil
}

// called is a handler with one request for it.
type called struct {
	handler http.Handler
	request *http.Request
	body    []byte
	status  int
}

func newCalled(handler http.Handler, o operation, kind string) (*called, error) {
	request, err := o.request()
	return &called{handler: handler, request: request, body: []byte(o.body), status: o.statusOf(kind)}, err
}

// once handles the request. What it allocates for that by itself is what net/http
// would: a request, a body and a map of header fields.
func (c *called) once() error {
	request := *c.request
	if len(c.body) > 0 {
		body := &content{}
		body.Reset(c.body)
		request.Body = body
	}
	w := &discard{header: http.Header{}}
	c.handler.ServeHTTP(w, &request)
	if w.status != c.status {
		return fmt.Errorf("%w: %d, want %d", errStatus, w.status, c.status)
	}
	return nil
}

// run handles the request again and again for about so long.
func (c *called) run(long time.Duration) (figures, error) {
	const batch = 16
	before, err := used()
	if err != nil {
		return figures{}, err
	}
	n := 0
	begin := time.Now()
	for time.Since(begin) < long {
		for range batch {
			if err := c.once(); err != nil {
				return figures{}, err
			}
		}
		n += batch
	}
	elapsed := time.Since(begin)
	after, err := used()
	return per(n, elapsed, before, after), err
}
