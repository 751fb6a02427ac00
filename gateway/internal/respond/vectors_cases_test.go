package respond_test

import (
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// custom is a policy with features that the built-in ones do not use; see its file.
const custom = "custom"

// vectorTables are the policies of the vectors.
func vectorTables(t *testing.T) []*policy.Table {
	t.Helper()
	source, err := os.ReadFile("testdata/vectors-custom.yaml")
	if err != nil {
		t.Fatal(err)
	}
	table, err := policy.Load(custom, source)
	if err != nil {
		t.Fatal(err)
	}
	return []*policy.Table{builtin(t, policy.Documented), builtin(t, policy.Canonical), table}
}

// A request as most of the cases have it.
func plainRequest() vectorRequest {
	return vectorRequest{Path: "/v1/things/7", RequestID: "r-1"}
}

func allVectorCases(t *testing.T) []vectorCase {
	t.Helper()
	return slices.Concat(codeCases(), ruleCases(t), detailCases(), retryCases(), redactionCases(), formatCases(), languageCases(),
		pointerCases(), linkCases(), problemCases(), anyCases(), textCases(), requestCases())
}

// both is a case for the two built-in policies, one a case for the first alone.
func both(name string, failure *respond.Failure) vectorCase {
	return vectorCase{name: name, policies: []string{policy.Documented, policy.Canonical}, status: settled(failure.Status), request: plainRequest()}
}

// settled is a status whose details have one wire form: maps are written in any order
// else. Bytes that are there on purpose stay.
func settled(status *spb.Status) *spb.Status {
	for _, detail := range status.GetDetails() {
		message, err := detail.UnmarshalNew()
		if err != nil {
			continue
		}
		if wire, err := (proto.MarshalOptions{Deterministic: true}).Marshal(message); err == nil && len(wire) == len(detail.GetValue()) {
			detail.Value = wire
		}
	}
	return status
}

func one(name string, failure *respond.Failure) vectorCase {
	c := both(name, failure)
	c.policies = []string{policy.Documented}
	return c
}

// by is the case by other policies, asking by another request.
func (c vectorCase) by(policies ...string) vectorCase {
	c.policies = policies
	return c
}

func (c vectorCase) asking(change func(*vectorRequest)) vectorCase {
	change(&c.request)
	return c
}

// codeCases are every number that has a name, and some that have none.
func codeCases() []vectorCase {
	var cases []vectorCase
	for _, number := range append(slices.Sorted(maps.Keys(code.Code_name)), 17, -1, 42, math.MaxInt32, math.MinInt32) {
		name := fmt.Sprintf("code %d %s", number, policy.CodeName(number))
		cases = append(cases, both(name, fail(codes.Code(number), "What happened.")))
		cases[len(cases)-1].status.Code = number
		cases[len(cases)-1].policies = []string{policy.Documented, policy.Canonical, custom}
	}
	return cases
}

// ruleCases has every rule except those by code: with an error that matches it, and again
// with or without a condition, with a code that has another row.
func ruleCases(t *testing.T) []vectorCase {
	t.Helper()
	var cases []vectorCase
	for _, table := range vectorTables(t) {
		for _, rule := range table.Policy().GetRules() {
			number := codes.OutOfRange
			if named, ok := code.Code_value[rule.GetCode()]; ok {
				number = codes.Code(named)
			}
			failure := fail(number, "What happened.")
			switch {
			case rule.GetReason() != "":
				failure = failure.With(&errdetails.ErrorInfo{Domain: rule.GetDomain(), Reason: rule.GetReason()})
			case rule.GetDetail() != "":
				failure = withAny(failure, "type.googleapis.com/"+rule.GetDetail(), nil)
			case !rule.GetConditional():
				continue
			}
			for _, conditional := range []bool{false, true} {
				name := fmt.Sprintf("rule %s, conditional %t", rule.GetName(), conditional)
				cases = append(cases, both(name, failure).by(table.Name()).asking(func(r *vectorRequest) { r.Conditional = conditional }))
			}
		}
	}
	return cases
}

// detailCases tests which of several matching rules decides, and details of every type.
func detailCases() []vectorCase {
	stated := func(domain, reason string) *errdetails.ErrorInfo {
		return &errdetails.ErrorInfo{Domain: domain, Reason: reason}
	}
	maintenance := stated(policy.Domain, policy.ReasonMaintenance)
	quota := &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{
		{Subject: "user:1", Description: "Too many.", QuotaId: "daily"},
		{Subject: "user:1"},
		{QuotaId: "hourly", QuotaDimensions: map[string]string{"10": "b", "9": "a"}},
	}}
	cases := []vectorCase{
		both("a reason beats the code", fail(codes.NotFound, "Closed.", maintenance)),
		both("a reason of another domain does not", fail(codes.NotFound, "Closed.", stated("example.com", policy.ReasonMaintenance))),
		both("a reason without a rule does not", fail(codes.NotFound, "Closed.", stated(policy.Domain, "UNHEARD_OF"))),
		both("a reason without a domain does not", fail(codes.NotFound, "Closed.", stated("", policy.ReasonMaintenance))),
		both("the first of two reasons counts", fail(codes.NotFound, "Closed.", stated("example.com", "OTHER"), maintenance)),
		both("a reason beats a detail", fail(codes.ResourceExhausted, "Closed.", quota, maintenance)),
		both("a quota of RESOURCE_EXHAUSTED", fail(codes.ResourceExhausted, "None left.", quota)),
		both("a quota of another code", fail(codes.Unavailable, "None left.", quota)),
		both("a quota of NOT_FOUND", fail(codes.NotFound, "None left.", quota)),
		one("metadata in the order of its keys", fail(codes.NotFound, "No.", &errdetails.ErrorInfo{
			Domain: "example.com", Reason: "NO",
			Metadata: map[string]string{"b": "2", "a": "1", "B": "3", "10": "4", "9": "5", "ä": "6", "": "7", "\U0001F600": "8", "\uFF5E": "9"},
		})),
		one("every type of google.rpc", everything()),
		both("custom: the first detail with a rule", fail(codes.Internal, "No.", &errdetails.ResourceInfo{}, &errdetails.BadRequest{}, quota)).by(custom),
		both("custom: a detail under any code", fail(codes.DataLoss, "No.", &errdetails.BadRequest{})).by(custom),
		both("custom: everything", everything()).by(custom),
	}
	return cases
}

