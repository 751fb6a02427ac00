package inprocess_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/inprocess"
)

// finish is what grpc.OnFinish was told.
type finish []codes.Code

func (f *finish) option() grpc.CallOption {
	return grpc.OnFinish(func(err error) { *f = append(*f, status.Code(err)) })
}

func TestStreamOptions(t *testing.T) {
	t.Parallel()
	errs := map[string]error{"success": nil, "failure": errGone}
	for outcome, err := range errs {
		for name, connect := range transports {
			t.Run(outcome+"/"+name, func(t *testing.T) {
				t.Parallel()
				conn := connect(t, streams{serve: func(stream grpc.ServerStream) error {
					stream.SetTrailer(metadata.Pairs("t", "1"))

					return first(stream.SetHeader(metadata.Pairs("h", "1")), stream.SendMsg(&message{}), err)
				}}, inprocess.Params{})
				var (
					header, trailer metadata.MD
					from            peer.Peer
					finished        finish
				)
				stream, openErr := conn.NewStream(t.Context(), descOf(manyToMany), manyToMany,
					grpc.Header(&header), grpc.Trailer(&trailer), grpc.Peer(&from), finished.option())
				if openErr != nil {
					t.Fatalf("NewStream() failed: %v", openErr)
				}
				for stream.RecvMsg(&message{}) == nil { //nolint:revive // until the end
				}
				if diff := cmp.Diff(metadata.MD{"h": {"1"}}, plain(header)); diff != "" {
					t.Errorf("header (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(metadata.MD{"t": {"1"}}, plain(trailer)); diff != "" {
					t.Errorf("trailer (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(finish{status.Code(err)}, finished); diff != "" {
					t.Errorf("OnFinish (-want +got):\n%s", diff)
				}
				if from.Addr == nil {
					t.Error("the caller sees no peer")
				}
			})
		}
	}
}

// grpc.OnFinish runs even for a call that is refused before it begins.
func TestOptionsOfARefusedCall(t *testing.T) {
	t.Parallel()
	conn := connectInProcess(&service{})
	ctx := metadata.AppendToOutgoingContext(t.Context(), "a key", "1")
	var finished finish
	header := metadata.Pairs("left", "over")
	err := conn.Invoke(ctx, unaryMethod, &testpb.Empty{}, &testpb.Empty{}, finished.option(), grpc.Header(&header))
	if status.Code(err) != codes.Internal {
		t.Errorf("Invoke(): got %v, want Internal", err)
	}
	if _, err := conn.NewStream(ctx, descOf(manyToMany), bidiMethod, finished.option()); status.Code(err) != codes.Internal {
		t.Errorf("NewStream(): got %v, want Internal", err)
	}
	if diff := cmp.Diff(finish{codes.Internal, codes.Internal}, finished); diff != "" {
		t.Errorf("OnFinish (-want +got):\n%s", diff)
	}
	if header != nil {
		t.Errorf("got header %#v, want none", header)
	}
}

func TestPeer(t *testing.T) {
	t.Parallel()
	conn := connectInProcess(streams{serve: func(stream grpc.ServerStream) error {
		from, _ := peer.FromContext(stream.Context())

		return stream.SendMsg(&message{Payload: body(from.String())})
	}})
	stream, err := conn.NewStream(t.Context(), descOf(manyToMany), manyToMany)
	if err != nil {
		t.Fatalf("NewStream() failed: %v", err)
	}
	out := &message{}
	if err := stream.RecvMsg(out); err != nil {
		t.Fatalf("RecvMsg() failed: %v", err)
	}
	const want = "Peer{Addr: 'inprocess', LocalAddr: 'inprocess', AuthInfo: <nil>}"
	to, _ := peer.FromContext(stream.Context())
	if got := text(out); got != want || to.String() != want {
		t.Errorf("the handler sees %s, the caller %s, want %s", got, to, want)
	}
	if to.Addr.Network() != "inprocess" {
		t.Errorf("got network %q", to.Addr.Network())
	}
	if err := stream.RecvMsg(out); err == nil {
		t.Error("RecvMsg() found a second message")
	}
}
