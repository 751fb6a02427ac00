package dynamic_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gateway/inprocess"
	"github.com/statusway/statusway/gateway/policy"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// declared is the result of a server's reflection. It can change.
type declared struct {
	files atomic.Pointer[protoregistry.Files]
	asked atomic.Int32 // how often
	// ghosts are services that the server lists without descriptors.
	ghosts atomic.Pointer[[]string]
	// before runs before the server responds to server reflection.
	before atomic.Pointer[func()]
	// refusal is the gRPC code with which the server refuses server reflection.
	refusal atomic.Uint32
}

func (d *declared) declare(t *testing.T, files ...*descriptorpb.FileDescriptorProto) {
	t.Helper()
	built, err := protodesc.NewFiles(set(files...))
	if err != nil {
		t.Fatal(err)
	}
	d.files.Store(built)
}

func (d *declared) GetServiceInfo() map[string]grpc.ServiceInfo {
	d.asked.Add(1)
	services := map[string]grpc.ServiceInfo{"grpc.health.v1.Health": {}}
	if ghosts := d.ghosts.Load(); ghosts != nil {
		for _, name := range *ghosts {
			services[name] = grpc.ServiceInfo{}
		}
	}
	d.files.Load().RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			services[string(file.Services().Get(i).FullName())] = grpc.ServiceInfo{}
		}
		return true
	})
	return services
}

func (d *declared) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	return d.files.Load().FindFileByPath(path)
}

func (d *declared) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	return d.files.Load().FindDescriptorByName(name)
}

// serveDeclared serves a backend with reflection until the test is over. It responds with empty messages.
func serveDeclared(t *testing.T, listener net.Listener, files ...*descriptorpb.FileDescriptorProto) *declared {
	t.Helper()
	d := &declared{}
	d.declare(t, files...)
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		message := &descriptorpb.FileDescriptorSet{}
		if err := stream.RecvMsg(message); err != nil {
			return err
		}
		return stream.SendMsg(message)
	}), grpc.ChainStreamInterceptor(func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		if strings.HasPrefix(info.FullMethod, "/grpc.reflection.") {
			if before := d.before.Load(); before != nil {
				(*before)()
			}
			if code := codes.Code(d.refusal.Load()); code != codes.OK {
				return status.Error(code, "reflection is for admins")
			}
		}
		return next(srv, stream)
	}))
	reflectionv1.RegisterServerReflectionServer(server, reflection.NewServerV1(reflection.ServerOptions{Services: d, DescriptorResolver: d}))
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-done })
	return d
}

// TestSeveralTargets: each target serves its services, with its own limits, and one service configuration may name
// services of several targets.
func TestSeveralTargets(t *testing.T) {
	t.Parallel()
	config, err := dynamic.ParseServiceConfig("service.yaml", []byte("apis: [{name: a.v1.A}, {name: b.v1.B}]"))
	if err != nil {
		t.Fatal(err)
	}
	reflects := listen(t)
	serveDeclared(t, reflects, service("c.proto", "c.v1", "C"), service("d.proto", "d.v1", "D"))
	large := answer(make([]byte, 2000))
	f := serve(t,
		dynamic.Target{Descriptors: set(service("a.proto", "a.v1", "A")), ServiceConfig: config, Address: serveGRPC(t, large), MaxMessage: 1000},
		dynamic.Target{Descriptors: set(service("b.proto", "b.v1", "B")), ServiceConfig: config, Conn: dial(t, serveGRPC(t, echo))},
		dynamic.Target{Address: reflects.Addr().String()}, // all but what the next one serves
		dynamic.Target{Descriptors: set(service("d.proto", "d.v1", "D")), Services: []string{"d.v1.D"}, Address: serveGRPC(t, func(string, grpc.ServerStream) error {
			return unimplemented()
		})},
	)
	for path, want := range map[string]int{"/A": 500, "/B": 200, "/C": 200, "/D": 500, "/E": 404} {
		if got := f.send(http.MethodGet, path, ""); got.status != want {
			t.Errorf("%s: %d, want %d: %s", path, got.status, want, got.body)
		}
	}
	targets := f.backend.Targets()
	if len(targets) != 4 || targets[2].Address != reflects.Addr().String() {
		t.Errorf("the targets are %+v", targets)
	}
	for _, one := range targets {
		if one.Pending {
			t.Errorf("%s is pending", one.Address)
		}
	}
}

