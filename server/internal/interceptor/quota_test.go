package interceptor_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/interceptor"
)

// A check is an [interceptor.Check] or the validator.
type check interface {
	Unary() grpc.UnaryServerInterceptor
	Stream() grpc.StreamServerInterceptor
}

// serve runs a server with the checks in their order, between the interceptors that
// are always there, and returns a connection to it.
func serve(t *testing.T, register func(*grpc.Server), checks ...check) *grpc.ClientConn {
	t.Helper()
	unary := []grpc.UnaryServerInterceptor{interceptor.RecoverUnary(interceptor.Noted), interceptor.ErrorsUnary(interceptor.Noted)}
	stream := []grpc.StreamServerInterceptor{interceptor.RecoverStream(interceptor.Noted), interceptor.ErrorsStream(interceptor.Noted)}
	for _, one := range checks {
		unary, stream = append(unary, one.Unary()), append(stream, one.Stream())
	}
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(unary...), grpc.ChainStreamInterceptor(stream...), grpc.WaitForHandlers(true))
	register(server)
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := conn.Close()
		server.Stop()
		if err := errors.Join(err, <-done); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func withHealth(server *grpc.Server) { healthpb.RegisterHealthServer(server, health.NewServer()) }

// quota counts each address under a key that shows that this function made it.
func quota(take interceptor.Take, authenticator *interceptor.Authenticator) interceptor.Check {
	key := func(address string) string { return "address:" + address }
	return interceptor.Quota(interceptor.QuotaParams{Take: take, Authenticator: authenticator, ClientKey: key})
}

// taken is one call that was counted.
type taken struct{ Method, Caller, User string }

// A script is a Take that answers as a test says and keeps what it was asked.
type script struct {
	mu     sync.Mutex
	calls  []taken
	answer metadata.MD
	err    error
}

func (s *script) take(ctx context.Context, fullMethod, caller string) (metadata.MD, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, taken{fullMethod, caller, interceptor.PrincipalFrom(ctx).Username})
	return s.answer, s.err
}

// exhausted is what a real Take answers to one call too many.
func exhausted(t *testing.T) error {
	t.Helper()
	return statusOf(t, codes.ResourceExhausted, "Too many.",
		&errdetails.ErrorInfo{Domain: "statusway.v1", Reason: "RATE_LIMITED"},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Minute)}).Err()
}

// Every response contains the caller's allowance, also if an interceptor or the handler refuses the call.
func TestQuota(t *testing.T) {
	t.Parallel()
	h := newHousehold(t)
	authenticator := interceptor.NewAuthenticator(h)
	anonymous := func(fullMethod string) bool { return fullMethod == healthpb.Health_Watch_FullMethodName }
	const method = healthpb.Health_Check_FullMethodName
	for _, test := range []struct {
		name          string
		authorization string
		service       string
		err           error
		want          codes.Code
		counted       taken
	}{
		{name: "a user", authorization: "Bearer " + h.token, want: codes.OK, counted: taken{method, "user:erin", "erin"}},
		{
			name:          "a user, refused by the service",
			authorization: "Bearer " + h.token,
			service:       "none",
			want:          codes.NotFound,
			counted:       taken{method, "user:erin", "erin"},
		},
		{
			name:          "a user, one too many",
			authorization: "Bearer " + h.token,
			err:           exhausted(t),
			want:          codes.ResourceExhausted,
			counted:       taken{method, "user:erin", "erin"},
		},
		{name: "nobody, refused by the check after it", want: codes.Unauthenticated, counted: taken{method, "address:127.0.0.1", ""}},
		{name: "a bad token", authorization: "Bearer x", want: codes.Unauthenticated, counted: taken{method, "address:127.0.0.1", ""}},
		// Who guesses tokens is stopped by the limit, and learns nothing of the token.
		{
			name:          "a bad token, one too many",
			authorization: "Bearer x",
			err:           exhausted(t),
			want:          codes.ResourceExhausted,
			counted:       taken{method, "address:127.0.0.1", ""},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := &script{answer: metadata.Pairs("x-rate-limit-limit", "5", "x-rate-limit-remaining", "4", "ratelimit", `"a";r=4`, "ratelimit", `"b";r=9`), err: test.err}
			client := healthpb.NewHealthClient(serve(t, withHealth, quota(s.take, authenticator), authenticator.Authenticate(anonymous)))
			ctx := t.Context()
			if test.authorization != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", test.authorization)
			}
			var header metadata.MD
			_, err := client.Check(ctx, &healthpb.HealthCheckRequest{Service: test.service}, grpc.Header(&header))
			if status.Code(err) != test.want {
				t.Errorf("error %v, want %v", err, test.want)
			}
			told(t, header, s.answer)
			if diff := cmp.Diff([]taken{test.counted}, s.calls); diff != "" {
				t.Errorf("counted (-want +got):\n%s", diff)
			}
			if test.err != nil {
				compare(t, status.Convert(err), status.Convert(test.err))
			}
		})
	}
}

