package inprocess_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/inprocess"
)

// What this package does otherwise than a network, on purpose.

type principalKey struct{}

func TestContextValuesPass(t *testing.T) {
	t.Parallel()
	conn := connectInProcess(&service{unary: func(ctx context.Context, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		principal, _ := ctx.Value(principalKey{}).(string)

		return &testpb.SimpleResponse{Username: principal}, nil
	}})
	ctx := context.WithValue(t.Context(), principalKey{}, "admin")
	reply, err := testpb.NewTestServiceClient(conn).UnaryCall(ctx, &testpb.SimpleRequest{})
	if err != nil {
		t.Fatalf("UnaryCall() failed: %v", err)
	}
	if got := reply.GetUsername(); got != "admin" {
		t.Errorf("the handler found %q, want %q", got, "admin")
	}
}

func TestNoReplyIsInternal(t *testing.T) {
	t.Parallel()
	none := func(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error) {
		return nil, nil //nolint:nilnil // what is tested
	}
	tests := map[string]inprocess.Params{
		"a nil pointer": {},
		"nil":           {UnaryInterceptors: []grpc.UnaryServerInterceptor{none}},
	}
	for name, params := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := connect(t, &service{unary: func(context.Context, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				return nil, nil //nolint:nilnil // what is tested
			}}, params)
			err := conn.Invoke(t.Context(), unaryMethod, &testpb.SimpleRequest{}, &testpb.SimpleResponse{})
			if status.Code(err) != codes.Internal {
				t.Errorf("Invoke(): got %v, want Internal", err)
			}
			if err := overStream(t, conn); status.Code(err) != codes.Internal {
				t.Errorf("NewStream(): got %v, want Internal", err)
			}
		})
	}
}

// overStream calls the unary method through a stream, as proxies do.
func overStream(t *testing.T, conn grpc.ClientConnInterface) error {
	t.Helper()
	stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, unaryMethod)
	if err != nil {
		t.Fatalf("NewStream() failed: %v", err)
	}
	if err := stream.SendMsg(&testpb.SimpleRequest{}); err != nil {
		t.Fatalf("SendMsg() failed: %v", err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatalf("CloseSend() failed: %v", err)
	}

	return stream.RecvMsg(&testpb.SimpleResponse{})
}

// The caller gets a handler's result even after the end of the context. An error
// without a status becomes the context's error.
func TestUnaryAfterTheContextEnded(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		reply *testpb.SimpleResponse
		err   error
		want  codes.Code
	}{
		"a reply":             {hello(), nil, codes.OK},
		"a status":            {nil, errGone, codes.NotFound},
		"the context's error": {nil, context.Canceled, codes.Canceled},
		"another error":       {nil, errors.New("interrupted"), codes.Canceled},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			conn := connectInProcess(&service{unary: func(ctx context.Context, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				cancel()
				<-ctx.Done()

				return test.reply, test.err
			}})
			reply, err := testpb.NewTestServiceClient(conn).UnaryCall(ctx, &testpb.SimpleRequest{})
			if status.Code(err) != test.want || (reply != nil) != (test.reply != nil) {
				t.Errorf("UnaryCall(): got %v, %v, want %v", reply, err, test.want)
			}
		})
	}
}

// secret must never reach a client.
const secret = "password=hunter2"

func TestPanics(t *testing.T) {
	t.Parallel()
	panicking := func(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error) { panic(secret) }
	panickingStream := func(any, grpc.ServerStream, *grpc.StreamServerInfo, grpc.StreamHandler) error { panic(secret) }
	conn := connectInProcess(panickingService())
	intercepted := connect(t, panickingService(), inprocess.Params{
		UnaryInterceptors:  []grpc.UnaryServerInterceptor{panicking},
		StreamInterceptors: []grpc.StreamServerInterceptor{panickingStream},
	})
	desc := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	unary := func(conn grpc.ClientConnInterface) func(context.Context) error {
		return func(ctx context.Context) error {
			return conn.Invoke(ctx, unaryMethod, &testpb.SimpleRequest{}, &testpb.SimpleResponse{})
		}
	}
	stream := func(conn grpc.ClientConnInterface, method string) func(context.Context) error {
		return func(ctx context.Context) error {
			stream, err := conn.NewStream(ctx, desc, method)
			if err != nil {
				return err
			}
			_ = stream.SendMsg(&testpb.SimpleRequest{}) // io.EOF if the handler was faster
			_ = stream.CloseSend()

			return stream.RecvMsg(&testpb.SimpleResponse{})
		}
	}

	tests := map[string]func(context.Context) error{
		"unary handler":        unary(conn),
		"unary interceptor":    unary(intercepted),
		"unary, over a stream": stream(conn, unaryMethod),
		"stream handler":       stream(conn, bidiMethod),
		"stream interceptor":   stream(intercepted, bidiMethod),
		"stream, by a unary":   func(ctx context.Context) error { return conn.Invoke(ctx, bidiMethod, &testpb.Empty{}, &testpb.Empty{}) },
	}
	for name, call := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkPanic(t, call(t.Context()))
		})
	}
}

