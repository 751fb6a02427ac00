package openapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/openapi"
)

// fieldOf is a field named one of a message of its own.
func fieldOf(t *testing.T, text string) protoreflect.FieldDescriptor {
	t.Helper()
	if !strings.Contains(text, "label:") {
		text += " label: LABEL_OPTIONAL"
	}
	// Fields of each kind of map have an entry to refer to.
	var entries strings.Builder
	for _, key := range []string{"STRING", "BOOL", "INT32", "UINT64"} {
		fmt.Fprintf(&entries, `nested_type {
			name: %q options { map_entry: true }
			field { name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_%s }
			field { name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_INT32 }
		}`, key[:1]+strings.ToLower(key[1:])+"Entry", key)
	}
	// An entry is named after its field.
	entry := pick(strings.ReplaceAll(entries.String(), `"`+entryOf(text)+`"`, `"OneEntry"`))
	text = strings.ReplaceAll(text, "."+entryOf(text), ".OneEntry")
	file := fileOf(t, fmt.Sprintf(`
		name: "schema_test.proto" package: "test.v1" syntax: "proto3"
		dependency: ["buf/validate/validate.proto", "google/api/field_behavior.proto", "google/protobuf/any.proto", "google/protobuf/duration.proto",
			"google/protobuf/empty.proto", "google/protobuf/field_mask.proto", "google/protobuf/struct.proto", "google/protobuf/timestamp.proto",
			"google/protobuf/wrappers.proto"]
		enum_type { name: "Kind" value { name: "KIND_NONE" number: 0 } value { name: "KIND_CAT" number: 1 } }
		message_type { name: "Other" }
		message_type { name: "Message" %s field { name: "one" json_name: "one" number: 1 %s } }`, entry, text))
	return file.Messages().ByName("Message").Fields().Get(0)
}

// entryOf is the map entry that a field's text refers to; a name of nothing else.
func entryOf(text string) string {
	_, rest, found := strings.Cut(text, ".Message.")
	if !found {
		return "no entry"
	}
	name, _, _ := strings.Cut(rest, `"`)
	return name
}

// pick keeps only the renamed entry.
func pick(entries string) string {
	for part := range strings.SplitSeq(entries, "nested_type") {
		if strings.Contains(part, "OneEntry") {
			return "nested_type" + part
		}
	}
	return ""
}