func told(t *testing.T, header, want metadata.MD) {
	t.Helper()
	for name := range want {
		if !slices.Equal(header.Get(name), want.Get(name)) {
			t.Errorf("the caller is told %s: %q, want %q", name, header.Get(name), want.Get(name))
		}
	}
}

// A stream is counted once, when it begins, and told so before its first message.
func TestQuotaOnStreams(t *testing.T) {
	t.Parallel()
	authenticator := interceptor.NewAuthenticator(newHousehold(t))
	for _, test := range []struct {
		name string
		err  error
	}{{"within", nil}, {"one too many", exhausted(t)}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := &script{answer: metadata.Pairs("x-rate-limit-remaining", "0"), err: test.err}
			client := healthpb.NewHealthClient(serve(t, withHealth, quota(s.take, authenticator)))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stream, err := client.Watch(ctx, &healthpb.HealthCheckRequest{})
			if err != nil {
				t.Fatal(err)
			}
			header, err := stream.Header()
			if err != nil {
				t.Fatal(err)
			}
			told(t, header, s.answer)
			_, err = stream.Recv()
			if test.err != nil {
				compare(t, status.Convert(err), status.Convert(test.err))
			} else if err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff([]taken{{healthpb.Health_Watch_FullMethodName, "address:127.0.0.1", ""}}, s.calls); diff != "" {
				t.Errorf("counted (-want +got):\n%s", diff)
			}
		})
	}
}

// A call that came over no network has no header to set and no address; it is counted
// all the same.
func TestQuotaWithoutTransport(t *testing.T) {
	t.Parallel()
	h := newHousehold(t)
	s := &script{answer: metadata.Pairs("x", "y")}
	check := quota(s.take, interceptor.NewAuthenticator(h))
	ctx, err := check(t.Context(), "/a.B/C")
	if err != nil || interceptor.PrincipalFrom(ctx).Username != "" {
		t.Errorf("%v, %+v", err, interceptor.PrincipalFrom(ctx))
	}
	for _, addr := range []net.Addr{&net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 5}, &net.UnixAddr{Net: "unix", Name: "@socket"}} {
		if _, err := check(peer.NewContext(t.Context(), &peer.Peer{Addr: addr}), "/a.B/C"); err != nil {
			t.Error(err)
		}
	}
	want := []taken{{"/a.B/C", "address:", ""}, {"/a.B/C", "address:2001:db8::1", ""}, {"/a.B/C", "address:@socket", ""}}
	if diff := cmp.Diff(want, s.calls); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}

// Two callers of one user are one, and a user is not the address that it comes from.
func TestQuotaCountsUsers(t *testing.T) {
	t.Parallel()
	h := newHousehold(t)
	second, token := entity.NewSession("erin", h.now().Add(tokenLife))
	if err := h.CreateSession(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	s := &script{}
	check := quota(s.take, interceptor.NewAuthenticator(h))
	for _, one := range []string{h.token, token} {
		ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("authorization", "Bearer "+one))
		if _, err := check(ctx, filepath.Base(t.Name())); err != nil {
			t.Error(err)
		}
	}
	if len(s.calls) != 2 || s.calls[0] != s.calls[1] || s.calls[0].Caller != "user:erin" {
		t.Errorf("counted %+v", s.calls)
	}
}
