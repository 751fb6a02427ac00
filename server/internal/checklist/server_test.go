package checklist_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/app"
	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/conformance"
)

// frames asks over HTTP/2 and returns the fields of the response as they are sent, a
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
func (b *backend) before(t *testing.T) *apptest.Server {
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
	settings.HTTPAddr, settings.PublicURL, settings.RateLimit = "127.0.0.1:0", apptest.PublicURL, "1000000/1h"
	settings.Backend = []string{b.addr}
	if err := settings.Complete(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &apptest.Server{Log: &apptest.Log{}}
	s.Params = app.Params{Config: config.Serve{Front: settings.Front}, Table: apptest.PolicyOf(t, apptest.Variant{})}
	logger := apptest.NewLogger(s.Log)
	if s.Proxy, err = app.NewProxy(ctx, app.ProxyParams{Config: settings, Table: s.Params.Table, Logger: logger, Now: time.Now}); err != nil {
		stop()
		t.Fatal(err)
	}
	s.Connect()
	done := make(chan error, 1)
	go func() { done <- s.Proxy.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		s.Close()
		if err := <-done; err != nil {
			t.Errorf("stopping the proxy: %v", err)
		}
		if err := s.Proxy.Close(); err != nil {
			t.Errorf("closing the proxy: %v", err)
		}
	})
	return s
}
