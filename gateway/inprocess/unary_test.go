package inprocess_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"
)

// declared is an error that has a status by itself.
type declared struct{ st *status.Status }

func (declared) Error() string                { return "declared" }
func (d declared) GRPCStatus() *status.Status { return d.st }

// failing is a handler that returns err.
func failing(err error) unaryHandler {
	return func(context.Context, *witness, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		return nil, err
	}
}

// waiting is a handler that waits for the end of its context.
func waiting(ctx context.Context, _ *witness, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	<-ctx.Done()

	return nil, ctx.Err()
}

func hello() *testpb.SimpleResponse {
	return &testpb.SimpleResponse{Payload: body("hello")}
}

func stale() *errdetails.ErrorInfo {
	return &errdetails.ErrorInfo{Reason: "STALE", Domain: "example.com", Metadata: map[string]string{"a": "b"}}
}

func withDetails(t *testing.T, st *status.Status, details ...*errdetails.ErrorInfo) error {
	t.Helper()
	for _, detail := range details {
		var err error
		if st, err = st.WithDetails(detail); err != nil {
			t.Fatalf("WithDetails() failed: %v", err)
		}
	}

	return st.Err()
}

func TestUnaryErrors(t *testing.T) {
	t.Parallel()
	aborted := withDetails(t, status.New(codes.Aborted, "changed"), stale(), stale())

	runUnary(t, []unaryCase{
		{
			name: "none",
			want: unaryResult{Reply: hello()},
		},
		{
			name:   "a status with details",
			handle: failing(aborted),
			want: unaryResult{Failure: &failure{
				Code: codes.Aborted, Message: "changed", Details: []proto.Message{stale(), stale()},
			}},
		},
		{
			name:   "a status wrapped",
			handle: failing(fmt.Errorf("saving: %w", aborted)),
			want: unaryResult{Failure: &failure{
				Code: codes.Aborted, Message: "saving: rpc error: code = Aborted desc = changed", Details: []proto.Message{stale(), stale()},
			}},
		},
		{
			name:   "a code that nobody knows",
			handle: failing(status.Error(codes.Code(17), "new")),
			want:   unaryResult{Failure: &failure{Code: codes.Code(17), Message: "new"}},
		},
		{
			name:   "an impossible code",
			handle: failing(status.Error(codes.Code(math.MaxUint32), "new")),
			want: unaryResult{Failure: &failure{
				Code:    codes.Unknown,
				Message: `transport: malformed grpc-status: strconv.ParseInt: parsing "4294967295": value out of range`,
			}},
		},
		{
			name:   "no text",
			handle: failing(status.Error(codes.NotFound, "")),
			want:   unaryResult{Failure: &failure{Code: codes.NotFound}},
		},
		{
			name:   "text of several lines and alphabets",
			handle: failing(status.Error(codes.NotFound, "no\r\nsuch\tthing: 100% größer ☺")),
			want:   unaryResult{Failure: &failure{Code: codes.NotFound, Message: "no\r\nsuch\tthing: 100% größer ☺"}},
		},
		{
			name:   "no status",
			handle: failing(errors.New("disk full")),
			want:   unaryResult{Failure: &failure{Code: codes.Unknown, Message: "disk full"}},
		},
		{
			name:   "a type with a status",
			handle: failing(declared{status.New(codes.Unavailable, "later")}),
			want:   unaryResult{Failure: &failure{Code: codes.Unavailable, Message: "later"}},
		},
		{
			name:   "a type with the status OK",
			handle: failing(declared{status.New(codes.OK, "")}),
			want: unaryResult{Failure: &failure{
				Code: codes.Internal, Message: "cardinality violation: received no response message from non-server-streaming RPC",
			}},
		},
		{
			name:   "a type with no status after all",
			handle: failing(declared{}),
			want:   unaryResult{Failure: &failure{Code: codes.Unknown, Message: "declared"}},
		},
		{
			name:   "context.Canceled",
			handle: failing(fmt.Errorf("query: %w", context.Canceled)),
			want:   unaryResult{Failure: &failure{Code: codes.Canceled}},
		},
		{
			name:   "context.DeadlineExceeded",
			handle: failing(context.DeadlineExceeded),
			want:   unaryResult{Failure: &failure{Code: codes.DeadlineExceeded}},
		},
		{
			name: "not implemented",
			handle: func(ctx context.Context, _ *witness, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				return testpb.UnimplementedTestServiceServer{}.UnaryCall(ctx, in)
			},
			want: unaryResult{Failure: &failure{Code: codes.Unimplemented, Message: "method UnaryCall not implemented"}},
		},
	})
}