func TestFieldSchemas(t *testing.T) {
	t.Parallel()
	const text, whole, long = "type: TYPE_STRING", "type: TYPE_INT32", "type: TYPE_INT64"
	rules := func(kind, rules string) string { return kind + " options { [buf.validate.field] { " + rules + " } }" }
	message := func(name string) string { return `type: TYPE_MESSAGE type_name: "` + name + `"` }
	known := func(name string) string { return message(".google.protobuf." + name) }
	const list = " label: LABEL_REPEATED"
	const enum = `type: TYPE_ENUM type_name: ".test.v1.Kind"`
	for _, test := range []struct {
		name, field, want string
		needed            bool
	}{
		// Every kind (the ProtoJSON mapping).
		{"bool", "type: TYPE_BOOL", `{"type":"boolean"}`, false},
		{"int32", whole, `{"type":"integer","format":"int32"}`, false},
		{"sint32", "type: TYPE_SINT32", `{"type":"integer","format":"int32"}`, false},
		{"sfixed32", "type: TYPE_SFIXED32", `{"type":"integer","format":"int32"}`, false},
		{"uint32", "type: TYPE_UINT32", `{"type":"integer","format":"uint32","minimum":0}`, false},
		{"fixed32", "type: TYPE_FIXED32", `{"type":"integer","format":"uint32","minimum":0}`, false},
		{"int64", long, `{"type":"string","format":"int64","pattern":"^-?[0-9]+$"}`, false},
		{"sint64", "type: TYPE_SINT64", `{"type":"string","format":"int64","pattern":"^-?[0-9]+$"}`, false},
		{"sfixed64", "type: TYPE_SFIXED64", `{"type":"string","format":"int64","pattern":"^-?[0-9]+$"}`, false},
		{"uint64", "type: TYPE_UINT64", `{"type":"string","format":"uint64","pattern":"^[0-9]+$"}`, false},
		{"fixed64", "type: TYPE_FIXED64", `{"type":"string","format":"uint64","pattern":"^[0-9]+$"}`, false},
		{"float", "type: TYPE_FLOAT", `{"anyOf":[{"type":"number","format":"float"},{"type":"string","enum":["NaN","Infinity","-Infinity"]}]}`, false},
		{"double", "type: TYPE_DOUBLE", `{"anyOf":[{"type":"number","format":"double"},{"type":"string","enum":["NaN","Infinity","-Infinity"]}]}`, false},
		{"string", text, `{"type":"string"}`, false},
		{"bytes", "type: TYPE_BYTES", `{"type":"string","contentEncoding":"base64"}`, false},
		{"enum", enum, `{"$ref":"#/components/schemas/test.v1.Kind"}`, false},
		{"message", message(".test.v1.Other"), `{"$ref":"#/components/schemas/test.v1.Other"}`, false},
		{"itself", message(".test.v1.Message"), `{"$ref":"#/components/schemas/test.v1.Message"}`, false},

		// Lists and maps.
		{"strings", text + list, `{"type":"array","items":{"type":"string"}}`, false},
		{"messages", message(".test.v1.Other") + list, `{"type":"array","items":{"$ref":"#/components/schemas/test.v1.Other"}}`, false},
		{"map by string", message(".test.v1.Message.StringEntry") + list, `{"type":"object","additionalProperties":{"type":"integer","format":"int32"}}`, false},
		{
			"map by bool", message(".test.v1.Message.BoolEntry") + list,
			`{"type":"object","propertyNames":{"enum":["true","false"]},"additionalProperties":{"type":"integer","format":"int32"}}`, false,
		},
		{
			"map by int32", message(".test.v1.Message.Int32Entry") + list,
			`{"type":"object","propertyNames":{"pattern":"^-?[0-9]+$"},"additionalProperties":{"type":"integer","format":"int32"}}`, false,
		},
		{
			"map by uint64", message(".test.v1.Message.Uint64Entry") + list,
			`{"type":"object","propertyNames":{"pattern":"^[0-9]+$"},"additionalProperties":{"type":"integer","format":"int32"}}`, false,
		},

		// The well-known types.
		{"Timestamp", known("Timestamp"), `{"type":"string","format":"date-time"}`, false},
		{"Duration", known("Duration"), `{"description":"Seconds, such as \"1.5s\".","type":"string","pattern":"^-?[0-9]+(\\.[0-9]{1,9})?s$"}`, false},
		{"FieldMask", known("FieldMask"), `{"description":"Paths of fields with commas between them, such as \"displayName,labels.size\".","type":"string"}`, false},
		{"Struct", known("Struct"), `{"type":"object","additionalProperties":{}}`, false},
		{"ListValue", known("ListValue"), `{"type":"array","items":{}}`, false},
		{"Value", known("Value"), `{"description":"Any value of JSON."}`, false},
		{"NullValue", `type: TYPE_ENUM type_name: ".google.protobuf.NullValue"`, `{"type":"null"}`, false},
		{"Any", known("Any"), `{"$ref":"#/components/schemas/google.protobuf.Any"}`, false},
		{"Empty", known("Empty"), `{"$ref":"#/components/schemas/google.protobuf.Empty"}`, false},
		{"BoolValue", known("BoolValue"), `{"type":"boolean"}`, false},
		{"Int32Value", known("Int32Value"), `{"type":"integer","format":"int32"}`, false},
		{"UInt32Value", known("UInt32Value"), `{"type":"integer","format":"uint32","minimum":0}`, false},
		{"Int64Value", known("Int64Value"), `{"type":"string","format":"int64","pattern":"^-?[0-9]+$"}`, false},
		{"UInt64Value", known("UInt64Value"), `{"type":"string","format":"uint64","pattern":"^[0-9]+$"}`, false},
		{
			"DoubleValue", known("DoubleValue"),
			`{"anyOf":[{"type":"number","format":"double"},{"type":"string","enum":["NaN","Infinity","-Infinity"]}]}`, false,
		},
		{"StringValue", known("StringValue"), `{"type":"string"}`, false},
		{"BytesValue", known("BytesValue"), `{"type":"string","contentEncoding":"base64"}`, false},
		{
			"durations", known("Duration") + list,
			`{"type":"array","items":{"description":"Seconds, such as \"1.5s\".","type":"string","pattern":"^-?[0-9]+(\\.[0-9]{1,9})?s$"}}`, false,
		},

		// The constraints of a request (buf.validate), as far as JSON Schema can express them.
		{"min_len", rules(text, "string { min_len: 2 }"), `{"type":"string","minLength":2}`, true},
		{"max_len", rules(text, "string { max_len: 2 }"), `{"type":"string","maxLength":2}`, false},
		{"max_len 0", rules(text, "string { max_len: 0 }"), `{"type":"string","maxLength":0}`, false},
		{"len", rules(text, "string { len: 2 }"), `{"type":"string","minLength":2,"maxLength":2}`, true},
		{"max_bytes", rules(text, "string { max_bytes: 72 }"), `{"type":"string","maxLength":72}`, false},
		{"min_bytes is more than characters", rules(text, "string { min_bytes: 72 }"), `{"type":"string"}`, false},
		{"pattern", rules(text, `string { pattern: "^[a-z]+$" }`), `{"type":"string","pattern":"^[a-z]+$"}`, false},
		{"pattern of RE2 alone", rules(text, `string { pattern: "(?i)^[a-z]+$" }`), `{"type":"string"}`, false},
		{"in", rules(text, `string { in: ["a", "b"] }`), `{"type":"string","enum":["a","b"]}`, false},
		{"const", rules(text, `string { const: "a" }`), `{"type":"string","const":"a"}`, false},
		{"email", rules(text, "string { email: true }"), `{"type":"string","format":"email"}`, false},
		{"uuid", rules(text, "string { uuid: true }"), `{"type":"string","format":"uuid"}`, false},
		{"uri_ref", rules(text, "string { uri_ref: true }"), `{"type":"string","format":"uri-reference"}`, false},
		{"example", rules(text, `string { example: ["a", "b"] }`), `{"type":"string","examples":["a","b"]}`, false},
		{"unless zero", rules(text, `string { min_len: 2 max_len: 9 pattern: "a" } ignore: IGNORE_IF_ZERO_VALUE`), `{"type":"string","maxLength":9}`, false},
		{"never", rules(text, `string { min_len: 2 } required: true ignore: IGNORE_ALWAYS`), `{"type":"string"}`, false},
		{"required", rules(text, "required: true"), `{"type":"string"}`, true},
		{"gte and lte", rules(whole, "int32 { gte: 0 lte: 10 }"), `{"type":"integer","format":"int32","minimum":0,"maximum":10}`, false},
		{"gt and lt", rules(whole, "int32 { gt: 0 lt: 10 }"), `{"type":"integer","format":"int32","exclusiveMinimum":0,"exclusiveMaximum":10}`, true},
		{"gte over zero", rules(whole, "int32 { gte: 1 }"), `{"type":"integer","format":"int32","minimum":1}`, true},
		{"gte, unless zero", rules(whole, "int32 { gte: 1 lte: 5 } ignore: IGNORE_IF_ZERO_VALUE"), `{"type":"integer","format":"int32","maximum":5}`, false},
		{"below zero", rules(whole, "int32 { gte: -9 lte: -1 }"), `{"type":"integer","format":"int32","minimum":-9,"maximum":-1}`, true},
		{"outside", rules(whole, "int32 { gt: 10 lt: 0 }"), `{"type":"integer","format":"int32"}`, false},
		{"outside, below zero", rules(whole, "int32 { gt: -1 lt: -5 }"), `{"type":"integer","format":"int32"}`, false},
		{"uint32", rules("type: TYPE_UINT32", "uint32 { lte: 4294967295 }"), `{"type":"integer","format":"uint32","minimum":0,"maximum":4294967295}`, false},
		{"64 bits are a text", rules(long, "int64 { gte: 1 }"), `{"type":"string","format":"int64","pattern":"^-?[0-9]+$"}`, false},
		{"true", rules("type: TYPE_BOOL", "bool { const: true }"), `{"type":"boolean","const":true}`, false},
		{
			"items", rules(text+list, "repeated { min_items: 1 max_items: 3 unique: true items { string { max_len: 5 } } }"),
			`{"type":"array","items":{"type":"string","maxLength":5},"minItems":1,"maxItems":3,"uniqueItems":true}`, true,
		},
		{
			"pairs", rules(message(".test.v1.Message.StringEntry")+list, "map { max_pairs: 3 keys { string { min_len: 1 } } values { int32 { gte: 2 } } }"),
			`{"type":"object","propertyNames":{"minLength":1},"additionalProperties":{"type":"integer","format":"int32","minimum":2},"maxProperties":3}`, false,
		},
		{"an enum that must not be zero", rules(enum, "enum { not_in: [0] }"), `{"$ref":"#/components/schemas/test.v1.Kind"}`, true},
		{"a message that is needed", rules(message(".test.v1.Other"), "required: true"), `{"$ref":"#/components/schemas/test.v1.Other"}`, true},

		// What else an option says.
		{"deprecated", text + " options { deprecated: true }", `{"type":"string","deprecated":true}`, false},
		{"REQUIRED", text + " options { [google.api.field_behavior]: REQUIRED }", `{"type":"string"}`, true},
		{"OUTPUT_ONLY", text + " options { [google.api.field_behavior]: OUTPUT_ONLY }", `{"type":"string","readOnly":true}`, false},
		{"INPUT_ONLY", text + " options { [google.api.field_behavior]: INPUT_ONLY }", `{"type":"string","writeOnly":true}`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, needed, err := openapi.FieldSchema(fieldOf(t, test.field))
			if err != nil || string(got) != test.want || needed != test.needed {
				t.Errorf("%s, needed: %t, %v\nwant %s, needed: %t", got, needed, err, test.want, test.needed)
			}
		})
	}
}

