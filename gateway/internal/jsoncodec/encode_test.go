package jsoncodec_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

// entity is a message of about 600 bytes of JSON.
func entity(tb testing.TB) *entityv1.Entity {
	tb.Helper()
	attributes, err := structpb.NewStruct(map[string]any{
		"color": "blue", "size": 42.5, "active": true, "none": nil,
		"tags":    []any{"one", "two", "three, with spaces and \"quotes\""},
		"address": map[string]any{"street": "Main Street 1", "city": "Zürich", "zip": "8001", "lines": []any{1.0, 2.0, 3.0}},
		"note":    strings.Repeat("All work and no play. ", 8),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return &entityv1.Entity{
		Id: "0198c1f2-7b1e-7c3a-9f00-5a7d3c2b1e10", DisplayName: "An entity", Group: "alpha", Attributes: attributes, Etag: "42",
		CreateTime: &timestamppb.Timestamp{Seconds: 1767225600}, UpdateTime: &timestamppb.Timestamp{Seconds: 1767229200, Nanos: 5e8},
	}
}

func TestMarshal(t *testing.T) {
	t.Parallel()
	all, _ := schema(t)
	unknownType := &anypb.Any{TypeUrl: host + "acme.v1.Reason", Value: []byte{0xff, 0xfe}}
	extended := new(descriptorpb.MethodOptions)
	proto.SetExtension(extended, annotations.E_Http, &annotations.HttpRule{Pattern: &annotations.HttpRule_Get{Get: "/v1"}})
	cases := []struct {
		name string
		m    proto.Message
		want string
	}{
		{"nil", nil, `{}`},
		{"defaults", new(entityv1.Entity), `{"id":"","displayName":"","group":"","etag":""}`},
		{"no message at all", (*entityv1.Entity)(nil), `{"id":"","displayName":"","group":"","etag":""}`},
		{"empty list", new(entityv1.ListEntitiesResponse), `{"entities":[],"nextPageToken":"","etag":""}`},
		{
			"values", &entityv1.Entity{Id: "<&> \u2028", Attributes: &structpb.Struct{Fields: map[string]*structpb.Value{
				"b": structpb.NewNullValue(), "a b": structpb.NewStringValue(`{ "x" : "\" , y" }`),
			}}, CreateTime: &timestamppb.Timestamp{Nanos: 1000}},
			`{"id":"<&> ` + "\u2028" + `","displayName":"","group":"","attributes":{"a b":"{ \"x\" : \"\\\" , y\" }","b":null},` +
				`"etag":"","createTime":"1970-01-01T00:00:00.000001Z"}`,
		},
		{"own form", durationpb.New(-1), `"-0.000000001s"`},
		{"extension", extended, `{"uninterpretedOption":[],"[google.api.http]":{"selector":"","get":"/v1","body":"","responseBody":"","additionalBindings":[]}}`},
		{"unknown type", unknownType, `{"@type":"type.googleapis.com/acme.v1.Reason","value":"//4="}`},
		{
			"unknown types inside", &status.Status{Code: 5, Details: []*anypb.Any{
				packed(t, &errdetails.RetryInfo{}), unknownType, packed(t, &status.Status{Details: []*anypb.Any{unknownType}}), packed(t, unknownType), {},
			}},
			`{"code":5,"message":"","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo"},` +
				`{"@type":"type.googleapis.com/acme.v1.Reason","value":"//4="},` +
				`{"@type":"type.googleapis.com/google.rpc.Status","code":0,"message":"","details":[{"@type":"type.googleapis.com/acme.v1.Reason","value":"//4="}]},` +
				`{"@type":"type.googleapis.com/google.protobuf.Any","value":{"@type":"type.googleapis.com/acme.v1.Reason","value":"//4="}},{}]}`,
		},
		// The URL of an Any comes from the backend, and a missing response would help nobody.
		{"no type URL", &anypb.Any{TypeUrl: "a b"}, `{"@type":"a b","value":""}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := jsoncodec.Marshal(c.m)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Error(diff)
			}
			appended, err := jsoncodec.Append([]byte(`{"a": `), c.m)
			if err != nil || string(appended) != `{"a": `+c.want {
				t.Errorf("Append: %v, %s", err, appended)
			}
		})
	}

	t.Run("dynamic", func(t *testing.T) {
		t.Parallel()
		m := all.New()
		text := `{"oneInt64":"1","manyAny":[{"@type":"x/y.Z","value":"AA=="}],"renamed":"a"}`
		if err := jsoncodec.Unmarshal([]byte(text), m.Interface()); err != nil {
			t.Fatal(err)
		}
		got, err := jsoncodec.Marshal(m.Interface())
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"oneInt64":"1"`, `"manyAny":[{"@type":"x/y.Z","value":"AA=="}]`, `"oneDouble":0`, `"other/na~me \"q\"":"a"`} {
			if !strings.Contains(string(got), want) {
				t.Errorf("no %s in %s", want, got)
			}
		}
	})
}

func TestMarshalFails(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]proto.Message{
		"not UTF-8":               &entityv1.Entity{Id: "\xff"},
		"Timestamp out of range":  &timestamppb.Timestamp{Seconds: math.MaxInt64},
		"Value of no kind":        new(structpb.Value),
		"NaN in a Value":          structpb.NewNumberValue(math.NaN()),
		"required field missing":  new(descriptorpb.UninterpretedOption_NamePart),
		"broken bytes in an Any":  packed(t, new(errdetails.ErrorInfo), 0xff),
		"Any with only the bytes": &anypb.Any{Value: []byte{1}},
		"type URL not UTF-8":      &anypb.Any{TypeUrl: "\xff"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := jsoncodec.Marshal(m); err == nil || got != nil {
				t.Errorf("Marshal: %s, %v", got, err)
			}
			if got, err := jsoncodec.Append([]byte("before"), m); err == nil || string(got) != "before" {
				t.Errorf("Append: %s, %v", got, err)
			}
		})
	}
}

// What Marshal returns is the caller's: another call must not write into it.
func TestMarshalSharesNothing(t *testing.T) {
	t.Parallel()
	first, err := jsoncodec.Marshal(&entityv1.Entity{Id: "first"})
	if err != nil {
		t.Fatal(err)
	}
	before := string(first)
	for range 100 {
		if _, err := jsoncodec.Marshal(&entityv1.Entity{Id: "second"}); err != nil {
			t.Fatal(err)
		}
	}
	if string(first) != before {
		t.Errorf("%s has become %s", before, first)
	}
}

func TestAppendField(t *testing.T) {
	t.Parallel()
	all, legacy := schema(t)
	extended := `{"[google.api.http]":{"get":"/v1"}}`
	cases := []struct {
		name  string
		mt    protoreflect.MessageType
		m     string
		field protoreflect.Name
		want  string
	}{
		{"message", new(entityv1.CreateEntityRequest).ProtoReflect().Type(), `{"entity":{"id":"a"}}`, "entity", `{"id":"a","displayName":"","group":"","etag":""}`},
		{"no message", all, `{}`, "one_all", `null`},
		{
			"list", new(entityv1.ListEntitiesResponse).ProtoReflect().Type(), `{"etag":"x","entities":[{"id":"a b"},{}]}`, "entities",
			`[{"id":"a b","displayName":"","group":"","etag":""},{"id":"","displayName":"","group":"","etag":""}]`,
		},
		{"no list", all, `{}`, "many_all", `[]`},
		{"map", all, `{"toInt32":{"b":1,"a":2}}`, "to_int32", `{"a":2,"b":1}`},
		{"no map", all, `{}`, "to_int32", `{}`},
		{"scalar", all, `{"oneString":" a "}`, "one_string", `" a "`},
		{"no scalar", all, `{}`, "one_int64", `"0"`},
		{"optional scalar", all, `{"maybeInt32":0}`, "maybe_int32", `0`},
		{"no optional scalar", all, `{}`, "maybe_int32", `null`},
		{"enum", all, `{"oneColor":"RED"}`, "one_color", `"RED"`},
		{"of a oneof", all, `{"pickString":""}`, "pick_string", `""`},
		{"the other of a oneof", all, `{"pickString":""}`, "pick_int32", `null`},
		{"own form", all, `{"oneTimestamp":"2006-01-02T15:04:05Z"}`, "one_timestamp", `"2006-01-02T15:04:05Z"`},
		{"Value", all, `{"oneValue":null}`, "one_value", `null`},
		{"unknown type", all, `{"manyAny":[{"@type":"x/y.Z","value":"AA=="}]}`, "many_any", `[{"@type":"x/y.Z","value":"AA=="}]`},
		{"renamed", all, `{"renamed":"a"}`, "renamed", `"a"`},
		{"beside a required field", legacy, `{"mustHave":"a","next":{"mustHave":"b"}}`, "next", `{"mustHave":"b","many":[]}`},
		{
			"extension", new(descriptorpb.MethodOptions).ProtoReflect().Type(), extended, "",
			`{"selector":"","get":"/v1","body":"","responseBody":"","additionalBindings":[]}`,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := c.mt.New()
			if err := jsoncodec.Unmarshal([]byte(c.m), m.Interface()); err != nil {
				t.Fatal(err)
			}
			fd := c.mt.Descriptor().Fields().ByName(c.field)
			if c.field == "" {
				fd = annotations.E_Http.TypeDescriptor()
			}
			got, err := jsoncodec.AppendField([]byte("before "), m, fd)
			if err != nil || string(got) != "before "+c.want {
				t.Errorf("%v\n got %s\nwant before %s", err, got, c.want)
			}
		})
	}
	t.Run("failure", func(t *testing.T) {
		t.Parallel()
		m := &entityv1.Session{Groups: []string{"\xff"}}
		got, err := jsoncodec.AppendField([]byte("before"), m.ProtoReflect(), m.ProtoReflect().Descriptor().Fields().ByName("groups"))
		if err == nil || string(got) != "before" {
			t.Errorf("%s, %v", got, err)
		}
	})
}

