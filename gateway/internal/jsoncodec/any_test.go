package jsoncodec_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/statusway/statusway/gateway/internal/jsoncodec"
)

const host = "type.googleapis.com/"

// packed returns an Any of m, with extra bytes behind it.
func packed(tb testing.TB, m proto.Message, extra ...byte) *anypb.Any {
	tb.Helper()
	a := new(anypb.Any)
	// Deterministic, because a map in another order would be other bytes.
	if err := anypb.MarshalFrom(a, m, proto.MarshalOptions{Deterministic: true}); err != nil {
		tb.Fatal(err)
	}
	a.Value = append(a.Value, extra...)
	return a
}

// unknownField is field 999 with the value 1.
func unknownField() []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, 999, protowire.VarintType), 1)
}

// withUnknown returns m with an unknown field.
func withUnknown[M proto.Message](m M) M {
	m.ProtoReflect().SetUnknown(unknownField())
	return m
}

type violation = errdetails.BadRequest_FieldViolation

func badRequest(violations ...*violation) *errdetails.BadRequest {
	return &errdetails.BadRequest{FieldViolations: violations}
}

func statusOf(details ...*anypb.Any) *status.Status { return &status.Status{Details: details} }

func nested(depth int) *structpb.Value {
	value := structpb.NewNullValue()
	for range depth {
		value = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{value}})
	}
	return value
}

func TestMarshalAny(t *testing.T) {
	t.Parallel()
	opaque := func(a *anypb.Any) string {
		return `{"@type":"` + a.GetTypeUrl() + `","value":"` + base64.StdEncoding.EncodeToString(a.GetValue()) + `"}`
	}
	info := &errdetails.ErrorInfo{Reason: "R", Domain: "d", Metadata: map[string]string{"b": "<&>", "a": ""}}
	unknownType := &anypb.Any{TypeUrl: host + "acme.v1.Reason", Value: []byte{0xff, 0xfe}}
	cases := []struct {
		name string
		a    *anypb.Any
		want string // "" is the form with the bytes
		lost bool   // it cannot be read back
	}{
		{"nil", nil, `{}`, false},
		{"empty", new(anypb.Any), `{}`, false},
		{"linked", packed(t, info), `{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"R","domain":"d","metadata":{"a":"","b":"<&>"}}`, false},
		{"linked, with defaults", packed(t, new(errdetails.BadRequest)), `{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[]}`, false},
		{"linked, of its own form", packed(t, durationpb.New(1.5e9)), `{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1.500s"}`, false},
		{"linked, no fields", packed(t, new(emptypb.Empty)), `{"@type":"type.googleapis.com/google.protobuf.Empty"}`, false},
		{
			"linked, under another host", &anypb.Any{TypeUrl: "https://acme.test/a?b=1&c=2/google.protobuf.BoolValue"},
			`{"@type":"https://acme.test/a?b=1&c=2/google.protobuf.BoolValue","value":false}`, false,
		},
		{"unknown type", unknownType, "", false},
		{"unknown type, no bytes", &anypb.Any{TypeUrl: host + "acme.v1.Reason"}, "", false},
		{"the name of an enum", &anypb.Any{TypeUrl: host + "google.protobuf.NullValue", Value: []byte{1}}, "", false},
		{"unknown field", packed(t, withUnknown(new(errdetails.ErrorInfo))), "", false},
		{"unknown field in a list", packed(t, badRequest(new(violation), withUnknown(new(violation)))), "", false},
		{"unknown field in a message", packed(t, badRequest(&violation{LocalizedMessage: withUnknown(new(errdetails.LocalizedMessage))})), "", false},
		{"unknown field in a map", packed(t, &structpb.Struct{Fields: map[string]*structpb.Value{"a": withUnknown(structpb.NewBoolValue(true))}}), "", true},
		{"unknown field in an Any", packed(t, statusOf(packed(t, withUnknown(new(errdetails.ErrorInfo))))), "", false},
		{"unknown field in an Any in an Any", packed(t, statusOf(packed(t, packed(t, withUnknown(new(errdetails.ErrorInfo)))))), "", false},
		{
			"unknown type inside", packed(t, &status.Status{Code: 1, Details: []*anypb.Any{unknownType, {}}}),
			`{"@type":"type.googleapis.com/google.rpc.Status","code":1,"message":"","details":[` + opaque(unknownType) + `,{}]}`, false,
		},
		{"no type URL inside", packed(t, statusOf(&anypb.Any{Value: []byte{1}})), "", false},
		{"invalid type URL inside", packed(t, statusOf(&anypb.Any{TypeUrl: "a b/c.D"})), "", false},
		{"broken bytes", packed(t, info, 0xff), "", false},
		{"broken bytes inside", packed(t, statusOf(packed(t, info, 0xff))), "", false},
		{"text that is not UTF-8", &anypb.Any{TypeUrl: host + "google.rpc.ErrorInfo", Value: []byte("\x0a\x01\xff")}, "", false},
		{
			"deep", packed(t, nested(99)),
			`{"@type":"type.googleapis.com/google.protobuf.Value","value":` + strings.Repeat("[", 99) + "null" + strings.Repeat("]", 99) + `}`, false,
		},
		// A type with a member "value" of its own is read by that.
		{"too deep", packed(t, nested(100)), "", true},
		{"Value of no kind", packed(t, new(structpb.Value)), "", true},
		{"Value of another null", &anypb.Any{TypeUrl: host + "google.protobuf.Value", Value: []byte{0x08, 0x05}}, "", true},
		{"Timestamp out of range", packed(t, &timestamppb.Timestamp{Seconds: 1 << 40}), "", true},
		{"FieldMask that has no camelCase", packed(t, &fieldmaskpb.FieldMask{Paths: []string{"aB"}}), "", true},
		{"unknown field beside a value", packed(t, withUnknown(wrapperspb.String("a"))), "", true},
		// There is no telling which type an invalid URL means.
		{"no slash", &anypb.Any{TypeUrl: "acme.v1.Reason"}, "", true},
		{"no slash, linked", &anypb.Any{TypeUrl: "google.rpc.RetryInfo"}, `{"@type":"google.rpc.RetryInfo"}`, true},
		{"no type URL", &anypb.Any{Value: []byte{1}}, `{"@type":"","value":"AQ=="}`, true},
		{"type URL that is not UTF-8", &anypb.Any{TypeUrl: "\xff\"/a.B"}, "{\"@type\":\"\ufffd\\\"/a.B\",\"value\":\"\"}", true},
		{"linked, type URL that is not UTF-8", &anypb.Any{TypeUrl: "\xff/google.rpc.RetryInfo"}, "{\"@type\":\"\ufffd/google.rpc.RetryInfo\",\"value\":\"\"}", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.want == "" {
				c.want = opaque(c.a)
			}
			got := jsoncodec.MarshalAny(c.a)
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Fatal(diff)
			}
			back := new(anypb.Any)
			err := jsoncodec.Unmarshal(got, back)
			if c.lost {
				if err == nil && proto.Equal(c.a, back) {
					t.Error("it does come back")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			// Not by cmp, whose time doubles with each level of depth.
			if c.a != nil && !proto.Equal(c.a, back) {
				t.Errorf("came back as %v", back)
			}
		})
	}
}

