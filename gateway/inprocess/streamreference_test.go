package inprocess_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/statusway/statusway/gateway/inprocess"
)

// message makes the messages of the streams in these tests.
type message = testpb.StreamingOutputCallResponse

func text(m *message) string { return string(m.GetPayload().GetBody()) }

// streams is a service with one method of each kind, all served by one function.
type streams struct{ serve func(grpc.ServerStream) error }

// The methods of streams. oneToOne is a unary one; its handler echoes.
const (
	oneToOne   = "/test.Streams/OneToOne"
	oneToMany  = "/test.Streams/OneToMany"
	manyToOne  = "/test.Streams/ManyToOne"
	manyToMany = "/test.Streams/ManyToMany"
)

func (s streams) register(r grpc.ServiceRegistrar) {
	serve := func(srv any, stream grpc.ServerStream) error { return srv.(streams).serve(stream) }
	r.RegisterService(&grpc.ServiceDesc{
		ServiceName: "test.Streams",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "OneToOne",
			Handler: func(srv any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
				in := &message{}
				if err := decode(in); err != nil || interceptor == nil {
					return in, err
				}

				return interceptor(ctx, in, &grpc.UnaryServerInfo{Server: srv, FullMethod: oneToOne},
					func(_ context.Context, req any) (any, error) { return req, nil })
			},
		}},
		Streams: []grpc.StreamDesc{
			{StreamName: "OneToMany", Handler: serve, ServerStreams: true},
			{StreamName: "ManyToOne", Handler: serve, ClientStreams: true},
			{StreamName: "ManyToMany", Handler: serve, ServerStreams: true, ClientStreams: true},
		},
	}, s)
}

// descOf returns the description of a method as in a generated client.
func descOf(method string) *grpc.StreamDesc {
	return &grpc.StreamDesc{
		ServerStreams: method == oneToMany || method == manyToMany,
		ClientStreams: method == manyToOne || method == manyToMany,
	}
}

// streamCase is one behaviour of streams. As with unaryCase, both transports have
// to show it.
type streamCase struct {
	name    string
	method  string                           // "" is manyToMany
	desc    *grpc.StreamDesc                 // nil is descOf(method)
	params  func(*witness) inprocess.Params  // nil is no settings
	serve   func(*server) error              // the handler
	call    func(*client)                    // the caller
	context func(*testing.T) context.Context // nil is that of the test
	want    []any                            // what the caller saw
	seen    []any                            // what the handler and interceptors saw
}

// server is the handler's side of a stream.
type server struct {
	grpc.ServerStream
	*witness
}

func (s *server) send(text string) error { return s.SendMsg(&message{Payload: body(text)}) }

// receive returns the text of a message.
func (s *server) receive() (string, error) {
	in := &message{}
	err := s.RecvMsg(in)

	return text(in), err
}

// drain sees the texts of all messages.
func (s *server) drain() error {
	for {
		in, err := s.receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		s.see(in)
	}
}

// first returns the first error. errors.Join would change its text.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}

	return nil
}

// client is the caller's side of a stream. It records what it sees.
type client struct {
	grpc.ClientStream
	t      *testing.T
	cancel context.CancelFunc
	// served is closed when the handler has returned.
	served <-chan struct{}
	events []any
}

func (c *client) see(values ...any) { c.events = append(c.events, values...) }

// end is how a stream ended: io.EOF, or a failure.
func (c *client) end(err error) any {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}

	return *failureOf(c.t, err)
}

// send sees nothing but an error.
func (c *client) send(text string) {
	if err := c.SendMsg(&message{Payload: body(text)}); err != nil {
		c.see("cannot send", c.end(err))
	}
}

func (c *client) closeSend() {
	if err := c.CloseSend(); err != nil {
		c.t.Errorf("CloseSend() failed: %v", err)
	}
}

// receive sees the text of a message, or the end. It reports whether it was a message.
func (c *client) receive() bool {
	out := &message{}
	if err := c.RecvMsg(out); err != nil {
		c.see(c.end(err))

		return false
	}
	c.see(text(out))

	return true
}

func (c *client) drain() {
	for c.receive() {
	}
}

// header sees the header, and whether there is one at all.
func (c *client) header() {
	header, err := c.Header()
	if err != nil {
		c.t.Errorf("Header() failed: %v", err)
	}
	c.see(plain(header), header != nil)
}

func (c *client) trailer() { c.see(plain(c.Trailer())) }

func runStreams(t *testing.T, cases []streamCase) {
	t.Helper()
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for name, connect := range transports {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test.run(t, connect)
				})
			}
		})
	}
}

func (c *streamCase) run(t *testing.T, connect connector) {
	t.Helper()
	var params inprocess.Params
	w, served := &witness{}, make(chan struct{})
	if c.params != nil {
		params = c.params(w)
	}
	conn := connect(t, streams{serve: func(stream grpc.ServerStream) error {
		defer close(served)

		return c.serve(&server{ServerStream: stream, witness: w})
	}}, params)

	parent, method, desc := t.Context(), manyToMany, c.desc
	if c.context != nil {
		parent = c.context(t)
	}
	if c.method != "" {
		method = c.method
	}
	if desc == nil {
		desc = descOf(method)
	}
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	caller := &client{t: t, cancel: cancel, served: served}
	stream, err := conn.NewStream(ctx, desc, method)
	if err != nil {
		caller.see(status.Code(err))
	} else {
		caller.ClientStream = stream
		c.call(caller)
	}

	options := cmp.Options{protocmp.Transform(), cmpopts.EquateErrors()}
	if diff := cmp.Diff(c.want, caller.events, options); diff != "" {
		t.Errorf("the caller saw (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(c.seen, w.all(), options); diff != "" {
		t.Errorf("the handler saw (-want +got):\n%s", diff)
	}
}
