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
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
)

func TestParseQuery(t *testing.T) {
	t.Parallel()
	get := mustRead(t, method(`get: "/x/{id}"`, "")).Methods[0].Bindings[0]
	part := mustRead(t, method(`post: "/x/{size}" body: "inner"`, "")).Methods[0].Bindings[0]
	whole := mustRead(t, method(`post: "/x" body: "*"`, "")).Methods[0].Bindings[0]
	for _, test := range []struct {
		binding     *contract.Binding
		query, want string
	}{
		{get, "", ""},
		{get, "&&", ""},
		{get, "size=1", "size=1"},
		{get, "size=1&", "size=1"},
		{get, "size=x", "size=x"}, // ParseQuery does not check values
		{get, "size=1&size=2", "DUPLICATE_PARAMETER size"},
		{get, "u_small=1&uSmall=1", "DUPLICATE_PARAMETER uSmall"},
		{get, "inner.u_small=1&uSmall=1", "inner.u_small=1 u_small=1"},
		{get, "left=1&right=2", "DUPLICATE_PARAMETER right"},
		{get, "inner.left=1&inner.right=2", "DUPLICATE_PARAMETER inner.right"},
		{get, "left=1&inner.right=2", "left=1 inner.right=2"},
		{get, "labels[a]=b&labels[b]=c", "labels[a]=b labels[b]=c"},
		{get, "labels[a]=b&labels[a]=c", "DUPLICATE_PARAMETER labels[a]"},
		{get, "sizes=1&size=3&sizes=2", "sizes=1,2 size=3"},
		{get, "size=1&on=true", "size=1 on=true"},
		{get, "on=true&size=1", "on=true size=1"},
		{get, "inner.size=1", "inner.size=1"},
		{get, "inner.inner.changedAt=2024-01-01T00:00:00Z", "inner.inner.changed_at=2024-01-01T00:00:00Z"},
		{get, "changed_at=x&changedAt.seconds=1", "DUPLICATE_PARAMETER changedAt.seconds"},
		{get, "changedAt.seconds=1&changed_at=x", "DUPLICATE_PARAMETER changed_at"},
		{get, "changedAt.seconds=1&changed_at.nanos=2", "changed_at.seconds=1 changed_at.nanos=2"},
		{get, "many.id=1", "UNKNOWN_PARAMETER many.id"},
		{get, "labels[a=b", "UNKNOWN_PARAMETER labels[a"},
		{get, "labels=b", "UNKNOWN_PARAMETER labels"},
		{get, "size[a]=1", "UNKNOWN_PARAMETER size[a]"},
		{get, "sizes[]=1", "UNKNOWN_PARAMETER sizes[]"},
		{get, "nope=1", "UNKNOWN_PARAMETER nope"},
		{get, "size.x=1", "UNKNOWN_PARAMETER size.x"},
		{get, ".=1", "UNKNOWN_PARAMETER ."},
		{get, "=1", "UNKNOWN_PARAMETER "},
		{get, "id=1", "DUPLICATE_PARAMETER id"}, // the path sets it
		{get, "nope=1&aaa=1", "UNKNOWN_PARAMETER nope"},
		{get, "size=%zz", "MALFORMED_QUERY "},
		{get, "size=1;on=true", "MALFORMED_QUERY "},
		{get, "kind=%00", "CONTROL_CHARACTER kind"},
		{get, "labels[%00]=x", "CONTROL_CHARACTER labels[\x00]"},
		{get, "kind=%0A%09%7f%01", "kind=\n\t\x7f\x01"},
		{get, "labels[%0A]=x", "labels[\n]=x"},
		{get, "%0a=1", "UNKNOWN_PARAMETER \n"},
		{get, "kind=%FF", "INVALID_UTF8 kind"},
		{get, "%FF=1", "INVALID_UTF8 \uFFFD"},
		{part, "id=1", "id=1"},
		{part, "inner.id=1", "DUPLICATE_PARAMETER inner.id"}, // the body sets it
		{part, "size=1", "DUPLICATE_PARAMETER size"},
		{whole, "id=1", "DUPLICATE_PARAMETER id"},
		{whole, "nope=1", "UNKNOWN_PARAMETER nope"},
		{whole, "", ""},
	} {
		parameters, bad := test.binding.ParseQuery(test.query)
		var read []string
		for _, p := range parameters {
			text := p.Path.String()
			if p.Key != "" {
				text += "[" + p.Key + "]"
			}
			read = append(read, text+"="+strings.Join(p.Values, ","))
		}
		got := strings.Join(read, " ")
		if bad != nil {
			got = bad.Reason + " " + bad.Parameter
			if bad.Detail == "" || !strings.Contains(bad.Error(), bad.Detail) || parameters != nil {
				t.Errorf("%q: %+v, %v", test.query, bad, parameters)
			}
		}
		if got != test.want {
			t.Errorf("%q: %q, want %q", test.query, got, test.want)
		}
	}
}

// FuzzParseQuery: an accepted query consists of fields that exist, of text that a proto string can hold, and
// the result is always the same.
func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{"size=1", "labels[a]=b&size=x", "inner.inner.id=%FF", "a;b", "=", "[", "id[]=1", "%", "size=1&size=1&nope=\x00"} {
		f.Add(seed)
	}
	binding := mustRead(f, method(`get: "/x/{id}"`, "")).Methods[0].Bindings[0]
	f.Fuzz(func(t *testing.T, query string) {
		parameters, bad := binding.ParseQuery(query)
		again, badAgain := binding.ParseQuery(query)
		if (bad == nil) != (badAgain == nil) || bad != nil && *bad != *badAgain || len(parameters) != len(again) {
			t.Fatalf("%v, %v, then %v, %v", parameters, bad, again, badAgain)
		}
		if bad != nil {
			if bad.Reason == "" || bad.Detail == "" || !utf8.ValidString(bad.Parameter) {
				t.Errorf("%+v", bad)
			}
			return
		}
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatalf("accepted: %v", err)
		}
		for name, all := range values {
			first, _, _ := strings.Cut(strings.ReplaceAll(name, "[", "."), ".")
			fields := binding.Method.Descriptor.Input().Fields()
			if fields.ByName(protoreflect.Name(first)) == nil && fields.ByJSONName(first) == nil || first == "id" {
				t.Errorf("accepted %q", name)
			}
			for _, value := range all {
				if !utf8.ValidString(value) || strings.Contains(value, "\x00") {
					t.Errorf("accepted %q=%q", name, value)
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