// messages are cases that need more than one field.
const messages = `
	name: "message_test.proto" package: "test.v1" syntax: "proto3"
	dependency: ["buf/validate/validate.proto", "google/protobuf/struct.proto", "google/protobuf/timestamp.proto"]
	message_type {
		name: "Choice"
		field { name: "left" json_name: "left" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING oneof_index: 0 }
		field { name: "right" json_name: "right" number: 2 label: LABEL_OPTIONAL type: TYPE_STRING oneof_index: 0 }
		field { name: "maybe" json_name: "maybe" number: 3 label: LABEL_OPTIONAL type: TYPE_INT32 oneof_index: 1 proto3_optional: true
			options { [buf.validate.field] { int32 { gte: 1 } } } }
		oneof_decl { name: "side" options { [buf.validate.oneof] { required: true } } }
		oneof_decl { name: "_maybe" }
	}
	message_type {
		name: "Tree" options { deprecated: true }
		field { name: "name" json_name: "name" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING options { [buf.validate.field] { required: true } } }
		field { name: "left" json_name: "left" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".test.v1.Tree" }
		field { name: "all" json_name: "all" number: 3 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".test.v1.Tree" }
		field { name: "any" json_name: "any" number: 4 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".google.protobuf.Value" }
		field { name: "at" json_name: "at" number: 5 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".google.protobuf.Timestamp" }
	}
	source_code_info {
		location { path: [4, 1] span: [1, 0, 1] leading_comments: " A tree.\n" }
		location { path: [4, 1, 2, 0] span: [2, 0, 1] leading_comments: " Its\n name.\n" }
		location { path: [4, 1, 2, 1] span: [3, 0, 1] trailing_comments: " The left branch.\n" }
	}`

