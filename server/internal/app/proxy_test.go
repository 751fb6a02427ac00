package app_test

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
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/app"
	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/conformance"
)

// shop is a file with one service, and for each path a method that GETs it.
func shop(pkg string, paths ...string) *descriptorpb.FileDescriptorSet {
	file := &descriptorpb.FileDescriptorProto{
		Name: new(pkg + ".proto"), Package: new(pkg), Syntax: new("proto3"),
		Dependency:  []string{"google/api/annotations.proto"},
		MessageType: []*descriptorpb.DescriptorProto{{Name: new("Thing")}},
		Service:     []*descriptorpb.ServiceDescriptorProto{{Name: new("Shop")}},
	}
	for i, path := range paths {
		options := &descriptorpb.MethodOptions{}
		proto.SetExtension(options, annotations.E_Http, &annotations.HttpRule{Pattern: &annotations.HttpRule_Get{Get: path}})
		thing := new("." + pkg + ".Thing")
		file.Service[0].Method = append(file.Service[0].Method, &descriptorpb.MethodDescriptorProto{
			Name: new("Get" + string(rune('A'+i))), InputType: thing, OutputType: thing, Options: options,
		})
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, path := range []string{"google/protobuf/descriptor.proto", "google/api/http.proto", "google/api/annotations.proto"} {
		imported, err := protoregistry.GlobalFiles.FindFileByPath(path)
		if err == nil {
			set.File = append(set.File, protodesc.ToFileDescriptorProto(imported))
		}
	}
	set.File = append(set.File, file)
	return set
}

// A shopServer answers every call NOT_FOUND with the method's name, and reflects what
// it is made of.
type shopServer struct {
	server *grpc.Server
	done   chan struct{}
}

type serviceNames map[string]grpc.ServiceInfo

func (n serviceNames) GetServiceInfo() map[string]grpc.ServiceInfo { return n }

// openShop serves at an address until the test is over, or until stop.
func openShop(t *testing.T, listener net.Listener, set *descriptorpb.FileDescriptorSet) *shopServer {
	t.Helper()
	s := &shopServer{done: make(chan struct{})}
	s.server = grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		if strings.HasPrefix(method, "/grpc.") {
			return status.Error(codes.Unimplemented, "unknown service")
		}
		return status.Error(codes.NotFound, "called "+method)
	}))
	if set != nil {
		files, err := protodesc.NewFiles(set)
		if err != nil {
			t.Fatal(err)
		}
		last := set.GetFile()[len(set.GetFile())-1]
		reflectionv1.RegisterServerReflectionServer(s.server, reflection.NewServerV1(reflection.ServerOptions{
			Services: serviceNames{last.GetPackage() + ".Shop": {}}, DescriptorResolver: files,
		}))
	}
	go func() { defer close(s.done); _ = s.server.Serve(listener) }()
	t.Cleanup(s.stop)
	return s
}

func (s *shopServer) stop() {
	s.server.Stop()
	<-s.done
}

func bind(t *testing.T, address string) net.Listener {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// proxyOf makes a proxy. It is closed when the test is over.
func proxyOf(t *testing.T, change func(*config.Proxy)) (*app.Proxy, *apptest.Log, error) {
	t.Helper()
	settings := config.ProxyDefaults()
	settings.DrainDelay = 0 // No load balancer watches a test.
	settings.HTTPAddr, settings.PublicURL = "127.0.0.1:0", apptest.PublicURL
	settings.ReflectionInterval = 20 * time.Millisecond
	change(&settings)
	if err := settings.Complete(); err != nil {
		t.Fatal(err)
	}
	table, err := policy.Builtin(policy.Documented)
	if err != nil {
		t.Fatal(err)
	}
	log := &apptest.Log{}
	proxy, err := app.NewProxy(t.Context(), app.ProxyParams{Config: settings, Table: table, Logger: slog.New(slog.NewTextHandler(log, nil)), Now: time.Now})
	return proxy, log, err
}

// runProxy serves a proxy until the test is over, and returns its URL.
func runProxy(t *testing.T, change func(*config.Proxy)) (string, *apptest.Log) {
	t.Helper()
	proxy, log, err := proxyOf(t, change)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- proxy.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, proxy.Close()); err != nil {
			t.Errorf("stopping the proxy: %v", err)
		}
	})
	return "http://" + proxy.HTTPAddr(), log
}

type gotten struct {
	status int
	header http.Header
	body   string
}

