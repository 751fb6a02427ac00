package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"go.uber.org/goleak"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/grpclog"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/generated"
	"github.com/statusway/statusway/gateway/inprocess"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

func TestMain(m *testing.M) {
	// grpc-gateway logs every odd field that a client sends.
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	code := m.Run()
	// A refused connection is drained for up to half a second after its response, which is
	// longer than goleak waits.
	leaked := goleak.Find()
	for deadline := time.Now().Add(10 * time.Second); leaked != nil && time.Now().Before(deadline); {
		leaked = goleak.Find()
	}
	if leaked != nil && code == 0 {
		fmt.Fprintln(os.Stderr, leaked)
		code = 1
	}
	os.Exit(code)
}

// script says what the backend does with a call.
type script struct {
	header, trailer metadata.MD
	status          *spb.Status // nil is a success
	entity          *entityv1.Entity
	messages        int // of a stream, before its end
	panics          bool
}

func (s *script) err() error {
	if s.panics {
		panic("scripted: secret.go:7")
	}
	if s.status == nil {
		return nil
	}
	return status.FromProto(s.status).Err() // nil for the code OK
}

// backend is an entity service that follows the script of the moment.
type backend struct {
	entityv1.UnimplementedEntityServiceServer

	script atomic.Pointer[script]
	calls  atomic.Int64
}

func (b *backend) answer(ctx context.Context) (*entityv1.Entity, error) {
	b.calls.Add(1)
	s := b.script.Load()
	// What cannot be sent is refused there, and so not sent.
	_ = grpc.SetHeader(ctx, s.header)
	_ = grpc.SetTrailer(ctx, s.trailer)
	if err := s.err(); err != nil {
		return nil, err
	}
	return s.entity, nil
}

func (b *backend) GetEntity(ctx context.Context, _ *entityv1.GetEntityRequest) (*entityv1.Entity, error) {
	return b.answer(ctx)
}

func (b *backend) CreateEntity(ctx context.Context, _ *entityv1.CreateEntityRequest) (*entityv1.Entity, error) {
	return b.answer(ctx)
}

func (b *backend) PutEntity(ctx context.Context, _ *entityv1.PutEntityRequest) (*entityv1.Entity, error) {
	return b.answer(ctx)
}

func (b *backend) UpdateEntity(ctx context.Context, _ *entityv1.UpdateEntityRequest) (*entityv1.Entity, error) {
	return b.answer(ctx)
}

func (b *backend) DeleteEntity(ctx context.Context, _ *entityv1.DeleteEntityRequest) (*emptypb.Empty, error) {
	_, err := b.answer(ctx)
	return &emptypb.Empty{}, err
}

func (b *backend) ImportEntities(ctx context.Context, _ *entityv1.ImportEntitiesRequest) (*longrunningpb.Operation, error) {
	_, err := b.answer(ctx)
	return &longrunningpb.Operation{Name: "operations/1"}, err
}

func (b *backend) ExportEntities(_ *entityv1.ExportEntitiesRequest, stream grpc.ServerStreamingServer[entityv1.Entity]) error {
	s := b.script.Load()
	_ = stream.SetHeader(s.header)
	stream.SetTrailer(s.trailer)
	for range s.messages {
		if err := stream.Send(s.entity); err != nil {
			return err
		}
	}
	return s.err()
}

// front is a gateway on a real socket, with its backend.
type front struct {
	*backend

	address string
	table   *policy.Table
	served  *gateway.Backend
	gateway *gateway.Gateway
	log     *lockedBuffer
}

// lockedBuffer is a log that many goroutines write.
type lockedBuffer struct {
	lock chan struct{}
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.lock <- struct{}{}
	defer func() { <-b.lock }()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.lock <- struct{}{}
	defer func() { <-b.lock }()
	return b.text.String()
}

func simple() *script {
	return &script{entity: &entityv1.Entity{Id: "e1", Etag: "7", UpdateTime: timestamppb.New(time.Unix(1700000000, 0))}, messages: 2}
}

