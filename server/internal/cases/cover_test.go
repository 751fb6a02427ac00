package cases_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/app"
	"github.com/statusway/statusway/server/internal/apptest"
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

		"STORE_NOT_WRITABLE": "callers read SERVICE_READ_ONLY, which policies know; a test of the process makes its storage refuse writes",
		"INTERNAL":           "what is redacted has no reason",

		"BACKEND_PENDING":     "the backends of the cases are there from the start; the tests of proxy cover it",
		"BACKEND_UNREACHABLE": "as BACKEND_PENDING",
		"CLIENT_CLOSED":       "a client that has left reads no response",
	}
}

func TestCasesCoverEveryRow(t *testing.T) {
	t.Parallel()
	cases := apptest.LoadCases(t)
	if len(cases) < leastCases {
		t.Errorf("there are %d cases, want at least %d", len(cases), leastCases)
	}
	rows := map[int]int{}
	for _, c := range cases {
		// What MapStatus describes is not what a client was answered.
		if apptest.Variants()[c.Variant()].Policy == "" && !c.Describes() {
			rows[c.Row]++
		}
	}
	if diff := cmp.Diff(conformance.DocumentedRows(), slices.Sorted(maps.Keys(rows))); diff != "" {
		t.Errorf("the rows that clients are answered (-want +got):\n%s", diff)
	}
	t.Logf("%d cases; by row: %v", len(cases), rows)
}

// pathOf is the path of a case's request, with a value in the place of each variable.
func pathOf(target string) string {
	path, _, _ := strings.Cut(strings.ReplaceAll(target, "${operation}", "operations/x"), "?")
	return conformance.VariablePattern.ReplaceAllString(path, "x")
}

func TestCasesCoverEveryRoute(t *testing.T) {
	t.Parallel()
	routes := apptest.Routes()
	succeeded, failed, called := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, c := range apptest.LoadCases(t) {
		if found, ok := apptest.FindRoute(routes, c.Request.Method, pathOf(c.Request.Target)); ok {
			name := found.String()
			succeeded[name] = succeeded[name] || c.Response.Status < 400
			failed[name] = failed[name] || c.Response.Status >= 400
		}
		if c.GRPC != nil {
			called["/"+c.GRPC.Method] = true
		}
	}
	for _, route := range routes {
		if !called[route.Name()] {
			t.Errorf("no case calls %s over gRPC", route.Name())
		}
		if !succeeded[route.String()] {
			t.Errorf("no case succeeds on %s", route)
		}
		if !failed[route.String()] && !route.IsAdditional {
			t.Errorf("no case fails on %s", route)
		}
	}
	if len(routes) < 20 {
		t.Errorf("there are only %d routes", len(routes))
	}
}

func TestCasesCoverEveryReason(t *testing.T) {
	t.Parallel()
	covered := map[string]bool{}
	for _, c := range apptest.LoadCases(t) {
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
		stringsIn(t, "../../../gateway/policy/reason.go", "Reason"),
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

// declaredSuccesses are the statuses below 400 of each operation of the document, by the
// method and the path.
func declaredSuccesses(t *testing.T) map[string][]string {
	t.Helper()
	document, err := app.Document(app.DocumentParams{Table: apptest.PolicyOf(t, apptest.Variant{}), PublicURL: apptest.PublicURL})
	if err != nil {
		t.Fatal(err)
	}
	var root struct {
		Paths map[string]map[string]struct {
			Responses map[string]any `json:"responses"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(document.JSON(), &root); err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for path, item := range root.Paths {
		for method, operation := range item {
			for status := range operation.Responses {
				if status < "400" {
					name := strings.ToUpper(method) + " " + path
					found[name] = append(found[name], status)
				}
			}
		}
	}
	return found
}

// Some case receives each success that the document promises.
func TestCasesCoverDocument(t *testing.T) {
	t.Parallel()
	declared := declaredSuccesses(t)
	var operations []apptest.Route
	for name := range declared {
		verb, path, _ := strings.Cut(name, " ")
		operations = append(operations, apptest.Route{Verb: verb, Path: path})
	}
	seen := map[string][]string{}
	for _, c := range apptest.LoadCases(t) {
		for _, one := range slices.Concat(c.Before, []conformance.Exchange{c.Exchange}, c.After) {
			if one.Response.Status == 0 || one.Response.Status >= 400 {
				continue
			}
			if found, ok := apptest.FindRoute(operations, one.Request.Method, pathOf(one.Request.Target)); ok {
				seen[found.String()] = append(seen[found.String()], strconv.Itoa(one.Response.Status))
			}
		}
	}
	for _, one := range slices.Sorted(maps.Keys(declared)) {
		for _, status := range declared[one] {
			if !slices.Contains(seen[one], status) {
				t.Errorf("%s may be answered %s, and no case is", one, status)
			}
		}
	}
	if len(declared) < 20 {
		t.Errorf("the document has only %d operations", len(declared))
	}
}