// One text can contain both forms of one type, even nested.
func TestUnmarshalAnyForms(t *testing.T) {
	t.Parallel()
	plain, strange := packed(t, &errdetails.ErrorInfo{Reason: "R"}), packed(t, withUnknown(&errdetails.ErrorInfo{Reason: "R"}))
	unknownType := &anypb.Any{TypeUrl: host + "acme.v1.Reason", Value: []byte{0xff}}
	inner := &status.Status{Details: []*anypb.Any{strange, plain, unknownType, strange}}
	want := &status.Status{Details: []*anypb.Any{strange, plain, packed(t, inner), strange, {}, plain, unknownType}}

	list := func(anys ...*anypb.Any) string {
		var texts []string
		for _, a := range anys {
			texts = append(texts, string(jsoncodec.MarshalAny(a)))
		}
		return "[" + strings.Join(texts, ",") + "]"
	}
	text := `{"details":[` + string(jsoncodec.MarshalAny(strange)) + "," + string(jsoncodec.MarshalAny(plain)) +
		`,{"details":` + list(inner.GetDetails()...) + `,"@type":"type.googleapis.com/google.rpc.Status"},` +
		strings.TrimPrefix(list(want.GetDetails()[3:]...), "[") + "}"
	got := new(status.Status)
	if err := jsoncodec.Unmarshal([]byte(text), got); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(want, got) {
		t.Errorf("%s\n%s", text, cmp.Diff(want, got, protocmp.Transform()))
	}
}