// retryCases are what Retry-After becomes.
func retryCases() []vectorCase {
	var cases []vectorCase
	for _, test := range []struct {
		name  string
		delay *durationpb.Duration
	}{
		{"no delay", nil},
		{"zero", durationpb.New(0)},
		{"a nanosecond", durationpb.New(1)},
		{"999 ms", durationpb.New(999 * time.Millisecond)},
		{"a second", durationpb.New(time.Second)},
		{"a second and a nanosecond", durationpb.New(time.Second + 1)},
		{"negative", durationpb.New(-3 * time.Second)},
		{"an hour", durationpb.New(time.Hour)},
		{"more than a client can wait", &durationpb.Duration{Seconds: 315576000000, Nanos: 999999999}},
		{"beyond a duration", &durationpb.Duration{Seconds: math.MaxInt64, Nanos: 1}},
	} {
		cases = append(cases, one("retry: "+test.name, fail(codes.Unavailable, "Later.", &errdetails.RetryInfo{RetryDelay: test.delay})))
	}
	soon := &errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)}
	for _, number := range []codes.Code{
		codes.InvalidArgument, codes.NotFound, codes.Aborted, codes.ResourceExhausted, codes.FailedPrecondition, codes.DeadlineExceeded, codes.Internal,
	} {
		cases = append(cases, both("retry: "+policy.CodeName(int32(number)), fail(number, "Later.", soon)))
	}
	return append(cases, both("retry: the first of two", fail(codes.Unavailable, "Later.", soon, &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Hour)})))
}

// redactionCases tests what a client reads of a server-side failure.
func redactionCases() []vectorCase {
	rich := func(number codes.Code, info *errdetails.ErrorInfo) *respond.Failure {
		return fail(number, "disk /dev/sda1 is full", info,
			&errdetails.LocalizedMessage{Locale: "de", Message: "Die Platte ist voll."},
			&errdetails.Help{Links: []*errdetails.Help_Link{{Url: "https://inner.example.com/"}}},
			&errdetails.DebugInfo{Detail: "main.go:7"}, &statuswayv1.Problem{Title: "Full", Detail: "It is full."})
	}
	inner := &errdetails.ErrorInfo{Domain: "inner.example.com", Reason: "FULL"}
	overloaded := &errdetails.ErrorInfo{Domain: policy.Domain, Reason: policy.ReasonOverloaded}
	debug := withAny(fail(codes.NotFound, "No."), "google.rpc.DebugInfo", []byte("\x12\x01x"))
	german := func(r *vectorRequest) { r.AcceptLanguage = []string{"de"} }
	return []vectorCase{
		both("redaction: INTERNAL", rich(codes.Internal, inner)).asking(german),
		both("redaction: UNAVAILABLE", rich(codes.Unavailable, inner)).asking(german),
		both("redaction: beyond", rich(17, inner)).asking(german),
		both("redaction: none of a client's error", rich(codes.NotFound, inner)).asking(german),
		both("redaction: none by a reason with a rule", rich(codes.Internal, overloaded)).asking(german),
		both("redaction: kept by the policy", rich(codes.Internal, inner)).by(custom).asking(german),
		one("DebugInfo by any URL", withAny(debug, "https://other.example.com/google.rpc.DebugInfo", []byte("\x12\x01x"))),
	}
}

