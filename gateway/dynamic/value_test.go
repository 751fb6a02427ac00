package dynamic_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	"github.com/statusway/statusway/gateway/internal/request"
)

// TestValues is every type of value in a query: each with a value of it, at its limits
// and one beyond.
func TestValues(t *testing.T) {
	t.Parallel()
	f := zoo(t, echo)
	for _, test := range []struct {
		name, text string
		// want is the JSON of the whole field that begins the name; empty if the value
		// is refused.
		want string
	}{
		{"boolValue", "true", "true"},
		{"boolValue", "1", "true"},
		{"boolValue", "yes", ""},
		{"int32Value", "-2147483648", "-2147483648"},
		{"int32Value", "2147483648", ""},
		{"int32Value", "1e2", "100"},
		{"int32Value", "-120.00e-1", "-12"},
		{"int32Value", "1.5", ""},
		{"int32Value", "007", ""},
		{"int32Value", "%2B7", ""},
		{"int32Value", "1e1000000000", ""},
		{"int32Value", "1%0A", ""},
		{"uint32Value", "-0", "0"},
		{"uint64Value", "18446744073709551615.0", `"18446744073709551615"`},
		{"sint32Value", "2147483647", "2147483647"},
		{"sfixed32Value", "-2147483649", ""},
		{"int64Value", "9223372036854775807", `"9223372036854775807"`},
		{"sint64Value", "9223372036854775808", ""},
		{"sfixed64Value", "-9223372036854775808", `"-9223372036854775808"`},
		{"uint32Value", "4294967295", "4294967295"},
		{"fixed32Value", "-1", ""},
		{"uint64Value", "18446744073709551615", `"18446744073709551615"`},
		{"fixed64Value", "18446744073709551616", ""},
		{"floatValue", "1.5", "1.5"},
		{"floatValue", "1e39", ""},
		{"doubleValue", "NaN", `"NaN"`},
		{"doubleValue", "-Infinity", `"-Infinity"`},
		{"doubleValue", "1e309", ""},
		{"doubleValue", "-1.5E%2B3", "-1500"},
		{"doubleValue", "nan", ""},
		{"doubleValue", "1e-400", ""},
		{"doubleValue", "0e-400", "0"},
		{"floatValue", "1e-60", ""},
		{"doubleValue", "Inf", ""},
		{"doubleValue", "0x1p-2", ""},
		{"doubleValue", "1_0", ""},
		{"floatValue", ".5", ""},
		{"stringValue", "ä", `"ä"`},
		{"stringValue", "a%0D%0A%09%01%7Fb", `"a\r\n\t\u0001\u007fb"`},
		{"stringValue", "a%00b", ""},
		{"string_value", "a proto name", `"a proto name"`},
		{"bytesValue", "-_8=", `"+/8="`},
		{"bytesValue", "+/8", ""}, // a plus is a space
		{"bytesValue", "%2B/8", `"+/8="`},
		{"bytesValue", "!", ""},
		{"bytesValue", "YR", ""}, // bits that are no part of an octet
		{"bytesValue", "YQ===", ""},
		{"bytesValue", "YQ%0A", ""},
		{"kind", "KIND_CAT", `"KIND_CAT"`},
		{"kind", "2", `"KIND_DOG"`},
		{"kind", "77", "77"},
		{"kind", "cat", ""},
		{"kind", "2147483648", ""},
		{"maybe", "", `""`},
		{"numbers", "1", "[1]"},
		{"kinds", "KIND_CAT&kinds=2", `["KIND_CAT","KIND_DOG"]`},
		{"labels[a.b]", "c", `{"a.b":"c"}`},
		{"labels", "c", ""},
		{"labels[%0A]", "c", `{"\n":"c"}`},
		{"labels[a]", "b&labels[a]=c", ""},
		{"ranks[-1]", "KIND_DOG", `{"-1":"KIND_DOG"}`},
		{"ranks[x]", "KIND_DOG", ""},
		{"ranks[1]", "x", ""},
		{"times[now]", "2026-01-02T03:04:05Z", `{"now":"2026-01-02T03:04:05Z"}`},
		{"durations", "1.5s&durations=1m", `["1.500s","60s"]`},
		{"any", "x", ""},
		{"left", "x", `"x"`},
		{"nested.name", "x", `{"name":"x"}`},
		{"nested.deeper.deeper.name", "x", `{"deeper":{"deeper":{"name":"x"}}}`},
		{"nested.timestamp", "2026-01-02T03:04:05.000000006%2B01:00", `{"timestamp":"2026-01-02T02:04:05.000000006Z"}`},
		{"nested.timestamp", "0000-12-31T23:59:59Z", ""},
		{"nested.duration", "-1h0.5s", `{"duration":"-3600.500s"}`},
		{"nested.duration", "315576000000s", `{"duration":"315576000000s"}`},
		{"nested.duration", "315576000001s", ""},
		{"nested.mask", "name,deeper.string_value", `{"mask":"name,deeper.stringValue"}`},
		{"nested.duration", "1.0000000001s", ""},
		{"nested.duration", "0.5ns", ""},
		{"nested.duration", "0.5us", `{"duration":"0.000000500s"}`},
		{"nested.duration", "1h0.0000000010s", `{"duration":"3600.000000001s"}`},
		{"nested.mask", "", `{"mask":""}`},
		{"nested.mask", "boolValue,nested.int32", `{"mask":"boolValue,nested.int32"}`},
		{"nested.mask", "someWhere.elseIs", `{"mask":"someWhere.elseIs"}`},
		{"nested.mask", "a,,b", ""},
		{"nested.mask", "a..b", ""},
		{"nested.mask", "%20name", ""},
		{"nested.mask", "*", `{"mask":"*"}`},
		{"nested.mask", "a_b__c,fooBar", `{"mask":"a_b__c,fooBar"}`}, // the first has no form in camel case
		{"nested.mask.paths", "a,b", ""},
		{"nested.mask.paths", "a&nested.mask=b", ""},
		{"nested.timestamp", "2026-01-02T03:04:05,5Z", ""},
		{"nested.timestamp.nanos", "-1", ""},
		{"nested.duration.seconds", "5&nested.duration.nanos=5", `{"duration":"5.000000005s"}`},
		{"nested.duration.seconds", "5&nested.duration.nanos=-5", ""},
		{"nested.value.numberValue", "1.5", `{"value":1.5}`},
		{"nested.value.numberValue", "NaN", ""},
		{"nested.mask.paths", "bool_value&nested.mask.paths=int32Value", `{"mask":"boolValue,int32Value"}`},
		{"nested.masks", "a&nested.masks=b,c", `{"masks":["a","b,c"]}`},
		{"nested.struct", `{"a":[1,null]}`, `{"struct":{"a":[1,null]}}`},
		{"nested.struct", "[]", ""},
		{"nested.value", "null", `{"value":null}`},
		{"nested.value", "x", ""},
		{"nested.list", "[1]", `{"list":[1]}`},
		{"nested.empty", "", `{"empty":{}}`},
		{"nested.empty", "{}", `{"empty":{}}`},
		{"nested.empty", "x", ""},
		{"nested.bool", "false", `{"bool":false}`},
		{"nested.int32", "2147483648", ""},
		{"nested.int64", "-1", `{"int64":"-1"}`},
		{"nested.uint32", "1", `{"uint32":1}`},
		{"nested.uint64", "1", `{"uint64":"1"}`},
		{"nested.float", "1", `{"float":1}`},
		{"nested.double", "1", `{"double":1}`},
		{"nested.string", "", `{"string":""}`},
		{"nested.bytes", "AA", `{"bytes":"AA=="}`},
	} {
		t.Run(test.name+"="+test.text, func(t *testing.T) {
			t.Parallel()
			name, _, _ := cutName(test.name)
			path := "/v1/animals/Ada"
			answer := f.send(http.MethodGet, path+"?"+test.name+"="+escapeSome(test.text), "")
			if test.want == "" {
				if got := answer.problem(t); answer.status != http.StatusBadRequest || len(got.Errors) != 1 {
					t.Errorf("%d %+v, want 400 with one error", answer.status, got)
				}
				return
			}
			var members map[string]json.RawMessage
			if err := json.Unmarshal([]byte(answer.body), &members); err != nil || answer.status != http.StatusOK {
				t.Fatalf("%v: %d %s", err, answer.status, answer.body)
			}
			var got, want any
			_ = json.Unmarshal(members[name], &got)
			_ = json.Unmarshal([]byte(test.want), &want)
			if object, ok := got.(map[string]any); ok {
				prune(object)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// cutName returns the JSON name of the field that a parameter begins with.
func cutName(name string) (string, string, bool) {
	for i, c := range name {
		if c == '.' || c == '[' {
			return name[:i], name[i:], true
		}
	}
	if name == "string_value" {
		return "stringValue", "", false
	}
	return name, "", false
}

// escapeSome escapes only characters that a query cannot contain.
func escapeSome(text string) string {
	var out strings.Builder
	for _, c := range []byte(text) {
		if c == ' ' || c == '"' || c == '{' || c == '}' || c > '~' {
			out.WriteString(url.QueryEscape(string([]byte{c})))
			continue
		}
		out.WriteByte(c)
	}
	return out.String()
}

// prune removes what only a response has: the defaults of nested messages.
func prune(object map[string]any) {
	for name, value := range object {
		switch value := value.(type) {
		case map[string]any:
			if name == "deeper" {
				prune(value)
			}
		case []any:
			if len(value) == 0 && (name == "many" || name == "masks") {
				delete(object, name)
			}
		case string:
			if value == "" && name == "name" {
				delete(object, name)
			}
		}
	}
}

// FuzzQuery compares this package with grpc-gateway: if both accept a query, they make the
// same message from it.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"int32Value=1", "nested.timestamp=2026-01-02T03:04:05Z", "labels[a]=b&labels[c]=d", "numbers=1&numbers=2",
		"nested.duration=1m", "nested.struct={}", "bytesValue=AA==", "left=a&right=b", "nested.deeper.name=x", "nested.mask=a,b", "nested.double=1e3",
	} {
		f.Add(seed)
	}
	query := zooMessage(f, "Query")
	declared, err := contract.Read(query.ParentFile())
	if err != nil {
		f.Fatal(err)
	}
	binding := declared.Methods[0].Bindings[0]
	builder, err := request.New(jsoncodec.New(dynamicpb.NewTypes(zooFiles(f))), binding, query)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		values, err := url.ParseQuery(text)
		ex := &exchange.Exchange{Binding: binding}
		r := (&http.Request{URL: &url.URL{RawQuery: text}}).WithContext(exchange.With(t.Context(), ex))
		if err != nil || request.ReadTarget(r) != nil {
			return
		}
		sent := dynamicpb.NewMessage(query)
		if builder.Fill(sent, r, nil) != nil {
			return
		}
		if strings.Contains(text, "mask") && strings.ToLower(text) != text {
			return // grpc-gateway leaves the paths of a mask in camel case
		}
		if _, err := proto.Marshal(sent); err != nil {
			t.Errorf("%q makes a message that cannot be sent: %v", text, err)
		}
		want := dynamicpb.NewMessage(query)
		filter := utilities.NewDoubleArray([][]string{{"name"}})
		if err := runtime.PopulateQueryParameters(want, values, filter); err != nil {
			return // it knows no enums here, and fewer forms
		}
		// It sets the linked types of well-known messages; the wire form has no types.
		wire, err := proto.Marshal(want)
		if err != nil {
			return
		}
		want.Reset()
		if err := proto.Unmarshal(wire, want); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(want, sent) {
			t.Errorf("%q: grpc-gateway sends\n%v\nand we\n%v", text, want, sent)
		}
	})
}
