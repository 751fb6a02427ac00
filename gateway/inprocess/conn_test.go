package inprocess_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/reflection"

	"github.com/statusway/statusway/gateway/inprocess"
)

func Example() {
	conn := inprocess.New(inprocess.Params{
		UnaryInterceptors: []grpc.UnaryServerInterceptor{
			func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
				fmt.Println("called:", info.FullMethod)

				return handler(ctx, req)
			},
		},
	})
	healthpb.RegisterHealthServer(conn, health.NewServer())

	client := healthpb.NewHealthClient(conn)
	reply, err := client.Check(context.Background(), &healthpb.HealthCheckRequest{})
	fmt.Println(reply.GetStatus(), err)

	_, err = client.Check(context.Background(), &healthpb.HealthCheckRequest{Service: "none"})
	fmt.Println(err)
	// Output:
	// called: /grpc.health.v1.Health/Check
	// SERVING <nil>
	// called: /grpc.health.v1.Health/Check
	// rpc error: code = NotFound desc = unknown service
}

func TestServiceInfo(t *testing.T) {
	t.Parallel()
	server, conn := grpc.NewServer(), inprocess.New(inprocess.Params{})
	defer server.Stop()
	for _, r := range []reflection.GRPCServer{server, conn} {
		testpb.RegisterTestServiceServer(r, &service{})
		healthpb.RegisterHealthServer(r, health.NewServer())
		reflection.Register(r)
	}
	sorted := func(infos map[string]grpc.ServiceInfo) map[string]grpc.ServiceInfo {
		for _, info := range infos {
			slices.SortFunc(info.Methods, func(a, b grpc.MethodInfo) int { return cmp.Compare(a.Name, b.Name) })
		}

		return infos
	}
	if diff := gocmp.Diff(sorted(server.GetServiceInfo()), sorted(conn.GetServiceInfo())); diff != "" {
		t.Errorf("GetServiceInfo() (-grpc.Server +Conn):\n%s", diff)
	}
	clear(conn.GetServiceInfo())
	if len(conn.GetServiceInfo()) == 0 {
		t.Error("GetServiceInfo() gives away the map of the connection")
	}
}

func TestRegisterWithoutImplementation(t *testing.T) {
	t.Parallel()
	conn := inprocess.New(inprocess.Params{})
	conn.RegisterService(&grpc.ServiceDesc{
		ServiceName: "plain.Service",
		Methods: []grpc.MethodDesc{{
			MethodName: "Call",
			Handler: func(srv any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				in := &testpb.SimpleRequest{}
				if err := decode(in); err != nil || srv != nil {
					return nil, errors.Join(err, fmt.Errorf("srv is %v", srv))
				}

				return &testpb.SimpleResponse{Payload: in.GetPayload()}, nil
			},
		}},
	}, nil)
	reply := &testpb.SimpleResponse{}
	if err := conn.Invoke(t.Context(), "/plain.Service/Call", &testpb.SimpleRequest{Payload: body("hello")}, reply); err != nil {
		t.Fatalf("Invoke() failed: %v", err)
	}
	if got := string(reply.GetPayload().GetBody()); got != "hello" {
		t.Errorf("got %q, want %q", got, "hello")
	}
}

// misregistered names the mistake that this test binary, run by itself, has to make.
const misregistered = "INPROCESS_TEST_MISREGISTERED"

// mistakes are uses of RegisterService that end the process, with its messages.
var mistakes = map[string]struct {
	make func(*inprocess.Conn)
	text string
}{
	"wrong type": {
		make: func(c *inprocess.Conn) { c.RegisterService(&testpb.TestService_ServiceDesc, "text") },
		text: "the handler of type string does not implement grpc_testing.TestServiceServer",
	},
	"twice": {
		make: func(c *inprocess.Conn) {
			testpb.RegisterTestServiceServer(c, &service{})
			testpb.RegisterTestServiceServer(c, &service{})
		},
		text: `the service "grpc.testing.TestService" is registered twice`,
	},
}

func TestMain(m *testing.M) {
	if mistake, ok := mistakes[os.Getenv(misregistered)]; ok {
		mistake.make(inprocess.New(inprocess.Params{}))
		os.Exit(0) // what must not happen
	}
	goleak.VerifyTestMain(m)
}

func TestMisregistrationEndsTheProcess(t *testing.T) {
	t.Parallel()
	for name, mistake := range mistakes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command := exec.CommandContext(t.Context(), os.Args[0])
			command.Env = append(os.Environ(), misregistered+"="+name)
			output, err := command.CombinedOutput()
			if _, failed := errors.AsType[*exec.ExitError](err); !failed {
				t.Errorf("the process ended with %v, want a failure", err)
			}
			if !strings.Contains(string(output), mistake.text) {
				t.Errorf("the process said %q, want %q in it", output, mistake.text)
			}
		})
	}
}

// Calls of all kinds at once, for the race detector.
func TestConcurrentCalls(t *testing.T) {
	t.Parallel()
	conn := connectInProcess(serveStreams(&service{
		unary: func(_ context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			return &testpb.SimpleResponse{Payload: in.GetPayload()}, nil
		},
	}))
	client := testpb.NewTestServiceClient(conn)
	for i := range 8 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			for range 20 {
				if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{Payload: body("hello")}); err != nil {
					t.Fatalf("UnaryCall() failed: %v", err)
				}
				stream, err := client.StreamingInputCall(t.Context())
				if err != nil {
					t.Fatalf("StreamingInputCall() failed: %v", err)
				}
				for range 20 {
					if err := stream.Send(&testpb.StreamingInputCallRequest{Payload: payload(3)}); err != nil {
						t.Fatalf("Send() failed: %v", err)
					}
				}
				reply, err := stream.CloseAndRecv()
				if err != nil || reply.GetAggregatedPayloadSize() != 60 {
					t.Fatalf("CloseAndRecv(): got %v, %v, want 60 bytes", reply, err)
				}
			}
		})
	}
}