// configure returns the configuration of a gateway with that policy, for the test to change, and
// the other arguments of serve.
func configure(tb testing.TB, policyName string) (gateway.Config, *front) {
	tb.Helper()
	table, err := policy.Builtin(policyName)
	if err != nil {
		tb.Fatal(err)
	}
	f := &front{backend: &backend{}, table: table, log: &lockedBuffer{lock: make(chan struct{}, 1)}}
	f.script.Store(simple())
	conn := inprocess.New(inprocess.Params{})
	entityv1.RegisterEntityServiceServer(conn, f.backend)
	if f.served, err = generated.New(conn, entityv1.RegisterEntityServiceHandler); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.served.Close() })
	return gateway.Config{
		Policy: table, PublicURL: publicURL, Realm: "test", Logger: slog.New(slog.NewTextHandler(f.log, nil)),
		ResponseHeaders: map[string]string{"x-info": "X-Info"}, MaxBody: 1 << 10, BodyTimeout: time.Minute,
		SendTimeout: time.Minute, DrainDelay: -1, Grace: time.Second,
	}, f
}

const publicURL = "https://api.example.com"

// build makes the gateway without serving it.
func build(tb testing.TB, c gateway.Config, f *front) *front {
	tb.Helper()
	built, err := gateway.New(f.served, c)
	if err != nil {
		tb.Fatalf("New() failed: %v", err)
	}
	f.gateway = built
	return f
}

// serve starts a gateway on a socket of its own.
func serve(tb testing.TB, c gateway.Config, f *front) *front {
	tb.Helper()
	build(tb, c, f)
	f.address = serveOn(tb, f.gateway)
	return f
}

// serveOn serves on a socket until the test ends, and returns its address.
func serveOn(tb testing.TB, served *gateway.Gateway) string {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(tb.Context()))
	done := make(chan error, 1)
	go func() { done <- served.Serve(ctx, listener) }()
	tb.Cleanup(func() {
		stop()
		if err := <-done; err != nil && !errors.Is(err, gateway.ErrGraceOver) {
			tb.Errorf("Serve() = %v", err)
		}
	})
	return listener.Addr().String()
}

// instead is an Around with a handler in place of the gateway.
func instead(handler http.HandlerFunc) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler { return handler }
}

func start(tb testing.TB, policyName string) *front {
	tb.Helper()
	c, f := configure(tb, policyName)
	return serve(tb, c, f)
}

// wire is a connection that is written to by hand.
type wire struct {
	net.Conn

	reader *bufio.Reader
}

func dial(tb testing.TB, f *front) *wire {
	tb.Helper()
	conn, err := (&net.Dialer{}).DialContext(tb.Context(), "tcp", f.address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	// Far longer than any response takes, so that a test that hangs says where.
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		tb.Fatal(err)
	}
	return &wire{Conn: conn, reader: bufio.NewReader(conn)}
}

func (w *wire) send(tb testing.TB, text string) {
	tb.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		tb.Fatalf("sending: %v", err)
	}
}

// received is one complete response.
type received struct {
	*http.Response

	body []byte
}

// receive reads the next final response to a request with that method.
func (w *wire) receive(tb testing.TB, method string) received {
	tb.Helper()
	for {
		response, err := http.ReadResponse(w.reader, &http.Request{Method: method})
		if err != nil {
			tb.Fatalf("no HTTP answer: %v", err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			tb.Fatalf("the body ends early: %v", err)
		}
		if err := response.Body.Close(); err != nil {
			tb.Fatal(err)
		}
		if response.StatusCode >= 200 {
			return received{response, body}
		}
	}
}

// closed says whether the server has closed the connection, without a byte more.
func (w *wire) closed(tb testing.TB) bool {
	tb.Helper()
	rest, err := io.ReadAll(w.reader)
	if len(rest) > 0 {
		tb.Errorf("%d bytes behind the answer: %q", len(rest), rest)
	}
	return err == nil
}

// exchangeOnce sends one request on a connection of its own.
func exchangeOnce(tb testing.TB, f *front, method, text string) received {
	tb.Helper()
	w := dial(tb, f)
	w.send(tb, text)
	return w.receive(tb, method)
}

func get(path string, fields ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + lines(fields) + "\r\n"
}

func post(path, body string, fields ...string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n%s", path, len(body), lines(fields), body)
}

func lines(fields []string) string {
	var out strings.Builder
	for _, field := range fields {
		out.WriteString(field + "\r\n")
	}
	return out.String()
}

// problemOf returns the body of an error, whose status must be the response's.
func problemOf(tb testing.TB, got received) map[string]any {
	tb.Helper()
	var members map[string]any
	if err := json.Unmarshal(got.body, &members); err != nil {
		tb.Fatalf("%d: the body is no JSON: %v\n%s", got.StatusCode, err, got.body)
	}
	if got.Header.Get("Content-Type") != respond.ProblemType || members["status"] != float64(got.StatusCode) {
		tb.Errorf("%d as %s: %s", got.StatusCode, got.Header.Get("Content-Type"), got.body)
	}
	return members
}
