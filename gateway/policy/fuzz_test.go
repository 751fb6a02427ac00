package policy_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/protobuf/proto"

	"github.com/statusway/statusway/gateway/policy"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// expectedRule is Decide for errors, written a second time from policy.proto: it
// looks through the rules of the file for the most exact key.
func expectedRule(policy *statuswayv1.Policy, in policy.Input) *statuswayv1.Rule {
	codeName, named := code.Code_name[in.Code]
	if !named {
		codeName = "OTHER"
	}
	keys := []*statuswayv1.Rule{{Domain: in.Domain, Reason: in.Reason}}
	for _, detail := range in.Details {
		if detail == "" {
			continue // no key, or it would be that of a code
		}
		keys = append(keys, &statuswayv1.Rule{Detail: detail, Code: codeName}, &statuswayv1.Rule{Detail: detail})
	}
	keys = append(keys, &statuswayv1.Rule{Code: codeName})
	for _, key := range keys {
		// Of one key, the rule that asks for a condition goes first.
		for _, conditional := range []bool{true, false} {
			if conditional && !in.Conditional {
				continue
			}
			for _, rule := range policy.GetRules() {
				if rule.GetConditional() == conditional && rule.GetDomain() == key.GetDomain() && rule.GetReason() == key.GetReason() &&
					rule.GetDetail() == key.GetDetail() && rule.GetCode() == key.GetCode() {
					return rule
				}
			}
		}
	}
	return nil
}

// checkDecision checks what is true for every decision of any table.
func checkDecision(t *testing.T, table *policy.Table, in policy.Input) {
	t.Helper()
	got := table.Decide(in)
	if got.Row == nil || got.Rule == nil {
		t.Fatalf("%s: Decide(%+v) has no row or no rule: %v", table.Name(), in, got)
	}
	if got.Row != table.Row(got.Status()) {
		t.Errorf("%s: Decide(%+v) is %d, which is no row of the catalogue", table.Name(), in, got.Status())
	}
	if again := table.Decide(in); again != got {
		t.Errorf("%s: Decide(%+v) is first %d and then %d", table.Name(), in, got.Status(), again.Status())
	}
	if in.Code != 0 {
		if !got.IsError() || got.Status() < 400 || got.Status() > 599 {
			t.Errorf("%s: Decide(%+v) is %d, which is no error", table.Name(), in, got.Status())
		}
		if want := expectedRule(table.Policy(), in); got.Rule != want {
			t.Errorf("%s: Decide(%+v) is by %q, want %q", table.Name(), in, got.Rule.GetName(), want.GetName())
		}
		if int(got.Rule.GetStatus()) != got.Status() {
			t.Errorf("%s: rule %q leads to %d, but the row is %d", table.Name(), got.Rule.GetName(), got.Rule.GetStatus(), got.Status())
		}
		return
	}
	checkSuccess(t, table, in, got)
}

func checkSuccess(t *testing.T, table *policy.Table, in policy.Input, got policy.Decision) {
	t.Helper()
	status := int32(got.Status())
	switch got.Rule.GetName() {
	case "not-modified":
		if status != 304 || !in.NotModified {
			t.Errorf("%s: Decide(%+v) is %d by not-modified", table.Name(), in, status)
		}
		return
	case "declared":
		if !slices.Contains(in.Declared, status) || (status != in.Declared[0] && status != in.Chosen) {
			t.Errorf("%s: Decide(%+v) is %d, which is neither the default nor chosen among the declared", table.Name(), in, status)
		}
	default:
		if status != 200 || got.Rule.GetCode() != "OK" {
			t.Errorf("%s: Decide(%+v) is %d by %q", table.Name(), in, status, got.Rule.GetName())
		}
	}
	if got.IsError() || status < 200 || status > 299 {
		t.Errorf("%s: Decide(%+v) is %d, which is no success", table.Name(), in, status)
	}
	if in.NotModified && table.Row(304) != nil {
		t.Errorf("%s: Decide(%+v) is %d, want 304", table.Name(), in, status)
	}
	if chosen := table.Row(int(in.Chosen)); chosen != nil && slices.Contains(in.Declared, in.Chosen) && in.Chosen < 300 && got.Row != chosen {
		t.Errorf("%s: Decide(%+v) is %d, want the chosen one", table.Name(), in, status)
	}
}

