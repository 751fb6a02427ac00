package inprocess_test

import (
	"context"
	"io"
	"strconv"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/inprocess"
)

// pathKey is the context key of the interceptors that were passed.
type pathKey struct{}

func extended(ctx context.Context, name string) context.Context {
	path, _ := ctx.Value(pathKey{}).(string)

	return context.WithValue(ctx, pathKey{}, path+name)
}

// tracing are n interceptors of each kind that leave a trace on both sides.
func tracing(n int) func(*witness) inprocess.Params {
	return func(w *witness) inprocess.Params {
		var p inprocess.Params
		for i := range n {
			name := strconv.Itoa(i + 1)
			p.UnaryInterceptors = append(p.UnaryInterceptors, func(
				ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
			) (any, error) {
				w.see("before "+name, info.FullMethod)
				reply, err := handler(extended(ctx, name), req)
				w.see("after "+name, grpc.SetTrailer(ctx, metadata.Pairs("by", name)))

				return reply, err
			})
			p.StreamInterceptors = append(p.StreamInterceptors, func(
				srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler,
			) error {
				w.see("before "+name, info.FullMethod, info.IsClientStream, info.IsServerStream)
				err := handler(srv, traced{stream, extended(stream.Context(), name)})
				w.see("after " + name)
				stream.SetTrailer(metadata.Pairs("by", name))

				return err
			})
		}

		return p
	}
}

// traced is a stream with another context.
type traced struct {
	grpc.ServerStream
	ctx context.Context
}

func (t traced) Context() context.Context { return t.ctx }

func TestUnaryInterceptors(t *testing.T) {
	t.Parallel()
	handle := func(ctx context.Context, w *witness, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		w.see("handler", ctx.Value(pathKey{}))

		return echo(ctx, w, in)
	}

	runUnary(t, []unaryCase{
		{
			name:   "none",
			params: tracing(0),
			handle: handle,
			want:   unaryResult{Reply: hello(), Seen: []any{"handler", nil}},
		},
		{
			name:   "one",
			params: tracing(1),
			handle: handle,
			want: unaryResult{Reply: hello(), Trailer: metadata.MD{"by": {"1"}}, Seen: []any{
				"before 1", unaryMethod, "handler", "1", "after 1", nil,
			}},
		},
		{
			name:   "three, the first outermost",
			params: tracing(3),
			handle: handle,
			want: unaryResult{Reply: hello(), Trailer: metadata.MD{"by": {"3", "2", "1"}}, Seen: []any{
				"before 1", unaryMethod, "before 2", unaryMethod, "before 3", unaryMethod,
				"handler", "123",
				"after 3", nil, "after 2", nil, "after 1", nil,
			}},
		},
		{
			name:   "around a failure",
			params: tracing(1),
			handle: failing(status.Error(codes.NotFound, "gone")),
			want: unaryResult{
				Failure: &failure{Code: codes.NotFound, Message: "gone"},
				Trailer: metadata.MD{"by": {"1"}},
				Seen:    []any{"before 1", unaryMethod, "after 1", nil},
			},
		},
		{
			name:   "not for a method that is not there",
			params: tracing(1),
			method: "/grpc.testing.TestService/None",
			want: unaryResult{Failure: &failure{
				Code: codes.Unimplemented, Message: "unknown method None for service grpc.testing.TestService",
			}},
		},
		{
			name: "one that answers itself",
			params: func(*witness) inprocess.Params {
				return inprocess.Params{UnaryInterceptors: []grpc.UnaryServerInterceptor{
					func(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error) {
						return nil, status.Error(codes.Unauthenticated, "who are you")
					},
				}}
			},
			handle: handle,
			want:   unaryResult{Failure: &failure{Code: codes.Unauthenticated, Message: "who are you"}},
		},
		{
			name: "one that gives another request and reply",
			params: func(*witness) inprocess.Params {
				return inprocess.Params{UnaryInterceptors: []grpc.UnaryServerInterceptor{
					func(ctx context.Context, _ any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
						reply, err := handler(ctx, &testpb.SimpleRequest{Payload: body("changed")})
						reply.(*testpb.SimpleResponse).Username = "me"

						return reply, err
					},
				}}
			},
			want: unaryResult{Reply: &testpb.SimpleResponse{Payload: body("changed"), Username: "me"}},
		},
	})
}

func TestStreamInterceptors(t *testing.T) {
	t.Parallel()
	serve := func(s *server) error {
		s.see("handler", s.Context().Value(pathKey{}))

		return errGone
	}
	runStreams(t, []streamCase{
		{
			name: "three, the first outermost", method: manyToOne, params: tracing(3), serve: serve,
			call: func(c *client) {
				c.receive()
				c.trailer()
			},
			want: []any{gone, metadata.MD{"by": {"3", "2", "1"}}},
			seen: []any{
				"before 1", manyToOne, true, false, "before 2", manyToOne, true, false, "before 3", manyToOne, true, false,
				"handler", "123", "after 3", "after 2", "after 1",
			},
		},
		{
			name: "one", method: oneToMany, params: tracing(1), serve: serve,
			call: func(c *client) {
				c.send("a")
				c.receive()
			},
			want: []any{gone},
			seen: []any{"before 1", oneToMany, false, true, "handler", "1", "after 1"},
		},
		{
			name: "not for a unary method over a stream", method: oneToOne, params: tracing(1), desc: descOf(manyToMany),
			call: func(c *client) {
				c.send("a")
				c.closeSend()
				c.drain()
				c.trailer()
			},
			want: []any{"a", io.EOF, metadata.MD{"by": {"1"}}},
			seen: []any{"before 1", oneToOne, "after 1", nil},
		},
	})
}
