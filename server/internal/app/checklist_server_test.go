package app_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"

	"github.com/statusway/statusway/gateway/mapping"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/app"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/conformance"
)

// serve starts a demo server of its own, changed by change; a nil table is the
// documented one.
func serve(t *testing.T, change func(*config.Serve), table *mapping.Table, now func() time.Time) *server {
	t.Helper()
	s := demo(t, change, table, now)
	s.run(t)
	s.login(t)
	return s
}

// noDrops is the queue of a log that is always read in time.
type noDrops struct{}

func (noDrops) Dropped() uint64 { return 0 }

// demo is what serve starts.
func demo(t *testing.T, change func(*config.Serve), table *mapping.Table, now func() time.Time) *server {
	t.Helper()
	settings := config.Defaults()
	settings.DrainDelay = 0 // No load balancer watches a test.
	settings.HTTPAddr, settings.GRPCAddr, settings.PublicURL = "127.0.0.1:0", "127.0.0.1:0", publicURL
	settings.Demo, settings.RateLimit = true, "1000000/1h"
	if change != nil {
		change(&settings)
	}
	if err := settings.Complete(); err != nil {
		t.Fatal(err)
	}
	if table == nil {
		table = policyOf(t, variant{})
	}
	s := &server{name: "default", log: &lockedBuffer{}, done: make(chan error, 1)}
	s.params = app.Params{
		Config: settings, Table: table, Logger: newLogger(s.log), LogQueue: noDrops{},
		Now: now, HashCost: bcrypt.MinCost, Build: app.Build{Version: "test"},
	}
	return s
}

// get is a GET.
func get(target string, headers ...[2]string) conformance.Request {
	return conformance.Request{Method: http.MethodGet, Target: target, Headers: headers}
}

// raw sends lines, with CRLF between them, and returns all that comes back until the
// server closes.
func (s *server) raw(t *testing.T, lines ...string) string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(conformance.ExchangeTimeout))
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("the server does not close: %v: %s", err, got)
	}
	return string(got)
}

// frames asks over HTTP/2 and returns the fields of the answer as they are sent, a
// header section each. A body that is empty and not nil is announced, and never sent.
func frames(t *testing.T, address string, fields []hpack.HeaderField, body []byte) [][]hpack.HeaderField {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(conformance.ExchangeTimeout))
	framer := http2.NewFramer(conn, bufio.NewReader(conn))
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range fields {
		if err := encoder.WriteField(field); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: body == nil}); err != nil {
		t.Fatal(err)
	}
	if len(body) > 0 {
		if err := framer.WriteData(1, true, body); err != nil {
			t.Fatal(err)
		}
	}
	var sent [][]hpack.HeaderField
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatalf("reading a frame: %v, after %v", err, sent)
		}
		ended := false
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			sent = append(sent, frame.Fields)
			ended = frame.StreamEnded()
		case *http2.DataFrame:
			ended = frame.StreamEnded()
		case *http2.RSTStreamFrame:
			ended = true
		}
		if ended {
			return sent
		}
	}
}

func ask(method, path string, more ...hpack.HeaderField) []hpack.HeaderField {
	return append([]hpack.HeaderField{
		{Name: ":method", Value: method}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: path}, {Name: ":authority", Value: "x"},
	}, more...)
}

// backend is an entity service that does what a test wants of it, over gRPC with
// server reflection.
type backend struct {
	entityv1.UnimplementedEntityServiceServer

	get  func(context.Context, *entityv1.GetEntityRequest) (*entityv1.Entity, error)
	addr string
	stop func()
}

func (b *backend) GetEntity(ctx context.Context, request *entityv1.GetEntityRequest) (*entityv1.Entity, error) {
	return b.get(ctx, request)
}

// before starts b, and a proxy that stands before it.
func (b *backend) before(t *testing.T) *server {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := grpc.NewServer()
	entityv1.RegisterEntityServiceServer(served, b)
	reflection.Register(served)
	b.addr, b.stop = listener.Addr().String(), served.Stop
	t.Cleanup(served.Stop)
	go func() { _ = served.Serve(listener) }()

	settings := config.ProxyDefaults()
	settings.DrainDelay = 0 // No load balancer watches a test.
	settings.HTTPAddr, settings.PublicURL, settings.RateLimit = "127.0.0.1:0", publicURL, "1000000/1h"
	settings.Backend = []string{b.addr}
	if err := settings.Complete(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &server{name: "default", log: &lockedBuffer{}}
	s.params = app.Params{Config: config.Serve{Front: settings.Front}, Table: policyOf(t, variant{})}
	logger := newLogger(s.log)
	if s.proxy, err = app.NewProxy(ctx, app.ProxyParams{Config: settings, Table: s.params.Table, Logger: logger, Now: time.Now}); err != nil {
		stop()
		t.Fatal(err)
	}
	s.connect()
	done := make(chan error, 1)
	go func() { done <- s.proxy.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		s.Close()
		if err := <-done; err != nil {
			t.Errorf("stopping the proxy: %v", err)
		}
		if err := s.proxy.Close(); err != nil {
			t.Errorf("closing the proxy: %v", err)
		}
	})
	return s
}