func FuzzDecide(f *testing.F) {
	tables := []*policy.Table{builtin(f, policy.Documented), builtin(f, policy.Canonical), load(f, minimal), load(f, layered)}
	for _, table := range tables {
		for _, rule := range table.Policy().GetRules() {
			number, ok := code.Code_value[rule.GetCode()]
			if !ok {
				number = 17
			}
			f.Add(number, rule.GetDomain(), rule.GetReason(), rule.GetDetail(), "example.Plain", rule.GetConditional(), int32(201), int32(200), int32(0), false)
		}
	}
	for _, number := range []int32{math.MinInt32, -2, -1, 0, 16, 17, 42, math.MaxInt32} {
		f.Add(number, "", "", "example.Fault", "example.Narrow", true, int32(304), int32(404), int32(404), true)
	}
	f.Fuzz(func(t *testing.T, number int32, domain, reason, first, second string, conditional bool, declared, other, chosen int32, notModified bool) {
		in := policy.Input{
			Code: number, Domain: domain, Reason: reason, Details: []string{first, second}, Conditional: conditional,
			Declared: []int32{declared, other}, Chosen: chosen, NotModified: notModified,
		}
		short := in
		short.Details, short.Declared = nil, nil
		success := in
		success.Code = 0
		for _, table := range tables {
			checkDecision(t, table, in)
			checkDecision(t, table, short)
			checkDecision(t, table, success)
		}
	})
}

// FuzzLoad reads each text twice: as a policy, and as more rules or keys of one that
// is whole, because hardly any text becomes a total policy by chance. The seeds are
// short, or the fuzzer would spend its time on shortening them.
func FuzzLoad(f *testing.F) {
	for _, text := range []string{
		"", "---", "---\n---\n", "name: &a mine\n*a : b\n", "name: [", "<<: {}\n", "rules: [{retryAfter: 1s}]\n", "catalogue:\n  - status: 404\n",
		"  - {name: a, domain: a, reason: B, status: 400}\n",
		"  - {name: a, detail: a.B, code: ABORTED, conditional: true, status: 500, retryAfter: 1s}\n",
		"  - {name: a, code: OTHER, conditional: true, status: 500}\n",
		"redaction: {keepMessage: true}\nerrorFormat: status\n", "description: |\n  a\n", "# a\n",
		// The library once panicked on these.
		"#\n-\n-\n0", "#\n-\n{", "0: [:!00 \xef", "a:\n.\n-\n", "40y::\r\r<<:\r\r- - #\r?\r#\r\r#-\r -\r?\r#\r\r#--",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		checkLoad(t, text)
		checkLoad(t, minimal+text)
	})
}

// checkLoad: a text is refused with errors that have its file and one of its lines, or
// it is a policy whose table has a row for everything.
func checkLoad(t *testing.T, text string) {
	t.Helper()
	table, err := policy.Load(file, []byte(text))
	if err != nil {
		if table != nil {
			t.Error("a table came with the error")
		}
		checkFaults(t, err, strings.Count(lineEnds.Replace(text), "\n")+1)
		return
	}
	again, err := policy.Load(file, []byte(text))
	if err != nil {
		t.Fatalf("the second time: %v", err)
	}
	if !proto.Equal(table.Policy(), again.Policy()) || table.Version() != again.Version() {
		t.Error("the same text gave two tables")
	}
	checkTotal(t, table)
}

// lineEnds are the line ends of YAML 1.1 other than \n.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

func checkFaults(t *testing.T, err error, lines int) {
	t.Helper()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) == 0 {
		t.Fatalf("%T does not give each error", err)
	}
	for _, each := range joined.Unwrap() {
		var fault *policy.FileError
		if !errors.As(each, &fault) {
			t.Fatalf("%T is no *FileError", each)
		}
		if fault.File != file || fault.Line < 0 || fault.Line > lines || fault.Reason == "" {
			t.Errorf("of %d lines: %+v", lines, fault)
		}
	}
}

// checkTotal asks for every code, and for every key that the policy has.
func checkTotal(t *testing.T, table *policy.Table) {
	t.Helper()
	for _, conditional := range []bool{false, true} {
		for number := int32(-1); number <= 18; number++ {
			checkDecision(t, table, policy.Input{Code: number, Conditional: conditional, Declared: []int32{201, 404}, NotModified: conditional})
		}
		for _, rule := range table.Policy().GetRules() {
			number, named := code.Code_value[rule.GetCode()]
			if !named {
				number = 17
			}
			checkDecision(t, table, policy.Input{
				Code: number, Domain: rule.GetDomain(), Reason: rule.GetReason(), Details: []string{rule.GetDetail()}, Conditional: conditional,
			})
		}
	}
}
