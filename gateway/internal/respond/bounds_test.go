package respond_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

const typePrefix = "type.googleapis.com/"

// entries is the wire form of a repeated message field, n times the same.
func entries(field protowire.Number, content []byte, n int) []byte {
	var wire []byte
	for range n {
		wire = protowire.AppendTag(wire, field, protowire.BytesType)
		wire = protowire.AppendBytes(wire, content)
	}
	return wire
}

// nested is an Any in an Any in an Any, as deep as fits size octets.
func nested(size int) *anypb.Any {
	inner := &anypb.Any{TypeUrl: typePrefix + "google.rpc.RetryInfo"}
	for len(inner.GetValue()) < size {
		wire, err := proto.Marshal(inner)
		if err != nil {
			panic(err)
		}
		inner = &anypb.Any{TypeUrl: typePrefix + "google.protobuf.Any", Value: wire}
	}
	return inner
}

// nestedLists is a Struct of lists in lists, as deep as fits size octets.
func nestedLists(size int) []byte {
	value := []byte{}
	for len(value) < size {
		value = entries(6, entries(1, value, 1), 1) // Value.list_value.values
	}
	entry := append(entries(1, []byte("deep"), 1), entries(2, value, 1)...)
	return entries(1, entry, 1)
}

// costly makes errors of about the given size that were costly once, or could be.
func costly() map[string]func(size int) *spb.Status {
	one := func(name string, value []byte) *spb.Status {
		return &spb.Status{Code: int32(codes.InvalidArgument), Details: []*anypb.Any{{TypeUrl: typePrefix + name, Value: value}}}
	}
	many := func(detail *anypb.Any, n int) *spb.Status {
		return &spb.Status{Code: int32(codes.InvalidArgument), Details: slices.Repeat([]*anypb.Any{detail}, n)}
	}
	text := func(size int) string { return strings.Repeat("\x01ä", size/3) }
	return map[string]func(int) *spb.Status{
		"empty violations": func(n int) *spb.Status { return one("google.rpc.BadRequest", entries(1, nil, n/2)) },
		"violations": func(n int) *spb.Status {
			return one("google.rpc.BadRequest", entries(1, entries(1, []byte(`a["b`), 4), n/26))
		},
		"brackets in a path": func(n int) *spb.Status {
			return one("google.rpc.BadRequest", entries(1, entries(1, []byte(strings.Repeat(`["]`, n/3)), 1), 1))
		},
		"one long violation": func(n int) *spb.Status {
			return one("google.rpc.BadRequest", entries(1, entries(2, []byte(text(n)), 1), 1))
		},
		"many bad requests":      func(n int) *spb.Status { return many(&anypb.Any{TypeUrl: typePrefix + "google.rpc.BadRequest"}, n/44) },
		"empty quota violations": func(n int) *spb.Status { return one("google.rpc.QuotaFailure", entries(1, nil, n/2)) },
		"links": func(n int) *spb.Status {
			return one("google.rpc.Help", entries(1, entries(2, []byte("https://x"), 1), n/13))
		},
		"one long link": func(n int) *spb.Status {
			return one("google.rpc.Help", entries(1, entries(2, []byte("https://x/"+strings.Repeat(" ", n)), 1), 1))
		},
		"metadata": func(n int) *spb.Status {
			var wire []byte
			for i := range n / 16 {
				wire = append(wire, entries(3, append(entries(1, []byte(strconv.Itoa(i)), 1), entries(2, []byte("v"), 1)...), 1)...)
			}
			return one("google.rpc.ErrorInfo", wire)
		},
		"a long reason": func(n int) *spb.Status {
			return one("google.rpc.ErrorInfo", entries(1, []byte(strings.Repeat("A", n)), 1))
		},
		"localized messages": func(n int) *spb.Status {
			return many(&anypb.Any{TypeUrl: typePrefix + "google.rpc.LocalizedMessage", Value: append(entries(1, []byte("de"), 1), entries(2, []byte("x"), 1)...)}, n/60)
		},
		"a long locale": func(n int) *spb.Status {
			return one("google.rpc.LocalizedMessage", entries(1, []byte(strings.Repeat("a-", n/2)), 1))
		},
		"a long translation": func(n int) *spb.Status {
			return one("google.rpc.LocalizedMessage", append(entries(1, []byte("de"), 1), entries(2, []byte(text(n)), 1)...))
		},
		"a long message": func(n int) *spb.Status { return &spb.Status{Code: 3, Message: text(n)} },
		"empty details":  func(n int) *spb.Status { return many(&anypb.Any{}, n/2) },
		"unknown types": func(n int) *spb.Status {
			return many(&anypb.Any{TypeUrl: typePrefix + "nobody.knows.This", Value: []byte{1}}, n/40)
		},
		"one unknown type":  func(n int) *spb.Status { return one("nobody.knows.This", bytes.Repeat([]byte{7}, n)) },
		"a long type":       func(n int) *spb.Status { return one(strings.Repeat("a.", n/2)+"A", nil) },
		"debug information": func(n int) *spb.Status { return many(&anypb.Any{TypeUrl: typePrefix + "google.rpc.DebugInfo"}, n/42) },
		"Any in Any":        func(n int) *spb.Status { return many(nested(min(n, 14<<10)), max(1, n/(14<<10))) },
		"one deep Any":      func(n int) *spb.Status { return many(nested(min(n, 32<<10)), 1) },
		"lists in lists": func(n int) *spb.Status {
			return many(&anypb.Any{TypeUrl: typePrefix + "google.protobuf.Struct", Value: nestedLists(min(n, 14<<10))}, max(1, n/(14<<10)))
		},
		"many defaults": func(n int) *spb.Status {
			return many(&anypb.Any{TypeUrl: typePrefix + "google.rpc.QuotaFailure", Value: entries(1, nil, 8<<10)}, max(1, n/(16<<10)))
		},
		"extensions": func(n int) *spb.Status {
			return one("statusway.v1.Problem", entries(5, entries(1, append(entries(1, []byte("abc"), 1), entries(2, nil, 1)...), n/9), 1))
		},
		"deep extensions": func(n int) *spb.Status {
			return one("statusway.v1.Problem", entries(5, nestedLists(min(n, 32<<10)), 1))
		},
		"many extension fields": func(n int) *spb.Status { return one("statusway.v1.Problem", entries(5, entries(1, nil, 1), n/4)) },
		"a long problem": func(n int) *spb.Status {
			return one("statusway.v1.Problem", append(entries(3, []byte(text(n/2)), 1), entries(1, []byte(text(n/2)), 1)...))
		},
		"broken bytes": func(n int) *spb.Status { return one("google.rpc.BadRequest", append(entries(1, nil, n/2), 0xff)) },
	}
}

