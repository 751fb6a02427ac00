package inprocess_test

import (
	"context"
	"io"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

func TestUnaryResponseMetadata(t *testing.T) {
	t.Parallel()
	// Keys that a transport does not pass on, and two that it does.
	mixed := metadata.Pairs(
		"grpc-status", "5", "grpc-message", "x", "grpc-message-type", "x", "grpc-timeout", "1n", "te", "x",
		"user-agent", "me", ":status", "404", "kept", "1", "text", "Zoë\t☺",
	)
	kept := metadata.MD{"kept": {"1"}, "text": {"Zoë\t☺"}}

	runUnary(t, []unaryCase{
		{
			name: "on success",
			handle: func(ctx context.Context, w *witness, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				w.see(grpc.SetHeader(ctx, metadata.Pairs("A", "1", "a", "2")), grpc.SetHeader(ctx, nil))
				w.see(grpc.SendHeader(ctx, metadata.Pairs("a", "3", "b-bin", "\x00\xff")))
				w.see(grpc.SetTrailer(ctx, metadata.Pairs("t", "1")), grpc.SetTrailer(ctx, metadata.Pairs("t", "2")))

				return echo(ctx, w, in)
			},
			want: unaryResult{
				Reply:   hello(),
				Header:  metadata.MD{"a": {"1", "2", "3"}, "b-bin": {"\x00\xff"}},
				Trailer: metadata.MD{"t": {"1", "2"}},
				Seen:    []any{nil, nil, nil, nil, nil},
			},
		},
		{
			name: "on failure",
			handle: func(ctx context.Context, w *witness, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				w.see(grpc.SetHeader(ctx, metadata.Pairs("h", "1")), grpc.SetTrailer(ctx, metadata.Pairs("t", "1")))

				return nil, status.Error(codes.NotFound, "no such thing")
			},
			want: unaryResult{
				Failure: &failure{Code: codes.NotFound, Message: "no such thing"},
				Header:  metadata.MD{"h": {"1"}},
				Trailer: metadata.MD{"t": {"1"}},
				Seen:    []any{nil, nil},
			},
		},
		{
			name: "after the header was sent",
			handle: func(ctx context.Context, w *witness, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				w.see(grpc.SendHeader(ctx, metadata.Pairs("h", "1")))
				w.see(status.Code(grpc.SetHeader(ctx, metadata.Pairs("h", "2"))))
				w.see(status.Code(grpc.SendHeader(ctx, metadata.Pairs("h", "3"))))
				w.see(grpc.SetHeader(ctx, nil)) // nothing is no error

				return echo(ctx, w, in)
			},
			want: unaryResult{
				Reply: hello(), Header: metadata.MD{"h": {"1"}}, Seen: []any{nil, codes.Internal, codes.Internal, nil},
			},
		},
		{
			name: "changed by the handler afterwards",
			handle: func(ctx context.Context, w *witness, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				header, trailer := metadata.Pairs("h", "1"), metadata.Pairs("t", "1")
				w.see(grpc.SendHeader(ctx, header), grpc.SetTrailer(ctx, trailer))
				header["h"][0], trailer["t"][0] = "2", "2"

				return echo(ctx, w, in)
			},
			want: unaryResult{
				Reply: hello(), Header: metadata.MD{"h": {"1"}}, Trailer: metadata.MD{"t": {"1"}}, Seen: []any{nil, nil},
			},
		},
		{
			name: "reserved keys",
			handle: func(ctx context.Context, w *witness, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				w.see(grpc.SetHeader(ctx, mixed), grpc.SetTrailer(ctx, mixed))

				return echo(ctx, w, in)
			},
			want: unaryResult{Reply: hello(), Header: kept, Trailer: kept, Seen: []any{nil, nil}},
		},
	})
}

func TestUnaryRequestMetadata(t *testing.T) {
	t.Parallel()
	sending := func(md metadata.MD) func(*testing.T) (context.Context, func()) {
		return func(t *testing.T) (context.Context, func()) {
			t.Helper()

			return metadata.NewOutgoingContext(t.Context(), md), func() {}
		}
	}
	seeing := func(ctx context.Context, w *witness, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		outgoing, _ := metadata.FromOutgoingContext(ctx)
		from, _ := peer.FromContext(ctx)
		method, _ := grpc.Method(ctx)
		w.see(incoming(ctx), len(outgoing), from.Addr != nil, method)

		return echo(ctx, w, in)
	}
	sees := func(md metadata.MD) unaryResult {
		return unaryResult{Reply: hello(), Seen: []any{md, 0, true, unaryMethod}}
	}
	refused := unaryResult{Failure: &failure{Code: codes.Internal}}

	runUnary(t, []unaryCase{
		{
			name:   "none",
			handle: seeing,
			want:   sees(nil),
		},
		{
			name: "none, though the caller is itself called",
			context: func(t *testing.T) (context.Context, func()) {
				t.Helper()
				ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("secret", "1"))

				return peer.NewContext(ctx, &peer.Peer{}), func() {}
			},
			handle: seeing,
			want:   sees(nil),
		},
		{
			name:    "some",
			context: sending(metadata.Pairs("Key", "1", "key", "2", "raw-bin", "\x00\r\n", "grpc-trace-bin", "t", "empty", "")),
			handle:  seeing,
			want:    sees(metadata.MD{"key": {"1", "2"}, "raw-bin": {"\x00\r\n"}, "grpc-trace-bin": {"t"}, "empty": {""}}),
		},
		{
			name: "appended",
			context: func(t *testing.T) (context.Context, func()) {
				t.Helper()
				ctx := metadata.NewOutgoingContext(t.Context(), metadata.Pairs("key", "1"))

				return metadata.AppendToOutgoingContext(ctx, "KEY", "2", "other", "3"), func() {}
			},
			handle: seeing,
			want:   sees(metadata.MD{"key": {"1", "2"}, "other": {"3"}}),
		},
		{
			name: "reserved keys",
			context: sending(metadata.Pairs(
				":authority", "me", ":path", "/", "content-type", "x", "user-agent", "me", "te", "x", "host", "me", "kept", "1",
				"grpc-encoding", "x", "grpc-message", "x", "grpc-message-type", "x", "grpc-status", "5", "grpc-timeout", "1n",
			)),
			handle: func(ctx context.Context, w *witness, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				for _, key := range []string{":authority", "user-agent", "content-type"} {
					for _, value := range metadata.ValueFromIncomingContext(ctx, key) {
						if value == "me" || value == "x" {
							w.see(key + " is the caller's")
						}
					}
				}

				return seeing(ctx, w, in)
			},
			want: sees(metadata.MD{"kept": {"1"}}),
		},
		{
			name:    "a key with a space",
			context: sending(metadata.Pairs("a key", "1")),
			anyText: true,
			want:    refused,
		},
		{
			name:    "an empty key",
			context: sending(metadata.Pairs("", "1")),
			anyText: true,
			want:    refused,
		},
		{
			name:    "a value with a line break",
			context: sending(metadata.Pairs("key", "one\r\ntwo")),
			anyText: true,
			want:    refused,
		},
		{
			name:    "a value that is not ASCII",
			context: sending(metadata.Pairs("key", "Zoë")),
			anyText: true,
			want:    refused,
		},
	})
}

