package policy_test

import (
	"testing"

	"github.com/statusway/statusway/gateway/policy"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// file is the name of the tests' policies in errors.
const file = "policy.yaml"

// minimal is the smallest total policy, without 304. Tests add rules at its end: the
// first of them is on line 25.
const minimal = `name: mine
catalogue:
  - {status: 200, title: Fine, description: It went well.}
  - {status: 400, title: Yours, description: The request is wrong.}
  - {status: 500, title: Ours, description: The server failed.}
rules:
  - {name: ok, code: OK, status: 200}
  - {name: cancelled, code: CANCELLED, status: 500}
  - {name: unknown, code: UNKNOWN, status: 500}
  - {name: invalid-argument, code: INVALID_ARGUMENT, status: 400}
  - {name: deadline-exceeded, code: DEADLINE_EXCEEDED, status: 500}
  - {name: not-found, code: NOT_FOUND, status: 400}
  - {name: already-exists, code: ALREADY_EXISTS, status: 400}
  - {name: permission-denied, code: PERMISSION_DENIED, status: 400}
  - {name: resource-exhausted, code: RESOURCE_EXHAUSTED, status: 400}
  - {name: failed-precondition, code: FAILED_PRECONDITION, status: 400}
  - {name: aborted, code: ABORTED, status: 400}
  - {name: out-of-range, code: OUT_OF_RANGE, status: 400}
  - {name: unimplemented, code: UNIMPLEMENTED, status: 500}
  - {name: internal, code: INTERNAL, status: 500}
  - {name: unavailable, code: UNAVAILABLE, status: 500}
  - {name: data-loss, code: DATA_LOSS, status: 500}
  - {name: unauthenticated, code: UNAUTHENTICATED, status: 400}
  - {name: other, code: OTHER, status: 500}
`

// layered is minimal with a rule of every kind of key, with and without condition.
const layered = minimal +
	`  - {name: reason, domain: example.com, reason: BUSY, status: 400}
  - {name: reason-conditional, domain: example.com, reason: BUSY, conditional: true, status: 500}
  - {name: reason-only-conditional, domain: example.com, reason: STALE, conditional: true, status: 400}
  - {name: detail, detail: example.Fault, status: 400}
  - {name: detail-conditional, detail: example.Fault, conditional: true, status: 500}
  - {name: detail-aborted, detail: example.Fault, code: ABORTED, status: 400}
  - {name: detail-aborted-conditional, detail: example.Fault, code: ABORTED, conditional: true, status: 500}
  - {name: detail-other, detail: example.Fault, code: OTHER, status: 400}
  - {name: plain, detail: example.Plain, status: 400}
  - {name: narrow, detail: example.Narrow, code: ABORTED, status: 400}
  - {name: guarded, detail: example.Guarded, code: ABORTED, conditional: true, status: 400}
  - {name: guarded-any, detail: example.Guarded, status: 500}
  - {name: aborted-conditional, code: ABORTED, conditional: true, status: 400}
  - {name: other-conditional, code: OTHER, conditional: true, status: 400}
`

func load(tb testing.TB, text string) *policy.Table {
	tb.Helper()
	table, err := policy.Load(file, []byte(text))
	if err != nil {
		tb.Fatalf("Load: %v", err)
	}
	return table
}

func builtin(tb testing.TB, name string) *policy.Table {
	tb.Helper()
	table, err := policy.Builtin(name)
	if err != nil {
		tb.Fatalf("Builtin(%q): %v", name, err)
	}
	return table
}

// ruleNamed returns a rule of the file, or nil.
func ruleNamed(table *policy.Table, name string) *statuswayv1.Rule {
	for _, rule := range table.Policy().GetRules() {
		if rule.GetName() == name {
			return rule
		}
	}
	return nil
}

// The shape of an error's body changes nothing else of a policy, and is part of its version.
func TestWithErrorFormat(t *testing.T) {
	t.Parallel()
	table := load(t, layered)
	versions := map[string]bool{table.Version(): true}
	for _, format := range []statuswayv1.ErrorFormat{
		statuswayv1.ErrorFormat_ERROR_FORMAT_PROBLEM, statuswayv1.ErrorFormat_ERROR_FORMAT_STATUS, statuswayv1.ErrorFormat_ERROR_FORMAT_ERROR,
	} {
		other := table.WithErrorFormat(format)
		if other.Policy().GetErrorFormat() != format || versions[other.Version()] {
			t.Errorf("%v: %v, version %s", format, other.Policy().GetErrorFormat(), other.Version())
		}
		versions[other.Version()] = true
		for code := range int32(18) {
			in := policy.Input{Code: code, Conditional: true}
			if got, want := other.Decide(in), table.Decide(in); got.Rule.GetName() != want.Rule.GetName() || got.Status() != want.Status() {
				t.Errorf("%v: %d is %v, want %v", format, code, got, want)
			}
		}
	}
	if table.Policy().GetErrorFormat() != statuswayv1.ErrorFormat_ERROR_FORMAT_UNSPECIFIED {
		t.Error("the table itself has changed")
	}
}
