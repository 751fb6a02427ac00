package dynamic_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gateway/inprocess"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
)

// lister is a keeper whose lists are as large as the client wants.
type lister struct{ keeper }

func (lister) ListEntities(_ context.Context, in *entityv1.ListEntitiesRequest) (*entityv1.ListEntitiesResponse, error) {
	return &entityv1.ListEntitiesResponse{NextPageToken: strings.Repeat("x", int(in.GetPageSize()))}, nil
}

// streamer has a stream of each kind.
type streamer struct {
	conformancev1.UnimplementedStreamServiceServer
}

func (streamer) Collect(stream grpc.ClientStreamingServer[conformancev1.Note, conformancev1.CollectResponse]) error {
	all := &conformancev1.CollectResponse{}
	for {
		note, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(all)
		}
		if err != nil {
			return err
		}
		all.Notes = append(all.Notes, note)
	}
}

func (streamer) Chat(stream grpc.BidiStreamingServer[conformancev1.Note, conformancev1.ChatResponse]) error {
	for {
		note, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&conformancev1.ChatResponse{Note: note}); err != nil {
			return err
		}
	}
}

func (streamer) Download(in *conformancev1.DownloadRequest, stream grpc.ServerStreamingServer[httpbody.HttpBody]) error {
	for range in.GetCount() {
		if err := stream.Send(&httpbody.HttpBody{ContentType: "text/plain", Data: []byte("abc")}); err != nil {
			return err
		}
	}
	return nil
}

func (streamer) PutPicture(_ context.Context, in *conformancev1.PutPictureRequest) (*conformancev1.PutPictureResponse, error) {
	return &conformancev1.PutPictureResponse{Id: in.GetId(), Size: int64(len(in.GetPicture().GetData()))}, nil
}

// hidden is a wrapper that hides the type of a connection.
type hidden struct{ grpc.ClientConnInterface }