// Metadata that HTTP/2 cannot carry breaks the call in grpc-go; here the handler gets
// an error.
func TestResponseMetadataThatCannotBeSent(t *testing.T) {
	t.Parallel()
	tests := map[string]metadata.MD{
		"upper case":           {"Key": {"1"}},
		"a key with a space":   {"a key": {"1"}},
		"an empty key":         {"": {"1"}},
		"a line break":         {"key": {"one\r\ntwo"}},
		"NUL":                  {"key": {"\x00"}},
		"DEL":                  {"key": {"\x7f"}},
		"one good and one bad": {"good": {"1"}, "bad": {"1", "\n"}},
	}
	for name, md := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var codesSeen []codes.Code
			conn := connectInProcess(&service{unary: func(ctx context.Context, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				for _, set := range []func(context.Context, metadata.MD) error{grpc.SetHeader, grpc.SendHeader, grpc.SetTrailer} {
					codesSeen = append(codesSeen, status.Code(set(ctx, md)))
				}

				return &testpb.SimpleResponse{}, nil
			}})
			var header, trailer metadata.MD
			err := conn.Invoke(t.Context(), unaryMethod, &testpb.SimpleRequest{}, &testpb.SimpleResponse{},
				grpc.Header(&header), grpc.Trailer(&trailer))
			if err != nil {
				t.Fatalf("Invoke() failed: %v", err)
			}
			for _, code := range codesSeen {
				if code != codes.Internal {
					t.Errorf("got codes %v, want three times Internal", codesSeen)
				}
			}
			if len(header) != 0 || len(trailer) != 0 {
				t.Errorf("got header %#v and trailer %#v, want none", header, trailer)
			}
		})
	}
}

