// Package balanced runs two replicas of the proxy behind nginx and HAProxy, and checks
// that a restart, a dead backend and clients that leave cost other clients nothing.
package balanced_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/types/known/emptypb"

	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
	"github.com/statusway/statusway/server/internal/conformancesvc"
	"github.com/statusway/statusway/server/internal/processtest"
	"github.com/statusway/statusway/server/internal/system"
)

func TestMain(m *testing.M) { os.Exit(processtest.Run(m)) }

// patience limits how long a test waits for something that should happen soon. Only a
// failure takes as long.
const patience = 30 * time.Second

// balancer is a load balancer from Debian.
type balancer struct {
	name    string
	program string
	// arguments start it in the foreground with its configuration file.
	arguments func(config string) []string
	// config writes the configuration. The first address is its own, the others are those
	// of the replicas.
	config func(folder, listen string, replicas []string) string
	// forwardsLeaving reports that a replica notices when a client leaves before its response.
	// HAProxy waits for the response all the same.
	forwardsLeaving bool
}

// balancers are those that the tests use.
func balancers() []balancer {
	return []balancer{
		{"nginx", "nginx", func(config string) []string { return []string{"-c", config} }, nginxConfig, true},
		{"HAProxy over HTTP/1.1", "haproxy", func(config string) []string { return []string{"-db", "-f", config} }, haproxyConfig(""), false},
		{"HAProxy over h2c", "haproxy", func(config string) []string { return []string{"-db", "-f", config} }, haproxyConfig("proto h2"), false},
	}
}

// nginxConfig has connections that stay open to the replicas. nginx has no active health
// checks, so it learns that a replica is away from failed connections only.
func nginxConfig(folder, listen string, replicas []string) string {
	var servers strings.Builder
	for _, replica := range replicas {
		servers.WriteString("    server " + replica + " max_fails=1 fail_timeout=1s;\n")
	}
	return `
daemon off;
master_process off;
pid ` + folder + `/nginx.pid;
error_log ` + folder + `/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ` + folder + `/body;
  proxy_temp_path ` + folder + `/proxy;
  fastcgi_temp_path ` + folder + `/fastcgi;
  uwsgi_temp_path ` + folder + `/uwsgi;
  scgi_temp_path ` + folder + `/scgi;
  upstream replicas {
` + servers.String() + `    keepalive 32;
  }
  server {
    listen ` + listen + `;
    location / {
      proxy_pass http://replicas;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_next_upstream error timeout;
    }
  }
}
`
}

// haproxyConfig asks each replica for /readyz twice a second.
func haproxyConfig(protocol string) func(folder, listen string, replicas []string) string {
	return func(_, listen string, replicas []string) string {
		var servers strings.Builder
		for i, replica := range replicas {
			fmt.Fprintf(&servers, "  server replica%d %s check inter 500ms fall 1 rise 1 %s\n", i, replica, protocol)
		}
		return `
global
  maxconn 2000
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  retries 2
  option redispatch
frontend api
  bind ` + listen + `
  default_backend replicas
backend replicas
  balance roundrobin
  option httpchk GET /readyz
  option abortonclose
  http-reuse safe
` + servers.String()
	}
}

// start starts the load balancer before the replicas and returns its URL.
func (b balancer) start(t *testing.T, replicas ...string) string {
	t.Helper()
	program, err := exec.LookPath(b.program)
	for _, folder := range []string{"/usr/sbin/", "/usr/local/sbin/"} {
		if err != nil {
			program, err = exec.LookPath(folder + b.program)
		}
	}
	if err != nil {
		t.Fatalf("%s is needed: apt-get install %s", b.program, b.program)
	}
	folder := t.TempDir()
	config, log := filepath.Join(folder, "config"), filepath.Join(folder, "log")
	listen := freeAddress(t)
	if err := os.WriteFile(config, []byte(b.config(folder, listen, replicas)), 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, b.arguments(config)...)
	command.Stdout, command.Stderr = output, output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		_ = output.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log)
			errors, _ := os.ReadFile(filepath.Join(folder, "error.log"))
			t.Logf("%s printed:\n%s%s", b.name, lastLines(text), lastLines(errors))
		}
	})
	url := "http://" + listen
	eventually(t, b.name+" serves", func() bool { return getStatus(t, url+"/healthz") == http.StatusOK })
	return url
}

func lastLines(text []byte) string {
	lines := strings.Split(string(text), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// freeAddress returns an address of loopback on which nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// getStatus returns the status of a GET, or 0 if there is no response.
func getStatus(t *testing.T, url string) int {
	t.Helper()
	status, _ := get(t.Context(), url)
	return status
}

// once uses a new connection for each request.
var once = &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("after %s it is still not so: %s", patience, what)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-t.Context().Done():
			t.FailNow()
		}
	}
}

// backend is ConformanceService with a stream that stays open. It counts the calls that
// run, so that a test knows which replica has them.
type backend struct {
	conformancev1.ConformanceServiceServer

	address            string
	watching, sleeping atomic.Int64
}

// Sleep implements ConformanceServiceServer.
func (b *backend) Sleep(ctx context.Context, request *conformancev1.SleepRequest) (*emptypb.Empty, error) {
	b.sleeping.Add(1)
	defer b.sleeping.Add(-1)
	return b.ConformanceServiceServer.Sleep(ctx, request)
}

// WatchItems sends as many items as it is asked for, and then waits until the client or
// the gateway ends the stream.
func (b *backend) WatchItems(request *conformancev1.WatchItemsRequest, stream grpc.ServerStreamingServer[conformancev1.Item]) error {
	b.watching.Add(1)
	defer b.watching.Add(-1)
	for range request.GetCount() {
		if err := stream.Send(&conformancev1.Item{Id: "1", DisplayName: "Item 1"}); err != nil {
			return err
		}
	}
	<-stream.Context().Done()
	return context.Cause(stream.Context())
}

// startBackend starts a gRPC server.
func startBackend(t *testing.T) *backend {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	b := &backend{ConformanceServiceServer: conformancesvc.New(time.Now), address: listener.Addr().String()}
	conformancev1.RegisterConformanceServiceServer(server, b)
	healthpb.RegisterHealthServer(server, health.NewServer())
	reflection.Register(server)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return b
}

// eachBalancer runs a test behind each load balancer.
func eachBalancer(t *testing.T, test func(*testing.T, balancer)) {
	t.Helper()
	system.Test(t)
	for _, b := range balancers() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			test(t, b)
		})
	}
}

// startPair starts two replicas behind the load balancer. Each list has the flags of a
// replica.
func (b balancer) startPair(t *testing.T, one, other []string) (url string, replicas []*processtest.Process) {
	t.Helper()
	addresses := []string{freeAddress(t), freeAddress(t)}
	replicas = append(replicas, startReplica(t, addresses[0], one...), startReplica(t, addresses[1], other...))
	return b.start(t, addresses...), replicas
}

// startReplica starts a proxy at an address.
func startReplica(t *testing.T, address string, arguments ...string) *processtest.Process {
	t.Helper()
	return processtest.Start(t, processtest.Params{
		Arguments: append([]string{"proxy", "--http-addr=" + address, "--rate-limit=off"}, arguments...),
	})
}
