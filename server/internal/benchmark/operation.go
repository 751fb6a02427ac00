package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// operation is one request that is measured.
type operation struct {
	name   string
	method string
	target string
	body   string
	// condition is the If-None-Match field; empty is none.
	condition string
	// status and stockStatus are those of the response.
	status, stockStatus int
	// hashed means that stock responds through [hashed].
	hashed bool
}

// operations are the columns of the tables.
func operations() []operation {
	const body = `{"id":"teapot","displayName":"A teapot of blue porcelain","attributes":{"colour":"cobalt blue",` +
		`"material":"porcelain","weight":1.25,"dishwasher":true,"notes":"Glazed by hand, fired twice, and kept on the upper shelf ` +
		`behind the samovar.","sizes":["small","medium","large"],"maker":{"name":"Meissen","since":1710,"country":"DE"}}}`
	return []operation{
		{name: "Get", method: http.MethodGet, target: "/v1/entities/teapot", status: 200, stockStatus: 200},
		{name: "Create", method: http.MethodPost, target: "/v1/entities", body: body, status: 201, stockStatus: 200},
		{name: "List of 100", method: http.MethodGet, target: "/v1/entities?pageSize=100", status: 200, stockStatus: 200},
		{name: "Error", method: http.MethodGet, target: "/v1/entities/missing", status: 404, stockStatus: 404},
		{name: "304", method: http.MethodGet, target: "/v1/entities/teapot", condition: `"` + version + `"`, status: 304, stockStatus: 304, hashed: true},
	}
}

func (o operation) statusOf(kind string) int {
	if kind == stock {
		return o.stockStatus
	}
	return o.status
}

// wire is the request as it goes over a connection, with the fields of an ordinary
// client.
func (o operation) wire() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: benchmark/1\r\nAccept: application/json\r\n", o.method, o.target)
	out.WriteString("Authorization: Bearer b3BhcXVlLXRva2VuLW9mLWEtY2xpZW50\r\n")
	if o.condition != "" {
		fmt.Fprintf(&out, "If-None-Match: %s\r\n", o.condition)
	}
	if o.body != "" {
		fmt.Fprintf(&out, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(o.body))
	}
	out.WriteString("\r\n" + o.body)
	return out.Bytes()
}

// request is the request as a handler gets it.
func (o operation) request() (*http.Request, error) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(o.wire())))
	if err != nil {
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	r.RemoteAddr = "127.0.0.1:54321"
	return r, nil
}

// content is a request body that can be sent again.
type content struct{ bytes.Reader }

func (*content) Close() error { return nil }

var _ io.ReadCloser = (*content)(nil)