func panickingService() *service {
	return &service{
		unary: func(context.Context, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) { panic(secret) },
		bidi: func(grpc.BidiStreamingServer[testpb.StreamingOutputCallRequest, testpb.StreamingOutputCallResponse]) error {
			panic(secret)
		},
	}
}

func checkPanic(t *testing.T, err error) {
	t.Helper()
	if st, ok := status.FromError(err); !ok || st.Code() != codes.Internal || len(st.Details()) != 0 {
		t.Fatalf("got %v, want a status with Internal and no details", err)
	}
	for _, err := range []error{err, fmt.Errorf("wrapped: %w", err)} {
		if text := err.Error() + status.Convert(err).Message(); strings.Contains(text, secret) {
			t.Errorf("the client can read %q", text)
		}
		var p *inprocess.PanicError
		if !errors.As(err, &p) {
			t.Fatalf("%v is no PanicError", err)
		}
		if p.Value != secret {
			t.Errorf("got Value %v, want %v", p.Value, secret)
		}
		if !strings.Contains(string(p.Stack), "difference_test.go") {
			t.Errorf("the stack does not show the handler:\n%s", p.Stack)
		}
	}
}

// The cause of an error must not cross, or callers would depend on what no network delivers.
func TestCausesDoNotCross(t *testing.T) {
	t.Parallel()
	errCause := errors.New("cause")
	inner := connectInProcess(panickingService())
	tests := map[string]func(context.Context) error{
		"an error":            func(context.Context) error { return errCause },
		"an error and status": func(context.Context) error { return fmt.Errorf("%w: %w", status.Error(codes.NotFound, "x"), errCause) },
		"a panic further down": func(ctx context.Context) error {
			return errors.Join(errCause, inner.Invoke(ctx, unaryMethod, &testpb.SimpleRequest{}, &testpb.SimpleResponse{}))
		},
	}
	for name, fail := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := connectInProcess(&service{unary: func(ctx context.Context, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				return nil, fail(ctx)
			}})
			err := conn.Invoke(t.Context(), unaryMethod, &testpb.SimpleRequest{}, &testpb.SimpleResponse{})
			var p *inprocess.PanicError
			if err == nil || errors.Is(err, errCause) || errors.As(err, &p) {
				t.Errorf("got %#v, want an error without its cause", err)
			}
			if err := overStream(t, conn); err == nil || errors.Is(err, errCause) || errors.As(err, &p) {
				t.Errorf("over a stream: got %#v, want an error without its cause", err)
			}
		})
	}
}

// The handler's status and the caller's status are separate.
func TestStatusIsNotShared(t *testing.T) {
	t.Parallel()
	kept := withDetails(t, status.New(codes.Aborted, "changed"), stale())
	conn := connectInProcess(&service{unary: func(context.Context, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		return nil, kept
	}})
	err := conn.Invoke(t.Context(), unaryMethod, &testpb.SimpleRequest{}, &testpb.SimpleResponse{})
	got := status.Convert(err).Proto()
	got.Message = "edited"
	got.Details[0].Value[0]++
	want := &failure{Code: codes.Aborted, Message: "changed"}
	if now := failureOf(t, kept); now.Message != want.Message || len(now.Details) != 1 {
		t.Errorf("the handler's error became %v", kept)
	}
}

// A goroutine that leaves its handler must not leave the caller waiting.
func TestStreamHandlerExits(t *testing.T) {
	t.Parallel()
	conn := connectInProcess(&service{
		bidi: func(stream grpc.BidiStreamingServer[testpb.StreamingOutputCallRequest, testpb.StreamingOutputCallResponse]) error {
			stream.SetTrailer(metadata.Pairs("t", "1"))
			runtime.Goexit()

			return nil
		},
	})
	stream, err := testpb.NewTestServiceClient(conn).FullDuplexCall(t.Context())
	if err != nil {
		t.Fatalf("FullDuplexCall() failed: %v", err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Internal {
		t.Errorf("Recv(): got %v, want Internal", err)
	}
	if got := stream.Trailer().Get("t"); len(got) != 1 {
		t.Errorf("got trailer %v, want it", got)
	}
}
