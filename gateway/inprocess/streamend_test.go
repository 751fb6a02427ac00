package inprocess_test

import (
	"context"
	"io"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// violation is a failure that this package and grpc-go word alike.
func violation(text string) failure {
	return failure{Code: codes.Internal, Message: "cardinality violation: " + text}
}

var (
	errGone = status.Error(codes.NotFound, "gone")
	gone    = failure{Code: codes.NotFound, Message: "gone"}
)

func TestStreamEnds(t *testing.T) {
	t.Parallel()
	aborted := withDetails(t, status.New(codes.Aborted, "changed"), stale())
	runStreams(t, []streamCase{
		{
			name:   "failure at once",
			method: oneToMany,
			serve:  func(*server) error { return errGone },
			call: func(c *client) {
				c.send("a")
				c.drain()
				c.drain()
			},
			want: []any{gone, gone},
		},
		{
			name: "failure after messages",
			serve: func(s *server) error {
				return first(s.send("a"), s.send("b"), errGone)
			},
			call: func(c *client) { c.drain() },
			want: []any{"a", "b", gone},
		},
		{
			name:  "failure with details",
			serve: func(*server) error { return aborted },
			call:  func(c *client) { c.drain() },
			want:  []any{failure{Code: codes.Aborted, Message: "changed", Details: []proto.Message{stale()}}},
		},
		{
			name:  "failure without a status",
			serve: func(*server) error { return io.EOF },
			call:  func(c *client) { c.drain() },
			want:  []any{failure{Code: codes.Unknown, Message: "EOF"}},
		},
		{
			name:  "failure with the code OK",
			serve: func(*server) error { return declared{status.New(codes.OK, "")} },
			call:  func(c *client) { c.drain() },
			want:  []any{io.EOF},
		},
		{
			name:   "failure after the only response",
			method: manyToOne,
			serve:  func(s *server) error { return first(s.send("a"), errGone) },
			call:   func(c *client) { c.receive() },
			want:   []any{gone},
		},
		{
			name:   "no response where one is due",
			method: manyToOne,
			serve:  func(s *server) error { return s.drain() },
			call: func(c *client) {
				c.closeSend()
				c.receive()
			},
			want: []any{violation("received no response message from non-server-streaming RPC")},
		},
		{
			name:   "two responses where one is due",
			method: manyToOne,
			serve:  func(s *server) error { return first(s.send("a"), s.send("b")) },
			call:   func(c *client) { c.receive() },
			want:   []any{violation("expected <EOF> for non server-streaming RPCs, but received another message")},
		},
		{
			name:   "no request where one is due",
			method: oneToMany,
			serve: func(s *server) error {
				_, err := s.receive()

				return err
			},
			call: func(c *client) {
				c.closeSend()
				c.receive()
			},
			want: []any{violation("received no request message from non-client-streaming RPC")},
		},
		{
			name:   "two requests where one is due",
			method: oneToMany,
			desc:   descOf(manyToMany),
			serve: func(s *server) error {
				_, err := s.receive()

				return err
			},
			call: func(c *client) {
				c.send("a")
				c.send("b")
				c.receive()
			},
			want: []any{violation("received multiple request messages for non-client-streaming RPC")},
		},
		{
			name:   "handler that reads nothing",
			method: manyToOne,
			serve:  func(s *server) error { return s.send("enough") },
			call: func(c *client) {
				<-c.served
				for c.SendMsg(&message{}) == nil { //nolint:revive // until the caller is told
				}
				c.send("late")
				c.receive()
			},
			want: []any{"cannot send", io.EOF, "enough"},
		},
		{
			name:   "message after the only request",
			method: oneToMany,
			serve:  func(s *server) error { return s.Context().Err() },
			call: func(c *client) {
				c.send("a")
				c.send("b")
			},
			want: []any{"cannot send", failure{Code: codes.Internal, Message: "SendMsg called after CloseSend"}},
		},
		{
			name: "message after CloseSend",
			serve: func(s *server) error {
				err := s.SendHeader(nil)
				<-s.Context().Done()

				return err
			},
			call: func(c *client) {
				c.header()
				c.closeSend()
				c.send("a")
				c.send("b")
				c.drain()
				<-c.served
			},
			want: []any{
				metadata.MD(nil), true,
				"cannot send",
				failure{Code: codes.Internal, Message: "SendMsg called after CloseSend"},
				"cannot send",
				failure{Code: codes.Internal, Message: "SendMsg called after CloseSend"},
				failure{Code: codes.Internal, Message: "SendMsg called after CloseSend"},
			},
		},
		{
			name: "message after CloseSend, while the caller waits for one",
			serve: func(s *server) error {
				err := s.SendHeader(nil)
				<-s.Context().Done()

				return err
			},
			call: func(c *client) {
				c.header()
				received := make(chan any)
				go func() { received <- c.end(c.RecvMsg(&message{})) }()
				c.closeSend()
				c.send("a")
				c.see(<-received)
			},
			want: []any{
				metadata.MD(nil), true,
				"cannot send",
				failure{Code: codes.Internal, Message: "SendMsg called after CloseSend"},
				failure{Code: codes.Internal, Message: "SendMsg called after CloseSend"},
			},
		},
		{
			name: "no message from the caller",
			serve: func(s *server) error {
				s.see(s.Context())
				<-s.Context().Done()

				return nil
			},
			call: func(c *client) {
				c.see(status.Code(c.SendMsg("text")), status.Code(c.RecvMsg(&message{})))
				<-c.served
			},
			want: []any{codes.Internal, codes.Internal},
			seen: []any{context.Canceled},
		},
		{
			name: "no message from the handler",
			serve: func(s *server) error {
				s.see(status.Code(s.SendMsg("text")))

				return nil // too late
			},
			call: func(c *client) { c.see(status.Code(c.RecvMsg(&message{}))) },
			want: []any{codes.Internal},
			seen: []any{codes.Internal},
		},
		{
			name: "nothing to receive into, of the handler",
			serve: func(s *server) error {
				s.see(status.Code(s.RecvMsg("text")))

				return nil // too late
			},
			call: func(c *client) {
				c.send("a")
				c.see(status.Code(c.RecvMsg(&message{})))
			},
			want: []any{codes.Internal},
			seen: []any{codes.Internal},
		},
		{
			name:   "cancelled before the end of the only request",
			method: oneToMany,
			desc:   descOf(manyToMany),
			serve: func(s *server) error {
				if err := s.SendHeader(nil); err != nil {
					return err
				}
				_, err := s.receive()
				s.see(status.Code(err))

				return err
			},
			call: func(c *client) {
				c.send("a")
				c.header()
				c.cancel()
				c.drain()
				<-c.served
			},
			want: []any{metadata.MD(nil), true, failure{Code: codes.Canceled}},
			seen: []any{codes.Canceled},
		},
		{
			name:  "nothing to receive into, of the caller",
			serve: func(s *server) error { return s.send("a") },
			call:  func(c *client) { c.see(status.Code(c.RecvMsg("text"))) },
			want:  []any{codes.Internal},
		},
		{
			name: "message after the handler returned",
			serve: func(s *server) error {
				s.see(s.Context())
				s.see(func() any {
					_, err := s.receive()

					return status.Code(err)
				})
				s.see(func() any { return status.Code(s.send("late")) })

				return nil
			},
			call: func(c *client) { c.drain() },
			want: []any{io.EOF},
			seen: []any{context.Canceled, codes.Canceled, codes.Canceled},
		},
		{
			name:   "unknown method",
			method: "/test.Streams/None",
			desc:   descOf(manyToMany),
			call: func(c *client) {
				c.receive()
				c.send("a")
				c.header()
			},
			want: []any{
				failure{Code: codes.Unimplemented, Message: "unknown method None for service test.Streams"},
				"cannot send", io.EOF, metadata.MD(nil), false,
			},
		},
	})
}
