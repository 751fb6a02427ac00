package dynamic_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protodesc"

	"github.com/statusway/statusway/gateway/dynamic"
)

// TestRetries: a call is retried only if its method declares that this is safe.
func TestRetries(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	address := serveGRPC(t, func(method string, stream grpc.ServerStream) error {
		if calls.Add(1) == 1 {
			return status.Error(codes.Unavailable, "once")
		}
		return echo(method, stream)
	})
	f := serve(t, dynamic.Target{Descriptors: zooSet(t), Conn: dial(t, address)})
	try := func(method, target, body string, status int, times int32) {
		t.Helper()
		calls.Store(0)
		if got := f.send(method, target, body); got.status != status || calls.Load() != times {
			t.Errorf("%s %s: %d after %d calls, want %d after %d", method, target, got.status, calls.Load(), status, times)
		}
	}
	try("GET", "/v1/animals/x", "", 503, 1) // Nothing configures a connection of the caller's.
	f = serve(t, dynamic.Target{Descriptors: zooSet(t), Address: address})
	// The client takes its configuration in the background.
	eventually(t, func() bool {
		calls.Store(0)
		return f.send("GET", "/v1/animals/x", "").status == http.StatusOK
	})
	try("GET", "/v1/animals/x", "", 200, 2)
	try("POST", "/v1/animals", "{}", 503, 1)
}

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, pool: x509.NewCertPool()}
	a.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, _ = x509.ParseCertificate(der)
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) issue() tls.Certificate {
	a.t.Helper()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ours, other := newAuthority(t), newAuthority(t)
	address := serveGRPC(t, echo, grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{ours.issue()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ours.pool, MinVersion: tls.VersionTLS12,
	})))
	for _, test := range []struct {
		name   string
		config *tls.Config
		status int
	}{
		{"mutual", &tls.Config{RootCAs: ours.pool, Certificates: []tls.Certificate{ours.issue()}, MinVersion: tls.VersionTLS12}, 200},
		{"no certificate", &tls.Config{RootCAs: ours.pool, MinVersion: tls.VersionTLS12}, 503},
		{"another's certificate", &tls.Config{RootCAs: ours.pool, Certificates: []tls.Certificate{other.issue()}, MinVersion: tls.VersionTLS12}, 503},
		{"another authority", &tls.Config{RootCAs: other.pool, Certificates: []tls.Certificate{ours.issue()}, MinVersion: tls.VersionTLS12}, 503},
		{"plain text", nil, 503},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := serve(t, dynamic.Target{Descriptors: zooSet(t), Address: address, TLS: test.config, KeepAlive: time.Hour})
			if got := f.send("GET", "/v1/animals/x", ""); got.status != test.status {
				t.Errorf("%d, want %d: %s", got.status, test.status, f.log)
			}
			// Without a certificate the connection is open until the server's alert comes.
			eventually(t, func() bool {
				return (f.backend.Targets()[0].Connection == connectivity.Ready) == (test.status == http.StatusOK)
			})
		})
	}
}

// TestHealth: a server that says that it does not serve is not called.
func TestHealth(t *testing.T) {
	t.Parallel()
	checks := health.NewServer()
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error {
		return status.Error(codes.NotFound, "called")
	}))
	healthpb.RegisterHealthServer(server, checks)
	listener := listen(t)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-done })
	f := serve(t, dynamic.Target{Descriptors: zooSet(t), Address: listener.Addr().String(), Health: true})
	for _, want := range []int{404, 503, 404} {
		serving := healthpb.HealthCheckResponse_SERVING
		if want == 503 {
			serving = healthpb.HealthCheckResponse_NOT_SERVING
		}
		checks.SetServingStatus("", serving)
		eventually(t, func() bool { return f.send("GET", "/v1/animals/x", "").status == want })
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	waiting := func(_ string, stream grpc.ServerStream) error {
		<-stream.Context().Done()
		return stream.Context().Err()
	}
	for _, test := range []struct {
		name            string
		target, gateway time.Duration
		asked           string
		status          int
		handler         handler
	}{
		{"the target's", time.Millisecond, time.Hour, "", 503, waiting},
		{"the client's", time.Hour, -1, "1m", 503, waiting},
		{"the client's alone", -1, -1, "1000u", 503, waiting},
		{"the target's before a longer one", time.Millisecond, -1, "1H", 503, waiting},
		{"the gateway's", 0, time.Millisecond, "", 503, waiting},
		{"none of the target's", -1, time.Nanosecond, "", 200, echo},
		{"none", 0, -1, "", 200, echo},
		{"enough", time.Hour, -1, "99999999H", 200, echo},
		{"no timeout", time.Hour, -1, "1", 400, waiting},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var header []string
			if test.asked != "" {
				header = []string{"Grpc-Timeout", test.asked}
			}
			backend := connect(t, dynamic.Target{Descriptors: zooSet(t), Address: serveGRPC(t, test.handler), Deadline: test.target})
			got := serveBackend(t, backend, test.gateway).send("GET", "/v1/animals/x", "", header...)
			if got.status != test.status {
				t.Errorf("%d %s", got.status, got.body)
			}
			if test.status == 503 && got.problem(t).Code != "DEADLINE_EXCEEDED" {
				t.Errorf("%s", got.body)
			}
		})
	}
}

// names are the services that a reflecting server says it has.
type names map[string]grpc.ServiceInfo

func (n names) GetServiceInfo() map[string]grpc.ServiceInfo { return n }

// reflecting serves reflection of the zoo, by the versions named.
func reflecting(t *testing.T, v1, v1alpha bool) string {
	t.Helper()
	files, err := protodesc.NewFiles(withImports(t, zooFile(t)))
	if err != nil {
		t.Fatal(err)
	}
	options := reflection.ServerOptions{Services: names{"zoo.v1.Zoo": {}, "grpc.health.v1.Health": {}}, DescriptorResolver: files}
	server := grpc.NewServer()
	if v1 {
		reflectionv1.RegisterServerReflectionServer(server, reflection.NewServerV1(options))
	}
	if v1alpha {
		reflectionv1alpha.RegisterServerReflectionServer(server, reflection.NewServer(options))
	}
	listener := listen(t)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-done })
	return listener.Addr().String()
}

func TestReflection(t *testing.T) {
	t.Parallel()
	seen := map[any]bool{}
	for _, test := range []struct {
		name        string
		v1, v1alpha bool
	}{{"v1", true, false}, {"v1alpha", false, true}, {"both", true, true}} {
		address := reflecting(t, test.v1, test.v1alpha)
		methods := map[string]bool{}
		for _, route := range connect(t, dynamic.Target{Address: address}).Routes() {
			methods[route.RPC] = true
			if !strings.HasPrefix(route.RPC, "/zoo.v1.Zoo/") {
				t.Errorf("%s: the route %+v", test.name, route)
			}
		}
		if len(methods) != 11 {
			t.Errorf("%s: %d methods", test.name, len(methods))
		}
		fingerprint, err := dynamic.Fingerprint(t.Context(), dynamic.Target{Conn: dial(t, address)})
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		seen[fingerprint] = true
	}
	if len(seen) != 1 {
		t.Errorf("the same server has %d fingerprints", len(seen))
	}
	_, err := dynamic.Connect(t.Context(), dynamic.Target{Address: reflecting(t, false, false)})
	if status.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), "no server reflection, so its descriptors are needed") {
		t.Errorf("without reflection: %v", err)
	}
}
