package respond_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/statusway/statusway/gateway/internal/respond"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// pointerCases tests the pointers to violations in the body.
func pointerCases() []vectorCase {
	bad := &errdetails.BadRequest{}
	for i, field := range []string{
		"", "name", "display_name", "item", "item.display_name", "item.labels", `item.labels["a/b~c"]`, `labels["x.y"].z`, "emailAddresses[2].type[1]",
		"a__b_c", "_a", "a_1", "A_b",
		"/already/there", "/stray~tilde~0~1~2~", "~", "a/b", "item[0]", "items.item", "a..b", "[0]", "a[", `a["b`, "ünï_cödé", "a.b_c[10].d_e",
	} {
		wrong := &errdetails.BadRequest_FieldViolation{Field: field, Description: fmt.Sprint("Wrong ", i), Reason: "WRONG"}
		bad.FieldViolations = append(bad.FieldViolations, wrong)
	}
	bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: "bare"})
	var cases []vectorCase
	for _, body := range []string{"", "*", "item", "display_name"} {
		cases = append(cases, one("pointers, body "+body, fail(codes.InvalidArgument, "Wrong.", bad)).asking(func(r *vectorRequest) { r.BodyField = body }))
	}
	return cases
}

// linkCases are which links leave.
func linkCases() []vectorCase {
	var cases []vectorCase
	for _, urls := range [][]string{
		{"https://help.example.com/a?b=c#d"},
		{"http://help.example.com"},
		{"HTTPS://Help.Example.com/A"},
		{"javascript:alert(1)"},
		{"/relative"},
		{"mailto:a@example.com"},
		{""},
		{"https://help.example.com/a", "ftp://no.example.com", "https://help.example.com/b"},
		{"https://x.example.com/\r\nX-Evil: 1"},
		{"https://help.example.com/<>\"ü, x"},
		{"https://help.example.com/%41%zz"},
	} {
		help := &errdetails.Help{}
		for _, url := range urls {
			help.Links = append(help.Links, &errdetails.Help_Link{Description: "Help.", Url: url})
		}
		cases = append(cases, one(fmt.Sprintf("links %q", urls), fail(codes.NotFound, "No.", help)))
	}
	return cases
}

// problemCases tests members of a problem that a backend sets itself.
func problemCases() []vectorCase {
	locked := func(name string, problems ...proto.Message) vectorCase {
		return one("problem: "+name, fail(codes.Aborted, "Locked.", problems...))
	}
	extended := func(fields map[string]*structpb.Value) *statuswayv1.Problem {
		return &statuswayv1.Problem{Extensions: &structpb.Struct{Fields: fields}}
	}
	named := func(names ...string) *statuswayv1.Problem {
		fields := map[string]*structpb.Value{}
		for _, name := range names {
			fields[name] = structpb.NewStringValue("x")
		}
		return extended(fields)
	}
	number := structpb.NewNumberValue
	whole := &statuswayv1.Problem{Type: "https://problems.example.com/locked", Title: "Locked", Detail: "Wait for it.", Instance: "/locks/7"}
	return []vectorCase{
		locked("all of it", whole, info("LOCKED")),
		locked("nothing", &statuswayv1.Problem{}),
		locked("the first of two", &statuswayv1.Problem{Title: "First"}, &statuswayv1.Problem{Title: "Second", Detail: "x"}),
		locked("members that are there already", named("status", "type", "details", "retryAfter", "errors", "code", "requestId")),
		locked("names", named("holder", "Since_2", "ab", "1st", "a-b", "ünï", "", `q":1`, "zzz", "aaa")),
		locked("values", extended(map[string]*structpb.Value{
			"nothing": structpb.NewNullValue(), "yes": structpb.NewBoolValue(true),
			"third": number(1.0 / 3), "big": number(1e21), "small": number(1e-7), "minus": number(math.Copysign(0, -1)), "whole": number(1<<53 - 1),
			"list": structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{structpb.NewStringValue("a"), number(2)}}),
			"inner": structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{
				"10": number(1), "9": number(2), "b": structpb.NewStructValue(&structpb.Struct{}),
			}}),
		})),
		locked("values without a JSON form", extended(map[string]*structpb.Value{
			"nan": number(math.NaN()), "infinite": number(math.Inf(1)), "none": {}, "good": structpb.NewBoolValue(true),
		})),
	}
}

