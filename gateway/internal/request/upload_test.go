package request_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"google.golang.org/genproto/googleapis/api/annotations"
	_ "google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	_ "google.golang.org/protobuf/types/known/structpb"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	"github.com/statusway/statusway/gateway/internal/request"
	"github.com/statusway/statusway/gateway/internal/respond"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// newBuilder is of a route whose body is a whole message of that name.
func newBuilder(tb testing.TB, message string) *request.Builder {
	tb.Helper()
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(message))
	if err != nil {
		tb.Fatal(err)
	}
	options := &descriptorpb.MethodOptions{}
	proto.SetExtension(options, annotations.E_Http, &annotations.HttpRule{Pattern: &annotations.HttpRule_Post{Post: "/x"}, Body: "*"})
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: new("t.proto"), Package: new("t"), Dependency: []string{found.ParentFile().Path()},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: new("S"), Method: []*descriptorpb.MethodDescriptorProto{
			{Name: new("Send"), InputType: new("." + message), OutputType: new("." + message), ClientStreaming: new(true), Options: options},
		}}},
	}, protoregistry.GlobalFiles)
	if err != nil {
		tb.Fatal(err)
	}
	declared, err := contract.Read(file)
	if err != nil {
		tb.Fatal(err)
	}
	method := declared.Methods[0]
	builder, err := request.New(jsoncodec.New(nil), method.Bindings[0], method.Descriptor.Input())
	if err != nil {
		tb.Fatal(err)
	}
	return builder
}

// readAll reads the messages of a body, and how it ends.
func readAll(builder *request.Builder, body io.Reader) ([][]byte, error) {
	next := builder.NewReader(&http.Request{Body: io.NopCloser(body)})
	var all [][]byte
	for {
		data, err := next()
		if err != nil {
			return all, err
		}
		all = append(all, data)
	}
}

// pieces reads a text in pieces of any size.
type pieces struct {
	text   []byte
	random *rand.Rand
}

func (p *pieces) Read(into []byte) (int, error) {
	if len(p.text) == 0 {
		return 0, io.EOF
	}
	n := min(len(into), len(p.text), 1+p.random.IntN(7))
	copy(into, p.text[:n])
	p.text = p.text[n:]
	return n, nil
}

// TestAnySplit: a body has the same messages in whatever pieces it arrives.
func TestAnySplit(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) // the same cases each time
	builder := newBuilder(t, "statusway.v1.Policy")
	for _, body := range []string{
		`{"a":"}{"}{"b":[1,2]} 7 "x" null` + "\n" + `{"ü":"é"}`, ` [{"a":"]"},[],{},"[",1.5e3 , true]` + "\n", "", " ", "[]", `{"a":1}[2]`,
		`[1,2`, `{"a"`, `[1 2]`, `[1,]`, `{}x`, `[]{}`, `[}`, `]`, `[1}`,
	} {
		want, wantErr := readAll(builder, strings.NewReader(body))
		for range 50 {
			got, err := readAll(builder, &pieces{text: []byte(body), random: random})
			if !slices.EqualFunc(got, want, bytes.Equal) || err.Error() != wantErr.Error() {
				t.Fatalf("%s: %q, %v; want %q, %v", body, got, err, want, wantErr)
			}
		}
		got, err := readAll(builder, iotest.OneByteReader(strings.NewReader(body)))
		if !slices.EqualFunc(got, want, bytes.Equal) || err.Error() != wantErr.Error() {
			t.Errorf("%s, byte by byte: %q, %v; want %q, %v", body, got, err, want, wantErr)
		}
	}
}

// TestMessagesComeAtOnce: a message is read as soon as it is complete, in either form.
func TestMessagesComeAtOnce(t *testing.T) {
	t.Parallel()
	for _, form := range [][]string{{`{"a":1}`, `{"a":2}`, "\n{}"}, {` [ {"a":1}`, `,{"a":2}`, ` , {}`}} {
		reader, writer := io.Pipe()
		next := newBuilder(t, "statusway.v1.Policy").NewReader(&http.Request{Body: reader})
		for _, part := range form {
			go func() { _, _ = io.WriteString(writer, part) }()
			if data, err := next(); err != nil || !strings.Contains(part, string(data)) {
				t.Fatalf("%s: %s, %v", part, data, err)
			}
		}
		_ = writer.Close()
	}
}

// TestArraysAsMessages: if a message may itself be an array, an array is one message.
func TestArraysAsMessages(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]int{"google.protobuf.Value": 2, "google.protobuf.ListValue": 2, "google.protobuf.Struct": 3} {
		body := `[{},{}][{}]`
		if want == 3 {
			body = `[{},{},{}]`
		}
		if got, err := readAll(newBuilder(t, message), strings.NewReader(body)); len(got) != want || !errors.Is(err, io.EOF) {
			t.Errorf("%s: %q, %v", message, got, err)
		}
	}
}

// TestRawChunks: a raw body has an end, and an empty one no message.
func TestRawChunks(t *testing.T) {
	t.Parallel()
	builder := newBuilder(t, "google.api.HttpBody")
	for _, body := range []string{"", "[]", strings.Repeat("\x00{", 50_000)} {
		got, err := readAll(builder, strings.NewReader(body))
		if !errors.Is(err, io.EOF) || string(bytes.Join(got, nil)) != body || (len(body) == 0) != (len(got) == 0) {
			t.Errorf("%d messages of %d bytes, %v", len(got), len(body), err)
		}
	}
	_, err := readAll(builder, io.MultiReader(strings.NewReader("x"), iotest.ErrReader(errors.New("cut"))))
	if failure := respond.AsFailure(err); failure.Status.GetCode() != 3 || !strings.Contains(failure.Status.String(), "BODY_INCOMPLETE") {
		t.Errorf("%v", err)
	}
}

// FuzzReader compares the reader with encoding/json.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{`{"a":1}{}`, "[1,2,{}]", " [ ] ", "1 2", `"a""b"`, "[1,2", "[1 2]", "[],", "nulltrue", "{}\x00", "[[]]", "\ufeff[]"} {
		f.Add(seed)
	}
	builder := newBuilder(f, "statusway.v1.Policy")
	f.Fuzz(func(t *testing.T, body string) {
		got, err := readAll(builder, strings.NewReader(body))
		want, ok := valuesOf(body)
		if errors.Is(err, io.EOF) != ok {
			t.Fatalf("%q: %v, want success %t", body, err, ok)
		}
		if ok && !slices.EqualFunc(got, want, func(a []byte, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
			t.Errorf("%q: %q, want %q", body, got, want)
		}
	})
}

// valuesOf are the values of a body by encoding/json.
func valuesOf(body string) ([]json.RawMessage, bool) {
	var values []json.RawMessage
	if strings.HasPrefix(strings.TrimLeft(body, " \t\r\n"), "[") {
		return values, json.Unmarshal([]byte(body), &values) == nil
	}
	decoder := json.NewDecoder(strings.NewReader(body))
	for {
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return values, errors.Is(err, io.EOF)
		}
		values = append(values, value)
	}
}

var _ = statuswayv1.File_statusway_v1_policy_proto // links the messages in