func TestUnaryContext(t *testing.T) {
	t.Parallel()
	neverRuns := func(t *testing.T) func() {
		t.Helper()

		return func() { t.Error("the handler ran") }
	}

	runUnary(t, []unaryCase{
		{
			name: "done before",
			context: func(t *testing.T) (context.Context, func()) {
				t.Helper()
				ctx, cancel := context.WithCancel(t.Context())
				cancel()

				return ctx, neverRuns(t)
			},
			want: unaryResult{Failure: &failure{Code: codes.Canceled}},
		},
		{
			name: "deadline passed before",
			context: func(t *testing.T) (context.Context, func()) {
				t.Helper()
				ctx, cancel := context.WithTimeout(t.Context(), -time.Second)
				t.Cleanup(cancel)

				return ctx, neverRuns(t)
			},
			want: unaryResult{Failure: &failure{Code: codes.DeadlineExceeded}},
		},
		{
			name:   "cancelled during",
			handle: waiting,
			context: func(t *testing.T) (context.Context, func()) {
				t.Helper()

				return context.WithCancel(t.Context())
			},
			want: unaryResult{Failure: &failure{Code: codes.Canceled}},
		},
		{
			name:   "deadline passes during",
			handle: waiting,
			context: func(t *testing.T) (context.Context, func()) {
				t.Helper()
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				t.Cleanup(cancel)

				return ctx, func() {}
			},
			want: unaryResult{Failure: &failure{Code: codes.DeadlineExceeded}},
		},
		{
			name: "has the deadline",
			context: func(t *testing.T) (context.Context, func()) {
				t.Helper()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				t.Cleanup(cancel)

				return ctx, func() {}
			},
			handle: func(ctx context.Context, w *witness, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				deadline, ok := ctx.Deadline()
				w.see(ok, time.Until(deadline) > time.Minute)

				return echo(ctx, w, in)
			},
			want: unaryResult{Reply: hello(), Seen: []any{true, true}},
		},
		{
			name: "ends with the call",
			handle: func(ctx context.Context, w *witness, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				child, cancel := context.WithTimeout(ctx, time.Hour)
				context.AfterFunc(ctx, cancel)
				w.see(ctx.Err(), ctx, child)

				return echo(ctx, w, in)
			},
			want: unaryResult{Reply: hello(), Seen: []any{nil, context.Canceled, context.Canceled}},
		},
	})
}

func TestUnaryMethodNames(t *testing.T) {
	t.Parallel()
	unimplemented := func(text string) unaryResult {
		return unaryResult{Failure: &failure{Code: codes.Unimplemented, Message: text}}
	}

	runUnary(t, []unaryCase{
		{
			name:   "unknown service",
			method: "/none.Service/UnaryCall",
			want:   unimplemented("unknown service none.Service"),
		},
		{
			name:   "unknown method",
			method: "/grpc.testing.TestService/None",
			want:   unimplemented("unknown method None for service grpc.testing.TestService"),
		},
		{
			name:   "no service",
			method: "/UnaryCall",
			want:   unimplemented(`malformed method name: "/UnaryCall"`),
		},
		{
			name:   "no slash before",
			method: strings.TrimPrefix(unaryMethod, "/"),
			want:   unimplemented(`malformed method name: "grpc.testing.TestService/UnaryCall"`),
		},
		{
			name:   "slash after",
			method: unaryMethod + "/",
			want:   unimplemented("unknown service grpc.testing.TestService/UnaryCall"),
		},
	})
}

// dynamic is a copy of m of another Go type.
func dynamic(m proto.Message) proto.Message {
	copied := dynamicpb.NewMessage(m.ProtoReflect().Descriptor())
	proto.Merge(copied, m)

	return copied
}

func TestUnaryMessages(t *testing.T) {
	t.Parallel()
	unknown := protowire.AppendVarint(protowire.AppendTag(nil, 999, protowire.VarintType), 7)
	request := &testpb.SimpleRequest{Payload: body("hello")}
	request.ProtoReflect().SetUnknown(unknown)
	reply := hello()
	reply.ProtoReflect().SetUnknown(unknown)
	bare := func(_ context.Context, w *witness, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		w.see(proto.Size(in))

		return &testpb.SimpleResponse{}, nil
	}

	runUnary(t, []unaryCase{
		{
			name: "unknown fields",
			args: request,
			handle: func(_ context.Context, _ *witness, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				out := &testpb.SimpleResponse{Payload: in.GetPayload()}
				out.ProtoReflect().SetUnknown(in.ProtoReflect().GetUnknown())

				return out, nil
			},
			want: unaryResult{Reply: reply},
		},
		{
			name:   "a request that is a nil pointer",
			args:   (*testpb.SimpleRequest)(nil),
			handle: bare,
			want:   unaryResult{Reply: &testpb.SimpleResponse{}, Seen: []any{0}},
		},
		{
			name: "a request of another Go type",
			args: dynamic(&testpb.SimpleRequest{Payload: body("hello")}),
			want: unaryResult{Reply: hello()},
		},
		{
			name:    "a request that is no message",
			args:    "text",
			anyText: true,
			want:    unaryResult{Failure: &failure{Code: codes.Internal}},
		},
	})
}