// TestPending: a server that cannot be reached yet is no error. Its routes are served once it is there.
func TestPending(t *testing.T) {
	t.Parallel()
	reserved := listen(t)
	address := reserved.Addr().String()
	_ = reserved.Close()
	f := serve(t,
		dynamic.Target{Descriptors: set(service("a.proto", "a.v1", "A")), Address: serveGRPC(t, echo)},
		dynamic.Target{Address: address, Refresh: time.Hour},
	)
	if got := f.send(http.MethodGet, "/A", ""); got.status != http.StatusOK {
		t.Errorf("the server that is there: %d %s", got.status, got.body)
	}
	got := f.send(http.MethodGet, "/C", "")
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("the server that is away: %d %v %s", got.status, got.header, got.body)
	}
	eventually(t, func() bool { return strings.Contains(f.log.String(), "reason="+policy.ReasonBackendPending) })
	if targets := f.backend.Targets(); targets[0].Pending || !targets[1].Pending || targets[1].Connection == connectivity.Ready {
		t.Errorf("the targets are %+v", targets)
	}
	before := f.backend.Revision()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Skipf("another program listens on %s now: %v", address, err)
	}
	serveDeclared(t, listener, service("c.proto", "c.v1", "C"))
	eventually(t, func() bool { return f.send(http.MethodGet, "/C", "").status == http.StatusOK })
	if got := f.send(http.MethodGet, "/E", ""); got.status != http.StatusNotFound {
		t.Errorf("all servers are known, and a path without a route: %d", got.status)
	}
	eventually(t, func() bool { return strings.Contains(f.log.String(), "a backend has no problems any more") })
	if f.backend.Targets()[1].Pending || f.backend.Revision() == before {
		t.Errorf("targets %+v, revision %d, log\n%s", f.backend.Targets(), f.backend.Revision(), f.log)
	}
}

