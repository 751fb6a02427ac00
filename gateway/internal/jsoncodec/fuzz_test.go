package jsoncodec_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// subjects are the types that the fuzz tests go through.
func subjects(tb testing.TB) []protoreflect.MessageType {
	tb.Helper()
	all, legacy := schema(tb)
	types := []protoreflect.MessageType{all, legacy}
	for _, m := range []proto.Message{
		new(entityv1.ListEntitiesResponse), new(entityv1.UpdateEntityRequest), new(descriptorpb.FileDescriptorProto),
		new(structpb.Struct), new(structpb.Value), new(errdetails.QuotaFailure), new(status.Status), new(anypb.Any),
	} {
		types = append(types, m.ProtoReflect().Type())
	}
	return types
}

// FuzzMarshal compares the encoder with protojson, and the decoder with the encoder, for random messages.
func FuzzMarshal(f *testing.F) {
	types := subjects(f)
	for seed := range uint64(200) {
		f.Add(seed, byte(seed), seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, seed uint64, subject byte, unknownTypes bool) {
		mt := types[int(subject)%len(types)]
		m := mt.New().Interface()
		newFiller(seed, unknownTypes).message(m.ProtoReflect())

		text, err := jsoncodec.Marshal(m)
		if err != nil {
			t.Fatalf("Marshal: %v\n%v", err, m)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, text); err != nil || !bytes.Equal(compact.Bytes(), text) {
			t.Fatalf("not compact JSON (%v):\n%s", err, text)
		}
		if !unknownTypes {
			if want := stock(t, m); !bytes.Equal(text, want) {
				t.Fatalf("differs from protojson:\n%s\n%s", text, want)
			}
		}
		if appended, err := jsoncodec.Append([]byte("before "), m); err != nil || string(appended) != "before "+string(text) {
			t.Fatalf("Append: %v, %s", err, appended)
		}

		back := mt.New().Interface()
		if err := jsoncodec.Unmarshal(text, back); err != nil {
			t.Fatalf("Unmarshal: %v\n%s", err, text)
		}
		if !proto.Equal(m, back) {
			t.Fatalf("Unmarshal(Marshal(m)):\n%s\n%s", text, cmp.Diff(m, back, protocmp.Transform()))
		}
		fieldsAlone(t, m.ProtoReflect(), text)
	})
}

// stock is protojson's text with its random spaces removed by the standard library.
func stock(t *testing.T, m proto.Message) []byte {
	t.Helper()
	text, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		t.Fatal(err)
	}
	return compact.Bytes()
}

// fieldsAlone checks that each field alone reads and writes as it does inside its message.
func fieldsAlone(t *testing.T, m protoreflect.Message, text []byte) {
	t.Helper()
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil || m.Descriptor().FullName().Parent() == "google.protobuf" {
		return
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		value, err := jsoncodec.AppendField([]byte(" "), m, fd)
		if err != nil && strings.Contains(err.Error(), "required") {
			continue
		}
		want := " null"
		if member, ok := members[fd.JSONName()]; ok {
			want = " " + string(member)
		}
		if err != nil || string(value) != want {
			t.Fatalf("AppendField %s: %v\n got %s\nwant %s", fd.Name(), err, value, want)
		}
		back := m.New()
		if err := jsoncodec.UnmarshalField(value, back, fd); err != nil {
			t.Fatalf("UnmarshalField %s: %v\n%s", fd.Name(), err, value)
		}
		if nullable := want == " null"; back.Has(fd) != m.Has(fd) && !nullable {
			t.Fatalf("UnmarshalField %s: Has is %v\n%s", fd.Name(), back.Has(fd), value)
		}
		if again, err := jsoncodec.AppendField(nil, back, fd); err != nil || " "+string(again) != want {
			t.Fatalf("UnmarshalField %s lost something: %v\n got %s\nwant %s", fd.Name(), err, again, want)
		}
	}
}

// FuzzUnmarshal compares the decoder with protojson, for slightly damaged texts.
func FuzzUnmarshal(f *testing.F) {
	types := subjects(f)
	for seed := range uint64(300) {
		f.Add([]byte(nil), seed, byte(seed))
	}
	for _, text := range []string{
		`{`, `{}`, `{"a":1e}`, `[1,2]`, "\xef\xbb\xbf{}", `{"a":"\ud800"}`, `{"@type":"x/y","value":"AA=="}`, `"` + "\xff" + `"`,
		strings.Repeat("[", 101) + strings.Repeat("]", 101), `{"many_value":null}`, `{"byInt32":{"1":1,"01":2}}`, `{"":null}`,
	} {
		f.Add([]byte(text), uint64(0), byte(0))
		f.Add([]byte(text), uint64(0), byte(6))
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64, subject byte) {
		mt := types[int(subject)%len(types)]
		if len(text) == 0 {
			text = damaged(t, mt, seed)
		}
		compareWithStock(t, mt, text)
		if mt == types[0] {
			compareAsField(t, mt, text)
		}
	})
}