// dialPlain returns grpc-go's own connection.
func dialPlain(t *testing.T, address string, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestEverySchemaOverEveryConnection: wherever descriptors come from, each connection gives the same responses.
func TestEverySchemaOverEveryConnection(t *testing.T) {
	t.Parallel()
	services := []protoreflect.ServiceDescriptor{
		entityv1.File_entity_v1_entity_service_proto.Services().ByName("EntityService"),
		conformancev1.File_statusway_conformance_v1_streams_proto.Services().ByName("StreamService"),
	}
	read := dynamic.Target{
		Descriptors: withImports(t, protodesc.ToFileDescriptorProto(entityv1.File_entity_v1_entity_service_proto),
			protodesc.ToFileDescriptorProto(conformancev1.File_statusway_conformance_v1_streams_proto)),
		Services: []string{string(services[0].FullName()), string(services[1].FullName())},
	}
	var seen atomic.Int64 // calls that an interceptor saw
	register := func(on grpc.ServiceRegistrar) {
		entityv1.RegisterEntityServiceServer(on, lister{})
		conformancev1.RegisterStreamServiceServer(on, streamer{})
	}
	here, intercepted := inprocess.New(inprocess.Params{}), inprocess.New(inprocess.Params{
		UnaryInterceptors: []grpc.UnaryServerInterceptor{func(ctx context.Context, in any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			seen.Add(1)
			return next(ctx, in)
		}},
		StreamInterceptors: []grpc.StreamServerInterceptor{func(impl any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			seen.Add(1)
			return next(impl, stream)
		}},
	})
	server := grpc.NewServer()
	register(here)
	register(intercepted)
	register(server)
	listener := listen(t)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-done })
	address := listener.Addr().String()
	there := dial(t, address)
	connections := map[string]grpc.ClientConnInterface{
		"remote":        there,
		"hidden remote": hidden{there},
		"grpc-go's own": dialPlain(t, address),
		"remote behind interceptors": dialPlain(t, address,
			grpc.WithUnaryInterceptor(func(ctx context.Context, method string, in, out any, conn *grpc.ClientConn, call grpc.UnaryInvoker, o ...grpc.CallOption) error {
				seen.Add(1)
				return call(ctx, method, in, out, conn, o...)
			}),
			grpc.WithStreamInterceptor(func(
				ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, o ...grpc.CallOption,
			) (grpc.ClientStream, error) {
				seen.Add(1)
				return open(ctx, desc, conn, method, o...)
			})),
		"in process":                    here,
		"hidden in process":             hidden{here},
		"in process with interceptors":  intercepted,
		"hidden, and with interceptors": hidden{intercepted},
	}
	requests := []struct {
		method, target, body string
		status               int
	}{
		{"GET", "/v1/entities/a%2Fb", "", 200},
		{"GET", "/v1/entities/nothing", "", 404},
		{"GET", "/v1/entities?pageSize=3", "", 200},
		{"GET", "/v1/entities?pageSize=x", "", 400},
		{"POST", "/v1/entities", `{"id":"a","attributes":{"b":[1,null]}}`, 201},
		{"POST", "/v1/entities", `{"id":"a","colour":1}`, 400},
		{"PATCH", "/v1/entities/a", `{"displayName":"A","attributes":{}}`, 200},
		{"DELETE", "/v1/entities/a", "", 204},
		{"GET", "/v1/entities:export", "", 200},
		{"POST", "/v1/entities:import", `{"entities":[]}`, 500}, // not implemented
		{"PUT", "/conformance/v1/pictures/p", `{"a":1}`, 200},
		{"GET", "/conformance/v1/downloads?count=3", "", 200},
		{"POST", "/conformance/v1/downloads", `{"count":2}`, 200},
		{"POST", "/conformance/v1/notes:collect", `{"text":"a"}` + "\n" + `{"text":"b","number":2}`, 200},
		{"POST", "/conformance/v1/notes:collect", `{"text":"a"}` + "\n" + `{"text":`, 400},
		{"POST", "/conformance/v1/notes:chat", `{"text":"a"}` + "\n" + `{"text":"b"}`, 200},
		{"POST", "/conformance/v1/uploads", "abc", 500}, // not implemented
	}
	ask := func(f *front) []response {
		responses := make([]response, len(requests))
		for i, r := range requests {
			responses[i] = f.send(r.method, r.target, r.body, "X-Request-Id", "r")
			responses[i].header.Del("Date")
			if responses[i].status != r.status {
				t.Errorf("%s %s: %d, want %d: %s", r.method, r.target, responses[i].status, r.status, responses[i].body)
			}
		}
		return responses
	}
	remote := read
	remote.Address = address
	want := ask(serve(t, remote))
	for _, name := range slices.Sorted(maps.Keys(connections)) {
		for origin, target := range map[string]dynamic.Target{"read": read, "linked": {Linked: services}} {
			seen.Store(0)
			target.Conn = connections[name]
			f := serve(t, target)
			if diff := cmp.Diff(want, ask(f), cmp.AllowUnexported(response{})); diff != "" {
				t.Errorf("%s, descriptors %s (-read descriptors and a remote server):\n%s", name, origin, diff)
			}
			if strings.Contains(name, "interceptors") && seen.Load() == 0 {
				t.Errorf("%s, descriptors %s: no interceptor ran", name, origin)
			}
			// The words are the connection's own.
			if got := f.send("POST", "/v1/entities", `{"id":"`+strings.Repeat("x", 5<<20)+`"}`).problem(t); got.Status != 413 || got.Reason != "REQUEST_TOO_LARGE" {
				t.Errorf("%s, descriptors %s: a request that is too large is %+v", name, origin, got)
			}
			if name == "grpc-go's own" || strings.HasPrefix(name, "remote behind") {
				continue // they cannot tell a response that is too large from a quota
			}
			if got := f.send("GET", "/v1/entities?pageSize=5000000", "").problem(t); got.Status != 500 || got.Reason != "RESPONSE_TOO_LARGE" {
				t.Errorf("%s, descriptors %s: a response that is too large is %+v", name, origin, got)
			}
		}
	}
}
