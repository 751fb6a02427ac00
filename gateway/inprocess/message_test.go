package inprocess_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/statusway/statusway/gateway/inprocess"
)

// These tests show which changes of a message the other side sees. The package
// comment promises the first group, and warns about the second.
func TestUnaryOwnership(t *testing.T) {
	t.Parallel()
	var (
		received *testpb.SimpleRequest
		returned = &testpb.SimpleResponse{Username: "handler", Payload: body("handler")}
	)
	conn := connectInProcess(&service{unary: func(_ context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		received = in
		in.ResponseSize = 2 // its own request
		in.FillUsername = true

		return returned, nil
	}})
	request := &testpb.SimpleRequest{ResponseSize: 1, Payload: body("caller")}
	reply := &testpb.SimpleResponse{}
	if err := conn.Invoke(t.Context(), unaryMethod, request, reply); err != nil {
		t.Fatalf("Invoke() failed: %v", err)
	}
	want := &testpb.SimpleRequest{ResponseSize: 1, Payload: body("caller")}
	if diff := cmp.Diff(want, request, protocmp.Transform()); diff != "" {
		t.Errorf("the handler changed fields of the caller's request (-want +got):\n%s", diff)
	}
	returned.Username, returned.OauthScope = "changed", "changed"
	if diff := cmp.Diff(&testpb.SimpleResponse{Username: "handler", Payload: body("handler")}, reply, protocmp.Transform()); diff != "" {
		t.Errorf("the handler changed fields of the caller's reply (-want +got):\n%s", diff)
	}
	reply.Username = "caller"
	if returned.GetUsername() != "changed" {
		t.Error("the caller changed a field of the handler's reply")
	}

	if received == request || reply == returned {
		t.Error("the message itself is shared")
	}
	if received.GetPayload() != request.GetPayload() || reply.GetPayload() != returned.GetPayload() {
		t.Error("a nested message was copied: this costs more than the call")
	}
}

// One message for all calls, as a handler may return, with an encoder at work on
// it: grpc-go serves the same handlers. The race detector judges.
func TestUnarySharedReply(t *testing.T) {
	t.Parallel()
	shared := &testpb.SimpleResponse{Username: "one for all", Payload: body("hello")}
	request := &testpb.SimpleRequest{Payload: body("hello")}
	s := &service{unary: func(context.Context, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) { return shared, nil }}
	for name, connect := range transports {
		conn := connect(t, s, inprocess.Params{})
		for range 4 {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				for range 50 {
					reply := &testpb.SimpleResponse{}
					if err := conn.Invoke(t.Context(), unaryMethod, request, reply); err != nil {
						t.Fatalf("Invoke() failed: %v", err)
					}
					if !proto.Equal(reply, shared) || proto.Size(reply) != proto.Size(shared) {
						t.Fatalf("got %v, want %v", reply, shared)
					}
				}
			})
		}
	}
}

// On a stream both sides may reuse a message at once.
func TestStreamOwnership(t *testing.T) {
	t.Parallel()
	for name, connect := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := connect(t, &service{bidi: func(
				stream grpc.BidiStreamingServer[testpb.StreamingOutputCallRequest, testpb.StreamingOutputCallResponse],
			) error {
				out := &testpb.StreamingOutputCallResponse{Payload: payload(2)}
				for range 3 {
					in, err := stream.Recv()
					if err != nil {
						return err
					}
					copy(out.GetPayload().GetBody(), in.GetPayload().GetBody())
					in.Payload.Body[0] = 'x'
					if err := stream.Send(out); err != nil {
						return err
					}
					out.Payload.Body[0] = 'y'
				}

				return nil
			}}, inprocess.Params{})
			stream, err := testpb.NewTestServiceClient(conn).FullDuplexCall(t.Context())
			if err != nil {
				t.Fatalf("FullDuplexCall() failed: %v", err)
			}
			in := &testpb.StreamingOutputCallRequest{Payload: body("a1")}
			for _, text := range []string{"a1", "b2", "c3"} {
				copy(in.GetPayload().GetBody(), text)
				if err := stream.Send(in); err != nil {
					t.Fatalf("Send() failed: %v", err)
				}
				copy(in.GetPayload().GetBody(), "z9")
			}
			for _, want := range []string{"a1", "b2", "c3"} {
				out, err := stream.Recv()
				if err != nil {
					t.Fatalf("Recv() failed: %v", err)
				}
				if got := string(out.GetPayload().GetBody()); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
		})
	}
}

// All messages of dynamicpb have one Go type, so that type alone says nothing.
func TestUnaryDynamicMessages(t *testing.T) {
	t.Parallel()
	own := (&testpb.SimpleResponse{}).ProtoReflect().Descriptor()
	conn := inprocess.New(inprocess.Params{})
	conn.RegisterService(&grpc.ServiceDesc{
		ServiceName: "dynamic.Service",
		Methods: []grpc.MethodDesc{{
			MethodName: "Echo",
			Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				in := dynamicpb.NewMessage(own)

				return in, decode(in)
			},
		}},
	}, nil)
	for _, m := range []proto.Message{hello(), dynamic(hello()), dynamic(&message{Payload: body("hello")})} {
		t.Run(fmt.Sprintf("%T", m), func(t *testing.T) {
			t.Parallel()
			reply := m.ProtoReflect().New().Interface()
			if err := conn.Invoke(t.Context(), "/dynamic.Service/Echo", m, reply); err != nil {
				t.Fatalf("Invoke() failed: %v", err)
			}
			if !proto.Equal(m, reply) {
				t.Errorf("got %v, want %v", reply, m)
			}
		})
	}
}
