package inprocess_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/inprocess"
)

func TestStreamMessages(t *testing.T) {
	t.Parallel()
	runStreams(t, []streamCase{
		{
			name:   "one to many",
			method: oneToMany,
			serve: func(s *server) error {
				in, err := s.receive()
				s.see(in)

				return first(err, s.send("b"), s.send("c"))
			},
			call: func(c *client) {
				c.send("a")
				c.drain()
				c.receive() // the end stays
			},
			want: []any{"b", "c", io.EOF, io.EOF},
			seen: []any{"a"},
		},
		{
			name:   "one to none",
			method: oneToMany,
			serve: func(s *server) error {
				_, err := s.receive()

				return err
			},
			call: func(c *client) {
				c.send("a")
				c.drain()
			},
			want: []any{io.EOF},
		},
		{
			name:   "many to one",
			method: manyToOne,
			serve: func(s *server) error {
				return first(s.drain(), s.send("c"))
			},
			call: func(c *client) {
				c.send("a")
				c.send("b")
				c.closeSend()
				c.closeSend() // again is no error
				c.receive()
				c.receive()
			},
			want: []any{"c", io.EOF},
			seen: []any{"a", "b"},
		},
		{
			name:   "none to one",
			method: manyToOne,
			serve:  func(s *server) error { return first(s.drain(), s.send("c")) },
			call: func(c *client) {
				c.closeSend()
				c.receive()
			},
			want: []any{"c"},
		},
		{
			name: "many to many, in turns",
			serve: func(s *server) error {
				for {
					in, err := s.receive()
					if errors.Is(err, io.EOF) {
						return nil
					}
					if err := first(err, s.send("re: "+in)); err != nil {
						return err
					}
				}
			},
			call: func(c *client) {
				for _, text := range []string{"a", "b", "c"} {
					c.send(text)
					c.receive()
				}
				c.closeSend()
				c.receive()
			},
			want: []any{"re: a", "re: b", "re: c", io.EOF},
		},
		{
			name:  "many to many, none at all",
			serve: func(s *server) error { return s.drain() },
			call: func(c *client) {
				c.closeSend()
				c.receive()
			},
			want: []any{io.EOF},
		},
		{
			name: "nil messages",
			serve: func(s *server) error {
				err := s.drain()

				return first(err, s.SendMsg(nil), s.SendMsg((*message)(nil)))
			},
			call: func(c *client) {
				if err := first(c.SendMsg(nil), c.SendMsg((*message)(nil))); err != nil {
					c.t.Errorf("SendMsg() failed: %v", err)
				}
				c.closeSend()
				c.drain()
			},
			want: []any{"", "", io.EOF},
			seen: []any{"", ""},
		},
		{
			name: "messages of another Go type",
			serve: func(s *server) error {
				return first(s.drain(), s.SendMsg(dynamic(&message{Payload: body("b")})))
			},
			call: func(c *client) {
				if err := c.SendMsg(dynamic(&message{Payload: body("a")})); err != nil {
					c.t.Errorf("SendMsg() failed: %v", err)
				}
				c.closeSend()
				c.drain()
			},
			want: []any{"b", io.EOF},
			seen: []any{"a"},
		},
	})
}

// A streaming method may be called as if it were a unary one.
func TestInvokeStreamingMethods(t *testing.T) {
	t.Parallel()
	serve := func(n int) func(grpc.ServerStream) error {
		return func(stream grpc.ServerStream) error {
			in := &message{}
			if err := stream.RecvMsg(in); err != nil {
				return err
			}
			for range n {
				if err := stream.SendMsg(in); err != nil {
					return err
				}
			}

			return nil
		}
	}
	for name, connect := range transports {
		for _, method := range []string{oneToMany, manyToOne, manyToMany} {
			for n, want := range []codes.Code{codes.Internal, codes.OK, codes.Internal} {
				t.Run(fmt.Sprint(name, method, n), func(t *testing.T) {
					t.Parallel()
					conn, reply := connect(t, streams{serve: serve(n)}, inprocess.Params{}), &message{}
					err := conn.Invoke(t.Context(), method, &message{Payload: body("a")}, reply)
					if status.Code(err) != want {
						t.Errorf("with %d responses: got %v, want %v", n, err, want)
					}
					if want == codes.OK && text(reply) != "a" {
						t.Errorf("got %v, want the request", reply)
					}
					ctx, cancel := context.WithCancel(t.Context())
					cancel()
					if err := conn.Invoke(ctx, method, &message{}, reply); status.Code(err) != codes.Canceled {
						t.Errorf("with a context that is done: got %v, want Canceled", err)
					}
					if err := conn.Invoke(t.Context(), method, "text", reply); status.Code(err) != codes.Internal {
						t.Errorf("with a request that is no message: got %v, want Internal", err)
					}
				})
			}
		}
	}
}
