package contract_test

import (
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/route"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

func TestCheckQuery(t *testing.T) {
	t.Parallel()
	get := mustRead(t, method(`get: "/x/{id}"`, "")).Methods[0].Bindings[0]
	part := mustRead(t, method(`post: "/x/{size}" body: "inner"`, "")).Methods[0].Bindings[0]
	whole := mustRead(t, method(`post: "/x" body: "*"`, "")).Methods[0].Bindings[0]
	for _, test := range []struct {
		binding           *contract.Binding
		query, name, want string
	}{
		{get, "", "", ""},
		{get, "size=1", "", ""},
		{get, "size=-2147483648", "", ""},
		{get, "size=2147483648", "size", "INVALID_VALUE"},
		{get, "size=", "size", "INVALID_VALUE"},
		{get, "size=1.5", "size", "INVALID_VALUE"},
		{get, "size=1&size=2", "size", "DUPLICATE_PARAMETER"},
		{get, "u_small=1&uSmall=1", "u_small", "DUPLICATE_PARAMETER"},
		{get, "inner.u_small=1&uSmall=1", "", ""},
		{get, "left=1&right=2", "right", "DUPLICATE_PARAMETER"},
		{get, "inner.left=1&inner.right=2", "inner.right", "DUPLICATE_PARAMETER"},
		{get, "left=1&inner.right=2", "", ""},
		{get, "labels[a]=b&labels[b]=b", "", ""},
		{get, "sizes=1&sizes=2", "", ""},
		{get, "sizes=1&sizes=x", "sizes", "INVALID_VALUE"},
		{get, "big=9223372036854775808", "big", "INVALID_VALUE"},
		{get, "big=9223372036854775807", "", ""},
		{get, "u_small=4294967295&uBig=18446744073709551615", "", ""},
		{get, "uSmall=-1", "uSmall", "INVALID_VALUE"},
		{get, "u_big=18446744073709551616", "u_big", "INVALID_VALUE"},
		{get, "part=1e3", "", ""},
		{get, "part=x", "part", "INVALID_VALUE"},
		{get, "on=true", "", ""},
		{get, "on=maybe", "on", "INVALID_VALUE"},
		{get, "kind=KIND_SOME", "", ""},
		{get, "kind=7", "", ""},
		{get, "kind=SOME", "kind", "INVALID_VALUE"},
		{get, "inner.size=1", "", ""},
		{get, "inner.inner.changedAt=2024-01-01T00:00:00Z", "", ""},
		{get, "changed_at=x", "", ""}, // the transcoder's to judge
		{get, "many.id=1", "many.id", "UNKNOWN_PARAMETER"},
		{get, "labels[a]=b", "", ""},
		{get, "labels[a=b", "labels[a", "UNKNOWN_PARAMETER"},
		{get, "labels=b", "labels", "UNKNOWN_PARAMETER"},
		{get, "size[a]=1", "size[a]", "UNKNOWN_PARAMETER"},
		{get, "nope=1", "nope", "UNKNOWN_PARAMETER"},
		{get, "size.x=1", "size.x", "UNKNOWN_PARAMETER"},
		{get, ".=1", ".", "UNKNOWN_PARAMETER"},
		{get, "=1", "", "UNKNOWN_PARAMETER"},
		{get, "id=1", "id", "UNKNOWN_PARAMETER"}, // the path has it
		{get, "nope=1&aaa=1", "aaa", "UNKNOWN_PARAMETER"},
		{get, "size=%zz", "", "MALFORMED_QUERY"},
		{get, "size=1;on=true", "", "MALFORMED_QUERY"},
		{get, "kind=%00", "kind", "CONTROL_CHARACTER"},
		{get, "kind=%7f", "kind", "CONTROL_CHARACTER"},
		{get, "%0a=1", "\n", "CONTROL_CHARACTER"},
		{get, "kind=%FF", "kind", "INVALID_UTF8"},
		{get, "%FF=1", "\uFFFD", "INVALID_UTF8"},
		{part, "id=1", "", ""},
		{part, "inner.id=1", "inner.id", "UNKNOWN_PARAMETER"}, // the body has it
		{part, "size=1", "size", "UNKNOWN_PARAMETER"},
		{whole, "id=1", "id", "UNKNOWN_PARAMETER"},
		{whole, "", "", ""},
	} {
		got := test.binding.CheckQuery(test.query)
		if test.want == "" {
			if got != nil {
				t.Errorf("%q: %v", test.query, got)
			}
			continue
		}
		if got == nil || got.Reason != test.want || got.Parameter != test.name || got.Detail == "" || !strings.Contains(got.Error(), got.Detail) {
			t.Errorf("%q: %+v, want %s of %q", test.query, got, test.want, test.name)
		}
	}
}

func TestCheckVariables(t *testing.T) {
	t.Parallel()
	binding := mustRead(t, method(`get: "/x/{id}/{size}/{inner.kind}"`, "")).Methods[0].Bindings[0]
	for _, test := range []struct{ field, value, want string }{
		{"id", "anything /?", ""},
		{"id", "a\x00", "CONTROL_CHARACTER"},
		{"id", "\xff", "INVALID_UTF8"},
		{"size", "12", ""},
		{"size", "x", "INVALID_VALUE"},
		{"size", "", "INVALID_VALUE"},
		{"inner.kind", "KIND_NONE", ""},
		{"inner.kind", "0", ""},
		{"inner.kind", "NONE", "INVALID_VALUE"},
	} {
		values := []route.Param{{Field: "id", Value: "a"}, {Field: "size", Value: "1"}, {Field: "inner.kind", Value: "0"}}
		for i := range values {
			if values[i].Field == test.field {
				values[i].Value = test.value
			}
		}
		got := binding.CheckVariables(values)
		if (got == nil) != (test.want == "") || got != nil && (got.Reason != test.want || got.Parameter != test.field) {
			t.Errorf("%s=%q: %+v, want %q", test.field, test.value, got, test.want)
		}
	}
}

// FuzzCheckQuery: what passes is a query that can be read, of fields that exist, with
// text that a log and a header can hold; and the answer is always the same.
func FuzzCheckQuery(f *testing.F) {
	for _, seed := range []string{"size=1", "labels[a]=b&size=x", "inner.inner.id=%FF", "a;b", "=", "[", "id[]=1", "%", "size=1&size=1&nope=\x00"} {
		f.Add(seed)
	}
	binding := mustRead(f, method(`get: "/x/{id}"`, "")).Methods[0].Bindings[0]
	f.Fuzz(func(t *testing.T, query string) {
		got, again := binding.CheckQuery(query), binding.CheckQuery(query)
		if (got == nil) != (again == nil) || got != nil && *got != *again {
			t.Fatalf("%v, then %v", got, again)
		}
		if got != nil {
			if got.Reason == "" || got.Detail == "" || !utf8.ValidString(got.Parameter) {
				t.Errorf("%+v", got)
			}
			return
		}
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatalf("let through: %v", err)
		}
		for name, all := range values {
			first, _, _ := strings.Cut(strings.ReplaceAll(name, "[", "."), ".")
			fields := binding.Method.Descriptor.Input().Fields()
			if fields.ByName(protoreflect.Name(first)) == nil && fields.ByJSONName(first) == nil || first == "id" {
				t.Errorf("let through %q", name)
			}
			for _, value := range all {
				if !utf8.ValidString(value) || strings.ContainsAny(value, "\x00\r\n\x7f") {
					t.Errorf("let through %q=%q", name, value)
				}
			}
		}
	})
}