// allocated is how many octets a function allocates.
func allocated(run func()) uint64 {
	run() // Pools and plans are filled once.
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// ceiling returns the memory that the response to an error of this size may cost: a
// constant, and a few copies of the error.
func ceiling(size int) uint64 { return uint64(8<<20 + 4*size) }

// The cost of an error is limited in every shape, and grows at most linearly with its
// size. Its body is valid and within MaxErrorBody. Not parallel, because the test
// measures the allocations of the process.
func TestCostOfHugeErrors(t *testing.T) { //nolint:paralleltest // as above.
	responder := documented(t)
	languages := []string{strings.Repeat("en;q=0.5,", 7000) + "de"}
	for name, build := range costly() {
		for _, size := range []int{64 << 10, 256 << 10, 4 << 20} {
			failure := &respond.Failure{Status: build(size)}
			size = max(size, proto.Size(failure.Status))
			for _, accept := range []string{respond.ProblemType, respond.StatusType, respond.ErrorType} {
				ranges, err := rfc9110.ParseAccept([]string{accept})
				if err != nil {
					t.Fatal(err)
				}
				var answer respond.Answer
				got := allocated(func() {
					answer = responder.Render(failure, respond.Request{Path: "/x", BodyField: "*", Accept: ranges, Languages: languages})
				})
				checkCost(t, fmt.Sprintf("%s of %d octets as %s", name, size, accept), size, got, answer)
			}
		}
	}
}

func checkCost(t *testing.T, name string, size int, got uint64, answer respond.Answer) {
	t.Helper()
	if got > ceiling(size) {
		t.Errorf("%s: %d octets allocated, at most %d", name, got, ceiling(size))
	}
	if len(answer.Body) > respond.MaxErrorBody || !json.Valid(answer.Body) {
		t.Errorf("%s: a body of %d octets, valid: %t", name, len(answer.Body), json.Valid(answer.Body))
	}
	header := 0
	for field, values := range answer.Header {
		header += len(field) + len(strings.Join(values, ""))
	}
	if header > 4<<10 {
		t.Errorf("%s: %d octets of header fields", name, header)
	}
}

// omittedIn is the member of that name in a problem.
func omittedIn(t *testing.T, answer respond.Answer) map[string]int {
	t.Helper()
	var body struct {
		Omitted map[string]int `json:"omitted"`
	}
	if err := json.Unmarshal(answer.Body, &body); err != nil {
		t.Fatal(err)
	}
	return body.Omitted
}

// Parts beyond a bound are counted, in the body and for the log. All others are sent.
func TestOmitted(t *testing.T) {
	t.Parallel()
	violations := func(n int) *errdetails.BadRequest {
		bad := &errdetails.BadRequest{}
		for i := range n {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: "f" + strconv.Itoa(i)})
		}
		return bad
	}
	metadata := func(n int) *errdetails.ErrorInfo {
		info := &errdetails.ErrorInfo{Reason: "X", Domain: "x", Metadata: map[string]string{}}
		for i := range n {
			info.Metadata[fmt.Sprintf("k%05d", i)] = "v"
		}
		return info
	}
	quotas := func(n int) *errdetails.QuotaFailure {
		failure := &errdetails.QuotaFailure{}
		for range n {
			failure.Violations = append(failure.Violations, &errdetails.QuotaFailure_Violation{QuotaId: "q"})
		}
		return failure
	}
	links := func(n int) *errdetails.Help {
		help := &errdetails.Help{}
		for range n {
			help.Links = append(help.Links, &errdetails.Help_Link{Url: "https://example.com/"})
		}
		return help
	}
	problem := func(n, size int) *statuswayv1.Problem {
		fields := map[string]*structpb.Value{}
		for i := range n {
			fields[fmt.Sprintf("ext%04d", i)] = structpb.NewStringValue(strings.Repeat("x", size))
		}
		return &statuswayv1.Problem{Extensions: &structpb.Struct{Fields: fields}}
	}
	translations := func(n int) []proto.Message {
		var all []proto.Message
		for range n {
			all = append(all, &errdetails.LocalizedMessage{Locale: "de", Message: "x"})
		}
		return all
	}
	list := func(one ...proto.Message) []proto.Message { return one }
	for name, test := range map[string]struct {
		details []proto.Message
		want    map[string]int
	}{
		"nothing":              {list(), nil},
		"violations that fit":  {list(violations(respond.MaxViolations)), nil},
		"a violation too many": {list(violations(respond.MaxViolations + 1)), map[string]int{"errors": 1}},
		"5000 violations":      {list(violations(5000)), map[string]int{"errors": 4900, "details": 1}},
		"two bad requests":     {list(violations(1), violations(500)), nil},
		"metadata that fits":   {list(metadata(respond.MaxMetadata)), nil},
		"metadata":             {list(metadata(respond.MaxMetadata + 3)), map[string]int{"metadata": 3}},
		"5000 entries":         {list(metadata(5000)), map[string]int{"metadata": 5000 - respond.MaxMetadata, "details": 1}},
		"quotas that fit":      {list(quotas(respond.MaxQuotaViolations)), nil},
		"quotas":               {list(quotas(respond.MaxQuotaViolations + 2)), map[string]int{"violated-policies": 2}},
		"links that fit":       {list(links(respond.MaxLinks)), nil},
		"a long detail":        {list(&statuswayv1.Problem{Detail: strings.Repeat("x", respond.MaxMessageBytes+1)}), map[string]int{"texts": 1, "details": 1}},
		"links":                {list(links(respond.MaxLinks + 1)), map[string]int{"links": 1}},
		"extensions that fit":  {list(problem(respond.MaxExtensions, 1)), nil},
		"extensions":           {list(problem(respond.MaxExtensions+5, 1)), map[string]int{"extensions": 5}},
		"long extensions":      {list(problem(40, 2<<10)), map[string]int{"extensions": 40, "details": 1}},
		"translations":         {translations(respond.MaxLocalizedMessages), nil},
		"a translation more":   {translations(respond.MaxLocalizedMessages + 1), map[string]int{"localizedMessages": 1, "details": 1}},
		"a long type":          {list(&statuswayv1.Problem{Type: "https://x/" + strings.Repeat("x", respond.MaxNameBytes)}), map[string]int{"texts": 1}},
		"a long title":         {list(&statuswayv1.Problem{Title: strings.Repeat("x", respond.MaxTextBytes+1)}), map[string]int{"texts": 1}},
		"a long path": {list(&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: strings.Repeat("x", respond.MaxNameBytes+1)},
		}}), map[string]int{"errors": 1}},
		"many details":     {slices.Repeat(list(&errdetails.ResourceInfo{}), 1000), map[string]int{"details": 1000 - respond.MaxDetails}},
		"one huge detail":  {list(&errdetails.ResourceInfo{Owner: strings.Repeat("x", respond.MaxDetailBytes)}), map[string]int{"details": 1}},
		"details together": {slices.Repeat(list(&errdetails.ResourceInfo{Owner: strings.Repeat("x", 15<<10)}), 6), map[string]int{"details": 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := documented(t).Render(fail(codes.InvalidArgument, "x", test.details...), respond.Request{})
			if got := omittedIn(t, answer); !mapsEqual(got, test.want) {
				t.Errorf("omitted is %v, want %v", got, test.want)
			}
			for member, count := range test.want {
				if want := member + "=" + strconv.Itoa(count); !strings.Contains(answer.Omitted.String(), want) {
					t.Errorf("the log has %q, without %s", answer.Omitted.String(), want)
				}
			}
		})
	}
}