// TestClose ends the refresh. It closes the connections that Connect made, and no other.
func TestClose(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	serveDeclared(t, listener, service("a.proto", "a.v1", "A"))
	conn := dial(t, listener.Addr().String())
	backend, err := dynamic.Connect(t.Context(), dynamic.Target{Conn: conn}, dynamic.Target{
		Descriptors: set(service("b.proto", "b.v1", "B")), Services: []string{"b.v1.B"}, Address: serveGRPC(t, echo),
	})
	if err != nil {
		t.Fatal(err)
	}
	f := serveBackend(t, backend, -1)
	if got := f.send(http.MethodGet, "/B", ""); got.status != http.StatusOK {
		t.Errorf("before: %d %s", got.status, got.body)
	}
	for range 2 { // again, for those who are not sure
		if err := backend.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := f.send(http.MethodGet, "/A", ""); got.status != http.StatusOK {
		t.Errorf("over the caller's connection: %d %s", got.status, got.body)
	}
	if got := f.send(http.MethodGet, "/B", ""); got.status < 500 {
		t.Errorf("over a closed connection: %d %s", got.status, got.body)
	}
	if states := backend.Targets(); states[1].Connection != connectivity.Shutdown {
		t.Errorf("the targets are %+v", states)
	}
}

// TestContextBoundsConnectAlone: what goes on afterwards ends with Close.
func TestContextBoundsConnectAlone(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	declares := serveDeclared(t, listener, service("a.proto", "a.v1", "A"))
	ctx, cancel := context.WithCancel(t.Context())
	backend, err := dynamic.Connect(ctx, dynamic.Target{Address: listener.Addr().String(), Refresh: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = backend.Close() }()
	cancel()
	declares.declare(t, service("b.proto", "b.v1", "B"))
	eventually(t, func() bool { return backend.Routes()[0].Path == "/B" })
	if _, err := dynamic.Connect(ctx, dynamic.Target{Address: listener.Addr().String()}); err == nil {
		t.Error("Connect() with a context that is over succeeded")
	}
}

// TestWrongTargets: these targets cannot be served with any servers.
func TestWrongTargets(t *testing.T) {
	t.Parallel()
	conn := inprocess.New(inprocess.Params{})
	files := set(service("a.proto", "a.v1", "A"))
	entity := entityv1.File_entity_v1_entity_service_proto.Services().Get(0)
	linked := []protoreflect.ServiceDescriptor{entity}
	for name, test := range map[string]struct {
		targets []dynamic.Target
		want    string
	}{
		"none":                        {nil, "no method has an HTTP route"},
		"nothing":                     {[]dynamic.Target{{}}, "needs either Conn or Address"},
		"two connections":             {[]dynamic.Target{{Conn: conn, Address: "127.0.0.1:1", Descriptors: files}}, "needs either Conn or Address"},
		"linked and descriptors":      {[]dynamic.Target{{Conn: conn, Linked: linked, Descriptors: files}}, "a target with Linked must not set"},
		"linked and services":         {[]dynamic.Target{{Conn: conn, Linked: linked, Services: []string{"a.v1.A"}}}, "a target with Linked must not set"},
		"linked and a configuration":  {[]dynamic.Target{{Conn: conn, Linked: linked, ServiceConfig: &dynamic.ServiceConfig{}}}, "a target with Linked must not set"},
		"linked and nil":              {[]dynamic.Target{{Conn: conn, Linked: []protoreflect.ServiceDescriptor{entity, nil}}}, "a target with Linked must not set"},
		"two targets for one service": {[]dynamic.Target{{Descriptors: files}, {Descriptors: files}}, "a.proto: a.v1.A: two backends serve it"},
	} {
		if backend, err := dynamic.Connect(t.Context(), test.targets...); err == nil || !strings.Contains(err.Error(), test.want) || backend != nil {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	if _, err := dynamic.FromDescriptors(conn, nil); err == nil || !strings.Contains(err.Error(), "no method has an HTTP route") {
		t.Errorf("FromDescriptors() without descriptors: %v", err)
	}
	if _, err := dynamic.Linked(conn); err == nil || !strings.Contains(err.Error(), "no method has an HTTP route") {
		t.Errorf("Linked() without services: %v", err)
	}
}

// TestDescribedOnly: a backend without a connection has routes, and a call of them fails.
func TestDescribedOnly(t *testing.T) {
	t.Parallel()
	backend, err := dynamic.FromDescriptors(nil, set(service("a.proto", "a.v1", "A")))
	if err != nil {
		t.Fatal(err)
	}
	if routes := backend.Routes(); len(routes) != 1 || routes[0].RPC != "/a.v1.A/Do" || routes[0].Verb != "GET" || routes[0].Path != "/A" {
		t.Errorf("the routes are %+v", routes)
	}
	if got := serveBackend(t, backend, -1).send(http.MethodGet, "/A", ""); got.status != http.StatusInternalServerError {
		t.Errorf("%d %s", got.status, got.body)
	}
	if err := backend.Close(); err != nil {
		t.Error(err)
	}
}

// TestNoMessageLimit: a negative limit is none.
func TestNoMessageLimit(t *testing.T) {
	t.Parallel()
	f := zooWith(t, dynamic.Target{MaxMessage: -1}, answer(unknownOf(t, dynamic.DefaultMaxMessage+1)))
	if got := f.send(http.MethodGet, "/v1/animals/x", ""); got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.body)
	}
}
