package dynamic_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/grpclog"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	"github.com/statusway/statusway/gateway/internal/respond"
)

func TestMain(m *testing.M) {
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	net.DefaultResolver = newResolver() // grpc-go has no other way to be given one
	goleak.VerifyTestMain(m)
}

// zooFile is the descriptor of testdata/zoo.proto. The annotations' extensions are
// left as unknown bytes, as they arrive over a network.
func zooFile(tb testing.TB) *descriptorpb.FileDescriptorProto {
	tb.Helper()
	text, err := os.ReadFile("testdata/zoo.txtpb")
	if err != nil {
		tb.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := (prototext.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, set); err != nil {
		tb.Fatal(err)
	}
	wire, err := proto.Marshal(set)
	if err != nil {
		tb.Fatal(err)
	}
	none := proto.UnmarshalOptions{Resolver: &protoregistry.Types{}}
	if err := none.Unmarshal(wire, set); err != nil {
		tb.Fatal(err)
	}
	return set.GetFile()[0]
}

// withImports puts the files that are imported before the ones given.
func withImports(tb testing.TB, files ...*descriptorpb.FileDescriptorProto) *descriptorpb.FileDescriptorSet {
	tb.Helper()
	set := &descriptorpb.FileDescriptorSet{}
	var add func(path string)
	add = func(path string) {
		if slices.ContainsFunc(set.GetFile(), func(f *descriptorpb.FileDescriptorProto) bool { return f.GetName() == path }) {
			return
		}
		file, err := protoregistry.GlobalFiles.FindFileByPath(path)
		if err != nil {
			return // one of those given
		}
		one := protodesc.ToFileDescriptorProto(file)
		for _, imported := range one.GetDependency() {
			add(imported)
		}
		set.File = append(set.File, one)
	}
	for _, file := range files {
		for _, imported := range file.GetDependency() {
			add(imported)
		}
		set.File = append(set.File, file)
	}
	return set
}

// zooSet returns the descriptors of the zoo and of all that it imports.
func zooSet(tb testing.TB) *descriptorpb.FileDescriptorSet {
	tb.Helper()
	return withImports(tb, zooFile(tb))
}

// zooFiles returns the descriptors of the zoo, ready to use.
func zooFiles(tb testing.TB) *protoregistry.Files {
	tb.Helper()
	files, err := protodesc.NewFiles(zooSet(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

// zooMessage finds a message of the zoo.
func zooMessage(tb testing.TB, name string) protoreflect.MessageDescriptor {
	tb.Helper()
	found, err := zooFiles(tb).FindDescriptorByName(protoreflect.FullName("zoo.v1." + name))
	if err != nil {
		tb.Fatal(err)
	}
	return found.(protoreflect.MessageDescriptor)
}

// wireOf is the wire form of a zoo message written as JSON.
func wireOf(tb testing.TB, name, text string) []byte {
	tb.Helper()
	message := dynamicpb.NewMessage(zooMessage(tb, name))
	if err := jsoncodec.Unmarshal([]byte(text), message); err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	wire, err := proto.Marshal(message)
	if err != nil {
		tb.Fatal(err)
	}
	return wire
}

// raw is a message as bytes. rawCodec passes it to grpc-go unchanged.
type raw struct{ data []byte }

type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.(*raw).data)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	v.(*raw).data = data.Materialize()
	return nil
}

var _ encoding.CodecV2 = rawCodec{}

// handler is a scripted backend: any method, any bytes.
type handler func(method string, stream grpc.ServerStream) error

// echo sends every message back.
func echo(_ string, stream grpc.ServerStream) error {
	for {
		var message raw
		if err := stream.RecvMsg(&message); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
	}
}

// answer receives one message and sends the given ones.
func answer(messages ...[]byte) handler {
	return func(_ string, stream grpc.ServerStream) error {
		if err := stream.RecvMsg(&raw{}); err != nil {
			return err
		}
		for _, one := range messages {
			if err := stream.SendMsg(&raw{one}); err != nil {
				return err
			}
		}
		return nil
	}
}

// listen returns a listener on loopback.
func listen(tb testing.TB) net.Listener {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return listener
}

// serveGRPC serves a scripted backend until the test is over, and returns its address.
func serveGRPC(tb testing.TB, h handler, options ...grpc.ServerOption) string {
	tb.Helper()
	server := grpc.NewServer(append([]grpc.ServerOption{
		grpc.ForceServerCodecV2(rawCodec{}),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			method, _ := grpc.MethodFromServerStream(stream)
			if strings.HasPrefix(method, "/grpc.health.") {
				return unimplemented()
			}
			return h(method, stream)
		}),
	}, options...)...)
	listener := listen(tb)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	tb.Cleanup(func() { server.Stop(); <-done })
	return listener.Addr().String()
}