func mapsEqual(a, b map[string]int) bool {
	return fmt.Sprint(a) == fmt.Sprint(b)
}

// A text is cut between characters, says so, and is the same in every shape.
func TestLongMessage(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"x", "ä", "€", "🫖", "\xff"} {
		answer := documented(t).Render(fail(codes.NotFound, strings.Repeat(unit, respond.MaxMessageBytes+1)), respond.Request{})
		var body struct {
			Detail string `json:"detail"`
		}
		if err := json.Unmarshal(answer.Body, &body); err != nil {
			t.Fatal(err)
		}
		isBroken := len(body.Detail) > respond.MaxMessageBytes || strings.ContainsRune(body.Detail, utf8.RuneError)
		if unit != "\xff" && isBroken || !strings.HasSuffix(body.Detail, "…") {
			t.Errorf("%q: %d octets, ending in %q", unit, len(body.Detail), body.Detail[len(body.Detail)-8:])
		}
	}
	short := strings.Repeat("x", respond.MaxMessageBytes)
	answer := documented(t).Render(fail(codes.NotFound, short), respond.Request{})
	if !strings.Contains(string(answer.Body), `"detail":"`+short+`"`) || answer.Omitted != (respond.Omitted{}) {
		t.Errorf("a message of the longest length is changed: %v", answer.Omitted)
	}
}

