package jsoncodec_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "google.golang.org/genproto/googleapis/api/annotations" // declares an extension
	_ "google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

const int32s = "an integer from -2147483648 to 2147483647"

// faultCase is a text with its expected error.
type faultCase struct {
	name string
	text string
	want jsoncodec.Error
}

func runFaults(t *testing.T, cases []faultCase, unmarshal func(text []byte) error) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := unmarshal([]byte(c.text))
			var fault *jsoncodec.Error
			if !errors.As(err, &fault) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if diff := cmp.Diff(c.want, *fault); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// into returns an unmarshal into a new message each time.
func into(mt protoreflect.MessageType) func(text []byte) error {
	return func(text []byte) error { return jsoncodec.Unmarshal(text, mt.New().Interface()) }
}

func TestUnmarshalSyntax(t *testing.T) {
	t.Parallel()
	malformed := func(detail string) jsoncodec.Error {
		return jsoncodec.Error{Reason: jsoncodec.ReasonMalformedJSON, Detail: "is not valid JSON: " + detail}
	}
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	runFaults(t, []faultCase{
		{"nothing", ``, jsoncodec.Error{Reason: jsoncodec.ReasonEmptyBody, Detail: "is empty, but one JSON value is expected"}},
		{"white space", " \r\n\t", jsoncodec.Error{Reason: jsoncodec.ReasonEmptyBody, Detail: "is empty, but one JSON value is expected"}},
		{"byte order mark", "\xef\xbb\xbf{}", malformed("it begins with a byte order mark")},
		{"open object", `{"a":1`, malformed("it ends too early, at offset 6")},
		{"open string", `{"a":"b`, malformed("it ends too early, at offset 7")},
		{"open member", `{"a":`, malformed("it ends too early, at offset 5")},
		{"open escape", `{"a":"\`, malformed("it ends too early, at offset 7")},
		{"open \\u", `{"a":"\u00`, malformed("it ends too early, at offset 10")},
		{"comma at the end", `{"a":1,}`, malformed(`unexpected '}' at offset 7`)},
		{"no comma", `[1 2]`, malformed(`unexpected '2' at offset 3`)},
		{"no colon", `{"a" 1}`, malformed(`unexpected '1' at offset 5`)},
		{"no quotes", `{a:1}`, malformed(`unexpected 'a' at offset 1`)},
		{"single quotes", `{'a':1}`, malformed(`unexpected '\'' at offset 1`)},
		{"comment", `{/* */}`, malformed(`unexpected '/' at offset 1`)},
		{"brackets crossed", `[{]}`, malformed(`unexpected ']' at offset 2`)},
		{"NaN", `{"a":NaN}`, malformed(`unexpected 'N' at offset 5`)},
		{"-Infinity", `{"a":-Infinity}`, malformed(`unexpected 'I' at offset 6`)},
		{"leading zero", `{"a":01}`, malformed(`unexpected '1' at offset 6`)},
		{"leading plus", `{"a":+1}`, malformed(`unexpected '+' at offset 5`)},
		{"no digit before the point", `{"a":.5}`, malformed(`unexpected '.' at offset 5`)},
		{"no digit behind the point", `{"a":1.}`, malformed(`unexpected '}' at offset 7`)},
		{"no digit in the exponent", `{"a":1e}`, malformed(`unexpected '}' at offset 7`)},
		{"only the sign in the exponent", `{"a":0e+}`, malformed(`unexpected '}' at offset 8`)},
		{"hexadecimal", `{"a":0x1}`, malformed(`unexpected 'x' at offset 6`)},
		{"shorter word", `{"a":nul}`, malformed(`unexpected '}' at offset 8`)},
		{"longer word", `{"a":nullable}`, malformed(`unexpected 'a' at offset 9`)},
		{"other case", `{"a":True}`, malformed(`unexpected 'T' at offset 5`)},
		{"line feed in a string", "{\"a\":\"\n\"}", malformed(`unexpected '\n' at offset 6`)},
		{"unknown escape", `{"a":"\x41"}`, malformed(`unexpected 'x' at offset 7`)},
		{"bad digit in an escape", `{"a":"\u00g0"}`, malformed(`unexpected 'g' at offset 10`)},
		{"bad digit in the second half", `{"a":"\ud83d\u+e00"}`, malformed(`unexpected '+' at offset 14`)},
		{"second value", `{} {}`, jsoncodec.Error{Reason: jsoncodec.ReasonTrailingData, Detail: "is followed by more data at offset 3"}},
		{"second bracket", `{}}`, jsoncodec.Error{Reason: jsoncodec.ReasonTrailingData, Detail: "is followed by more data at offset 2"}},
		{"NUL at the end", "{}\x00", jsoncodec.Error{Reason: jsoncodec.ReasonTrailingData, Detail: "is followed by more data at offset 2"}},
		{
			"bad byte in a string", "{\"é\":[\"a\", \"b\xff\"]}",
			jsoncodec.Error{Pointer: "/é/1", Reason: jsoncodec.ReasonInvalidUTF8, Detail: "is not valid UTF-8 at offset 14"},
		},
		{"bad byte in a name", "{\"a\":{\"\xc3\":1}}", jsoncodec.Error{Pointer: "/a", Reason: jsoncodec.ReasonInvalidUTF8, Detail: "is not valid UTF-8 at offset 7"}},
		{"UTF-16", "\xff\xfe{\x00", jsoncodec.Error{Reason: jsoncodec.ReasonInvalidUTF8, Detail: "is not valid UTF-8 at offset 0"}},
		{
			"surrogate encoded in UTF-8", "{\"a\":\"\xed\xa0\x80\"}",
			jsoncodec.Error{Pointer: "/a", Reason: jsoncodec.ReasonInvalidUTF8, Detail: "is not valid UTF-8 at offset 6"},
		},
		{
			"first half alone", `{"a":"x\ud83d"}`,
			jsoncodec.Error{Pointer: "/a", Reason: jsoncodec.ReasonInvalidUTF8, Detail: "has half of a surrogate pair at offset 7"},
		},
		{
			"second half alone", `{"a":"\ude00 "}`,
			jsoncodec.Error{Pointer: "/a", Reason: jsoncodec.ReasonInvalidUTF8, Detail: "has half of a surrogate pair at offset 6"},
		},
		{
			"two first halves", `{"a":"\ud83d\ud83d"}`,
			jsoncodec.Error{Pointer: "/a", Reason: jsoncodec.ReasonInvalidUTF8, Detail: "has half of a surrogate pair at offset 6"},
		},
		{
			"half in a name", `{"\ud83d":1}`,
			jsoncodec.Error{Reason: jsoncodec.ReasonInvalidUTF8, Detail: "has half of a surrogate pair at offset 2"},
		},
		{
			"objects too deep", strings.Repeat(`{"":`, 101) + "1" + strings.Repeat("}", 101),
			jsoncodec.Error{Pointer: strings.Repeat("/", 100), Reason: jsoncodec.ReasonTooDeep, Detail: "is nested deeper than 100 levels"},
		},
		{
			"too deep", deep(100),
			jsoncodec.Error{Pointer: "/a" + strings.Repeat("/0", 99), Reason: jsoncodec.ReasonTooDeep, Detail: "is nested deeper than 100 levels"},
		},
	}, into(new(structpb.Struct).ProtoReflect().Type()))

	t.Run("deepest", func(t *testing.T) {
		t.Parallel()
		if err := jsoncodec.Unmarshal([]byte(deep(99)), new(structpb.Struct)); err != nil {
			t.Error(err)
		}
	})
	t.Run("a pair", func(t *testing.T) {
		t.Parallel()
		got := new(structpb.Struct)
		if err := jsoncodec.Unmarshal([]byte("\n{\"a\" : \"\\ud83d\\uDE00\" }\t"), got); err != nil || got.GetFields()["a"].GetStringValue() != "😀" {
			t.Error(got, err)
		}
	})
}

func TestUnmarshalMembers(t *testing.T) {
	t.Parallel()
	all, legacy := schema(t)
	runFaults(t, []faultCase{
		{"not an object", `[]`, jsoncodec.Error{Reason: jsoncodec.ReasonInvalidValue, Detail: "is an array, but an object is expected"}},
		{
			"map that is a list", `{"toAll":[]}`,
			jsoncodec.Error{Pointer: "/toAll", Reason: jsoncodec.ReasonInvalidValue, Detail: "is an array, but an object is expected"},
		},
		{"null", `null`, jsoncodec.Error{Reason: jsoncodec.ReasonInvalidValue, Detail: "is null, but an object is expected"}},
		{"unknown", `{"oneInt32":1,"nope":1}`, jsoncodec.Error{Pointer: "/nope", Reason: jsoncodec.ReasonUnknownField, Detail: "is not a known field"}},
		{"unknown and null", `{"nope":null}`, jsoncodec.Error{Pointer: "/nope", Reason: jsoncodec.ReasonUnknownField, Detail: "is not a known field"}},
		{"no name", `{"":1}`, jsoncodec.Error{Pointer: "/", Reason: jsoncodec.ReasonUnknownField, Detail: "is not a known field"}},
		{
			"other case", `{"oneAll":{"manyAll":[{},{"oneint32":1}]}}`,
			jsoncodec.Error{Pointer: "/oneAll/manyAll/1/oneint32", Reason: jsoncodec.ReasonUnknownField, Detail: `is not a known field: did you mean "oneInt32"?`},
		},
		{
			"kebab case", `{"one-int32":1}`,
			jsoncodec.Error{Pointer: "/one-int32", Reason: jsoncodec.ReasonUnknownField, Detail: `is not a known field: did you mean "oneInt32"?`},
		},
		{
			"unknown, to be escaped", `{"toAll":{"a/b~c":{"\"\u0000é/~1":0}}}`,
			jsoncodec.Error{Pointer: "/toAll/a~1b~0c/\"\x00é~1~01", Reason: jsoncodec.ReasonUnknownField, Detail: "is not a known field"},
		},
		{
			"unknown, with a long name", `{"oneAll":{"` + strings.Repeat("é", 129) + `":1}}`,
			jsoncodec.Error{Pointer: "/oneAll", Reason: jsoncodec.ReasonUnknownField, Detail: "has a fault in a member whose name is longer than 256 bytes"},
		},
		{
			"unknown, with a name of just that length", `{"` + strings.Repeat("é", 128) + `":1}`,
			jsoncodec.Error{Pointer: "/" + strings.Repeat("é", 128), Reason: jsoncodec.ReasonUnknownField, Detail: "is not a known field"},
		},
		{"unknown extension", `{"[a.b]":1}`, jsoncodec.Error{Pointer: "/[a.b]", Reason: jsoncodec.ReasonUnknownField, Detail: "is not a known field"}},
		{
			"extension of another message", `{"[google.api.http]":{}}`,
			jsoncodec.Error{Pointer: "/[google.api.http]", Reason: jsoncodec.ReasonUnknownField, Detail: "is not a known field"},
		},
		{"twice", `{"oneInt32":1,"oneInt32":1}`, jsoncodec.Error{Pointer: "/oneInt32", Reason: jsoncodec.ReasonDuplicateField, Detail: "is given twice"}},
		{
			"twice, escaped", `{"oneInt32":1,"oneInt\u00332":1}`,
			jsoncodec.Error{Pointer: "/oneInt32", Reason: jsoncodec.ReasonDuplicateField, Detail: "is given twice"},
		},
		{
			"in both spellings", `{"oneAll":{"oneInt32":1,"one_int32":1}}`,
			jsoncodec.Error{Pointer: "/oneAll/one_int32", Reason: jsoncodec.ReasonDuplicateField, Detail: `is the same as "oneInt32", which is also given`},
		},
		{
			"in both spellings, null first", `{"one_int32":null,"oneInt32":1}`,
			jsoncodec.Error{Pointer: "/oneInt32", Reason: jsoncodec.ReasonDuplicateField, Detail: `is the same as "one_int32", which is also given`},
		},
		{
			"the spelling of the renamed", `{"other/na~me \"q\"":"","renamed":""}`,
			jsoncodec.Error{Pointer: "/renamed", Reason: jsoncodec.ReasonDuplicateField, Detail: `is the same as "other/na~me \"q\"", which is also given`},
		},
		{
			"twice in a Struct", `{"oneStruct":{"a":[{"b":1,"b":2}]}}`,
			jsoncodec.Error{Pointer: "/oneStruct/a/0/b", Reason: jsoncodec.ReasonDuplicateField, Detail: "is given twice"},
		},
		{
			"twice in a Value", `{"manyValue":[null,{"a":null,"\u0061":null}]}`,
			jsoncodec.Error{Pointer: "/manyValue/1/a", Reason: jsoncodec.ReasonDuplicateField, Detail: "is given twice"},
		},
		{
			"twice in a map", `{"toInt32":{"a":1,"b":1,"a":1}}`,
			jsoncodec.Error{Pointer: "/toInt32/a", Reason: jsoncodec.ReasonDuplicateField, Detail: "is given twice"},
		},
		{
			"one key in two spellings", `{"byInt64":{"1":1,"01":1}}`,
			jsoncodec.Error{Pointer: "/byInt64/01", Reason: jsoncodec.ReasonDuplicateField, Detail: `is the same as "1", which is also given`},
		},
		{
			"one key in two spellings, one of them long", `{"byInt64":{"` + strings.Repeat("0", 65) + `":1,"0":1}}`,
			jsoncodec.Error{
				Pointer: "/byInt64/0", Reason: jsoncodec.ReasonDuplicateField,
				Detail: `is the same as "` + strings.Repeat("0", 63) + `…", which is also given`,
			},
		},
		{
			"the first of two faults", `{"oneInt32":"x","nope":1}`,
			jsoncodec.Error{Pointer: "/oneInt32", Reason: jsoncodec.ReasonInvalidValue, Detail: "is a string, but " + int32s + " is expected"},
		},
	}, into(all))

	t.Run("extension", func(t *testing.T) {
		t.Parallel()
		runFaults(t, []faultCase{{
			"bad value", `{"[google.api.http]":{"get":1}}`,
			jsoncodec.Error{Pointer: "/[google.api.http]/get", Reason: jsoncodec.ReasonInvalidValue, Detail: "is a number, but a string is expected"},
		}}, into(new(descriptorpb.MethodOptions).ProtoReflect().Type()))
	})
	t.Run("oneof", func(t *testing.T) {
		t.Parallel()
		choice := all.Descriptor().Oneofs().ByName("choice").Fields()
		var names []string
		for i := range 20 {
			names = append(names, choice.Get(i).JSONName())
		}
		runFaults(t, []faultCase{{
			"two members", `{"pickInt32":0,"pick_string":""}`,
			jsoncodec.Error{
				Pointer: "/pick_string", Reason: jsoncodec.ReasonInvalidValue,
				Detail: `cannot be combined with "pickInt32": only one of ` + strings.Join(names, ", ") + `, … may be set`,
			},
		}}, into(all))
	})
	t.Run("required", func(t *testing.T) {
		t.Parallel()
		runFaults(t, []faultCase{
			{"missing", `{"size":1}`, jsoncodec.Error{Reason: jsoncodec.ReasonInvalidValue, Detail: `lacks the required member "mustHave"`}},
			{"null", `{"mustHave":null}`, jsoncodec.Error{Reason: jsoncodec.ReasonInvalidValue, Detail: `lacks the required member "mustHave"`}},
			{
				"missing below", `{"mustHave":"","many":[{"must_have":""},{}]}`,
				jsoncodec.Error{Pointer: "/many/1", Reason: jsoncodec.ReasonInvalidValue, Detail: `lacks the required member "mustHave"`},
			},
			{
				"in a group", `{"mustHave":"","old":{"Text":""}}`,
				jsoncodec.Error{Pointer: "/old/Text", Reason: jsoncodec.ReasonUnknownField, Detail: `is not a known field: did you mean "text"?`},
			},
		}, into(legacy))
	})
}

// A closed enum (proto2) cannot hold a number without a name: on the wire it would be an unknown field.
func TestClosedEnum(t *testing.T) {
	t.Parallel()
	linked := new(descriptorpb.DescriptorProto)
	for text, want := range map[string]string{
		`{"field":[{"type":9}]}`:                                "",
		`{"field":[{"type":9.0}]}`:                              "",
		`{"field":[{"type":"TYPE_STRING"}]}`:                    "",
		`{"field":[{"type":1},{"type":99}]}`:                    "/field/1/type",
		`{"nestedType":[{"field":[{"label":0}]}]}`:              "/nestedType/0/field/0/label",
		`{"field":[{"type":-1}],"name":"x"}`:                    "/field/0/type",
		`{"field":[{"options":{"ctype":"CORD","jstype":2e0}}]}`: "",
	} {
		for _, message := range []proto.Message{linked, dynamicpb.NewMessage(linked.ProtoReflect().Descriptor())} {
			err := jsoncodec.Unmarshal([]byte(text), message)
			if fault, ok := errors.AsType[*jsoncodec.Error](err); (err == nil) != (want == "") || ok && fault.Pointer != want {
				t.Errorf("%s into %T: %v, want %q", text, message, err, want)
			}
		}
	}
}

func TestUnmarshalTakes(t *testing.T) {
	t.Parallel()
	all, legacy := schema(t)
	cases := []struct {
		name string
		mt   protoreflect.MessageType
		text string
		want string // the same in canonical spelling
	}{
		{"both spellings", all, `{"one_int32":1,"oneString":"a"}`, `{"oneInt32":1,"oneString":"a"}`},
		{"null", all, `{"oneInt32":null,"manyAll":null,"toAll":null,"oneAll":null,"oneTimestamp":null,"oneStringvalue":null}`, `{}`},
		{"null where it is a value", all, `{"oneValue":null,"manyValue":[null],"toValue":{"a":null},"oneNull":null,"manyNull":[null]}`, ``},
		{"null for all but one of a oneof", all, `{"pickInt32":null,"pickString":"a","pickBool":null}`, `{"pickString":"a"}`},
		{
			"integers with a point or an exponent", all,
			`{"oneInt32":1.0,"oneInt64":1e2,"oneUint32":100e-2,"oneUint64":-0}`,
			`{"oneInt32":1,"oneInt64":"100","oneUint32":1}`,
		},
		{
			"integers as strings", all,
			`{"oneInt32":"-5","oneInt64":"9223372036854775807","oneUint64":"1e3"}`,
			`{"oneInt32":-5,"oneInt64":"9223372036854775807","oneUint64":"1000"}`,
		},
		{
			"int64 as a number", all,
			`{"oneInt64":-9223372036854775808,"oneFixed64":18446744073709551615}`,
			`{"oneInt64":"-9223372036854775808","oneFixed64":"18446744073709551615"}`,
		},
		{"numbers as strings", all, `{"oneDouble":"-1.5e3","oneFloat":"NaN","manyDouble":["Infinity","-Infinity"]}`, ``},
		{"numbers too small", all, `{"oneDouble":1e-400}`, `{}`},
		{"base64 of both alphabets", all, `{"oneBytes":"-_8","manyBytes":["+/8","-_8=",""]}`, `{"oneBytes":"+/8=","manyBytes":["+/8=","+/8=",""]}`},
		{"enums", all, `{"oneColor":"RED","manyColor":[2,"COLOR_UNSPECIFIED",99,-1,1.0]}`, `{"oneColor":"RED","manyColor":["GREEN",0,99,-1,"RED"]}`},
		{"keys", all, `{"byBool":{"true":1,"false":2},"byInt32":{"-1":1},"byFixed64":{"18446744073709551615":1},"byString":{"":1}}`, ``},
		{"durations", all, `{"manyDuration":["1s","-0.5s","1.s","315576000000.999999999s"]}`, ``},
		{"timestamps", all, `{"manyTimestamp":["2006-01-02T15:04:05+01:00","0001-01-01T00:00:00Z","9999-12-31T23:59:59.999999999Z"]}`, ``},
		{"field masks", all, `{"oneFieldmask":"","manyFieldmask":["a","displayName,a.bC"]}`, ``},
		{"empty", all, `{"oneEmpty":{}}`, `{"oneEmpty":{}}`},
		{"free values", all, `{"oneStruct":{"a":[1,"b",true,null,{}]},"oneListvalue":[[]],"oneValue":"a"}`, ``},
		{"recursion", all, `{"oneAll":{"oneAll":{}},"toAll":{"a":{}}}`, `{"oneAll":{"oneAll":{}},"toAll":{"a":{}}}`},
		{"proto2", legacy, `{"mustHave":"","shade":"LIGHT","old":{"text":"a"},"next":{"mustHave":"b"}}`, ``},
		{"a group by its own name", legacy, `{"mustHave":"","Old":{}}`, `{"mustHave":"","old":{}}`},
		{"an extension", new(descriptorpb.MethodOptions).ProtoReflect().Type(), `{"[google.api.http]":{"get":"/v1"}}`, ``},
		{"top-level Timestamp", new(timestamppb.Timestamp).ProtoReflect().Type(), ` "2006-01-02T15:04:05Z" `, ``},
		{"top-level Value", new(structpb.Value).ProtoReflect().Type(), `null`, ``},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.want == "" {
				c.want = c.text
			}
			got, want := c.mt.New().Interface(), c.mt.New().Interface()
			if err := jsoncodec.Unmarshal([]byte(c.text), got); err != nil {
				t.Fatal(err)
			}
			if err := protojson.Unmarshal([]byte(c.want), want); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(want, got) {
				t.Error(cmp.Diff(want, got, protocmp.Transform()))
			}
		})
	}
}

