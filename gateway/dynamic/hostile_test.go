package dynamic_test

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/statusway/statusway/gateway/dynamic"
)

// fails is a backend that returns an error.
func fails(err error) handler {
	return func(string, grpc.ServerStream) error { return err }
}

// TestErrors: the responses for a backend's errors.
func TestErrors(t *testing.T) {
	t.Parallel()
	withDetail := &spb.Status{Code: 5, Message: "no such animal", Details: []*anypb.Any{
		{TypeUrl: "type.googleapis.com/unknown.Detail", Value: []byte{1, 2}},
	}}
	typed, err := status.New(codes.ResourceExhausted, "full").WithDetails(&errdetails.ErrorInfo{Domain: "statusway.v1", Reason: "REQUEST_TOO_LARGE"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		handler handler
		status  int
		code    string
		holds   string
	}{
		{"a plain status", fails(status.Error(codes.NotFound, "no such animal")), 404, "NOT_FOUND", "no such animal"},
		{"a detail of unknown type", fails(status.ErrorProto(withDetail)), 404, "NOT_FOUND", `"@type":"type.googleapis.com/unknown.Detail","value":"AQI="`},
		{"an error that is no status", fails(errors.New("secret.go:7")), 500, "UNKNOWN", ""},
		{"code 17", fails(status.Error(17, "secret.go:7")), 500, "UNKNOWN", ""},
		{"code 2147483647", fails(status.Error(1<<31-1, "secret.go:7")), 500, "UNKNOWN", ""},
		{"the backend's own limit", fails(status.Error(codes.ResourceExhausted, "grpc: received message larger than max (9 vs. 8)")), 413, "RESOURCE_EXHAUSTED", ""},
		{
			"a quota after a header", withMetadata(metadata.Pairs("a", "b"), nil, sendHeader(fails(status.Error(codes.ResourceExhausted, "full")))), 429,
			"RESOURCE_EXHAUSTED", "",
		},
		{"a size that the backend states", fails(typed.Err()), 413, "RESOURCE_EXHAUSTED", "full"},
		{"no such method", fails(unimplemented()), 500, "UNIMPLEMENTED", ""},
		{"no message", fails(nil), 500, "INTERNAL", ""},
		{"two messages", answer(nil, nil), 500, "INTERNAL", ""},
		{"a message that is none", answer([]byte{0xff, 0xff}), 500, "INTERNAL", ""},
		{"a string that is no UTF-8", answer([]byte{0x0a, 1, 0xff}), 500, "INTERNAL", ""},
		{"a time out of range", answer(wireOfBadTime()), 500, "INTERNAL", ""},
		{"an oversized message", answer(make([]byte, 2<<20)), 500, "RESOURCE_EXHAUSTED", ""},
		{"a message over the limit and below grpc-go's", answer(make([]byte, 1<<20-1)), 500, "RESOURCE_EXHAUSTED", ""},
		{"an oversized header", withMetadata(metadata.Pairs("a", strings.Repeat("x", 300<<10)), nil, answer(nil)), 500, "INTERNAL", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := zooWith(t, dynamic.Target{MaxMessage: 1000}, test.handler)
			got := f.send(http.MethodGet, "/v1/animals/Ada", "")
			said := got.problem(t)
			if got.status != test.status || said.Code != test.code {
				t.Fatalf("%d %s, want %d %s: %s\n%s", got.status, said.Code, test.status, test.code, got.body, f.log)
			}
			if !strings.Contains(got.body, test.holds) || strings.Contains(got.body, "secret") || strings.Contains(got.body, "proto") {
				t.Errorf("%s", got.body)
			}
		})
	}
}

// sendHeader sends the header at once, so that the error comes in trailers.
func sendHeader(next handler) handler {
	return func(method string, stream grpc.ServerStream) error {
		if err := stream.SendHeader(nil); err != nil {
			return err
		}
		return next(method, stream)
	}
}

