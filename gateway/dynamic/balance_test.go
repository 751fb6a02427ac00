package dynamic_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/dynamic"
)

// several is a name that has two addresses.
const several = "several.test"

func addresses() []netip.Addr {
	return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}
}

// newResolver resolves only that name. The addresses that the other tests dial need no resolver.
func newResolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer func() { _ = ours.Close() }()
			answerNames(ours)
		}()
		return theirs, nil
	}}
}

// answerNames is a name server over a stream, in which each message has its length first (RFC 1035 §4.2.2).
func answerNames(conn io.ReadWriter) {
	for {
		var length uint16
		if binary.Read(conn, binary.BigEndian, &length) != nil {
			return
		}
		query := make([]byte, length)
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		var message dnsmessage.Message
		if message.Unpack(query) != nil || len(message.Questions) != 1 {
			return
		}
		question := message.Questions[0]
		message.Response, message.Authoritative, message.Additionals = true, true, nil
		switch {
		case !strings.EqualFold(question.Name.String(), several+"."):
			message.RCode = dnsmessage.RCodeNameError
		case question.Type == dnsmessage.TypeA:
			for _, address := range addresses() {
				message.Answers = append(message.Answers, dnsmessage.Resource{
					Header: dnsmessage.ResourceHeader{Name: question.Name, Type: question.Type, Class: question.Class, TTL: 60},
					Body:   &dnsmessage.AResource{A: address.As4()},
				})
			}
		}
		packed, err := message.Pack()
		if err != nil {
			return
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...)); err != nil {
			return
		}
	}
}

// replica is one of two servers on the same port. It knows nothing, and counts who asks.
type replica struct {
	server *grpc.Server
	health *health.Server
	calls  atomic.Int32
}

// replicas serve on both addresses until the test is over.
func replicas(t *testing.T) ([]*replica, string) {
	t.Helper()
	var config net.ListenConfig
	var all []*replica
	port := "0"
	for _, address := range addresses() {
		listener, err := config.Listen(t.Context(), "tcp", net.JoinHostPort(address.String(), port))
		if err != nil && runtime.GOOS != "linux" {
			t.Skipf("listening on %s: %v: elsewhere loopback has one address unless more are added", address, err)
		}
		if err != nil {
			t.Fatalf("listening on %s: %v", address, err)
		}
		_, port, _ = net.SplitHostPort(listener.Addr().String())
		one := &replica{health: health.NewServer()}
		one.server = grpc.NewServer(grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error {
			one.calls.Add(1)
			return status.Error(codes.NotFound, "called")
		}))
		healthpb.RegisterHealthServer(one.server, one.health)
		done := make(chan struct{})
		go func() { defer close(done); _ = one.server.Serve(listener) }()
		t.Cleanup(func() { one.server.Stop(); <-done })
		all = append(all, one)
	}
	return all, net.JoinHostPort(several, port)
}

// TestBalancing: calls go to all addresses of a name in turn, and pass over those that do
// not serve or cannot be reached.
func TestBalancing(t *testing.T) {
	t.Parallel()
	all, address := replicas(t)
	f := serve(t, dynamic.Target{Descriptors: zooSet(t), Address: address, Health: true})
	// shares are how many of ten calls each replica gets.
	shares := func() (shares [2]int32) {
		for _, one := range all {
			one.calls.Store(0)
		}
		for range 10 {
			if got := f.send("GET", "/v1/animals/x", ""); got.status != http.StatusNotFound {
				return shares
			}
		}
		return [2]int32{all[0].calls.Load(), all[1].calls.Load()}
	}
	for _, step := range []struct {
		name string
		do   func()
		want [2]int32
	}{
		{"both serve", func() {}, [2]int32{5, 5}},
		{"the first does not serve", func() { all[0].health.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING) }, [2]int32{0, 10}},
		{"it does again", func() { all[0].health.SetServingStatus("", healthpb.HealthCheckResponse_SERVING) }, [2]int32{5, 5}},
		{"the second is gone", func() { all[1].server.Stop() }, [2]int32{10, 0}},
	} {
		step.do()
		var got [2]int32
		for deadline := time.Now().Add(20 * time.Second); got != step.want && time.Now().Before(deadline); {
			got = shares()
		}
		if got != step.want {
			t.Fatalf("%s: %v of ten calls, want %v", step.name, got, step.want)
		}
	}
}