// dial returns a connection as Connect makes it.
func dial(tb testing.TB, address string) *grpc.ClientConn {
	tb.Helper()
	conn, err := dynamic.Dial(address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return conn
}

// connect returns a backend that is closed when the test is over.
func connect(tb testing.TB, targets ...dynamic.Target) *gateway.Backend {
	tb.Helper()
	backend, err := dynamic.Connect(tb.Context(), targets...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := backend.Close(); err != nil {
			tb.Error(err)
		}
	})
	return backend
}

// front is a gateway over a scripted backend.
type front struct {
	t       testing.TB
	url     string
	log     *lockedWriter
	backend *gateway.Backend
}

// serve puts a gateway before targets.
func serve(tb testing.TB, targets ...dynamic.Target) *front {
	tb.Helper()
	return serveBackend(tb, connect(tb, targets...), -1)
}

// serveBackend puts a gateway with a deadline before a backend.
func serveBackend(tb testing.TB, backend *gateway.Backend, deadline time.Duration) *front {
	tb.Helper()
	f := &front{t: tb, log: &lockedWriter{}, backend: backend}
	handler, err := gateway.New(backend, gateway.Config{
		PublicURL: "https://api.example.test", Realm: "zoo", Logger: slog.New(slog.NewTextHandler(f.log, nil)),
		RequestHeaders: []string{"X-Tenant"}, ResponseHeaders: map[string]string{"x-region": "X-Region", "x-blob-bin": "X-Blob"},
		MaxBody: 16 << 20, BodyTimeout: 10 * time.Second, Deadline: deadline,
	})
	if err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	tb.Cleanup(server.Close)
	f.url = server.URL
	return f
}

// zoo is a gateway over a scripted zoo.
func zoo(tb testing.TB, h handler) *front {
	tb.Helper()
	return zooWith(tb, dynamic.Target{}, h)
}

// zooWith is zoo with a target that has limits.
func zooWith(tb testing.TB, target dynamic.Target, h handler) *front {
	tb.Helper()
	target.Descriptors, target.Address = zooSet(tb), serveGRPC(tb, h)
	return serve(tb, target)
}

// response is a complete response.
type response struct {
	status int
	header http.Header
	body   string
}

func (f *front) send(method, target, body string, header ...string) response {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.url+target, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return f.do(http.DefaultTransport, r)
}

func (f *front) do(transport http.RoundTripper, r *http.Request) response {
	f.t.Helper()
	answer, err := transport.RoundTrip(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	return response{status: answer.StatusCode, header: answer.Header, body: string(body)}
}

// problem is the body of an error.
type problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
	Errors []struct {
		Pointer string `json:"pointer"`
		Reason  string `json:"reason"`
	} `json:"errors"`
}

func (r response) problem(tb testing.TB) problem {
	tb.Helper()
	var p problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil || r.header.Get("Content-Type") != respond.ProblemType {
		tb.Fatalf("%d %s is no problem: %v: %s", r.status, r.header.Get("Content-Type"), err, r.body)
	}
	return p
}

// eventually repeats until ok, which something in the background has to bring about.
func eventually(tb testing.TB, ok func() bool) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			tb.Fatal("it did not happen")
		case <-tick.C:
		}
	}
}