func fetch(t *testing.T, url string) gotten {
	t.Helper()
	return fetchAs(t, url)
}

// fetchAs is fetch with header fields.
func fetchAs(t *testing.T, url string, fields ...[2]string) gotten {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range fields {
		r.Header.Set(field[0], field[1])
	}
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return gotten{answer.StatusCode, answer.Header, string(body)}
}

// becomes waits until a page is answered so.
func becomes(t *testing.T, url string, status int, holds string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), conformance.EventuallyTimeout)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		got := fetch(t, url)
		if got.status == status && strings.Contains(got.body, holds) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s is %d, want %d with %q: %s", url, got.status, status, holds, got.body)
		case <-tick.C:
		}
	}
}

// TestProxyRedeploy is a backend's life before a proxy that never restarts: it is away,
// comes, comes back with another method, and with one that is wrong.
func TestProxyRedeploy(t *testing.T) {
	t.Parallel()
	listener := bind(t, "127.0.0.1:0")
	address := listener.Addr().String()
	_ = listener.Close()
	url, log := runProxy(t, func(c *config.Proxy) { c.Backend = []string{address} })

	for _, path := range []string{"/v1/a", "/anything"} {
		got := fetch(t, url+path)
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || got.header.Get("Content-Type") != "application/problem+json" ||
			got.header.Get("X-Rate-Limit-Limit") == "" || strings.Contains(got.body, address) {
			t.Fatalf("away: %+v", got)
		}
	}
	becomes(t, url+"/readyz", http.StatusServiceUnavailable, "")
	becomes(t, url+"/healthz", http.StatusOK, "ok")

	first := openShop(t, bind(t, address), shop("shop.v1", "/v1/a"))
	becomes(t, url+"/v1/a", http.StatusNotFound, "called /shop.v1.Shop/GetA")
	becomes(t, url+"/v1/b", http.StatusNotFound, "ROUTE_NOT_FOUND")
	becomes(t, url+"/readyz", http.StatusOK, "ok")

	first.stop()
	becomes(t, url+"/v1/a", http.StatusServiceUnavailable, "")
	becomes(t, url+"/readyz", http.StatusServiceUnavailable, "")
	second := openShop(t, bind(t, address), shop("shop.v1", "/v1/a", "/v1/b"))
	becomes(t, url+"/v1/b", http.StatusNotFound, "called /shop.v1.Shop/GetB")
	becomes(t, url+"/v1/a", http.StatusNotFound, "called /shop.v1.Shop/GetA")

	second.stop()
	openShop(t, bind(t, address), shop("shop.v1", "/v1/{nothing}", "/v1/c"))
	becomes(t, url+"/v1/b", http.StatusNotFound, "called /shop.v1.Shop/GetB") // what was served still is
	for !strings.Contains(log.String(), `shop.v1.proto: shop.v1.Shop.GetA: /v1/{nothing}`) {
		becomes(t, url+"/v1/c", http.StatusNotFound, "ROUTE_NOT_FOUND")
	}
}

// TestProxyBackends serves several, of which one is away.
func TestProxyBackends(t *testing.T) {
	t.Parallel()
	one, two := bind(t, "127.0.0.1:0"), bind(t, "127.0.0.1:0")
	away := two.Addr().String()
	_ = two.Close()
	openShop(t, one, shop("one.v1", "/v1/one"))
	url, _ := runProxy(t, func(c *config.Proxy) {
		c.Backend = []string{"one.v1.Shop=" + one.Addr().String(), "two.v1.Shop=" + away}
	})
	becomes(t, url+"/v1/one", http.StatusNotFound, "called /one.v1.Shop/GetA")
	becomes(t, url+"/v1/two", http.StatusServiceUnavailable, "") // it may be a route of the other
	becomes(t, url+"/readyz", http.StatusOK, `{"address":"`+away+`","status":"pending"}`)
	openShop(t, bind(t, away), shop("two.v1", "/v1/two"))
	becomes(t, url+"/v1/two", http.StatusNotFound, "called /two.v1.Shop/GetA")
	becomes(t, url+"/v1/one", http.StatusNotFound, "called /one.v1.Shop/GetA")
	becomes(t, url+"/v1/three", http.StatusNotFound, "ROUTE_NOT_FOUND")
	becomes(t, url+"/readyz", http.StatusOK, `{"status":"ok"`)
}