func TestMessageSchemas(t *testing.T) {
	t.Parallel()
	file := fileOf(t, messages)
	for _, test := range []struct {
		name, message string
		patch         bool
		want          string
	}{
		{
			"members that exclude each other", "Choice", false,
			`{"type":"object","properties":{"left":{"type":"string"},"right":{"type":"string"},"maybe":{"type":"integer","format":"int32","minimum":1}},` +
				`"dependentSchemas":{"left":{"properties":{"right":{"not":{}}}}},` +
				`"allOf":[{"anyOf":[{"properties":{"left":{}},"required":["left"]},{"properties":{"right":{}},"required":["right"]}]}]}`,
		},
		{
			"a message within itself", "Tree", false,
			`{"description":"A tree.","type":"object","properties":{"name":{"description":"Its name.","type":"string"},` +
				`"left":{"$ref":"#/components/schemas/test.v1.Tree","description":"The left branch."},` +
				`"all":{"type":"array","items":{"$ref":"#/components/schemas/test.v1.Tree"}},"any":{"description":"Any value of JSON."},` +
				`"at":{"type":"string","format":"date-time"}},"required":["name"],"deprecated":true}`,
		},
		{
			"a merge patch", "Tree", true,
			`{"description":"A tree.","type":"object","properties":{"name":{"description":"Its name.","anyOf":[{"type":"string"},{"type":"null"}]},` +
				`"left":{"description":"The left branch.","anyOf":[{"$ref":"#/components/schemas/test.v1.Tree-patch"},{"type":"null"}]},` +
				`"all":{"anyOf":[{"type":"array","items":{"$ref":"#/components/schemas/test.v1.Tree"}},{"type":"null"}]},` +
				`"any":{"description":"Any value of JSON."},"at":{"anyOf":[{"type":"string","format":"date-time"},{"type":"null"}]}},"deprecated":true}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := openapi.MessageSchema(file.Messages().ByName(protoreflect.Name(test.message)), test.patch)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("want (-) and got (+):\n%s", diff)
			}
		})
	}
}

func TestComments(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, comment, want, summary string }{
		{"none", "", "", ""},
		{"one line", " Returns it.\n", "Returns it.", "Returns it."},
		{"lines of a paragraph", " Returns it, and\n more. Then not.\n", "Returns it, and more. Then not.", "Returns it, and more."},
		{"paragraphs", " First.\n\n Second.\n", "First.\n\nSecond.", "First."},
		{"a list", " First:\n - one\n - two\n\n After.\n", "First:\n- one\n- two\n\nAfter.", "First:"},
		{"code", " First:\n\n     indented\n", "First:\n\n    indented", "First:"},
		{"Windows", " First\r\n and second.\r\n", "First and second.", "First and second."},
	} {
		if got := openapi.Paragraphs(test.comment); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
		if got := openapi.Summary(test.want); got != test.summary {
			t.Errorf("%s: the summary is %q, want %q", test.name, got, test.summary)
		}
	}
}