// wireOfBadTime is a Query whose nested.timestamp has no JSON form.
func wireOfBadTime() []byte {
	timestamp := []byte{0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
	nested := append([]byte{0x12, byte(len(timestamp))}, timestamp...)
	return append([]byte{0x12, byte(len(nested))}, nested...)
}

// TestSizesOfResponses: a response of exactly the limit, and one of a byte more, on both
// sides of the window in which grpc-go's own limit does not work.
func TestSizesOfResponses(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1000, 1 << 20, 2 << 20} {
		for _, size := range []int{limit, limit + 1} {
			wire := unknownOf(t, size)
			f := zooWith(t, dynamic.Target{MaxMessage: limit}, answer(wire))
			got := f.send(http.MethodGet, "/v1/animals/Ada", "")
			switch {
			case size == limit && got.status != http.StatusOK:
				t.Errorf("%d of %d bytes: %d %s", size, limit, got.status, got.body)
			case size > limit && (got.status != http.StatusInternalServerError || got.problem(t).Reason != "RESPONSE_TOO_LARGE"):
				t.Errorf("%d of %d bytes: %d %s", size, limit, got.status, got.body)
			}
		}
	}
}

// unknownOf is a message of exactly size bytes: one field that nobody knows.
func unknownOf(t *testing.T, size int) []byte {
	t.Helper()
	for content := size - 6; content < size; content++ {
		wire := append(binary.AppendUvarint([]byte{0x9a, 0x06}, uint64(content)), make([]byte, content)...)
		if len(wire) == size {
			return wire
		}
	}
	t.Fatalf("no message has %d bytes", size)
	return nil
}

// serveHTTP2 serves what grpc-go's server would not send.
func serveHTTP2(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: h, Protocols: protocols}
	listener := listen(t)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return listener.Addr().String()
}

// TestHostile: a server breaks the protocol. Each response is a documented one, and the
// gateway serves the next request.
func TestHostile(t *testing.T) {
	t.Parallel()
	grpcTrailers := func(pairs ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/grpc")
			w.WriteHeader(http.StatusOK)
			for i := 0; i < len(pairs); i += 2 {
				w.Header().Set(http.TrailerPrefix+pairs[i], pairs[i+1])
			}
		}
	}
	invalid, err := proto.Marshal(&spb.Status{Code: 5, Message: "other"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		status  int
	}{
		{"a status that is no number", grpcTrailers("grpc-status", "abc"), 500},
		{"a negative status", grpcTrailers("grpc-status", "-1"), 500},
		{"a status past every number", grpcTrailers("grpc-status", "99999999999"), 500},
		{"no status", grpcTrailers(), 500},
		{"details that are none", grpcTrailers("grpc-status", "5", "grpc-status-details-bin", "!!!"), 500},
		{"details of another status", grpcTrailers("grpc-status", "7", "grpc-status-details-bin", base64.StdEncoding.EncodeToString(invalid)), 500},
		{"OK without a message", grpcTrailers("grpc-status", "0"), 500},
		{"a web page", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, 500},
		{"a web server's 404", http.NotFound, 500},
		{"a web server's 503", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, 503},
		{"a frame that does not end", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			_, _ = w.Write([]byte{0, 0, 0, 0, 9, 1})
			w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
		}, 500},
		{"a compression nobody asked for", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Grpc-Encoding", "snappy")
			_, _ = w.Write([]byte{1, 0, 0, 0, 1, 1})
			w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
		}, 500},
		{"a broken stream", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 500},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := serve(t, dynamic.Target{Descriptors: zooSet(t), Address: serveHTTP2(t, test.handler)})
			for range 2 { // the gateway lives
				got := f.send(http.MethodGet, "/v1/animals/Ada", "")
				if got.status != test.status {
					t.Fatalf("%d, want %d: %s\n%s", got.status, test.status, got.body, f.log)
				}
				if said := got.problem(t); strings.Contains(said.Detail, "grpc") || strings.Contains(said.Detail, "transport") {
					t.Errorf("it says %q", said.Detail)
				}
			}
		})
	}
}