// A proxy is ready while one backend can be reached, or, by choice, while all can. The
// body names those that cannot.
func TestReadiness(t *testing.T) {
	t.Parallel()
	for _, ready := range []string{config.ReadyAny, config.ReadyAll} {
		t.Run(ready, func(t *testing.T) {
			t.Parallel()
			one, two := bind(t, "127.0.0.1:0"), bind(t, "127.0.0.1:0")
			first, second := openShop(t, one, shop("one.v1", "/v1/one")), openShop(t, two, shop("two.v1", "/v1/two"))
			url, _ := runProxy(t, func(c *config.Proxy) {
				c.Backend = []string{"one.v1.Shop=" + one.Addr().String(), "two.v1.Shop=" + two.Addr().String()}
				c.Ready = ready
			})
			becomes(t, url+"/readyz", http.StatusOK, `{"status":"ok"`)
			second.stop()
			if ready == config.ReadyAny {
				becomes(t, url+"/readyz", http.StatusOK, `{"address":"`+two.Addr().String()+`","status":"unreachable"}`)
				becomes(t, url+"/readyz", http.StatusOK, `{"status":"degraded"`)
			} else {
				becomes(t, url+"/readyz", http.StatusServiceUnavailable, "")
			}
			becomes(t, url+"/v1/one", http.StatusNotFound, "called /one.v1.Shop/GetA")
			becomes(t, url+"/v1/two", http.StatusServiceUnavailable, "")
			first.stop()
			becomes(t, url+"/readyz", http.StatusServiceUnavailable, "")
			openShop(t, bind(t, one.Addr().String()), shop("one.v1", "/v1/one"))
			openShop(t, bind(t, two.Addr().String()), shop("two.v1", "/v1/two"))
			becomes(t, url+"/readyz", http.StatusOK, `{"status":"ok"`)
		})
	}
}

// TestProxyStarts with what is good. The log, /readyz and the metrics name the rest.
func TestProxyStarts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		// reflected is what the second backend says of itself.
		reflected *descriptorpb.FileDescriptorSet
		rules     string
		service   string
		want      string
	}{
		{
			name: "routes that clash", reflected: shop("two.v1", "/v1/x", "/v1/x"),
			want: "two.v1.Shop.GetB: GET /v1/x matches exactly the paths of /v1/x, a route of two.v1.Shop.GetA",
		},
		{name: "a clash with another backend", reflected: shop("two.v1", "/v1/one"), want: "a route of one.v1.Shop.GetA"},
		{name: "a rule that names no field", reflected: shop("two.v1", "/v1/{gone}"), want: `no field "gone"`},
		{name: "no reflection", want: "no server reflection"},
		{name: "a service that is not there", reflected: shop("two.v1", "/v1/a"), service: "two.v1.Gone=", want: "two.v1.Gone: there is no such service"},
		{
			name: "a rule for nothing", reflected: shop("two.v1", "/v1/a"), rules: "http: {rules: [{selector: two.v1.Shop.Gone, get: /v1/x}]}",
			want: "two.v1.Shop.Gone: there is no such method",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			one, two := bind(t, "127.0.0.1:0"), bind(t, "127.0.0.1:0")
			openShop(t, one, shop("one.v1", "/v1/one"))
			openShop(t, two, test.reflected)
			url, log := runProxy(t, func(c *config.Proxy) {
				c.Backend = []string{"one.v1.Shop=" + one.Addr().String(), test.service + two.Addr().String()}
				if test.rules != "" {
					c.ServiceConfig = write(t, "rules.yaml", []byte(test.rules))
				}
			})
			becomes(t, url+"/v1/one", http.StatusNotFound, "called /one.v1.Shop/GetA")
			quoted, err := json.Marshal(test.want)
			if err != nil {
				t.Fatal(err)
			}
			becomes(t, url+"/readyz", http.StatusOK, strings.Trim(string(quoted), `"`))
			becomes(t, url+"/readyz", http.StatusOK, `{"status":"degraded"`)
			if !strings.Contains(strings.ReplaceAll(log.String(), `\"`, `"`), test.want) {
				t.Errorf("%q is not in the log:\n%s", test.want, log)
			}
			becomes(t, url+"/metrics", http.StatusOK, `statusway_backend_problems{backend="`)
		})
	}
}

