package app_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/route"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
	"github.com/statusway/statusway/server/internal/conformance"
)

// leastCases is how many cases the documented table is to have.
const leastCases = 120

// unreachable are the reasons that no request can bring about, and why.
func unreachable() map[string]string {
	return map[string]string{
		"PASSWORD_INVALID": "users are made at the first start alone",
		"USER_NOT_FOUND":   "a login does not tell which users there are, and a session goes with its user",
		"USER_EXISTS":      "as PASSWORD_INVALID",
		"USER_INVALID":     "as PASSWORD_INVALID",
		"IMPORT_FAILED":    "an import is given up after ten crashes of the program",
		"MAINTENANCE":      "callers read SERVICE_IN_MAINTENANCE, which policies know",
		"INTERNAL":         "what is redacted has no reason",

		"HANDLER_NOT_REGISTERED": "every route of the program has its handler",
		"CLIENT_CLOSED":          "whoever has left reads no answer",
	}
}

func TestCasesCoverEveryRow(t *testing.T) {
	t.Parallel()
	cases := loadCases(t)
	if len(cases) < leastCases {
		t.Errorf("there are %d cases, want at least %d", len(cases), leastCases)
	}
	rows := map[int]int{}
	for _, c := range cases {
		// What MapStatus describes is not what a client was answered.
		if variants()[c.Variant()].policy == "" && !c.Describes() {
			rows[c.Row]++
		}
	}
	if diff := cmp.Diff(conformance.DocumentedRows(), slices.Sorted(maps.Keys(rows))); diff != "" {
		t.Errorf("the rows that clients are answered (-want +got):\n%s", diff)
	}
	t.Logf("%d cases; by row: %v", len(cases), rows)
}

// routes are the routes of all services.
func routes(t *testing.T) (*contract.Contract, *route.Index[*contract.Binding]) {
	t.Helper()
	declared, err := contract.Read(
		mappingv1.File_statusway_mapping_v1_mapping_service_proto,
		entityv1.File_entity_v1_entity_service_proto,
		entityv1.File_entity_v1_session_service_proto,
		entityv1.File_entity_v1_maintenance_service_proto,
	)
	if err != nil {
		t.Fatal(err)
	}
	return declared, declared.Index()
}

func TestCasesCoverEveryRoute(t *testing.T) {
	t.Parallel()
	declared, index := routes(t)
	succeeded, failed, called := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, c := range loadCases(t) {
		path, _, _ := strings.Cut(strings.ReplaceAll(c.Request.Target, "${operation}", "operations/x"), "?")
		path = conformance.VariablePattern.ReplaceAllString(path, "x")
		if found, outcome, err := index.Lookup(c.Request.Method, path); err == nil && outcome == route.Found {
			name := found.Value.Verb + " " + found.Value.Template.String()
			succeeded[name] = succeeded[name] || c.Response.Status < 400
			failed[name] = failed[name] || c.Response.Status >= 400
		}
		if c.GRPC != nil {
			called["/"+c.GRPC.Method] = true
		}
	}
	for _, method := range declared.Methods {
		if !called[method.FullName] {
			t.Errorf("no case calls %s over gRPC", method.FullName)
		}
		for i, binding := range method.Bindings {
			name := binding.Verb + " " + binding.Template.String()
			if !succeeded[name] {
				t.Errorf("no case succeeds on %s", name)
			}
			if !failed[name] && i == 0 {
				t.Errorf("no case fails on %s", name)
			}
		}
	}
}

func TestCasesCoverEveryReason(t *testing.T) {
	t.Parallel()
	covered := map[string]bool{}
	for _, c := range loadCases(t) {
		for _, one := range slices.Concat(c.Before, []conformance.Exchange{c.Exchange}, c.After) {
			reasonsOf(one.Response, covered)
			if one.Race != nil {
				reasonsOf(one.Race.Losers, covered)
			}
		}
		if c.Describes() {
			reasonsIn(c.Request.JSON, covered)
		}
		if c.GRPC != nil {
			covered[c.GRPC.Reason] = true
		}
	}
	declared := slices.Concat(
		stringsIn(t, "../entity/reasons.go", "Reason"),
		stringsIn(t, "../../../gateway/mapping/reason.go", "Reason"),
	)
	if len(declared) == 0 {
		t.Fatal("no reasons were found")
	}
	for _, reason := range declared {
		why, exempt := unreachable()[reason]
		if covered[reason] == exempt {
			t.Errorf("%s: covered by a case: %t; said to be unreachable, because %q", reason, covered[reason], why)
		}
	}
}

func reasonsOf(r conformance.Response, into map[string]bool) {
	if r.Problem != nil {
		into[r.Problem.Reason] = true
	}
	if r.Body != nil {
		reasonsIn(r.Body.JSON, into)
	}
}

// reasonsIn finds every member named reason in a value.
func reasonsIn(of *conformance.JSON, into map[string]bool) {
	if of == nil {
		return
	}
	var walk func(value any)
	walk = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			if reason, ok := value["reason"].(string); ok {
				into[reason] = true
			}
			for _, inner := range value {
				walk(inner)
			}
		case []any:
			for _, inner := range value {
				walk(inner)
			}
		}
	}
	walk(of.Value)
}

// stringsIn reads the values of a Go file's string constants that begin with prefix.
func stringsIn(t *testing.T, file, prefix string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(parsed, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, name := range spec.Names {
			if literal, ok := valueAt(spec, i).(*ast.BasicLit); ok && strings.HasPrefix(name.Name, prefix) {
				if text, err := strconv.Unquote(literal.Value); err == nil {
					values = append(values, text)
				}
			}
		}
		return true
	})
	return values
}

func valueAt(spec *ast.ValueSpec, i int) ast.Expr {
	if i < len(spec.Values) {
		return spec.Values[i]
	}
	return nil
}
