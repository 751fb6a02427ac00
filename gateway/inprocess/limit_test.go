package inprocess_test

import (
	"context"
	"errors"
	"io"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/statusway/statusway/gateway/inprocess"
)

// sized responds with the requested number of bytes.
func sized(_ context.Context, _ *witness, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	return &testpb.SimpleResponse{Payload: payload(int(in.GetResponseSize()))}, nil
}

// exact is the size of the body with which a message of one payload takes n bytes.
func exact(t *testing.T, n int) int {
	t.Helper()
	for size := n; size >= 0; size-- {
		if proto.Size(&testpb.SimpleResponse{Payload: payload(size)}) == n {
			return size
		}
	}
	t.Fatalf("no body makes a message of %d bytes", n)

	return 0
}

func TestUnaryLimits(t *testing.T) {
	t.Parallel()
	limited := func(p inprocess.Params) func(*witness) inprocess.Params {
		return func(*witness) inprocess.Params { return p }
	}
	request := func(n int) *testpb.SimpleRequest { return &testpb.SimpleRequest{Payload: payload(exact(t, n))} }
	response := func(n int) *testpb.SimpleRequest { return &testpb.SimpleRequest{ResponseSize: int32(exact(t, n))} }
	reply := func(n int) unaryResult {
		return unaryResult{Reply: abridged(&testpb.SimpleResponse{Payload: payload(exact(t, n))})}
	}
	empty := unaryResult{Reply: &testpb.SimpleResponse{Payload: &testpb.Payload{}}}
	exhausted := unaryResult{Failure: &failure{Code: codes.ResourceExhausted}}
	const most = inprocess.DefaultMaxBytes

	cases := []unaryCase{
		{name: "default request, at the limit", args: request(most), want: empty},
		{name: "default request, one more", args: request(most + 1), want: exhausted},
		{name: "default response, at the limit", args: response(most), want: reply(most)},
		{name: "default response, one more", args: response(most + 1), want: exhausted},
		{name: "request, at the limit", params: limited(inprocess.Params{MaxRequestBytes: 100}), args: request(100), want: empty},
		{name: "request, one more", params: limited(inprocess.Params{MaxRequestBytes: 100}), args: request(101), want: exhausted},
		{name: "response, at the limit", params: limited(inprocess.Params{MaxResponseBytes: 100}), args: response(100), want: reply(100)},
		{name: "response, one more", params: limited(inprocess.Params{MaxResponseBytes: 100}), args: response(101), want: exhausted},
		{
			name: "call option, request, one more", args: request(101), want: exhausted,
			options: []grpc.CallOption{grpc.MaxCallSendMsgSize(100)},
		},
		{
			name: "call option, request, does not raise the server's limit", args: request(101), want: exhausted,
			options: []grpc.CallOption{grpc.MaxCallSendMsgSize(200)}, params: limited(inprocess.Params{MaxRequestBytes: 100}),
		},
		{
			name: "call option, response, one more", args: response(101), want: exhausted,
			options: []grpc.CallOption{grpc.MaxCallRecvMsgSize(100)},
		},
		{
			name: "call option, response, raises the limit", args: response(200), want: reply(200),
			options: []grpc.CallOption{grpc.MaxCallRecvMsgSize(200)}, params: limited(inprocess.Params{MaxResponseBytes: 100}),
		},
		{
			name: "call option, response, nothing allowed", args: response(100), want: exhausted,
			options: []grpc.CallOption{grpc.MaxCallRecvMsgSize(0)},
		},
	}
	for i := range cases {
		cases[i].handle, cases[i].anyText = sized, true
	}
	runUnary(t, cases)
}

func TestNoLimits(t *testing.T) {
	t.Parallel()
	conn := connect(t, &service{unary: func(_ context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		return &testpb.SimpleResponse{Payload: in.GetPayload()}, nil
	}}, inprocess.Params{MaxRequestBytes: -1, MaxResponseBytes: -1})
	reply := &testpb.SimpleResponse{}
	request := &testpb.SimpleRequest{Payload: payload(2 * inprocess.DefaultMaxBytes)}
	if err := conn.Invoke(t.Context(), unaryMethod, request, reply); err != nil {
		t.Errorf("without limits: %v", err)
	}
	if err := conn.Invoke(t.Context(), unaryMethod, request, reply, grpc.MaxCallSendMsgSize(9)); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("with grpc.MaxCallSendMsgSize: got %v, want ResourceExhausted", err)
	}
}