// TestProxyWrongServer: /readyz says what is wrong if the only backend cannot be called.
func TestProxyWrongServer(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	plain := bind(t, "127.0.0.1:0")
	openShop(t, plain, shop("one.v1", "/v1/one"))
	for _, test := range []struct {
		name, address string
		tls           bool
		want          string
	}{
		{"a web server", web.Listener.Addr().String(), false, "the server is an HTTP server without gRPC: give the address of a gRPC server"},
		{"TLS to a server in plain text", plain.Addr().String(), true, "the server does not speak TLS: call it without TLS"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url, log := runProxy(t, func(c *config.Proxy) { c.Backend, c.BackendTLS = []string{test.address}, test.tls })
			becomes(t, url+"/readyz", http.StatusServiceUnavailable, test.want)
			got := fetch(t, url+"/readyz")
			if got.header.Get("Content-Type") != "application/problem+json" || got.header.Get("Retry-After") == "" ||
				!strings.Contains(got.body, `"reason":"BACKEND_PENDING"`) {
				t.Errorf("%+v", got)
			}
			if !strings.Contains(log.String(), test.want) {
				t.Errorf("the log is\n%s", log)
			}
		})
	}
}

// TestProxyDescriptors serves by a file what no server says of itself.
func TestProxyDescriptors(t *testing.T) {
	t.Parallel()
	backend := bind(t, "127.0.0.1:0")
	openShop(t, backend, nil)
	url, _ := runProxy(t, func(c *config.Proxy) {
		c.Backend = []string{backend.Addr().String()}
		c.Descriptors = write(t, "shop.binpb", marshal(t, shop("shop.v1", "/v1/a")))
		c.ServiceConfig = write(t, "shop.yaml", []byte("http: {rules: [{selector: shop.v1.Shop.GetA, get: /v2/a}]}"))
	})
	becomes(t, url+"/v2/a", http.StatusNotFound, "called /shop.v1.Shop/GetA")
	becomes(t, url+"/v1/a", http.StatusNotFound, "ROUTE_NOT_FOUND")
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func marshal(t *testing.T, set *descriptorpb.FileDescriptorSet) []byte {
	t.Helper()
	wire, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

// TestProxyRefuses is what is refused at the start, with the file, the method and the
// reason.
func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	lacking := shop("shop.v1", "/v1/a")
	lacking.File = lacking.GetFile()[1:]
	for _, test := range []struct {
		name string
		// reflected is what the backend says of itself, set the file of descriptors.
		reflected, set *descriptorpb.FileDescriptorSet
		rules          string
		backend        string
		parts          []string
	}{
		{name: "a missing import", set: lacking, parts: []string{"google/api/annotations.proto", `"google/protobuf/descriptor.proto", which is missing`}},
		{name: "variables without a field", set: shop("shop.v1", "/v1/{a}", "/v1/{b}"), parts: []string{"shop.v1.proto: shop.v1.Shop.GetA", `no field "a"`}},
		{
			name: "routes that clash", set: shop("shop.v1", "/v1/x", "/v1/x"),
			parts: []string{"shop.v1.proto: shop.v1.Shop.GetB", "matches exactly the paths of /v1/x, a route of shop.v1.Shop.GetA (shop.v1.proto)"},
		},
		{name: "no routes", reflected: shop("shop.v1"), parts: []string{"no method has an HTTP route"}},
		{name: "no reflection", parts: []string{"--descriptors"}},
		{
			name: "a service that is not there", set: shop("shop.v1", "/v1/a"), backend: "shop.v1.Gone=",
			parts: []string{"shop.v1.Gone: there is no such service"},
		},
		{
			name: "a rule for nothing", set: shop("shop.v1", "/v1/a"), rules: "http: {rules: [{selector: shop.v1.Shop.Gone, get: /v1/x}]}",
			parts: []string{"shop.v1.Shop.Gone: there is no such method"},
		},
		{name: "a configuration that is none", reflected: shop("shop.v1", "/v1/a"), rules: "http: 7", parts: []string{"--service-config", "rules.yaml"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			listener := bind(t, "127.0.0.1:0")
			openShop(t, listener, test.reflected)
			_, _, err := proxyOf(t, func(c *config.Proxy) {
				c.Backend = []string{test.backend + listener.Addr().String()}
				if test.set != nil {
					c.Descriptors = write(t, "shop.binpb", marshal(t, test.set))
				}
				if test.rules != "" {
					c.ServiceConfig = write(t, "rules.yaml", []byte(test.rules))
				}
			})
			if err == nil {
				t.Fatal("it starts")
			}
			for _, part := range test.parts {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in %v", part, err)
				}
			}
		})
	}
}