func TestUnmarshalAnyFaults(t *testing.T) {
	t.Parallel()
	all, _ := schema(t)
	bad := func(pointer, detail string) jsoncodec.Error {
		return jsoncodec.Error{Pointer: "/manyAny/1" + pointer, Reason: jsoncodec.ReasonInvalidValue, Detail: detail}
	}
	unknown := func(pointer, detail string) jsoncodec.Error {
		return jsoncodec.Error{Pointer: "/manyAny/1" + pointer, Reason: jsoncodec.ReasonUnknownField, Detail: detail}
	}
	const (
		typeURL  = `must be a type URL, such as "type.googleapis.com/google.protobuf.Duration"`
		elsewise = `is not a known field: the type that "@type" names is given as the member "value"`
		noValue  = `lacks the member "value", in which the type that "@type" names is given`
	)
	cases := []faultCase{
		{"no type", `{"reason":"R"}`, bad("", `lacks the member "@type"`)},
		{"null type", `{"@type":null}`, bad("/@type", "is null, but a type URL is expected")},
		{"object as type", `{"@type":{}}`, bad("/@type", "is an object, but a type URL is expected")},
		{"empty type", `{"@type":""}`, bad("/@type", typeURL)},
		{"no slash", `{"@type":"google.rpc.ErrorInfo"}`, bad("/@type", typeURL)},
		{"slash at the end", `{"@type":"google.rpc.ErrorInfo/"}`, bad("/@type", typeURL)},
		{"no full name", `{"@type":"a/b..c"}`, bad("/@type", typeURL)},
		{"space", `{"@type":"a b/c.D"}`, bad("/@type", typeURL)},
		{"quotes", `{"@type":"a\"b/c.D","value":""}`, bad("/@type", typeURL)},
		{"not ASCII", `{"@type":"é/c.D","value":""}`, bad("/@type", typeURL)},
		{
			"type twice", `{"@type":"a/b.C","@type":"a/b.C","value":""}`,
			jsoncodec.Error{Pointer: "/manyAny/1/@type", Reason: jsoncodec.ReasonDuplicateField, Detail: "is given twice"},
		},
		{"linked: unknown member", `{"reason":"R","x":1,"@type":"a/google.rpc.ErrorInfo"}`, unknown("/x", "is not a known field")},
		{"linked: bad value", `{"@type":"a/google.rpc.ErrorInfo","metadata":{"k":1}}`, bad("/metadata/k", "is a number, but a string is expected")},
		{"linked: bytes beside a member", `{"@type":"a/google.rpc.ErrorInfo","value":"","reason":"R"}`, unknown("/value", "is not a known field")},
		{"linked: no string of bytes", `{"@type":"a/google.rpc.ErrorInfo","value":null}`, unknown("/value", "is not a known field")},
		{"linked: bad bytes", `{"@type":"a/google.rpc.ErrorInfo","value":"?"}`, bad("/value", "must be a string of base64")},
		{
			"linked: type below", `{"@type":"a/google.rpc.BadRequest","fieldViolations":[{"@type":"a/b.C"}]}`,
			unknown("/fieldViolations/0/@type", "is not a known field"),
		},
		{"own form: none", `{"@type":"a/google.protobuf.Duration"}`, bad("", noValue)},
		{"own form: bad", `{"@type":"a/google.protobuf.BoolValue","value":"true"}`, bad("/value", "is a string, but true or false is expected")},
		{
			"own form: number of seconds that is base64", `{"@type":"a/google.protobuf.Duration","value":"1000"}`,
			bad("/value", `must be a number of seconds with "s" behind it, such as "1.5s": at most 9 decimals, and 315576000000 seconds`),
		},
		{"own form: more", `{"@type":"a/google.protobuf.Duration","value":"1s","seconds":1}`, unknown("/seconds", elsewise)},
		{
			"own form: twice", `{"@type":"a/google.protobuf.Duration","value":"1s","value":"1s"}`,
			jsoncodec.Error{Pointer: "/manyAny/1/value", Reason: jsoncodec.ReasonDuplicateField, Detail: "is given twice"},
		},
		{"unknown type: no value", `{"@type":"a/b.C"}`, bad("", noValue)},
		{"unknown type: null", `{"@type":"a/b.C","value":null}`, bad("/value", "is null, but a string of base64 is expected")},
		{"unknown type: no base64", `{"@type":"a/b.C","value":"a"}`, bad("/value", "must be a string of base64")},
		{"unknown type: members", `{"@type":"a/b.C","reason":"R"}`, unknown("/reason", elsewise)},
		{
			"Any in an Any", `{"@type":"a/google.protobuf.Any","value":{"@type":"a/google.protobuf.Any","value":{"@type":"a"}}}`,
			bad("/value/value/@type", typeURL),
		},
	}
	for i := range cases {
		// An Any before it has a form that protojson does not know.
		cases[i].text = `{"manyAny":[{"@type":"a/google.rpc.ErrorInfo","value":""},` + cases[i].text + `]}`
	}
	runFaults(t, cases, into(all))
}

