package inprocess_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/statusway/statusway/gateway/inprocess"
)

// witness collects what handlers and interceptors see.
type witness struct {
	mu    sync.Mutex
	seen  []any
	begun func() // runs when the handler begins
}

func (w *witness) see(values ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, values...)
}

// all returns the observations, with a context replaced by how it ended, and a
// function by what it returns now.
func (w *witness) all() []any {
	w.mu.Lock()
	defer w.mu.Unlock()
	var seen []any
	for _, value := range w.seen {
		switch v := value.(type) {
		case context.Context:
			<-v.Done()
			value = v.Err()
		case func() any:
			value = v()
		}
		seen = append(seen, value)
	}

	return seen
}

type unaryHandler = func(context.Context, *witness, *testpb.SimpleRequest) (*testpb.SimpleResponse, error)

// unaryResult is all that a unary call shows on both sides.
type unaryResult struct {
	Reply           *testpb.SimpleResponse
	Failure         *failure
	Header, Trailer metadata.MD
	Seen            []any
}

// unaryCase is one behaviour. It runs against grpc-go and against this package,
// and on both it has to give what want says.
type unaryCase struct {
	name   string
	params func(*witness) inprocess.Params // nil is no settings
	handle unaryHandler                    // nil is echo
	// context makes the caller's context, and a function that runs when the handler
	// begins; nil means the test's context, and no function.
	context func(*testing.T) (context.Context, func())
	method  string // "" is UnaryCall
	args    any    // nil is a SimpleRequest with the body "hello"
	options []grpc.CallOption
	anyText bool // the messages of the two differ
	want    unaryResult
}

func echo(_ context.Context, _ *witness, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	return &testpb.SimpleResponse{Payload: in.GetPayload()}, nil
}

// runUnary runs each case against both.
func runUnary(t *testing.T, cases []unaryCase) {
	t.Helper()
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for name, connect := range transports {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					got := test.run(t, connect)
					if diff := cmp.Diff(test.want, got, protocmp.Transform(), cmpopts.EquateErrors()); diff != "" {
						t.Errorf("result (-want +got):\n%s", diff)
					}
				})
			}
		})
	}
}

func (c *unaryCase) run(t *testing.T, connect connector) unaryResult {
	t.Helper()
	ctx, w := t.Context(), &witness{begun: func() {}}
	if c.context != nil {
		ctx, w.begun = c.context(t)
	}
	handle, params := echo, inprocess.Params{}
	if c.handle != nil {
		handle = c.handle
	}
	if c.params != nil {
		params = c.params(w)
	}
	conn := connect(t, &service{unary: func(ctx context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		w.begun()

		return handle(ctx, w, in)
	}}, params)

	method, args := unaryMethod, c.args
	if c.method != "" {
		method = c.method
	}
	if args == nil {
		args = &testpb.SimpleRequest{Payload: body("hello")}
	}
	var (
		result   unaryResult
		from     peer.Peer
		finished []error
	)
	reply := &testpb.SimpleResponse{Username: "to be replaced"}
	options := append([]grpc.CallOption{
		grpc.Header(&result.Header), grpc.Trailer(&result.Trailer), grpc.Peer(&from),
		grpc.OnFinish(func(err error) { finished = append(finished, err) }),
	}, c.options...)
	err := conn.Invoke(ctx, method, args, reply, options...)

	if err == nil {
		result.Reply = abridged(reply)
		if from.Addr == nil {
			t.Error("the caller sees no peer")
		}
	}
	if len(finished) != 1 || finished[0] != err { //nolint:errorlint // the very same
		t.Errorf("OnFinish got %v, want %v once", finished, err)
	}
	result.Failure = failureOf(t, err)
	if c.anyText && result.Failure != nil {
		result.Failure.Message, result.Failure.Details = "", nil
	}
	result.Header, result.Trailer = plain(result.Header), plain(result.Trailer)
	result.Seen = w.all()

	return result
}

// abridged has the length of a long body in its place: to compare bytes one by one
// takes minutes.
func abridged(m *testpb.SimpleResponse) *testpb.SimpleResponse {
	if n := len(m.GetPayload().GetBody()); n > 1<<10 {
		m.Payload = body(fmt.Sprint(n, " bytes"))
	}

	return m
}
