package gateway_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
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
)

// zoo is the API of dynamic/testdata/zoo.proto with some more routes. Its messages are
// registered as Go types, as generated code does, so that both backends can serve it.
type zoo struct {
	set  *descriptorpb.FileDescriptorSet
	file protoreflect.FileDescriptor
}

var theZoo = sync.OnceValues(func() (*zoo, error) {
	text, err := os.ReadFile("dynamic/testdata/zoo.txtpb")
	if err != nil {
		return nil, err
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := (prototext.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, set); err != nil {
		return nil, err
	}
	addRoutes(set.GetFile()[0])
	file, err := protodesc.NewFile(set.GetFile()[0], protoregistry.GlobalFiles)
	if err != nil {
		return nil, err
	}
	if err := protoregistry.GlobalFiles.RegisterFile(file); err != nil {
		return nil, err
	}
	for i := range file.Messages().Len() {
		if err := protoregistry.GlobalTypes.RegisterMessage(dynamicpb.NewMessageType(file.Messages().Get(i))); err != nil {
			return nil, err
		}
	}
	for i := range file.Enums().Len() {
		if err := protoregistry.GlobalTypes.RegisterEnum(dynamicpb.NewEnumType(file.Enums().Get(i))); err != nil {
			return nil, err
		}
	}
	whole := &descriptorpb.FileDescriptorSet{}
	addFile(whole, map[string]bool{}, file)
	return &zoo{set: whole, file: file}, nil
})

// addRoutes adds another message to the oneof of Query, and the routes that tests of
// oneofs and of raw fields need.
func addRoutes(file *descriptorpb.FileDescriptorProto) {
	query := file.GetMessageType()[0]
	// The fields of a oneof must be next to each other.
	middle := slices.IndexFunc(query.GetField(), func(f *descriptorpb.FieldDescriptorProto) bool { return f.GetName() == "middle" })
	query.Field = slices.Insert(query.GetField(), middle+1, &descriptorpb.FieldDescriptorProto{
		Name: new("far"), Number: new(int32(40)), JsonName: new("far"), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), TypeName: new(".zoo.v1.Nested"), OneofIndex: new(int32(0)),
	})
	add := func(name, message string, streams bool, rule *annotations.HttpRule) {
		options := &descriptorpb.MethodOptions{}
		proto.SetExtension(options, annotations.E_Http, rule)
		service := file.GetService()[0]
		service.Method = append(service.Method, &descriptorpb.MethodDescriptorProto{
			Name: new(name), InputType: new(".zoo.v1." + message), OutputType: new(".zoo.v1." + message), Options: options, ClientStreaming: new(streams),
		})
	}
	add("Choose", "Query", false, &annotations.HttpRule{
		Pattern: &annotations.HttpRule_Get{Get: "/v1/middle/{middle.name}"},
		AdditionalBindings: []*annotations.HttpRule{
			{Pattern: &annotations.HttpRule_Post{Post: "/v1/middle"}, Body: "middle"},
			{Pattern: &annotations.HttpRule_Put{Put: "/v1/left/{left}"}, Body: "*"},
			{Pattern: &annotations.HttpRule_Get{Get: "/v1/numbers/{int32_value}/{bytes_value}/{bool_value}/{nested.duration}"}},
		},
	})
	add("Store", "Upload", true, &annotations.HttpRule{Pattern: &annotations.HttpRule_Put{Put: "/v1/uploads/{name}:store"}, Body: "file"})
}

func addFile(set *descriptorpb.FileDescriptorSet, seen map[string]bool, file protoreflect.FileDescriptor) {
	if seen[file.Path()] {
		return
	}
	seen[file.Path()] = true
	for i := range file.Imports().Len() {
		addFile(set, seen, file.Imports().Get(i).FileDescriptor)
	}
	set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
}

// jsonOf is the JSON of a message that the backend received.
func (z *zoo) jsonOf(tb testing.TB, name string, wire []byte) string {
	tb.Helper()
	message := dynamicpb.NewMessage(z.file.Messages().ByName(protoreflect.Name(name)))
	if err := proto.Unmarshal(wire, message); err != nil {
		tb.Fatal(err)
	}
	text, err := jsoncodec.Marshal(message)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// frame is a message as bytes.
type frame struct{ data []byte }

type frameCodec struct{}

func (frameCodec) Name() string { return "proto" }
func (frameCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.(*frame).data)}, nil
}

