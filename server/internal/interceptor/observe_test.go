package interceptor_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/server/internal/entity"
	"github.com/statusway/statusway/server/internal/interceptor"
)

// chained runs a handler behind the interceptors that note something, as a unary call and
// as a stream.
func chained(ctx context.Context, observe interceptor.Observer, handler func(context.Context) error) (unary, stream error) {
	_, unary = observe.Unary()(ctx, nil, &grpc.UnaryServerInfo{FullMethod: "/a.B/C"}, func(ctx context.Context, _ any) (any, error) {
		return interceptor.RecoverUnary(interceptor.Noted)(ctx, nil, nil, func(ctx context.Context, _ any) (any, error) {
			return interceptor.ErrorsUnary(interceptor.Noted)(ctx, nil, nil, func(ctx context.Context, _ any) (any, error) { return nil, handler(ctx) })
		})
	})
	stream = observe.Stream()(nil, streamOf(ctx), &grpc.StreamServerInfo{FullMethod: "/a.B/D"}, func(service any, inner grpc.ServerStream) error {
		return interceptor.RecoverStream(interceptor.Noted)(service, inner, nil, func(service any, inner grpc.ServerStream) error {
			return interceptor.ErrorsStream(interceptor.Noted)(service, inner, nil, func(_ any, inner grpc.ServerStream) error { return handler(inner.Context()) })
		})
	})
	return unary, stream
}

// An observer is told of every call once: what its caller got, and what its caller is
// not told.
func TestObserver(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handler func(context.Context) error
		code    codes.Code
		cause   string
	}{
		"a success":     {func(context.Context) error { return nil }, codes.OK, ""},
		"a status":      {func(context.Context) error { return status.Error(codes.NotFound, "no") }, codes.NotFound, "rpc error: code = NotFound desc = no"},
		"of the domain": {func(context.Context) error { return entity.StoreFailed(errors.New(secret)) }, codes.Internal, secret},
		"a panic":       {func(context.Context) error { panic(secret) }, codes.Internal, secret},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls []*interceptor.Call
			observe := interceptor.Observer(func(_ context.Context, call *interceptor.Call) { calls = append(calls, call) })
			unary, stream := chained(t.Context(), observe, test.handler)
			if status.Code(unary) != test.code || status.Code(stream) != test.code {
				t.Errorf("the caller got %v and %v", unary, stream)
			}
			if len(calls) != 2 || calls[0].Method != "/a.B/C" || calls[1].Method != "/a.B/D" {
				t.Fatalf("observed %+v", calls)
			}
			for _, call := range calls {
				if call.Status.Code() != test.code || time.Since(call.Start) > time.Minute || call.User {
					t.Errorf("observed %+v", call)
				}
				if (call.Cause == nil) != (test.cause == "") || call.Cause != nil && !strings.Contains(call.Cause.Error(), test.cause) {
					t.Errorf("the cause is %v, want %q", call.Cause, test.cause)
				}
			}
		})
	}
}

// Who calls is found out behind the observer, which is told all the same.
func TestObserverIsToldOfUsers(t *testing.T) {
	t.Parallel()
	h := newHousehold(t)
	authenticator := interceptor.NewAuthenticator(h)
	counted := quota(func(context.Context, string, string) (metadata.MD, error) { return metadata.MD{}, nil }, authenticator)
	for token, known := range map[string]bool{"": false, "Bearer nonsense": false, "Bearer " + h.token: true} {
		ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("authorization", token))
		var users []bool
		observe := interceptor.Observer(func(_ context.Context, call *interceptor.Call) { users = append(users, call.User) })
		unary, stream := chained(ctx, observe, func(ctx context.Context) error {
			_, err := counted(ctx, "/a.B/C")
			return err
		})
		if unary != nil || stream != nil || len(users) != 2 || users[0] != known || users[1] != known {
			t.Errorf("%q: known %v, %v, %v", token, users, unary, stream)
		}
	}
}

// A call that fails because its client left is CANCELLED, whatever its handler returns; one
// whose client is there, or that succeeds, is as it was.
func TestObserverOfClientsThatLeave(t *testing.T) {
	t.Parallel()
	left, leave := context.WithCancel(t.Context())
	leave()
	late, end := context.WithTimeout(t.Context(), 0)
	t.Cleanup(end)
	failed := status.Error(codes.Internal, "interrupted")
	for name, test := range map[string]struct {
		ctx  context.Context
		err  error
		want codes.Code
	}{
		"left":                      {left, failed, codes.Canceled},
		"left, and all is well":     {left, nil, codes.OK},
		"there":                     {t.Context(), failed, codes.Internal},
		"there, with its deadline":  {late, failed, codes.Internal},
		"left, by an error of none": {left, errors.New("x"), codes.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen []codes.Code
			observe := interceptor.Observer(func(_ context.Context, call *interceptor.Call) { seen = append(seen, call.Status.Code()) })
			unary, stream := chained(test.ctx, observe, func(context.Context) error { return test.err })
			for _, got := range append(seen, status.Code(unary), status.Code(stream)) {
				if got != test.want {
					t.Errorf("observed %v, sent %v and %v, want %v", seen, unary, stream, test.want)
				}
			}
		})
	}
}