// A handler's goroutine that outlives the call must not reach the caller's metadata.
func TestMetadataAfterTheCall(t *testing.T) {
	t.Parallel()
	kept := make(chan context.Context, 1)
	conn := connectInProcess(&service{unary: func(ctx context.Context, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		kept <- ctx

		return &testpb.SimpleResponse{}, grpc.SetTrailer(ctx, metadata.Pairs("t", "1"))
	}})
	var trailer metadata.MD
	err := conn.Invoke(t.Context(), unaryMethod, &testpb.SimpleRequest{}, &testpb.SimpleResponse{}, grpc.Trailer(&trailer))
	if err != nil {
		t.Fatalf("Invoke() failed: %v", err)
	}
	late := <-kept
	if err := grpc.SetTrailer(late, metadata.Pairs("t", "2")); status.Code(err) != codes.Internal {
		t.Errorf("SetTrailer() after the call: got %v, want Internal", err)
	}
	if err := grpc.SetHeader(late, metadata.Pairs("h", "2")); status.Code(err) != codes.Internal {
		t.Errorf("SetHeader() after the call: got %v, want Internal", err)
	}
	if got := trailer["t"]; len(got) != 1 {
		t.Errorf("got trailer %q, want one value", got)
	}
}

func TestStreamMetadata(t *testing.T) {
	t.Parallel()
	md := metadata.Pairs
	runStreams(t, []streamCase{
		{
			name: "header before the first message",
			serve: func(s *server) error {
				if err := first(s.SetHeader(md("h", "1")), s.SendHeader(md("h", "2"))); err != nil {
					return err
				}
				s.see(status.Code(s.SetHeader(md("h", "3"))), status.Code(s.SendHeader(md("h", "4"))))

				return s.drain()
			},
			call: func(c *client) {
				c.header() // does not wait for more than the header
				c.closeSend()
				c.header()
				c.drain()
				c.header()
			},
			want: []any{
				metadata.MD{"h": {"1", "2"}}, true, metadata.MD{"h": {"1", "2"}}, true, io.EOF, metadata.MD{"h": {"1", "2"}}, true,
			},
			seen: []any{codes.Internal, codes.Internal},
		},
		{
			name:  "header with the first message",
			serve: func(s *server) error { return first(s.SetHeader(md("h", "1")), s.send("a"), s.drain()) },
			call: func(c *client) {
				c.header()
				c.closeSend()
				c.drain()
			},
			want: []any{metadata.MD{"h": {"1"}}, true, "a", io.EOF},
		},
		{
			name:  "empty header with the first message",
			serve: func(s *server) error { return first(s.send("a"), s.drain()) },
			call: func(c *client) {
				c.header()
				c.closeSend()
				c.drain()
			},
			want: []any{metadata.MD(nil), true, "a", io.EOF},
		},
		{
			name: "header with a failure",
			serve: func(s *server) error {
				s.SetTrailer(md("t", "1"))
				s.SetTrailer(md("t", "2"))

				return first(s.SetHeader(md("h", "1")), errGone)
			},
			call: func(c *client) {
				c.header()
				c.drain()
				c.trailer()
			},
			want: []any{
				metadata.MD{"h": {"1"}},
				true, gone,
				metadata.MD{"t": {"1", "2"}},
			},
		},
		{
			name: "no header with a failure",
			serve: func(s *server) error {
				s.SetTrailer(md("t", "1"))

				return errGone
			},
			call: func(c *client) {
				c.header()
				c.drain()
				c.trailer()
			},
			want: []any{metadata.MD(nil), false, gone, metadata.MD{"t": {"1"}}},
		},
		{
			name: "by the context",
			serve: func(s *server) error {
				method, _ := grpc.Method(s.Context())
				s.see(method, grpc.SetTrailer(s.Context(), md("t", "1")))

				return grpc.SendHeader(s.Context(), md("h", "1"))
			},
			call: func(c *client) {
				c.header()
				c.drain()
				c.trailer()
			},
			want: []any{metadata.MD{"h": {"1"}}, true, io.EOF, metadata.MD{"t": {"1"}}},
			seen: []any{manyToMany, nil},
		},
		{
			name: "of the caller",
			context: func(t *testing.T) context.Context {
				t.Helper()

				return metadata.NewOutgoingContext(t.Context(), md("Key", "1", ":path", "/", "te", "x"))
			},
			serve: func(s *server) error {
				from, _ := peer.FromContext(s.Context())
				outgoing, _ := metadata.FromOutgoingContext(s.Context())
				s.see(incoming(s.Context()), len(outgoing), from.Addr != nil)

				return nil
			},
			call: func(c *client) {
				c.drain()
				to, _ := peer.FromContext(c.Context())
				c.see(to.Addr != nil)
			},
			want: []any{io.EOF, true},
			seen: []any{metadata.MD{"key": {"1"}}, 0, true},
		},
		{
			name: "of the caller, that cannot be sent",
			context: func(t *testing.T) context.Context {
				t.Helper()

				return metadata.NewOutgoingContext(t.Context(), md("raw-bin", "\x00", "a\tkey", "1"))
			},
			want: []any{codes.Internal},
		},
	})
}