func (frameCodec) Unmarshal(data mem.BufferSlice, v any) error {
	v.(*frame).data = data.Materialize()
	return nil
}

// zooServer serves the zoo's methods over gRPC by a function.
func zooServer(tb testing.TB, serve grpc.StreamHandler) string {
	tb.Helper()
	server := grpc.NewServer(grpc.ForceServerCodecV2(frameCodec{}), grpc.UnknownServiceHandler(serve))
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	tb.Cleanup(func() { server.Stop(); <-done })
	return listener.Addr().String()
}

// zooFront is a gateway before the zoo, and a client of it.
type zooFront struct {
	zoo    *zoo
	url    string
	client *http.Client
	stop   func(cause error) // cancels the requests that run
	// begun and ended get a value when a call of the backend begins and ends, if the test
	// sends them.
	begun, ended chan struct{}
}

// backendOf is what serves the zoo behind a front.
type backendOf func(f *zooFront) grpc.StreamHandler

// same serves every front alike.
func same(serve grpc.StreamHandler) backendOf {
	return func(*zooFront) grpc.StreamHandler { return serve }
}

// times are those of streams that a configuration does not have. 0 is the default.
type times struct{ openDelay, commentInterval time.Duration }

// onBothBackends runs a test on each backend and over each transport.
func onBothBackends(t *testing.T, of times, serve backendOf, test func(t *testing.T, f *zooFront)) {
	t.Helper()
	z, err := theZoo()
	if err != nil {
		t.Fatal(err)
	}
	for _, backend := range []string{"generated", "dynamic"} {
		for name, transport := range transports() {
			t.Run(backend+" "+name, func(t *testing.T) {
				t.Parallel()
				test(t, startZoo(t, z, of, backend, transport, serve))
			})
		}
	}
}

func startZoo(t *testing.T, z *zoo, of times, backend string, over transport, serve backendOf) *zooFront {
	t.Helper()
	f := &zooFront{zoo: z, begun: make(chan struct{}, 9), ended: make(chan struct{}, 9)}
	f.start(t, of, backend, over, zooServer(t, serve(f)))
	return f
}

// start starts the gateway before the server at an address.
func (f *zooFront) start(t *testing.T, of times, backend string, over transport, address string) {
	t.Helper()
	stopping, stop := context.WithCancelCause(context.Background())
	f.stop = stop
	t.Cleanup(func() { stop(nil) })
	z := f.zoo
	var served *gateway.Backend
	if backend == "generated" {
		served = generatedZoo(t, z, address)
	} else {
		var err error
		served, err = dynamic.Connect(t.Context(), dynamic.Target{Address: address, Descriptors: z.set, Services: []string{"zoo.v1.Zoo"}})
		if err != nil {
			t.Fatal(err)
		}
	}
	page := pageOf(func(w http.ResponseWriter, r *http.Request) { gateway.Content(w, r, "text/plain", []byte("the page")) })
	yielding := gateway.Page{Handler: page.Handler, Yields: true}
	c := gateway.Config{
		Pages: map[string]gateway.Page{
			"/free": page, "/broken": errorPage(errors.New("secret")), "/v1/middle": page, "/v1/left/a": yielding,
			"/v1/animals/Ada": yielding, "/v1/animals/Eve": page,
		},
		PublicURL: publicURL, MaxBody: 16 << 20, BodyTimeout: 30 * time.Second, Around: func(handler http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithCancelCause(r.Context())
				defer cancel(nil)
				defer context.AfterFunc(stopping, func() { cancel(context.Cause(stopping)) })()
				handler.ServeHTTP(w, r.WithContext(ctx))
			})
		},
	}
	client := clientOf(t, c, over, func(c gateway.Config) *gateway.Gateway {
		built, err := gateway.New(served, c)
		if err == nil {
			err = gateway.SetStreamTimes(built, of.openDelay, of.commentInterval)
		}
		if err != nil {
			t.Fatal(err)
		}
		return built
	})
	f.url, f.client = client.base, client.Client
}

// request makes a request. Each pair of header fields may overrule the media type.
func (f *zooFront) request(t *testing.T, method, target string, body io.Reader, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, f.url+target, body)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// send sends a whole request, and returns the whole response.
func (f *zooFront) send(t *testing.T, method, target, body string, header ...string) (int, http.Header, string) {
	t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	got, err := f.client.Do(f.request(t, method, target, content, header...))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got.StatusCode, got.Header, string(text)
}