func TestUnmarshalClearsFirst(t *testing.T) {
	t.Parallel()
	got := &entityv1.Entity{Id: "old", DisplayName: "old"}
	if err := jsoncodec.Unmarshal([]byte(`{"id":"new"}`), got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&entityv1.Entity{Id: "new"}, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func TestUnmarshalField(t *testing.T) {
	t.Parallel()
	all, legacy := schema(t)
	field := func(mt protoreflect.MessageType, name protoreflect.Name) protoreflect.FieldDescriptor {
		return mt.Descriptor().Fields().ByName(name)
	}
	t.Run("faults", func(t *testing.T) {
		t.Parallel()
		bad := func(pointer, detail string) jsoncodec.Error {
			return jsoncodec.Error{Pointer: pointer, Reason: jsoncodec.ReasonInvalidValue, Detail: detail}
		}
		cases := []struct {
			name  string
			mt    protoreflect.MessageType
			field protoreflect.Name
			text  string
			want  jsoncodec.Error
		}{
			{"nothing", all, "one_all", ``, jsoncodec.Error{Reason: jsoncodec.ReasonEmptyBody, Detail: "is empty, but one JSON value is expected"}},
			{
				"more members smuggled in", all, "one_int32", `1,"oneInt64":2`,
				jsoncodec.Error{Reason: jsoncodec.ReasonTrailingData, Detail: "is followed by more data at offset 1"},
			},
			{"scalar", all, "one_int32", `true`, bad("", "is a boolean, but "+int32s+" is expected")},
			{"message", all, "one_all", `{"oneInt32":true}`, bad("/oneInt32", "is a boolean, but "+int32s+" is expected")},
			{"list", all, "many_all", `[{},{"oneInt32":true}]`, bad("/1/oneInt32", "is a boolean, but "+int32s+" is expected")},
			{"no list", all, "many_all", `{}`, bad("", "is an object, but an array is expected")},
			{"map", all, "to_all", `{"a":{"x":1}}`, jsoncodec.Error{Pointer: "/a/x", Reason: jsoncodec.ReasonUnknownField, Detail: "is not a known field"}},
			{"null", all, "many_all", `[null]`, bad("/0", "is null, but an object is expected")},
			{"below a null", all, "many_value", `null`, bad("", "is null, but an array is expected")},
			{"beside a required field", legacy, "next", `{}`, bad("", `lacks the required member "mustHave"`)},
		}
		for _, c := range cases {
			runFaults(t, []faultCase{{c.name, c.text, c.want}}, func(text []byte) error {
				m := c.mt.New()
				m.Set(field(c.mt, c.field), m.NewField(field(c.mt, c.field)))
				before := proto.Clone(m.Interface())
				err := jsoncodec.UnmarshalField(text, m, field(c.mt, c.field))
				if !proto.Equal(before, m.Interface()) {
					t.Errorf("%s: the message has changed", c.name)
				}
				return err
			})
		}
	})
	t.Run("takes", func(t *testing.T) {
		t.Parallel()
		cases := []struct {
			name  string
			mt    protoreflect.MessageType
			m     string
			field protoreflect.Name
			text  string
			want  string
		}{
			{"message, the rest stays", all, `{"oneInt32":1,"oneAll":{"oneInt32":2}}`, "one_all", `{"oneString":"a"}`, `{"oneInt32":1,"oneAll":{"oneString":"a"}}`},
			{"list is replaced", all, `{"manyInt32":[1,2]}`, "many_int32", ` [3] `, `{"manyInt32":[3]}`},
			{"empty list", all, `{"manyInt32":[1,2]}`, "many_int32", `[]`, `{}`},
			{"map", all, `{}`, "to_int32", `{"a":1}`, `{"toInt32":{"a":1}}`},
			{"scalar", all, `{}`, "one_string", `"a"`, `{"oneString":"a"}`},
			{"scalar to its default", all, `{"oneString":"a"}`, "one_string", `""`, `{}`},
			{"default of an optional scalar", all, `{}`, "maybe_int32", `0`, `{"maybeInt32":0}`},
			{"null clears", all, `{"oneAll":{}}`, "one_all", `null`, `{}`},
			{"null is a value", all, `{}`, "one_value", `null`, `{"oneValue":null}`},
			{"oneof is switched", all, `{"pickInt32":1}`, "pick_string", `"a"`, `{"pickString":"a"}`},
			{"name to be escaped", all, `{}`, "renamed", `"a"`, `{"renamed":"a"}`},
			{"beside a required field", legacy, `{"mustHave":"a"}`, "size", `3`, `{"mustHave":"a","size":3}`},
		}
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				got, want := c.mt.New(), c.mt.New()
				for m, text := range map[protoreflect.Message]string{got: c.m, want: c.want} {
					if err := protojson.Unmarshal([]byte(text), m.Interface()); err != nil {
						t.Fatal(err)
					}
				}
				if err := jsoncodec.UnmarshalField([]byte(c.text), got, field(c.mt, c.field)); err != nil {
					t.Fatal(err)
				}
				if !proto.Equal(want.Interface(), got.Interface()) {
					t.Error(cmp.Diff(want.Interface(), got.Interface(), protocmp.Transform()))
				}
			})
		}
	})
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]*jsoncodec.Error{
		"the JSON value is empty":   {Reason: jsoncodec.ReasonEmptyBody, Detail: "is empty"},
		"/a/0 is not a known field": {Pointer: "/a/0", Reason: jsoncodec.ReasonUnknownField, Detail: "is not a known field"},
	} {
		if got := err.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
