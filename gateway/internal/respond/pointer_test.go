package respond_test

import (
	"regexp"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/internal/respond"
)

// pointerOf returns the pointer in a problem for a violation of field.
func pointerOf(tb testing.TB, responder *respond.Responder, field, bodyField string) string {
	tb.Helper()
	violation := &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field}}}
	answer := responder.Render(fail(codes.InvalidArgument, "x", violation), respond.Request{BodyField: bodyField})
	errors, _ := object(tb, answer.Body)["errors"].([]any)
	if len(errors) != 1 {
		tb.Fatalf("field %q: errors = %v", field, errors)
	}
	pointer, ok := errors[0].(map[string]any)["pointer"].(string)
	if !ok {
		tb.Fatalf("field %q: no pointer", field)
	}
	return pointer
}

func TestPointer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ field, bodyField, want string }{
		{"", "", ""},
		{"", "entity", ""},
		{"name", "", "/name"},
		{"display_name", "", "/displayName"},
		{"displayName", "", "/displayName"},
		{"a_1", "", "/a1"},
		{"a_B", "", "/aB"},
		{"_a", "", "/A"},
		{"a_", "", "/a"},
		{"emailAddresses[2].type[1]", "", "/emailAddresses/2/type/1"},
		{`labels["k.l"].x`, "", "/labels/k.l/x"},
		{`labels["a_b"]`, "", "/labels/a_b"},
		{`labels["a/b~c"]`, "", "/labels/a~1b~0c"},
		{`labels["]"]`, "", "/labels/]"},
		{`labels["open`, "", `/labels/"open`},
		{"labels[open", "", "/labels/open"},
		{"labels[]", "", "/labels/"},
		{"a..b.", "", "/a/b"},
		{"entity.display_name", "entity", "/displayName"},
		{"entity.display_name", "*", "/entity/displayName"},
		{"entity.display_name", "", "/entity/displayName"},
		{"entity", "entity", ""},
		{"entity_id", "entity", "/entityId"},
		{"big_entity.x", "big_entity", "/x"},
		{"other.entity.x", "entity", "/other/entity/x"},
		{"/already/a~0pointer~1", "entity", "/already/a~0pointer~1"},
		{"/stray~tilde~", "", "/stray~0tilde~0"},
		{"/~~0", "", "/~0~0"},
		{"/", "", "/"},
	} {
		t.Run(test.field+" in "+test.bodyField, func(t *testing.T) {
			t.Parallel()
			if got := pointerOf(t, documented(t), test.field, test.bodyField); got != test.want {
				t.Errorf("pointer of %q = %q, want %q", test.field, got, test.want)
			}
		})
	}
}

// valid is the grammar of RFC 6901 §3.
var valid = regexp.MustCompile(`^(?s:/([^/~]|~[01])*)*$`)

func FuzzPointer(f *testing.F) {
	for _, seed := range []string{"", "a.b_c[2]", `m["k~/"]`, "/x~2", "~", "[", `["`, ".", "a\xff~/"} {
		f.Add(seed, "entity")
	}
	responder := documented(f)
	f.Fuzz(func(t *testing.T, field, bodyField string) {
		field = strings.ToValidUTF8(field, "?") // Another cannot be packed into a detail.
		if got := pointerOf(t, responder, field, bodyField); !valid.MatchString(got) {
			t.Errorf("pointer of %q in %q = %q, which is none", field, bodyField, got)
		}
	})
}