// A path without a form in camel case is written as it is: a client can do more with it than with an error.
func TestMarshalFieldMask(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		paths []string
		want  string
	}{
		{nil, ``},
		{[]string{"a_b", "c.d_e"}, `aB,c.dE`},
		{[]string{"a__b", "fooBar", "foo_1", "foo_", "Foo", "a b", "*", "x_y"}, `a__b,fooBar,foo_1,foo_,Foo,a b,*,xY`},
		{[]string{""}, ``},
		{[]string{`"`}, `\"`},
	} {
		linked := &fieldmaskpb.FieldMask{Paths: test.paths}
		wire, err := proto.Marshal(linked)
		if err != nil {
			t.Fatal(err)
		}
		dynamic := dynamicpb.NewMessage(linked.ProtoReflect().Descriptor())
		if err := proto.Unmarshal(wire, dynamic); err != nil {
			t.Fatal(err)
		}
		encoded, err := jsoncodec.New(nil).NewWire(dynamic.Type(), wire)
		if err != nil {
			t.Fatal(err)
		}
		for _, message := range []proto.Message{linked, encoded} {
			if got, err := jsoncodec.Marshal(message); err != nil || string(got) != `"`+test.want+`"` {
				t.Errorf("%q as %T: %s, %v, want %q", test.paths, message, got, err, test.want)
			}
		}
	}
	if _, err := jsoncodec.Marshal(&fieldmaskpb.FieldMask{Paths: []string{"\xff"}}); err == nil {
		t.Error("a path that is not UTF-8 is written")
	}
}
