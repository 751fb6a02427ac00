package dynamic_test

import (
	"bytes"
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
	"github.com/statusway/statusway/gateway/forward"
	"github.com/statusway/statusway/gateway/jsoncodec"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/middleware"
	"github.com/statusway/statusway/gateway/respond"
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

func zooSchema(tb testing.TB) *dynamic.Schema {
	tb.Helper()
	schema, err := dynamic.NewSchema(dynamic.SchemaParams{Set: withImports(tb, zooFile(tb))})
	if err != nil {
		tb.Fatal(err)
	}
	return schema
}

// zooMessage finds a message of the zoo.
func zooMessage(tb testing.TB, name string) protoreflect.MessageDescriptor {
	tb.Helper()
	files, err := protodesc.NewFiles(withImports(tb, zooFile(tb)))
	if err != nil {
		tb.Fatal(err)
	}
	found, err := files.FindDescriptorByName(protoreflect.FullName("zoo.v1." + name))
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

// raw is a message as bytes, and rawCodec hands it to grpc-go as it is.
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

// answer takes one message and sends those given.
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

func dial(tb testing.TB, address string) *dynamic.Conn {
	tb.Helper()
	conn, err := dynamic.Dial(dynamic.DialParams{Address: address})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return conn
}

func newResponder(tb testing.TB) *respond.Responder {
	tb.Helper()
	table, err := mapping.Builtin(mapping.Documented)
	if err != nil {
		tb.Fatal(err)
	}
	responder, err := respond.New(respond.Params{Table: table, PublicURL: "https://api.example.test", Realm: "zoo"})
	if err != nil {
		tb.Fatal(err)
	}
	return responder
}

// front is a gateway over a scripted backend.
type front struct {
	t   testing.TB
	url string
	log *bytes.Buffer
}

// serve puts a gateway before targets.
func serve(tb testing.TB, p dynamic.Params, targets ...dynamic.Target) *front {
	tb.Helper()
	f := &front{t: tb, log: &bytes.Buffer{}}
	logger := slog.New(slog.NewTextHandler(&lockedWriter{w: f.log}, nil))
	p.Responder = newResponder(tb)
	if p.Forward == nil {
		p.Forward = forward.New(forward.Params{
			RequestHeaders: []string{"X-Tenant"}, ResponseHeaders: map[string]string{"x-region": "X-Region", "x-blob-bin": "X-Blob"},
		})
	}
	backend, err := dynamic.New(p, targets...)
	if err != nil {
		tb.Fatal(err)
	}
	handler, err := gateway.New(gateway.Params{
		Contract: backend.Contract(), Responder: backend.Responder(), Backend: backend.Handle, Logger: logger, Now: time.Now,
		Body: middleware.BodyLimits{Bytes: 16 << 20, Time: 10 * time.Second},
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
	return zooWith(tb, dynamic.Params{}, h)
}

func zooWith(tb testing.TB, p dynamic.Params, h handler) *front {
	tb.Helper()
	return serve(tb, p, dynamic.Target{Schema: zooSchema(tb), Conn: dial(tb, serveGRPC(tb, h))})
}

// response is an answer that has been read.
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

// problem is what an error says.
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