// compareAsField checks that a text alone is read like the same text in an object.
func compareAsField(t *testing.T, mt protoreflect.MessageType, text []byte) {
	t.Helper()
	if !json.Valid(text) || depthOf(text) >= jsoncodec.MaxDepth {
		return
	}
	alone, inside := mt.New(), mt.New()
	err := jsoncodec.UnmarshalField(text, alone, mt.Descriptor().Fields().ByName("one_all"))
	wantErr := jsoncodec.Unmarshal(slices.Concat([]byte(`{"oneAll":`), text, []byte("}")), inside.Interface())
	fault, _ := errors.AsType[*jsoncodec.Error](err)
	want, _ := errors.AsType[*jsoncodec.Error](wantErr)
	switch {
	case (fault == nil) != (want == nil):
		t.Fatalf("alone %v, inside %v: %s", err, wantErr, text)
	case fault == nil && !proto.Equal(alone.Interface(), inside.Interface()):
		t.Fatalf("%s\n%s", text, cmp.Diff(inside.Interface(), alone.Interface(), protocmp.Transform()))
	case fault != nil && fault.Reason != jsoncodec.ReasonInvalidUTF8 && ("/oneAll"+fault.Pointer != want.Pointer || fault.Detail != want.Detail):
		t.Fatalf("alone %v, inside %v: %s", err, wantErr, text)
	}
}

func compareWithStock(t *testing.T, mt protoreflect.MessageType, text []byte) {
	t.Helper()
	ours, theirs := mt.New().Interface(), mt.New().Interface()
	err, stockErr := jsoncodec.Unmarshal(text, ours), protojson.Unmarshal(text, theirs)
	var fault *jsoncodec.Error
	if err != nil && !errors.As(err, &fault) {
		t.Fatalf("not an *Error: %v", err)
	}
	if fault != nil {
		checkFault(t, text, fault)
	}
	anys := bytes.Contains(text, []byte("type"))
	switch {
	case err == nil && stockErr == nil:
		if !proto.Equal(ours, theirs) {
			t.Fatalf("read differently from protojson:\n%s\n%s", text, cmp.Diff(theirs, ours, protocmp.Transform()))
		}
	case err == nil && !anys:
		t.Fatalf("protojson refuses it: %v\n%s", stockErr, text)
	case stockErr == nil && json.Valid(text) && depthOf(text) <= jsoncodec.MaxDepth:
		if !strings.HasSuffix(fault.Pointer, "/@type") {
			t.Fatalf("protojson takes it, but: %v\n%s", err, text)
		}
	}
}

// checkFault checks what is true for every error.
func checkFault(t *testing.T, text []byte, fault *jsoncodec.Error) {
	t.Helper()
	if !slices.Contains([]string{
		jsoncodec.ReasonEmptyBody, jsoncodec.ReasonMalformedJSON, jsoncodec.ReasonTrailingData, jsoncodec.ReasonInvalidUTF8,
		jsoncodec.ReasonTooDeep, jsoncodec.ReasonUnknownField, jsoncodec.ReasonDuplicateField, jsoncodec.ReasonInvalidValue,
	}, fault.Reason) {
		t.Fatalf("Reason %q", fault.Reason)
	}
	if fault.Detail == "" || !utf8.ValidString(fault.Detail) || strings.Contains(fault.Detail, "proto:") || utf8.RuneCountInString(fault.Detail) > 1000 {
		t.Fatalf("Detail %q", fault.Detail)
	}
	for detail := fault.Detail; len(detail) > 64; detail = detail[1:] {
		if bytes.Contains(text, []byte(detail[:65])) {
			t.Fatalf("%q repeats too much of %s", fault.Detail, text)
		}
	}
	if strings.Contains(fault.Detail, "cannot be read as the message") {
		t.Fatalf("no fault was found in %s", text)
	}
	if !utf8.ValidString(fault.Pointer) || fault.Pointer != "" && !strings.HasPrefix(fault.Pointer, "/") {
		t.Fatalf("Pointer %q", fault.Pointer)
	}
	syntax := !json.Valid(text)
	if syntax != slices.Contains([]string{
		jsoncodec.ReasonEmptyBody, jsoncodec.ReasonMalformedJSON, jsoncodec.ReasonTrailingData,
	}, fault.Reason) && fault.Reason != jsoncodec.ReasonInvalidUTF8 && fault.Reason != jsoncodec.ReasonTooDeep {
		t.Fatalf("%s, but json.Valid is %v: %s", fault.Reason, !syntax, text)
	}
	if !syntax && !slices.Contains(pointers(text), fault.Pointer) {
		t.Fatalf("%q (%s) points at nothing in %s", fault.Pointer, fault.Detail, text)
	}
}

