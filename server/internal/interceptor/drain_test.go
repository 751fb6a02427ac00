package interceptor_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/statusway/statusway/server/internal/interceptor"
)

// silentStream is a stream whose client sends nothing until the call ends.
type silentStream struct {
	grpc.ServerStream

	ctx context.Context
}

func (s silentStream) Context() context.Context { return s.ctx }

func (s silentStream) RecvMsg(any) error {
	<-s.ctx.Done()
	return s.ctx.Err()
}

// A stop ends streams, whether they wait for the client or for something else, and those
// that begin later. Other results stay as they are.
func TestDrain(t *testing.T) {
	t.Parallel()
	stopped, failed := errors.New("stopped"), errors.New("failed")
	receive := func(_ any, stream grpc.ServerStream) error { return stream.RecvMsg(nil) }
	wait := func(_ any, stream grpc.ServerStream) error {
		<-stream.Context().Done()
		return stream.Context().Err()
	}
	for name, test := range map[string]struct {
		handler grpc.StreamHandler
		before  bool // the stop comes before the stream
		want    error
	}{
		"receives":          {receive, false, stopped},
		"waits":             {wait, false, stopped},
		"begins later":      {receive, true, stopped},
		"ends by itself":    {func(any, grpc.ServerStream) error { return nil }, false, nil},
		"fails by itself":   {func(any, grpc.ServerStream) error { return failed }, false, failed},
		"finishes its work": {func(any, grpc.ServerStream) error { time.Sleep(50 * time.Millisecond); return nil }, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event, stop := context.WithCancel(t.Context())
			if test.before {
				stop()
			}
			call, end := context.WithCancel(t.Context())
			defer end()
			drain := interceptor.Drain(func(f func()) func() bool { return context.AfterFunc(event, f) }, func() error { return stopped })
			done := make(chan error, 1)
			go func() {
				done <- drain(nil, silentStream{ctx: call}, &grpc.StreamServerInfo{IsClientStream: true}, test.handler)
			}()
			time.Sleep(10 * time.Millisecond)
			defer stop()
			if errors.Is(test.want, stopped) {
				stop()
			}
			select {
			case err := <-done:
				if !errors.Is(err, test.want) {
					t.Errorf("%v, want %v", err, test.want)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("the stream does not end")
			}
		})
	}
}
