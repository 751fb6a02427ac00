package policy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/code"

	"github.com/statusway/statusway/gateway/policy"
)

// answeredByCode are the reasons that need no rule, because they have the status of
// their code.
var answeredByCode = map[string]bool{
	policy.ReasonAuthorizationRepeated: true,
	policy.ReasonBackendPending:        true,
	policy.ReasonBackendUnreachable:    true,
	policy.ReasonClientClosed:          true,
	policy.ReasonInvalidArgument:       true,
	policy.ReasonReservedHeader:        true,
	policy.ReasonInternal:              true,
}

// reasonPattern is what google.rpc.ErrorInfo asks of a reason.
var reasonPattern = regexp.MustCompile(`^[A-Z][A-Z0-9_]+[A-Z0-9]$`)

// reason is a constant of reason.go.
type reason struct {
	name, value string
	code        string // the last word of its comment
}

// reasons reads the constants from their source, so that none can be forgotten
// here.
func reasons(t *testing.T) []reason {
	t.Helper()
	source, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var found []reason
	ast.Inspect(source, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		if len(spec.Names) != 1 || len(spec.Values) != 1 {
			t.Fatalf("%s: one constant on a line", spec.Names[0].Name)
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			t.Fatalf("%s is no literal", spec.Names[0].Name)
		}
		value, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatalf("%s: %v", spec.Names[0].Name, err)
		}
		words := strings.Fields(strings.TrimSuffix(strings.TrimSpace(spec.Doc.Text()), "."))
		if len(words) == 0 {
			t.Fatalf("%s has no comment", spec.Names[0].Name)
		}
		found = append(found, reason{name: spec.Names[0].Name, value: value, code: words[len(words)-1]})
		return true
	})
	if len(found) < len(answeredByCode) {
		t.Fatalf("found %d reasons only", len(found))
	}
	return found
}

// TestEveryReasonIsAnswered compares reason.go with both built-in policies.
func TestEveryReasonIsAnswered(t *testing.T) {
	t.Parallel()
	for _, policyName := range []string{policy.Documented, policy.Canonical} {
		table := builtin(t, policyName)
		for _, reason := range reasons(t) {
			t.Run(policyName+"/"+reason.name, func(t *testing.T) {
				t.Parallel()
				number, ok := code.Code_value[reason.code]
				if !ok {
					t.Fatalf("its comment ends with %q, not with the code that it comes with", reason.code)
				}
				if got := policy.CodeOf(reason.value); int32(got) != number {
					t.Errorf("CodeOf says %v, and its comment %s", got, reason.code)
				}
				for _, conditional := range []bool{false, true} {
					in := policy.Input{Code: number, Domain: policy.Domain, Reason: reason.value, Conditional: conditional}
					rule := table.Decide(in).Rule
					if answeredByCode[reason.value] {
						if rule.GetCode() != reason.code || rule.GetReason() != "" {
							t.Errorf("conditional %t: answered by %q, want the rule of %s", conditional, rule.GetName(), reason.code)
						}
						continue
					}
					if rule.GetDomain() != policy.Domain || rule.GetReason() != reason.value {
						t.Errorf("conditional %t: answered by %q, want a rule of its own", conditional, rule.GetName())
					}
				}
			})
		}
	}
}

// TestReasonsAreKnown finds a rule whose reason nobody raises, such as a misspelt
// one.
func TestReasonsAreKnown(t *testing.T) {
	t.Parallel()
	known := map[string]string{}
	for _, reason := range reasons(t) {
		if other := known[reason.value]; other != "" {
			t.Errorf("%s and %s are both %q", other, reason.name, reason.value)
		}
		known[reason.value] = reason.name
		if !reasonPattern.MatchString(reason.value) || len(reason.value) > 63 {
			t.Errorf("%s: google.rpc.ErrorInfo does not allow %q", reason.name, reason.value)
		}
	}
	var values []string
	for _, reason := range reasons(t) {
		values = append(values, reason.value)
	}
	if diff := cmp.Diff(values, policy.Reasons()); diff != "" {
		t.Errorf("the constants (-) and Reasons (+):\n%s", diff)
	}
	for value := range answeredByCode {
		if known[value] == "" {
			t.Errorf("%q is said to be answered by its code, but is no reason", value)
		}
	}
	for _, policyName := range []string{policy.Documented, policy.Canonical} {
		for _, rule := range builtin(t, policyName).Policy().GetRules() {
			if rule.GetReason() == "" {
				continue
			}
			if rule.GetDomain() != policy.Domain || known[rule.GetReason()] == "" {
				t.Errorf("%s: rule %q is for (%s, %s), which nobody raises", policyName, rule.GetName(), rule.GetDomain(), rule.GetReason())
			}
		}
	}
}
