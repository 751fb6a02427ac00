package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/interceptor"
)

// serverStream is a stream without a transport: it has a context and an end.
type serverStream struct {
	grpc.ServerStream
	ctx context.Context
}

func streamOf(ctx context.Context) serverStream { return serverStream{ctx: ctx} }

func (s serverStream) Context() context.Context { return s.ctx }
func (s serverStream) RecvMsg(any) error        { return io.EOF }

type key struct{}

// A check hands its context to the handler, or its error to the caller.
func TestCheck(t *testing.T) {
	t.Parallel()
	refusal := errors.New("no")
	for _, test := range []struct {
		name string
		err  error
	}{{"passes", nil}, {"refuses", refusal}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			check := interceptor.Check(func(ctx context.Context, fullMethod string) (context.Context, error) {
				return context.WithValue(ctx, key{}, fullMethod), test.err
			})
			seen := ""
			response, err := check.Unary()(t.Context(), "request", &grpc.UnaryServerInfo{FullMethod: "/a.B/C"}, func(ctx context.Context, request any) (any, error) {
				seen, _ = ctx.Value(key{}).(string)
				return request, nil
			})
			wantSeen, wantResponse := "/a.B/C", any("request")
			if test.err != nil {
				wantSeen, wantResponse = "", nil
			}
			if !errors.Is(err, test.err) || seen != wantSeen || response != wantResponse {
				t.Errorf("unary: %v, %v; the handler saw %q", response, err, seen)
			}

			seen = ""
			err = check.Stream()(nil, streamOf(t.Context()), &grpc.StreamServerInfo{FullMethod: "/a.B/C"}, func(_ any, stream grpc.ServerStream) error {
				seen, _ = stream.Context().Value(key{}).(string)
				// All but the context is the stream's own.
				return stream.RecvMsg(nil)
			})
			wantErr := test.err
			if wantErr == nil {
				wantErr = io.EOF
			}
			if !errors.Is(err, wantErr) || seen != wantSeen {
				t.Errorf("stream: %v; the handler saw %q", err, seen)
			}
		})
	}
}

func TestAvailability(t *testing.T) {
	t.Parallel()
	closed := entity.Maintenance{Enabled: true}.Err()
	check := interceptor.Availability(func(fullMethod string) error {
		if fullMethod == "/a.B/Closed" {
			return closed
		}
		return nil
	})
	if ctx, err := check(t.Context(), "/a.B/Open"); err != nil || ctx != t.Context() {
		t.Errorf("open: %v", err)
	}
	if _, err := check(t.Context(), "/a.B/Closed"); !errors.Is(err, closed) {
		t.Errorf("closed: %v", err)
	}
}

// A panic becomes INTERNAL and is in the log with its stack; it tells nothing to
// the caller.
func TestRecover(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		handler func() error
		panics  string
	}{
		{"a text", func() error { panic(secret) }, "hunter2"},
		{"an error", func() error { panic(errors.New(secret)) }, "hunter2"},
		{"nothing", func() error { panic(nil) }, "nil"},
		{"the runtime's own", func() error { var none []int; return fmt.Errorf("%d", none[len(secret)]) }, "index out of range"},
		{"no panic", func() error { return nil }, ""},
		{"no panic but an error", func() error { return status.Error(codes.NotFound, "No.") }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var causes []string
			report := func(_ context.Context, cause error) { causes = append(causes, cause.Error()) }
			handler := func(_ context.Context, request any) (any, error) { return request, test.handler() }
			response, unary := interceptor.RecoverUnary(report)(t.Context(), "request", &grpc.UnaryServerInfo{FullMethod: "/a.B/C"}, handler)
			stream := interceptor.RecoverStream(report)(nil, streamOf(t.Context()), &grpc.StreamServerInfo{FullMethod: "/a.B/D"}, func(any, grpc.ServerStream) error {
				return test.handler()
			})
			if test.panics == "" {
				if want := test.handler(); !errors.Is(unary, want) || !errors.Is(stream, want) || response != "request" || len(causes) > 0 {
					t.Errorf("%v, %v and %v; reported: %q", response, unary, stream, causes)
				}
				return
			}
			for _, err := range []error{unary, stream} {
				if got := status.Convert(err); got.Code() != codes.Internal || got.Message() != "internal error" || len(got.Details()) > 0 {
					t.Errorf("the caller is told %v", got)
				}
			}
			if len(causes) != 2 {
				t.Errorf("reported %q", causes)
			}
			for _, cause := range causes {
				if !strings.Contains(cause, test.panics) || !strings.Contains(cause, "chain_test.go") {
					t.Errorf("reported %s", cause)
				}
			}
		})
	}
}