// The reason of a size error distinguishes it from a quota.
func TestLimitReasons(t *testing.T) {
	t.Parallel()
	const most = 100
	params := inprocess.Params{MaxRequestBytes: most, MaxResponseBytes: most}
	conn := connect(t, serveStreams(&service{unary: func(_ context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		return sized(nil, nil, in) //nolint:staticcheck // it has no use for a context
	}}), params)
	client := testpb.NewTestServiceClient(conn)
	big, size := payload(exact(t, most+1)), strconv.Itoa(most+1)
	bigStreamed := &testpb.StreamingInputCallRequest{Payload: big}

	tests := map[string]struct {
		call   func(context.Context) error
		reason string
	}{
		"unary request": {func(ctx context.Context) error {
			_, err := client.UnaryCall(ctx, &testpb.SimpleRequest{Payload: big})

			return err
		}, inprocess.ReasonRequestTooLarge},
		"unary response": {func(ctx context.Context) error {
			_, err := client.UnaryCall(ctx, &testpb.SimpleRequest{ResponseSize: int32(len(big.GetBody()))})

			return err
		}, inprocess.ReasonResponseTooLarge},
		"streamed request": {func(ctx context.Context) error {
			stream, err := client.StreamingInputCall(ctx)
			if err != nil {
				return err
			}
			if err := stream.Send(bigStreamed); err != nil {
				return err
			}
			_, err = stream.CloseAndRecv()

			return err
		}, inprocess.ReasonRequestTooLarge},
		"streamed request, over the limit of the call": {func(ctx context.Context) error {
			stream, err := client.StreamingInputCall(ctx, grpc.MaxCallSendMsgSize(most))
			if err != nil {
				return err
			}

			return stream.Send(bigStreamed)
		}, inprocess.ReasonRequestTooLarge},
		"streamed response": {func(ctx context.Context) error {
			stream, err := client.StreamingOutputCall(ctx, &testpb.StreamingOutputCallRequest{
				ResponseParameters: []*testpb.ResponseParameters{{Size: 1}, {Size: int32(len(big.GetBody()))}},
			})
			if err != nil {
				return err
			}
			if _, err := stream.Recv(); err != nil {
				return errors.Join(io.ErrUnexpectedEOF, err)
			}
			_, err = stream.Recv()

			return err
		}, inprocess.ReasonResponseTooLarge},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := failureOf(t, test.call(t.Context()))
			want := &failure{
				Code:    codes.ResourceExhausted,
				Message: "message of " + size + " bytes is larger than the limit of 100",
				Details: []proto.Message{&errdetails.ErrorInfo{
					Domain: "statusway.v1", Reason: test.reason, Metadata: map[string]string{"sizeBytes": size, "limitBytes": "100"},
				}},
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("failure (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStreamLimits(t *testing.T) {
	t.Parallel()
	limited := func(*witness) inprocess.Params { return inprocess.Params{MaxRequestBytes: 100, MaxResponseBytes: 100} }
	tooLarge := func(c *client) {
		c.t.Helper()
		if err := c.RecvMsg(&message{}); status.Code(err) != codes.ResourceExhausted {
			c.t.Errorf("RecvMsg(): got %v, want ResourceExhausted", err)
		}
	}
	large := payload(101)
	runStreams(t, []streamCase{
		{
			name: "request ends the stream, whatever the handler does", params: limited,
			serve: func(s *server) error {
				in, err := s.receive()
				s.see(in, err)
				_, err = s.receive()
				s.see(status.Code(err))
				<-s.Context().Done()

				return nil
			},
			call: func(c *client) {
				c.send("a")
				if err := c.SendMsg(&message{Payload: large}); err != nil {
					c.t.Errorf("SendMsg() failed: %v", err)
				}
				tooLarge(c)
				<-c.served
			},
			seen: []any{"a", nil, codes.ResourceExhausted},
		},
		{
			name: "response ends the stream for both", params: limited,
			serve: func(s *server) error {
				if err := first(s.send("a"), s.SendMsg(&message{Payload: large})); err != nil {
					return err
				}
				s.see(s.Context())
				<-s.Context().Done()

				return nil
			},
			call: func(c *client) {
				c.receive()
				tooLarge(c)
				tooLarge(c)
				<-c.served
			},
			want: []any{"a"},
			seen: []any{context.Canceled},
		},
	})
}
