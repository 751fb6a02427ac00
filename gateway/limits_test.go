package gateway_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
)

// failsWith is a backend that receives one message and then fails with a text, after its leading metadata if the request
// asks for a stream.
func failsWith(code codes.Code, text string) grpc.StreamHandler {
	return func(_ any, stream grpc.ServerStream) error {
		var message frame
		if err := stream.RecvMsg(&message); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if strings.Contains(fmt.Sprint(grpc.MethodFromServerStream(stream)), "/Chat") {
			if err := stream.SendMsg(&frame{}); err != nil {
				return err
			}
		}
		return status.Error(code, text)
	}
}

// sends is a backend that responds with a message of a size.
func sends(size int) grpc.StreamHandler {
	return func(_ any, stream grpc.ServerStream) error {
		var message frame
		if err := stream.RecvMsg(&message); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		return stream.SendMsg(&frame{make([]byte, size)})
	}
}

type problem struct {
	Status     int    `json:"status"`
	Reason     string `json:"reason"`
	RetryAfter int    `json:"retryAfter"`
}

// ending is the error of a response, or of the last frame of its stream.
func ending(t *testing.T, code int, body string) problem {
	t.Helper()
	if code != 200 {
		var one problem
		if err := json.Unmarshal([]byte(body), &one); err != nil || one.Status != code {
			t.Fatalf("%d %q: %v", code, body, err)
		}
		return one
	}
	lines := strings.Split(strings.TrimSpace(body), "\n")
	var last struct {
		Error problem `json:"error"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	return last.Error
}

// A message over a limit is not an exhausted quota, on either side of the call and with any gRPC library.
func TestMessageLimits(t *testing.T) {
	t.Parallel()
	const request, response = "REQUEST_TOO_LARGE", "RESPONSE_TOO_LARGE"
	long := strings.Repeat("x", 2000)
	unary, stream := `{"name":"`+long+`"}`, `{"name":"`+long+`"}{"name":"y"}`
	for name, test := range map[string]struct {
		backend grpc.StreamHandler
		status  int
		reason  string
	}{
		"grpc-go receives":              {failsWith(codes.ResourceExhausted, "grpc: received message larger than max (2003 vs. 1000)"), 413, request},
		"grpc-go decompresses":          {failsWith(codes.ResourceExhausted, "grpc: message after decompression larger than max (2003 vs. 1000)"), 413, request},
		"grpc-java receives":            {failsWith(codes.ResourceExhausted, "gRPC message exceeds maximum size 1000: 2003"), 413, request},
		"C core receives":               {failsWith(codes.ResourceExhausted, "Received message larger than max (2003 vs. 1000)"), 413, request},
		"C core of today receives":      {failsWith(codes.ResourceExhausted, "SERVER: Received message larger than max (2003 vs. 1000)"), 413, request},
		"the backend calls another":     {failsWith(codes.ResourceExhausted, "CLIENT: Received message larger than max (2003 vs. 1000)"), 500, response},
		"grpc-go sends":                 {failsWith(codes.ResourceExhausted, "trying to send message larger than max (4003 vs. 3000)"), 500, response},
		"C core sends":                  {failsWith(codes.ResourceExhausted, "Sent message larger than max (4003 vs. 3000)"), 500, response},
		"a quota with similar words":    {failsWith(codes.ResourceExhausted, "message larger than max of the day"), 429, ""},
		"the words with another code":   {failsWith(codes.FailedPrecondition, "grpc: received message larger than max (2003 vs. 1000)"), 409, ""},
		"a response over grpc-go's max": {sends(5 << 20), 500, response},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBothBackends(t, times{}, same(test.backend), func(t *testing.T, f *zooFront) {
				t.Helper()
				for _, one := range [][3]string{
					{"POST", "/v1/animals", unary},
					{"GET", "/v1/animals/" + long, ""},
					{"GET", "/v1/animals:watch?name=" + long, ""},
					{"POST", "/v1/animals:feed", stream},
					{"POST", "/v1/animals/Ada:chat?stringValue=" + long, stream},
				} {
					code, header, body := f.send(t, one[0], one[1], one[2])
					got, isQuota := ending(t, code, body), test.status == 429
					if got.Status != test.status || got.Reason != test.reason || (got.RetryAfter > 0) != isQuota || (header.Get("Retry-After") != "") != (code == 429) {
						t.Errorf("%s: %d %+v, want %d %s", one[1][:12], code, got, test.status, test.reason)
					}
				}
			})
		})
	}
}

// servePage serves the page of a load balancer, with an HTTP status and without gRPC.
func servePage(t *testing.T, code int) (address string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Protocols: protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// net/http resets the stream if a part of the body is left, and grpc-go may then not see the status.
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Grpc-Status", "7")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "<html>secret-lb-7 10.0.0.9</html>")
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}

// The page of a load balancer is the server's fault, whatever its HTTP status. Its text does not reach the client.
func TestPageOfIntermediary(t *testing.T) {
	t.Parallel()
	z, err := theZoo()
	if err != nil {
		t.Fatal(err)
	}
	for _, backend := range []string{"generated", "dynamic"} {
		for code, want := range map[int]int{200: 500, 302: 500, 400: 500, 401: 500, 403: 500, 404: 500, 413: 500, 418: 500, 429: 503, 500: 500, 503: 503} {
			t.Run(fmt.Sprint(backend, code), func(t *testing.T) {
				t.Parallel()
				f := &zooFront{zoo: z}
				f.start(t, times{}, backend, transport{}, servePage(t, code))
				for _, target := range []string{"/v1/animals/Ada", "/v1/animals:watch"} {
					got, header, body := f.send(t, "GET", target, "")
					if got != want || strings.Contains(body, "secret") || strings.Contains(body, "html") || header.Get("WWW-Authenticate") != "" {
						t.Errorf("%s: %d %s, want %d", target, got, body, want)
					}
				}
			})
		}
	}
}

// grpc-retry-pushback-ms becomes Retry-After, rounded up. A negative value means that no retry helps.
func TestPushback(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		value, status string
		want          string
	}{
		{"1500", "503", "2"},
		{"1", "503", "1"},
		{"0", "503", "1"},
		{"60000", "429", "60"},
		{"-1", "503", ""},
		{"-1", "429", ""},
		{"soon", "503", "5"},
		{"", "503", "5"},
	} {
		for _, trailer := range []bool{false, true} {
			t.Run(fmt.Sprint(test.value, test.status, trailer), func(t *testing.T) {
				t.Parallel()
				onBothBackends(t, times{}, same(func(_ any, stream grpc.ServerStream) error {
					md := metadata.Pairs("grpc-retry-pushback-ms", test.value)
					if trailer {
						stream.SetTrailer(md)
					} else if err := stream.SendHeader(md); err != nil {
						return err
					}
					if test.status == "429" {
						return status.Error(codes.ResourceExhausted, "Enough.")
					}
					return status.Error(codes.Unavailable, "Down.")
				}), func(t *testing.T, f *zooFront) {
					t.Helper()
					code, header, body := f.send(t, "GET", "/v1/animals/Ada", "")
					if got := header.Get("Retry-After"); got != test.want || strconv.Itoa(code) != test.status {
						t.Errorf("%d, Retry-After %q, want %q: %s", code, got, test.want, body)
					}
				})
			})
		}
	}
}

// The violations of protovalidate become errors, as those of a BadRequest. If a service sends both, they are not doubled.
func TestViolations(t *testing.T) {
	t.Parallel()
	field := func(name string) *validate.FieldPathElement { return &validate.FieldPathElement{FieldName: &name} }
	at := func(element *validate.FieldPathElement, key any) *validate.FieldPathElement {
		switch key := key.(type) {
		case int:
			element.Subscript = &validate.FieldPathElement_Index{Index: uint64(key)}
		case string:
			element.Subscript = &validate.FieldPathElement_StringKey{StringKey: key}
		case bool:
			element.Subscript = &validate.FieldPathElement_BoolKey{BoolKey: key}
		case int64:
			element.Subscript = &validate.FieldPathElement_IntKey{IntKey: key}
		}
		return element
	}
	violation := func(rule, message string, path ...*validate.FieldPathElement) *validate.Violation {
		return &validate.Violation{Field: &validate.FieldPath{Elements: path}, RuleId: &rule, Message: &message}
	}
	rules := &validate.Violations{Violations: []*validate.Violation{
		violation("string.min_len", "too short", field("display_name")),
		violation("cel.id", "", at(field("many"), 2), at(field("some_labels"), "a.b"), field("inner_name")),
		violation("bool", "by a bool", at(field("flags"), true)), violation("int", "by a number", at(field("ranks"), int64(-1))),
		violation("message.cel", "the message is inconsistent"),
	}}
	want := `"errors":[{"pointer":"/displayName","detail":"too short","reason":"string.min_len"},` +
		`{"pointer":"/many/2/someLabels/a.b/innerName","detail":"cel.id","reason":"cel.id"},` +
		`{"pointer":"/flags/true","detail":"by a bool","reason":"bool"},{"pointer":"/ranks/-1","detail":"by a number","reason":"int"},` +
		`{"pointer":"","detail":"the message is inconsistent","reason":"message.cel"}]`
	request := &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "a", Description: "b", Reason: "C"}}}
	for want, details := range map[string][]protoadapt.MessageV1{
		want: {rules},
		`"errors":[{"pointer":"/a","detail":"b","reason":"C"}]`: {rules, request},
	} {
		st, err := status.New(codes.InvalidArgument, "invalid").WithDetails(details...)
		if err != nil {
			t.Fatal(err)
		}
		onBothBackends(t, times{}, same(func(any, grpc.ServerStream) error { return st.Err() }), func(t *testing.T, f *zooFront) {
			t.Helper()
			for _, target := range []string{"/v1/animals/Ada", "/v1/animals:watch"} {
				if code, _, body := f.send(t, "GET", target, ""); code != 400 || !strings.Contains(body, want) {
					t.Errorf("%d %s, want %s", code, body, want)
				}
			}
		})
	}
}

// A stream that an intermediary resets is the server's fault, also after leading metadata.
func TestReset(t *testing.T) {
	t.Parallel()
	z, err := theZoo()
	if err != nil {
		t.Fatal(err)
	}
	for _, backend := range []string{"generated", "dynamic"} {
		for _, code := range []http2.ErrCode{http2.ErrCodeEnhanceYourCalm, http2.ErrCodeInadequateSecurity, http2.ErrCodeInternal} {
			for _, header := range []bool{false, true} {
				t.Run(fmt.Sprint(backend, code, header), func(t *testing.T) {
					t.Parallel()
					f := &zooFront{zoo: z}
					f.start(t, times{}, backend, transport{}, serveResets(t, code, header))
					for _, target := range []string{"/v1/animals/Ada", "/v1/animals:watch"} {
						if got, _, body := f.send(t, "GET", target, ""); !strings.Contains(body, `"status":500`) || strings.Contains(body, "RST_STREAM") ||
							strings.Contains(body, "TOO_LARGE") {
							t.Errorf("%s: %d %s", target, got, body)
						}
					}
				})
			}
		}
	}
}

// serveResets serves HTTP/2 and resets each stream, after a header section if header is set.
func serveResets(t *testing.T, code http2.ErrCode, header bool) (address string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				_, _ = io.ReadFull(conn, make([]byte, len(http2.ClientPreface)))
				framer := http2.NewFramer(conn, conn)
				_ = framer.WriteSettings()
				for {
					frame, err := framer.ReadFrame()
					if err != nil {
						return
					}
					if settings, ok := frame.(*http2.SettingsFrame); ok && !settings.IsAck() {
						_ = framer.WriteSettingsAck()
					}
					if _, ok := frame.(*http2.HeadersFrame); !ok {
						continue
					}
					if header {
						var block bytes.Buffer
						encoder := hpack.NewEncoder(&block)
						_ = encoder.WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
						_ = encoder.WriteField(hpack.HeaderField{Name: "content-type", Value: "application/grpc"})
						_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: frame.Header().StreamID, BlockFragment: block.Bytes(), EndHeaders: true})
						time.Sleep(20 * time.Millisecond) // The client reads it before the reset.
					}
					_ = framer.WriteRSTStream(frame.Header().StreamID, code)
				}
			}()
		}
	}()
	return listener.Addr().String()
}
