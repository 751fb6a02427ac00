package inprocess_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/inprocess"
)

// inHandler runs f with the context of a handler, and returns that context.
func inHandler(t *testing.T, ctx context.Context, f func(context.Context)) context.Context { //nolint:revive // t is first
	t.Helper()
	kept := make(chan context.Context, 1)
	conn := connectInProcess(&service{unary: func(ctx context.Context, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		kept <- ctx
		f(ctx)

		return &testpb.SimpleResponse{}, nil
	}})
	if err := conn.Invoke(ctx, unaryMethod, &testpb.SimpleRequest{}, &testpb.SimpleResponse{}); err != nil {
		t.Fatalf("Invoke() failed: %v", err)
	}

	return <-kept
}

// The cancellation of a handler's context is created at the first use, so it must
// work at any time.
func TestHandlerContextEnds(t *testing.T) {
	t.Parallel()
	tests := map[string]func(context.Context){
		"never asked for":  func(context.Context) {},
		"asked for before": func(ctx context.Context) { ctx.Done() },
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := inHandler(t, t.Context(), f)
			if err := ctx.Err(); !errors.Is(err, context.Canceled) {
				t.Errorf("Err() after the call: got %v, want Canceled", err)
			}
			select {
			case <-ctx.Done():
			default:
				t.Error("Done() is open after the call")
			}
			if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Cause() after the call: got %v, want Canceled", err)
			}
			if err := t.Context().Err(); err != nil {
				t.Errorf("the caller's own context ended: %v", err)
			}
		})
	}
}

func TestHandlerContextFollowsTheCaller(t *testing.T) {
	t.Parallel()
	errWhy := errors.New("why")
	for name, prepare := range map[string]func(context.Context){
		"never asked for":  func(context.Context) {},
		"asked for before": func(ctx context.Context) { ctx.Done() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			caller, cancel := context.WithCancelCause(t.Context())
			inHandler(t, caller, func(ctx context.Context) {
				prepare(ctx)
				cancel(errWhy)
				if !errors.Is(ctx.Err(), context.Canceled) {
					t.Errorf("Err(): got %v, want Canceled", ctx.Err())
				}
				child, stop := context.WithTimeout(ctx, time.Hour)
				defer stop()
				<-child.Done()
				<-ctx.Done()
				if !errors.Is(ctx.Err(), context.Canceled) || !errors.Is(child.Err(), context.Canceled) {
					t.Errorf("got %v and of a child %v, want Canceled", ctx.Err(), child.Err())
				}
				if got := context.Cause(ctx); !errors.Is(got, errWhy) {
					t.Errorf("Cause(): got %v, want %v", got, errWhy)
				}
			})
		})
	}
}

// For the race detector: a handler may share its context among goroutines.
func TestHandlerContextConcurrently(t *testing.T) {
	t.Parallel()
	var group sync.WaitGroup
	inHandler(t, context.WithValue(t.Context(), principalKey{}, "admin"), func(ctx context.Context) {
		for range 8 {
			group.Go(func() {
				for ctx.Err() == nil {
					if ctx.Value(principalKey{}) != "admin" {
						t.Error("the value is gone")
					}
					context.AfterFunc(ctx, func() {})
				}
				<-ctx.Done()
			})
		}
	})
	group.Wait()
}

// A fast sender has to wait: the buffer of a stream is limited.
func TestStreamFlowControl(t *testing.T) {
	t.Parallel()
	const bound = 16
	t.Run("of the handler", func(t *testing.T) {
		t.Parallel()
		sent, served := 0, make(chan struct{})
		conn := connectInProcess(streams{serve: func(stream grpc.ServerStream) error {
			defer close(served)
			for stream.SendMsg(&message{}) == nil {
				sent++
			}

			return nil
		}})
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := conn.NewStream(ctx, descOf(manyToMany), manyToMany)
		if err != nil {
			t.Fatalf("NewStream() failed: %v", err)
		}
		if _, err := stream.Header(); err != nil {
			t.Fatalf("Header() failed: %v", err)
		}
		cancel()
		<-served
		if sent > bound {
			t.Errorf("the handler sent %d messages that nobody received, want at most %d", sent, bound)
		}
	})
	t.Run("of the caller", func(t *testing.T) {
		t.Parallel()
		conn := connect(t, streams{serve: func(stream grpc.ServerStream) error {
			<-stream.Context().Done()

			return nil
		}}, inprocess.Params{})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		stream, err := conn.NewStream(ctx, descOf(manyToMany), manyToMany)
		if err != nil {
			t.Fatalf("NewStream() failed: %v", err)
		}
		sent := 0
		for stream.SendMsg(&message{}) == nil {
			sent++
		}
		if sent > bound {
			t.Errorf("the caller sent %d messages that nobody received, want at most %d", sent, bound)
		}
	})
}

func TestStreamContext(t *testing.T) {
	t.Parallel()
	canceled := failure{Code: codes.Canceled}
	waiting := func(s *server) error {
		if err := s.SendHeader(nil); err != nil {
			return err
		}
		s.see(s.Context())
		_, err := s.receive()
		s.see(status.Code(err))

		return err
	}
	runStreams(t, []streamCase{
		{
			name: "done before",
			context: func(t *testing.T) context.Context {
				t.Helper()
				ctx, cancel := context.WithCancel(t.Context())
				cancel()

				return ctx
			},
			want: []any{codes.Canceled},
		},
		{
			name:  "cancelled while both wait",
			serve: waiting,
			call: func(c *client) {
				c.header()
				c.cancel()
				c.drain()
				c.receive()
				<-c.served
			},
			want: []any{metadata.MD(nil), true, canceled, canceled},
			seen: []any{context.Canceled, codes.Canceled},
		},
		{
			name:  "cancelled while the caller waits for a header",
			serve: func(s *server) error { <-s.Context().Done(); return errGone },
			call: func(c *client) {
				go c.cancel()
				c.header()
				c.receive()
			},
			want: []any{metadata.MD(nil), false, canceled},
		},
		{
			name: "deadline passes while both wait",
			context: func(t *testing.T) context.Context {
				t.Helper()
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				t.Cleanup(cancel)

				return ctx
			},
			serve: func(s *server) error {
				<-s.Context().Done()

				return s.Context().Err() // in grpc-go also context.Canceled, if the caller is faster
			},
			call: func(c *client) { c.see(status.Code(c.RecvMsg(&message{}))) },
			want: []any{codes.DeadlineExceeded},
		},
		{
			name: "cancelled while the handler sends without end",
			serve: func(s *server) error {
				for {
					if err := s.SendMsg(&message{Payload: payload(1 << 12)}); err != nil {
						s.see(status.Code(err))

						return err
					}
				}
			},
			call: func(c *client) {
				c.header()
				c.cancel()
				<-c.served
			},
			want: []any{metadata.MD(nil), true},
			seen: []any{codes.Canceled},
		},
		{
			name:  "cancelled while the caller sends without end",
			serve: func(s *server) error { <-s.Context().Done(); return nil },
			call: func(c *client) {
				go c.cancel()
				for c.SendMsg(&message{Payload: payload(1 << 12)}) == nil { //nolint:revive // until the caller is told
				}
				c.drain()
			},
			want: []any{canceled},
		},
		{
			name:  "of the caller ends with the stream",
			serve: func(*server) error { return nil },
			call: func(c *client) {
				c.drain()
				<-c.Context().Done()
				c.see(c.Context().Err())
			},
			want: []any{io.EOF, context.Canceled},
		},
	})
}
