package policy_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/code"

	"github.com/statusway/statusway/gateway/policy"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

func TestRow(t *testing.T) {
	t.Parallel()
	table := builtin(t, policy.Documented)
	// In its low 32 bits the last of these is 404.
	statuses := []int{math.MinInt, -1, math.MaxInt, 1<<32 + 404}
	for status := range 1000 {
		statuses = append(statuses, status)
	}
	found := 0
	for _, status := range statuses {
		row := table.Row(status)
		if row == nil {
			continue
		}
		found++
		if int(row.GetStatus()) != status {
			t.Errorf("Row(%d) is the row of %d", status, row.GetStatus())
		}
	}
	if want := len(table.Policy().GetCatalogue()); found != want {
		t.Errorf("found %d rows, want %d", found, want)
	}
}

func TestRowsAreSortedAndCopied(t *testing.T) {
	t.Parallel()
	_, rest, _ := strings.Cut(minimal, "catalogue:\n")
	first, rest, _ := strings.Cut(rest, "\n")
	second, rest, _ := strings.Cut(rest, "\n")
	table := load(t, strings.Join([]string{"name: mine", "catalogue:", second, first, rest}, "\n"))

	var statuses []int32
	rows := table.Rows()
	for _, r := range rows {
		statuses = append(statuses, r.GetStatus())
	}
	if want := []int32{200, 400, 500}; !slices.Equal(statuses, want) {
		t.Errorf("got %v, want %v", statuses, want)
	}
	if got := table.Policy().GetCatalogue()[0].GetStatus(); got != 400 {
		t.Errorf("Rows sorted the policy itself: it begins with %d", got)
	}
}

func TestRulesTo(t *testing.T) {
	t.Parallel()
	table := builtin(t, policy.Documented)
	tests := []struct {
		status int
		want   []string
	}{
		{412, []string{"precondition-failed"}},
		{409, []string{"precondition-failed-unasked", "idempotency-key-in-use", "already-exists", "failed-precondition", "aborted"}},
		{415, []string{"unsupported-media-type", "unsupported-content-coding", "not-acceptable"}},
		{200, []string{"ok"}},
		{204, nil}, // methods declare it
		{304, nil}, // RFC 9110 §13.2.2 defines it
		{504, nil}, // no row
		{-1, nil},
	}
	for _, test := range tests {
		var names []string
		for _, rule := range table.RulesTo(test.status) {
			names = append(names, rule.GetName())
		}
		if !slices.Equal(names, test.want) {
			t.Errorf("RulesTo(%d) is %q, want %q", test.status, names, test.want)
		}
	}
}

// TestVersion: a change of the file is a change of the version, because an ETag is
// made of it.
func TestVersion(t *testing.T) {
	t.Parallel()
	version := load(t, minimal).Version()
	if len(version) != 16 || strings.Trim(version, "0123456789abcdef") != "" {
		t.Errorf("%q is not 16 hexadecimal digits", version)
	}
	if got := load(t, minimal).Version(); got != version {
		t.Errorf("the same file has the versions %s and %s", version, got)
	}
	if got := load(t, "# A word more.\n"+minimal).Version(); got == version {
		t.Error("another file has the same version")
	}
}

func TestCodeName(t *testing.T) {
	t.Parallel()
	want := []string{
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE",
		"DATA_LOSS", "UNAUTHENTICATED",
	}
	// A table has one place for each: a new code needs a new place.
	if len(code.Code_name) != len(want) {
		t.Fatalf("code.proto has %d codes, and a table %d", len(code.Code_name), len(want))
	}
	for number, name := range want {
		if got := policy.CodeName(int32(number)); got != name {
			t.Errorf("CodeName(%d) is %s, want %s", number, got, name)
		}
	}
	for _, number := range []int32{math.MinInt32, -1, 17, 18, 42, math.MaxInt32} {
		if got := policy.CodeName(number); got != "UNKNOWN" {
			t.Errorf("CodeName(%d) is %s, want UNKNOWN", number, got)
		}
	}
}

// TestPolicyHoldsTheWholeFile reads every key of the schema.
func TestPolicyHoldsTheWholeFile(t *testing.T) {
	t.Parallel()
	policy := load(t, minimal+
		`  - name: every-key-0
    domain: example.com
    reason: BUSY
    conditional: true
    status: 500
    why: 'Because.'
    spec: AIP-193
    retryAfter: 1m30.5s
  - {name: detail, detail: example.Fault, code: ABORTED, conditional: false, status: 400, retryAfter: 24h}
description: >
  Two
  lines.
redaction: {keepMessage: true, keepDetails: TRUE}
errorFormat: Status
`).Policy()

	if got := policy.GetDescription(); got != "Two lines.\n" {
		t.Errorf("description is %q", got)
	}
	if !policy.GetRedaction().GetKeepMessage() || !policy.GetRedaction().GetKeepDetails() {
		t.Errorf("redaction is %v", policy.GetRedaction())
	}
	if got := policy.GetErrorFormat(); got != statuswayv1.ErrorFormat_ERROR_FORMAT_STATUS {
		t.Errorf("errorFormat is %s", got)
	}
	rules := policy.GetRules()
	type rule struct {
		Name, Domain, Reason, Detail, Code, Why, Spec, After string
		Conditional                                          bool
		Status                                               int32
	}
	want := []rule{
		{Name: "every-key-0", Domain: "example.com", Reason: "BUSY", Conditional: true, Status: 500, Why: "Because.", Spec: "AIP-193", After: "1m30.5s"},
		{Name: "detail", Detail: "example.Fault", Code: "ABORTED", Status: 400, After: "24h0m0s"},
	}
	var got []rule
	for _, r := range rules[len(rules)-2:] {
		got = append(got, rule{
			Name: r.GetName(), Domain: r.GetDomain(), Reason: r.GetReason(), Detail: r.GetDetail(), Code: r.GetCode(), Why: r.GetWhy(),
			Spec: r.GetSpec(), After: r.GetRetryAfter().AsDuration().String(), Conditional: r.GetConditional(), Status: r.GetStatus(),
		})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}