// anyCases are details that JSON can or cannot express.
func anyCases() []vectorCase {
	const prefix = "type.googleapis.com/"
	no := func(details ...proto.Message) *respond.Failure { return fail(codes.NotFound, "No.", details...) }
	opaque := func(url string, value string) *respond.Failure { return withAny(no(), url, []byte(value)) }
	inner, err := anypb.New(&errdetails.ResourceInfo{ResourceName: "inner"})
	if err != nil {
		return nil // No message has invalid text here.
	}
	return []vectorCase{
		one("any: of an unknown type", opaque("type.example.com/unknown.v1.Thing", "\x08\x01")),
		one("any: without a type", opaque("", "x")),
		one("any: of no URL", opaque("not a url", "x")),
		one("any: of a name alone", opaque("google.rpc.ResourceInfo", "\x12\x01a")),
		one("any: of another host", opaque("https://types.example.com/v1/google.rpc.ResourceInfo", "\x12\x01a")),
		one("any: of no name", opaque(prefix+"no name", "x")),
		one("any: a reason by a name alone", withAny(fail(codes.NotFound, "No."), "google.rpc.ErrorInfo", []byte("\x0a\x01A\x12\x01b"))),
		one("any: cut short", opaque(prefix+"google.rpc.ErrorInfo", "\x0a\x05A")),
		one("any: what is cut short decides nothing", opaque(prefix+"google.rpc.ErrorInfo", "\x0a\x16SERVICE_IN_MAINTENANCE\x12\x0cstatusway.v")),
		one("any: no UTF-8", opaque(prefix+"google.rpc.ResourceInfo", "\x0a\x01\xff")),
		one("any: a field that nobody knows", opaque(prefix+"google.rpc.ResourceInfo", "\x12\x01a\xc0\x3e\x01")),
		one("any: a field that nobody knows of a reason", opaque(prefix+"google.rpc.ErrorInfo", "\x0a\x01A\x12\x01b\xc0\x3e\x01")),
		one("any: a field twice", opaque(prefix+"google.rpc.ResourceInfo", "\x12\x01a\x12\x01b")),
		one("any: a duration", no(durationpb.New(1500*time.Millisecond))),
		one("any: a negative duration", no(durationpb.New(-time.Millisecond))),
		one("any: a time", no(&timestamppb.Timestamp{Seconds: 784111777, Nanos: 120000})),
		one("any: a time beyond the calendar", no(&timestamppb.Timestamp{Seconds: math.MaxInt64})),
		one("any: a text", no(wrapperspb.String("a \"text\""))),
		one("any: a large number", no(wrapperspb.Int64(math.MinInt64))),
		one("any: a fraction", no(wrapperspb.Double(0.1))),
		one("any: what is no number", no(wrapperspb.Double(math.NaN()))),
		one("any: bytes", no(wrapperspb.Bytes([]byte{0xfb, 0xff, 0x00}))),
		one("any: a struct", no(&structpb.Struct{Fields: map[string]*structpb.Value{"b": structpb.NewNullValue(), "a": structpb.NewNumberValue(1)}})),
		one("any: in an any", no(inner)),
		one("any: an unknown one in an any", no(&anypb.Any{TypeUrl: "type.example.com/unknown.v1.Thing", Value: []byte{8, 1}})),
	}
}

// textCases are texts that harm a program that treats them as something else.
func textCases() []vectorCase {
	var cases []vectorCase
	for name, message := range map[string]string{
		"empty": "", "a line break": "one\r\nX-Evil: two", "markup": `</script><b>&amp;'"`, "separators": "a\u2028b\u2029c",
		"controls":    "\x00\x01\b\t\n\f\r\x1b\x1f\x7f\u0080\u009f",
		"a backslash": `\u003c \\ \n /`, "no UTF-8": "a\xffb\xc0c", "beyond the BMP": "\U0001F600 \U0010FFFF", "a replacement": "\uFFFD\uFEFF",
	} {
		cases = append(cases, one("text: "+name, fail(codes.InvalidArgument, message)))
	}
	slices.SortFunc(cases, func(a, b vectorCase) int { return strings.Compare(a.name, b.name) })
	evil := &errdetails.ErrorInfo{Domain: "a\r\nb", Reason: "</script>\u2028", Metadata: map[string]string{"k\n": "v\r"}}
	return append(cases, one("text: of a reason", fail(codes.InvalidArgument, "No.", evil)))
}

// requestCases tests the other parts of a request.
func requestCases() []vectorCase {
	unauthenticated := fail(codes.Unauthenticated, `the token "x" is no good`)
	conditional := func(r *vectorRequest) { r.Conditional = true }
	return []vectorCase{
		both("without credentials", unauthenticated),
		both("with credentials", unauthenticated).asking(func(r *vectorRequest) { r.Credentials = true }),
		one("HEAD", fail(codes.NotFound, "No.", info("NO"))).asking(func(r *vectorRequest) { r.Method = "HEAD" }),
		one("HEAD of a failure with Retry-After", fail(codes.Unavailable, "No.")).asking(func(r *vectorRequest) { r.Method = "HEAD" }),
		one("a method is case-sensitive", fail(codes.NotFound, "No.")).asking(func(r *vectorRequest) { r.Method = "head" }),
		one("nothing but a method", fail(codes.NotFound, "No.")).asking(func(r *vectorRequest) { *r = vectorRequest{Method: "POST"} }),
		one("a path as it was sent", fail(codes.NotFound, "No.")).asking(func(r *vectorRequest) { r.Path = "/v1/things/a%2Fb%20ü" }),
		one("a trace", fail(codes.NotFound, "No.")).asking(func(r *vectorRequest) { r.TraceID = "4bf92f3577b34da6a3ce929d0e0e4736" }),
		both("a condition does not matter to NOT_FOUND", fail(codes.NotFound, "No.")).asking(conditional),
		both("a condition does not matter to FAILED_PRECONDITION", fail(codes.FailedPrecondition, "No.")).asking(conditional),
	}
}