// Inside an Any nobody asks for required fields, as in protojson.
func TestUnmarshalAnyPartial(t *testing.T) {
	t.Parallel()
	text := `{"@type":"a/google.protobuf.UninterpretedOption","name":[{}],"x":1}`
	runFaults(t, []faultCase{
		{"only the other fault", text, jsoncodec.Error{Pointer: "/x", Reason: jsoncodec.ReasonUnknownField, Detail: "is not a known field"}},
	}, into(new(anypb.Any).ProtoReflect().Type()))
	if err := jsoncodec.Unmarshal([]byte(strings.Replace(text, `,"x":1`, "", 1)), new(anypb.Any)); err != nil {
		t.Error(err)
	}
}

// FuzzMarshalAny checks that what MarshalAny writes is JSON, and comes back.
func FuzzMarshalAny(f *testing.F) {
	for seed := range uint64(100) {
		a := newFiller(seed, true).any()
		f.Add(a.GetTypeUrl(), a.GetValue())
		f.Add(a.GetTypeUrl(), append(a.GetValue(), unknownField()...))
		f.Add(strings.TrimPrefix(a.GetTypeUrl(), host), a.GetValue())
	}
	f.Add(host+"google.protobuf.Struct", []byte{0x0a, 0xff})
	f.Add("a%zz/b.C", []byte(nil))
	valid := regexp.MustCompile(`^[-A-Za-z0-9._~:/?#@!$&'()*+,;=%\[\]]*/[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)
	f.Fuzz(func(t *testing.T, url string, value []byte) {
		a := &anypb.Any{TypeUrl: url, Value: value}
		text := jsoncodec.MarshalAny(a)
		var compact bytes.Buffer
		if err := json.Compact(&compact, text); err != nil || !bytes.Equal(compact.Bytes(), text) {
			t.Fatalf("not compact JSON (%v): %s", err, text)
		}
		back := new(anypb.Any)
		err := jsoncodec.Unmarshal(text, back)
		if !valid.MatchString(url) {
			var fault *jsoncodec.Error
			if empty := url == "" && len(value) == 0; !empty && (!errors.As(err, &fault) || fault.Pointer != "/@type") {
				t.Fatalf("%v for %s", err, text)
			}
			return
		}
		content, linked := contentOf(a)
		opaque := strings.HasSuffix(string(text), `,"value":"`+base64.StdEncoding.EncodeToString(value)+`"}`)
		switch {
		case opaque && linked && ownValue(url):
			// It looks like the type's own value.
		case err != nil:
			t.Fatalf("%v for %s", err, text)
		case back.GetTypeUrl() != url:
			t.Fatalf("type URL %q, want %q", back.GetTypeUrl(), url)
		case opaque:
			if !bytes.Equal(back.GetValue(), value) {
				t.Fatalf("bytes %x, want %x", back.GetValue(), value)
			}
		default:
			if got, _ := contentOf(back); !proto.Equal(content, got) {
				t.Fatalf("%s\n%s", text, cmp.Diff(content, got, protocmp.Transform()))
			}
		}
	})
}

// contentOf returns the message in an Any of a linked type.
func contentOf(a *anypb.Any) (proto.Message, bool) {
	mt, err := protoregistry.GlobalTypes.FindMessageByURL(a.GetTypeUrl())
	if err != nil {
		return nil, false
	}
	m := mt.New().Interface()
	_ = proto.UnmarshalOptions{AllowPartial: true}.Unmarshal(a.GetValue(), m)
	return m, true
}

// ownValue reports whether the JSON of an Any of this type has a member "value" that is not its bytes.
func ownValue(url string) bool {
	mt, err := protoregistry.GlobalTypes.FindMessageByURL(url)
	if err != nil {
		return false
	}
	for _, name := range wellKnown() {
		if mt.Descriptor().FullName() == protoreflect.FullName("google.protobuf."+name) {
			return true
		}
	}
	return mt.Descriptor().Fields().ByJSONName("value") != nil
}