// pointers returns the pointer of every value in a text.
func pointers(text []byte) []string {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var found []string
	var walk func(at string)
	walk = func(at string) {
		found = append(found, at)
		token, err := decoder.Token()
		if err != nil {
			return
		}
		switch token {
		case json.Delim('{'):
			for decoder.More() {
				name, err := decoder.Token()
				if err != nil {
					return
				}
				key, _ := name.(string)
				walk(at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key))
			}
		case json.Delim('['):
			for i := 0; decoder.More(); i++ {
				walk(at + "/" + strconv.Itoa(i))
			}
		default:
			return
		}
		_, _ = decoder.Token()
	}
	walk("")
	return found
}

func depthOf(text []byte) int {
	decoder := json.NewDecoder(bytes.NewReader(text))
	depth, deepest := 0, 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return deepest
		}
		if err != nil {
			return -1
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			deepest = max(deepest, depth)
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}

// damaged returns the JSON of a random message with one to three faults.
func damaged(t *testing.T, mt protoreflect.MessageType, seed uint64) []byte {
	t.Helper()
	fill := newFiller(seed, seed%4 == 0) // protojson refuses all of a text with an unknown type
	m := mt.New()
	fill.message(m)
	text, err := jsoncodec.Marshal(m.Interface())
	if err != nil {
		t.Fatal(err)
	}
	for range 1 + fill.IntN(3) {
		text = damage(fill.Rand, text)
	}
	return text
}

// damage changes one value or name, adds a member, or breaks the syntax.
func damage(random *rand.Rand, text []byte) []byte {
	tokens := tokensOf(text)
	var names, values []int
	for i, token := range tokens {
		switch {
		case token == "" || strings.ContainsAny(token[:1], "{}[],:"):
		case tokens[i+1] == ":":
			names = append(names, i)
		default:
			values = append(values, i)
		}
	}
	choose := func(from []string) string { return from[random.IntN(len(from))] }
	switch act := random.IntN(16); {
	case act < 8 && len(values) > 0:
		tokens[values[random.IntN(len(values))]] = choose(someValues())
	case act < 11 && len(names) > 0:
		tokens[names[random.IntN(len(names))]] = choose(someNames())
	case act < 13 && len(names) > 0:
		i := names[random.IntN(len(names))]
		tokens[i] = tokens[names[random.IntN(len(names))]] + ":" + choose(someValues()) + "," + tokens[i]
	case act < 15 && len(names) > 0:
		i := names[random.IntN(len(names))]
		tokens[i] = choose(someNames()) + ":" + choose(someValues()) + "," + tokens[i]
	default:
		tokens[random.IntN(len(tokens))] = choose([]string{``, `,`, `}`, `]`, `:`, `1e`, `01`, `NaN`, "\"\xff\"", `"`, `{"a":1}`})
	}
	return []byte(strings.Join(tokens, ""))
}

func someValues() []string {
	return []string{
		`null`, `true`, `0`, `-0`, `-1`, `1.5`, `1e2`, `1e400`, `1e39`, `2147483648`, `4294967296`, `9223372036854775808`,
		`18446744073709551616`, `0.1e1`, `100e-2`, `""`, `"a"`, `"1"`, `"-1"`, `" 1"`, `"1e2"`, `"NaN"`, `"Infinity"`,
		`"AA"`, `"A-_="`, `"AAA"`, `"RED"`, `"2006-01-02T15:04:05Z"`, `"1.5s"`, `"a,b"`, `{}`, `[]`, `[null]`, `{"a":null}`, `{"":0}`,
		`{"a":1,"a":2}`, `"\ud800"`, `"\u0041"`, `"type.googleapis.com/google.protobuf.Duration"`, `"/google.rpc.ErrorInfo"`,
		`"google.protobuf.Duration"`, `"x/y"`, `{"@type":"x/y","value":"AA=="}`, `{"@type":"/google.rpc.ErrorInfo","value":"AA=="}`,
		`{"@type":"/google.protobuf.Empty"}`, `{"@type":"/google.protobuf.Any","value":{"@type":"/google.rpc.BadRequest","value":""}}`,
	}
}

func someNames() []string {
	return []string{
		`""`, `"a"`, `"1"`, `"-1"`, `"01"`, `"true"`, `"@type"`, `"value"`, `"reason"`, `"details"`, `"oneInt32"`, `"one_int32"`,
		`"manyAny"`, `"many_any"`, `"oneAny"`, `"pickString"`, `"pick_bool"`, `"mustHave"`, `"[google.api.http]"`, `"\ud800"`, `"\u0061"`,
	}
}

// tokensOf cuts compact JSON into its tokens, punctuation included.
func tokensOf(text []byte) []string {
	var tokens []string
	for i := 0; i < len(text); {
		end := i + 1
		switch {
		case text[i] == '"':
			for ; end < len(text) && text[end] != '"'; end++ {
				if text[end] == '\\' {
					end++
				}
			}
			end = min(end+1, len(text))
		case !strings.ContainsRune("{}[],:", rune(text[i])):
			for end < len(text) && !strings.ContainsRune("{}[],:\"", rune(text[end])) {
				end++
			}
		}
		tokens = append(tokens, string(text[i:end]))
		i = end
	}
	return append(tokens, "")
}
