package inprocess_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/inprocess"
)

// frame is a message that only frameCodec and oldFrameCodec can encode.
type frame struct{ wire []byte }

var errUnwanted = errors.New("unwanted")

// oldFrameCodec hands over bytes as they are, and refuses those that begin with "!".
type oldFrameCodec struct{}

func (oldFrameCodec) Name() string { return "proto" }

func (oldFrameCodec) Marshal(v any) ([]byte, error) {
	if f := v.(*frame); string(f.wire) != "!" {
		return f.wire, nil
	}

	return nil, errUnwanted
}

func (oldFrameCodec) Unmarshal(data []byte, v any) error {
	if v.(*frame).wire = append([]byte{}, data...); len(data) > 1000 {
		return errUnwanted
	}

	return nil
}

type frameCodec struct{ oldFrameCodec }

func (c frameCodec) Marshal(v any) (mem.BufferSlice, error) {
	data, err := c.oldFrameCodec.Marshal(v)

	return mem.BufferSlice{mem.SliceBuffer(data)}, err
}

func (c frameCodec) Unmarshal(data mem.BufferSlice, v any) error {
	return c.oldFrameCodec.Unmarshal(data.Materialize(), v)
}

// A caller may bring its own codec for values that are not messages, as a proxy does. The handlers do not notice.
func TestCallersCodec(t *testing.T) {
	t.Parallel()
	encode := func(text string) []byte {
		data, err := proto.Marshal(&message{Payload: body(text)})
		if err != nil {
			t.Fatal(err)
		}

		return data
	}
	for name, connect := range transports {
		conn := connect(t, streams{serve: echoAll}, inprocess.Params{MaxRequestBytes: 2000})
		for version, option := range map[string]grpc.CallOption{
			"": grpc.ForceCodecV2(frameCodec{}), "-old": grpc.ForceCodec(oldFrameCodec{}),
		} {
			for _, test := range []struct {
				sent []byte
				want codes.Code
			}{
				{encode("hello"), codes.OK},
				{encode(string(make([]byte, 1500))), codes.Internal}, // the codec refuses the response
				{encode(string(make([]byte, 3000))), codes.ResourceExhausted},
				{[]byte("!"), codes.Internal},
				{[]byte{0xff}, codes.Internal}, // no message
			} {
				reply := &frame{}
				err := conn.Invoke(t.Context(), manyToMany, &frame{test.sent}, reply, option)
				if status.Code(err) != test.want || err == nil && string(reply.wire) != string(test.sent) {
					t.Errorf("%s%s: Invoke(%.10q) = %q, %v; want %v", name, version, test.sent, reply.wire, err, test.want)
				}
				got, err := exchange(t, conn, option, test.sent)
				if status.Code(err) != test.want || err == nil && cmp.Diff([]string{string(test.sent), string(test.sent)}, got) != "" {
					t.Errorf("%s%s: a stream of %.10q brings %q, %v; want %v", name, version, test.sent, got, err, test.want)
				}
			}
		}
		// Only a codec of the caller's can encode such a value.
		if err := conn.Invoke(t.Context(), manyToMany, &frame{}, &frame{}); status.Code(err) != codes.Internal {
			t.Errorf("%s: Invoke() without a codec: %v", name, err)
		}
	}
}

// echoAll returns each message.
func echoAll(stream grpc.ServerStream) error {
	for {
		in := &message{}
		if err := stream.RecvMsg(in); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}

			return err
		}
		if err := stream.SendMsg(in); err != nil {
			return err
		}
	}
}

// exchange sends the same frame twice on a stream, and returns what came back.
func exchange(t *testing.T, conn grpc.ClientConnInterface, option grpc.CallOption, sent []byte) ([]string, error) {
	t.Helper()
	stream, err := conn.NewStream(t.Context(), descOf(manyToMany), manyToMany, option)
	if err != nil {
		return nil, err
	}
	for range 2 {
		if err := stream.SendMsg(&frame{sent}); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return nil, err
	}
	var got []string
	for {
		reply := &frame{}
		err := stream.RecvMsg(reply)
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		got = append(got, string(reply.wire))
	}
}

// A unary handler gets the message that the caller's codec wrote.
func TestCallersCodecUnary(t *testing.T) {
	t.Parallel()
	sent, err := proto.Marshal(&testpb.SimpleRequest{Payload: body("hello")})
	if err != nil {
		t.Fatal(err)
	}
	want, err := proto.Marshal(hello())
	if err != nil {
		t.Fatal(err)
	}
	for name, connect := range transports {
		conn := connect(t, &service{unary: func(_ context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			return &testpb.SimpleResponse{Payload: in.GetPayload()}, nil
		}}, inprocess.Params{})
		reply := &frame{}
		if err := conn.Invoke(t.Context(), unaryMethod, &frame{sent}, reply, grpc.ForceCodecV2(frameCodec{})); err != nil || string(reply.wire) != string(want) {
			t.Errorf("%s: Invoke() = %q, %v; want %q", name, reply.wire, err, want)
		}
	}
}