// formatCases are which shape of body a request gets.
func formatCases() []vectorCase {
	failure := fail(codes.NotFound, "No such thing.", info("NO_THING"))
	var cases []vectorCase
	for _, lines := range [][]string{
		{respond.ProblemType},
		{respond.StatusType},
		{respond.ErrorType},
		{"application/json"},
		{"*/*"},
		{"application/*"},
		{"application/*, " + respond.StatusType},
		{respond.StatusType + ";q=0.5, " + respond.ErrorType + ";q=0.6"},
		{respond.StatusType + ", " + respond.ErrorType},
		{respond.StatusType + ";q=0"},
		{respond.ProblemType + ";q=0, " + respond.ErrorType + ";q=0.001"},
		{"APPLICATION/VND.GOOGLE.RPC.STATUS+JSON"},
		{respond.StatusType + "; charset=utf-8"},
		{respond.StatusType + "; charset=latin1"},
		{respond.StatusType + "; v=1"},
		{"text/html, application/xhtml+xml, */*;q=0.8"},
		{"text/html", respond.ErrorType},
		{"application/problem+xml"},
		{respond.StatusType + ";q=0.3, " + respond.StatusType + ";q=0.9, " + respond.ErrorType + ";q=0.5"},
	} {
		accepting := one("accept "+strings.Join(lines, " | "), failure).asking(func(r *vectorRequest) { r.Accept = lines })
		cases = append(cases, accepting.by(policy.Documented, custom))
	}
	for _, format := range []string{respond.StatusType, respond.ErrorType} {
		accepting := func(r *vectorRequest) { r.Accept = []string{format} }
		cases = append(cases,
			both("format "+format+" of a 5xx", fail(codes.Internal, "secret", info("SECRET"))).asking(accepting),
			both("format "+format+" of a number beyond", fail(42, "What?")).asking(accepting),
			one("format "+format+" without details", fail(codes.NotFound, "")).asking(accepting))
	}
	return cases
}

// languageCases are which text of several a request gets.
func languageCases() []vectorCase {
	texts := []proto.Message{
		&errdetails.LocalizedMessage{Locale: "de", Message: "Das gibt es nicht."},
		&errdetails.LocalizedMessage{Locale: "de-CH", Message: "Das gibts nöd."},
		&errdetails.LocalizedMessage{Locale: "fr-FR", Message: "Ça n'existe pas."},
		&errdetails.LocalizedMessage{Locale: "zh-Hant", Message: "沒有"},
	}
	failure := fail(codes.NotFound, "No such thing.", texts...)
	var cases []vectorCase
	for _, lines := range [][]string{
		nil,
		{"en"},
		{"de"},
		{"DE"},
		{"de-AT"},
		{"de-CH"},
		{"fr"},
		{"fr-FR, de"},
		{"de;q=0.5, fr-FR"},
		{"*"},
		{"*, de"},
		{"de;q=0"},
		{"de;q=0, de-CH"},
		{"de-AT, de;q=0"},
		{"de;q=0, *"},
		{"zh-Hant-CN-x-private1-private2"},
		{"zh"},
		{"en, de_DE, ;q=1, de;q=x, fr-FR;q=0.1"},
		{"en", "de;q=0.1"},
		{"en;q=0.9,, de;q=0.1"},
	} {
		cases = append(cases, one("language "+strings.Join(lines, " | "), failure).asking(func(r *vectorRequest) { r.AcceptLanguage = lines }))
	}
	stated := fail(codes.NotFound, "No such thing.", append([]proto.Message{&statuswayv1.Problem{Detail: "Nothing here."}}, texts...)...)
	return append(cases, one("language none of a stated problem", stated),
		one("language of a stated problem", stated).asking(func(r *vectorRequest) { r.AcceptLanguage = []string{"de"} }))
}
