package inprocess_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/inprocess"
)

const (
	unaryMethod  = testpb.TestService_UnaryCall_FullMethodName
	serverMethod = testpb.TestService_StreamingOutputCall_FullMethodName
	clientMethod = testpb.TestService_StreamingInputCall_FullMethodName
	bidiMethod   = testpb.TestService_FullDuplexCall_FullMethodName
)

// service is a TestService of four functions, one for each kind of method.
type service struct {
	testpb.UnimplementedTestServiceServer
	unary  func(context.Context, *testpb.SimpleRequest) (*testpb.SimpleResponse, error)
	server func(*testpb.StreamingOutputCallRequest, grpc.ServerStreamingServer[testpb.StreamingOutputCallResponse]) error
	client func(grpc.ClientStreamingServer[testpb.StreamingInputCallRequest, testpb.StreamingInputCallResponse]) error
	bidi   func(grpc.BidiStreamingServer[testpb.StreamingOutputCallRequest, testpb.StreamingOutputCallResponse]) error
}

func (s *service) register(r grpc.ServiceRegistrar) { testpb.RegisterTestServiceServer(r, s) }

func (s *service) UnaryCall(ctx context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	return s.unary(ctx, in)
}

func (s *service) StreamingOutputCall(
	in *testpb.StreamingOutputCallRequest, stream grpc.ServerStreamingServer[testpb.StreamingOutputCallResponse],
) error {
	return s.server(in, stream)
}

func (s *service) StreamingInputCall(
	stream grpc.ClientStreamingServer[testpb.StreamingInputCallRequest, testpb.StreamingInputCallResponse],
) error {
	return s.client(stream)
}

func (s *service) FullDuplexCall(
	stream grpc.BidiStreamingServer[testpb.StreamingOutputCallRequest, testpb.StreamingOutputCallResponse],
) error {
	return s.bidi(stream)
}

// connector connects to a service with the settings given.
type connector func(testing.TB, registrable, inprocess.Params) grpc.ClientConnInterface

// registrable is what can register itself.
type registrable interface{ register(r grpc.ServiceRegistrar) }

// transports are the reference and the tested transport.
var transports = map[string]connector{
	"grpc-go":   dial,
	"inprocess": connect,
}

func connect(_ testing.TB, s registrable, p inprocess.Params) grpc.ClientConnInterface {
	conn := inprocess.New(p)
	s.register(conn)

	return conn
}

// connectInProcess is for tests without a reference.
func connectInProcess(s registrable) grpc.ClientConnInterface {
	return connect(nil, s, inprocess.Params{})
}

// dial connects through a grpc.Server and a grpc.ClientConn with the same settings.
func dial(tb testing.TB, s registrable, p inprocess.Params) grpc.ClientConnInterface {
	tb.Helper()
	options := []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(p.UnaryInterceptors...),
		grpc.ChainStreamInterceptor(p.StreamInterceptors...),
		grpc.WaitForHandlers(true),
	}
	if p.MaxRequestBytes != 0 {
		options = append(options, grpc.MaxRecvMsgSize(p.MaxRequestBytes))
	}
	var calls []grpc.CallOption
	if p.MaxResponseBytes != 0 {
		calls = append(calls, grpc.MaxCallRecvMsgSize(p.MaxResponseBytes))
	}

	server := grpc.NewServer(options...)
	s.register(server)
	listener := bufconn.Listen(1 << 16)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:bufconn",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(calls...),
	)
	if err != nil {
		tb.Fatalf("NewClient() failed: %v", err)
	}
	tb.Cleanup(func() {
		if err := conn.Close(); err != nil {
			tb.Errorf("Close() failed: %v", err)
		}
		server.Stop()
		if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) { // stopped before it began
			tb.Errorf("Serve() failed: %v", err)
		}
	})

	return conn
}

// onlyOnTheWire is metadata that a transport adds.
var onlyOnTheWire = []string{
	":authority", "content-type", "user-agent", "grpc-accept-encoding", "grpc-status-details-bin",
}

// plain returns md without what a transport adds, or nil if nothing is left.
func plain(md metadata.MD) metadata.MD {
	md = md.Copy()
	for _, key := range onlyOnTheWire {
		md.Delete(key)
	}
	if len(md) == 0 {
		return nil
	}

	return md
}

// incoming returns the metadata that a handler sees, without what a transport adds.
func incoming(ctx context.Context) metadata.MD {
	md, _ := metadata.FromIncomingContext(ctx)

	return plain(md)
}

// failure contains the parts of an error that a client can compare.
type failure struct {
	Code    codes.Code
	Message string
	Details []proto.Message
}

// failureOf is nil for no error. The text of a context's end is left out: which
// side notices first is a race in grpc-go.
func failureOf(tb testing.TB, err error) *failure {
	tb.Helper()
	if err == nil {
		return nil
	}
	st, ok := status.FromError(err)
	if !ok {
		tb.Errorf("%v (%T) is not a status", err, err)
	}
	f := &failure{Code: st.Code(), Message: st.Message()}
	if f.Code == codes.Canceled || f.Code == codes.DeadlineExceeded {
		f.Message = ""
	}
	for _, detail := range st.Details() {
		message, ok := detail.(proto.Message)
		if !ok {
			tb.Fatalf("detail %v is not a message", detail)
		}
		f.Details = append(f.Details, message)
	}

	return f
}

// payload is a body of n bytes.
func payload(n int) *testpb.Payload {
	return &testpb.Payload{Body: make([]byte, n)}
}

// body is a payload with a text.
func body(text string) *testpb.Payload {
	return &testpb.Payload{Body: []byte(text)}
}

// serveStreams gives s streaming methods like those of grpc-go's own tests: the
// server stream sends the requested messages, the client stream counts bytes, and
// the bidirectional one echoes.
func serveStreams(s *service) *service {
	s.server = func(in *testpb.StreamingOutputCallRequest, stream grpc.ServerStreamingServer[testpb.StreamingOutputCallResponse]) error {
		for _, wanted := range in.GetResponseParameters() {
			if err := stream.Send(&testpb.StreamingOutputCallResponse{Payload: payload(int(wanted.GetSize()))}); err != nil {
				return err
			}
		}

		return nil
	}
	s.client = func(stream grpc.ClientStreamingServer[testpb.StreamingInputCallRequest, testpb.StreamingInputCallResponse]) error {
		var sum int32
		for {
			in, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return stream.SendAndClose(&testpb.StreamingInputCallResponse{AggregatedPayloadSize: sum})
			}
			if err != nil {
				return err
			}
			sum += int32(len(in.GetPayload().GetBody()))
		}
	}
	s.bidi = func(stream grpc.BidiStreamingServer[testpb.StreamingOutputCallRequest, testpb.StreamingOutputCallResponse]) error {
		for {
			in, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := stream.Send(&testpb.StreamingOutputCallResponse{Payload: in.GetPayload()}); err != nil {
				return err
			}
		}
	}

	return s
}