// TestControlBytes is a server that puts them into a header field, which net/http's
// server would not: the frames are written by hand.
func TestControlBytes(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serveControlBytes(conn)
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	f := serve(t, dynamic.Target{Descriptors: zooSet(t), Address: listener.Addr().String()})
	got := f.send(http.MethodGet, "/v1/animals/Ada", "")
	if got.status != http.StatusInternalServerError {
		t.Errorf("%d %s", got.status, got.body)
	}
	for name, values := range got.header {
		if strings.ContainsAny(strings.Join(values, ""), "\r\n\x00\x07") {
			t.Errorf("%s: %q", name, values)
		}
	}
}

// TestAway: a backend that is down, and one that dies while it responds.
func TestAway(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	address := listener.Addr().String()
	_ = listener.Close()
	f := serve(t, dynamic.Target{Descriptors: zooSet(t), Address: address})
	got := f.send(http.MethodGet, "/v1/animals/Ada", "")
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || strings.Contains(got.body, address) {
		t.Errorf("%d %v %s", got.status, got.header, got.body)
	}
}

// serveControlBytes responds to the first request of a connection with its own frames.
func serveControlBytes(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	preface := make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	if _, err := io.ReadFull(conn, preface); err != nil {
		return
	}
	_, _ = conn.Write(frameOf(4, 0, 0, nil)) // SETTINGS
	for {
		head := make([]byte, 9)
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		length := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
		if _, err := io.CopyN(io.Discard, conn, length); err != nil {
			return
		}
		stream := binary.BigEndian.Uint32(head[5:])
		switch {
		case head[3] == 4 && head[4]&1 == 0:
			_, _ = conn.Write(frameOf(4, 1, 0, nil)) // its acknowledgement
		case head[3] == 0 && head[4]&1 != 0: // the end of a request's DATA
			// HPACK: :status 200, and literals without indexing.
			block := []byte{0x88}
			for _, pair := range [][2]string{{"content-type", "application/grpc"}, {"x-region", "eu\x07\r\nx: y"}, {"grpc-status", "5"}} {
				block = append(block, 0, byte(len(pair[0])))
				block = append(block, pair[0]...)
				block = append(block, byte(len(pair[1])))
				block = append(block, pair[1]...)
			}
			_, _ = conn.Write(frameOf(1, 0x4|0x1, stream, block)) // HEADERS, END_HEADERS, END_STREAM
		}
	}
}

func frameOf(kind, flags byte, stream uint32, payload []byte) []byte {
	frame := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	frame = binary.BigEndian.AppendUint32(frame, stream)
	return append(frame, payload...)
}

// TestOwnTypes: if the server's own descriptors have the type of an Any, its message is
// shown in error details and responses, and read in requests.
func TestOwnTypes(t *testing.T) {
	t.Parallel()
	url := "type.googleapis.com/zoo.v1.Nested"
	failed := &spb.Status{Code: 5, Message: "no such animal", Details: []*anypb.Any{{TypeUrl: url, Value: named(t, "Ada")}}}
	got := zoo(t, fails(status.ErrorProto(failed))).send(http.MethodGet, "/v1/animals/Ada", "")
	if want := `{"@type":"` + url + `","name":"Ada","many":[],"masks":[]}`; got.status != http.StatusNotFound || !strings.Contains(got.body, want) {
		t.Errorf("%d %s, want %s", got.status, got.body, want)
	}
	sent := `{"any":{"@type":"` + url + `","name":"Ada"}}`
	got = zoo(t, echo).send(http.MethodPost, "/v1/animals", sent)
	if want := `"any":{"@type":"` + url + `","name":"Ada","many":[],"masks":[]}`; got.status != http.StatusOK || !strings.Contains(got.body, want) {
		t.Errorf("%d %s, want %s", got.status, got.body, want)
	}
}