// message makes a message of type M, of generated or of dynamic type all the same.
func message(tb testing.TB, text string) protoreflect.Message {
	tb.Helper()
	m := dynamicpb.NewMessage(describe(tb, fileOf(tb, "")).Messages().ByName("M"))
	if err := (prototext.UnmarshalOptions{}).Unmarshal([]byte(text), m); err != nil {
		tb.Fatal(err)
	}
	return m
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		path, text, want string
		ok               bool
	}{
		{"id", `id: "a"`, "a", true},
		{"id", ``, "", true},
		{"inner.id", `inner { id: "b" }`, "b", true},
		{"inner.id", ``, "", false},
		{"inner.inner.id", `inner {}`, "", false},
		{"size", `size: -7`, "-7", true},
		{"big", `big: 9223372036854775807`, "9223372036854775807", true},
		{"u_big", `u_big: 18446744073709551615`, "18446744073709551615", true},
		{"on", `on: true`, "true", true},
		{"kind", `kind: KIND_SOME`, "KIND_SOME", true},
		{"kind", `kind: 9`, "9", true},
		{"part", `part: 1.5`, "1.5", true},
		{"data", `data: "x"`, "", false},
		{"inner", `inner {}`, "", false},
		{"names", `names: "x"`, "", false},
		{"labels", `labels { key: "a" }`, "", false},
	} {
		m := message(t, test.text)
		path, err := contract.ParseFieldPath(m.Descriptor(), test.path)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := path.Text(m.Interface()); got != test.want || ok != test.ok || path.String() != test.path {
			t.Errorf("%s of {%s}: %q, %t; want %q, %t", path, test.text, got, ok, test.want, test.ok)
		}
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	declared, err := contract.Read(entityv1.File_entity_v1_entity_service_proto)
	if err != nil {
		t.Fatal(err)
	}
	updated := declared.Methods[slices.IndexFunc(declared.Methods, func(m *contract.Method) bool { return m.Descriptor.Name() == "GetEntity" })].LastModified
	last := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	for name, test := range map[string]struct {
		stamp *timestamppb.Timestamp
		want  time.Time
		ok    bool
	}{
		"unset":     {nil, time.Time{}, false},
		"zero":      {&timestamppb.Timestamp{}, time.Unix(0, 0).UTC(), true},
		"nanos":     {&timestamppb.Timestamp{Seconds: 1, Nanos: 5}, time.Unix(1, 5).UTC(), true},
		"the first": {&timestamppb.Timestamp{Seconds: -62135596800}, time.Time{}, true},
		"before it": {&timestamppb.Timestamp{Seconds: -62135596801}, time.Time{}, false},
		"the last":  {&timestamppb.Timestamp{Seconds: last.Unix()}, last, true},
		"after it":  {&timestamppb.Timestamp{Seconds: last.Unix() + 1}, time.Time{}, false},
		"rubbish":   {&timestamppb.Timestamp{Seconds: math.MaxInt64, Nanos: -1}, time.Time{}, false},
	} {
		generated := &entityv1.Entity{UpdateTime: test.stamp}
		wire, err := proto.Marshal(generated)
		if err != nil {
			t.Fatal(err)
		}
		dynamic := dynamicpb.NewMessage(generated.ProtoReflect().Descriptor())
		if err := proto.Unmarshal(wire, dynamic); err != nil {
			t.Fatal(err)
		}
		for _, m := range []protoreflect.Message{generated.ProtoReflect(), dynamic} {
			if got, ok := updated.Time(m.Interface()); !got.Equal(test.want) || ok != test.ok {
				t.Errorf("%s of %T: %v, %t; want %v, %t", name, m.Interface(), got, ok, test.want, test.ok)
			}
		}
	}
}

func TestParseFieldPath(t *testing.T) {
	t.Parallel()
	m := message(t, "").Descriptor()
	for path, ok := range map[string]bool{
		"id": true, "inner.id": true, "many": true, "labels": true, "": false, ".": false, "id.": false, ".id": false, "inner..id": false,
		"nope": false, "id.x": false, "many.id": false, "labels.key": false, "changedAt": false, "inner.changed_at.seconds": true,
	} {
		if found, err := contract.ParseFieldPath(m, path); (err == nil) != ok || ok && found.String() != path {
			t.Errorf("ParseFieldPath(%q) = %v, %v", path, found, err)
		}
	}
}