// Redacted parts are not counted either: the client must not learn of them.
func TestOmittedOfRedacted(t *testing.T) {
	t.Parallel()
	failure := fail(codes.Internal, strings.Repeat("x", 2*respond.MaxMessageBytes), &errdetails.ResourceInfo{Owner: strings.Repeat("x", 1<<20)})
	answer := documented(t).Render(failure, respond.Request{})
	if got := omittedIn(t, answer); got != nil {
		t.Errorf("omitted is %v", got)
	}
}

// A backend cannot state the member itself.
func TestOmittedIsReserved(t *testing.T) {
	t.Parallel()
	stated := &statuswayv1.Problem{Extensions: &structpb.Struct{Fields: map[string]*structpb.Value{
		"omitted": structpb.NewStringValue("x"), "other": structpb.NewStringValue("y"),
	}}}
	answer := documented(t).Render(fail(codes.NotFound, "x", stated), respond.Request{})
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(answer.Body, &members); err != nil {
		t.Fatal(err)
	}
	if members["omitted"] != nil || string(members["other"]) != `"y"` {
		t.Errorf("%s", answer.Body)
	}
}

// The table of bounds for authors of backends has the constants.
func TestBoundsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../proto/README.md")
	if err != nil {
		t.Fatal(err)
	}
	kib := func(n int) string { return strconv.Itoa(n>>10) + " KiB" }
	for what, most := range map[string]string{
		"details that the gateway looks at":                      strconv.Itoa(respond.MaxInspectedDetails),
		"elements of `details`":                                  strconv.Itoa(respond.MaxDetails),
		"one element of `details`, in protobuf":                  kib(respond.MaxDetailBytes),
		"all of `details`, in protobuf and in JSON":              kib(respond.MaxDetailsBytes),
		"elements of `errors`, from BadRequest or Violations":    strconv.Itoa(respond.MaxViolations),
		"elements of `violated-policies`, from QuotaFailure":     strconv.Itoa(respond.MaxQuotaViolations),
		"members of `metadata`, from ErrorInfo":                  strconv.Itoa(respond.MaxMetadata),
		"members that a statusway.v1.Problem adds":               strconv.Itoa(respond.MaxExtensions),
		"each of these four, in JSON":                            kib(respond.MaxListBytes),
		"translations, from LocalizedMessage":                    strconv.Itoa(respond.MaxLocalizedMessages),
		"links of the Link field, from Help":                     strconv.Itoa(respond.MaxLinks),
		"the Link field":                                         kib(respond.MaxLinkBytes),
		"the message, or the detail that is sent for it":         kib(respond.MaxMessageBytes),
		"another text for people, such as a description":         kib(respond.MaxTextBytes),
		"a text for programs, such as a path, a reason or a URI": kib(respond.MaxNameBytes),
		"the body of an error":                                   kib(respond.MaxErrorBody),
	} {
		if row := "| " + what + " | " + most + " |"; !strings.Contains(string(text), row) {
			t.Errorf("proto/README.md has no row %s", row)
		}
	}
}
