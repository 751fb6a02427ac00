package suite_test

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/policy"
	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/conformance"
	"github.com/statusway/statusway/server/internal/conformance/suite"
	"github.com/statusway/statusway/server/internal/terminal"
)

func builtin(t *testing.T) *suite.Suite {
	t.Helper()
	cases, err := suite.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

// exchanges are all of a case.
func exchanges(c conformance.Case) []conformance.Exchange {
	return c.Exchanges()
}

// There is a case for each row of the documented table, and for each number that the
// canonical policy has in place of one.
func TestCasesCoverEveryRow(t *testing.T) {
	t.Parallel()
	rows, canonical := map[int]bool{}, map[int]bool{}
	for _, c := range builtin(t).Cases {
		if c.RunsBy(policy.Documented) {
			rows[c.Response.Status] = true
		}
		if by := c.By(policy.Canonical); c.RunsBy(policy.Canonical) && by.Response.Status != c.Response.Status {
			canonical[by.Response.Status] = true
		}
	}
	if diff := cmp.Diff(conformance.DocumentedRows(), slices.Sorted(maps.Keys(rows))); diff != "" {
		t.Errorf("the rows (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{400, 406, 417, 501, 504}, slices.Sorted(maps.Keys(canonical))); diff != "" {
		t.Errorf("the numbers of the canonical policy (-want +got):\n%s", diff)
	}
}

// There is a case for each code that a backend can end with, and for one beyond.
func TestCasesCoverEveryCode(t *testing.T) {
	t.Parallel()
	raised := map[int]bool{}
	for _, c := range builtin(t).Cases {
		if c.Request.JSON == nil || !strings.HasPrefix(c.Request.Target, "/conformance/v1/outcomes") {
			continue
		}
		said, _ := c.Request.JSON.Value.(map[string]any)
		status, _ := said["status"].(map[string]any)
		if code, ok := status["code"].(int); ok {
			raised[code] = true
		}
	}
	for code := 1; code <= 17; code++ {
		if !raised[code] {
			t.Errorf("no case has the backend end with the code %d", code)
		}
	}
}

// There is a case for each method, and for each route of it.
func TestCasesCoverEveryRoute(t *testing.T) {
	t.Parallel()
	routes := apptest.RoutesOf(
		conformancev1.File_statusway_conformance_v1_conformance_proto,
		conformancev1.File_statusway_conformance_v1_streams_proto,
		conformancev1.File_statusway_conformance_v1_bindings_proto,
	)
	covered := map[string]bool{}
	for _, c := range builtin(t).Cases {
		for _, one := range exchanges(c) {
			target := strings.NewReplacer("${location}", "/conformance/v1/jobs/x", "${id}", "x").Replace(one.Request.Target)
			path, _, _ := strings.Cut(target, "?")
			if found, ok := apptest.FindRoute(routes, one.Request.Method, path); ok {
				covered[found.String()] = true
			}
		}
	}
	if len(routes) < 20 {
		t.Errorf("there are only %d routes", len(routes))
	}
	for _, route := range routes {
		if !covered[route.String()] {
			t.Errorf("no case is about %s", route)
		}
	}
}

// What a case says that it covers is an item of the checklist.
func TestCasesNameItems(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../testdata/checklist/items.txt")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, c := range builtin(t).Cases {
		for _, item := range c.Checklist {
			named[item] = true
			if !regexp.MustCompile(`(?m)^` + item + ` `).Match(text) {
				t.Errorf("%s: there is no item %s", c.Name, item)
			}
		}
	}
	t.Logf("%d items", len(named))
}

// A run waits at most once for the limit that a target has by default, which is 600
// requests a minute. What a run repeats until it is right is not counted.
func TestCasesFitTheDefaultLimit(t *testing.T) {
	t.Parallel()
	const most = 2 * 600
	requests := 3 // which find out about the target
	for _, c := range builtin(t).Cases {
		for _, transport := range []string{conformance.OverHTTP1, conformance.OverH2C} {
			if !c.Runs(transport) {
				continue
			}
			requests += len(exchanges(c))
			if c.Race != nil {
				requests += c.Race.Times - 1
			}
		}
	}
	if requests >= most {
		t.Errorf("a run takes %d requests, want fewer than %d", requests, most)
	}
}

// What is written out is what is read.
func TestWrite(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "cases")
	if err := suite.Write(folder); err != nil {
		t.Fatal(err)
	}
	read, err := suite.Read(os.DirFS(folder))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(builtin(t), read); diff != "" {
		t.Errorf("(-built in +read):\n%s", diff)
	}
}

// A folder that is no suite is refused by what is wrong with it.
func TestRead(t *testing.T) {
	t.Parallel()
	const manifest = "format: 1\nversion: 1\nservice: x\n"
	const good = "title: So.\nrow: 200\nrequest: {method: GET, target: /conformance/x}\nresponse: {status: 200}\n"
	for name, test := range map[string]struct{ manifest, text, want string }{
		"good":             {manifest, good, ""},
		"another format":   {"format: 2\n", good, "the format is 2"},
		"unknown member":   {manifest + "x: 1\n", good, "manifest.yaml"},
		"a user":           {manifest, good + "as: viewer\n", "200-x: there are no users"},
		"a user before":    {manifest, good + "before: [{as: viewer, request: {method: GET, target: /conformance/x}, response: {}}]\n", "there are no users"},
		"a variant":        {manifest, good + "server: own\n", "no variants"},
		"gRPC":             {manifest, good + "grpc: {method: x}\n", "not seen from outside"},
		"gRPC alone":       {manifest, good + "transports: {only: [grpc], because: So.}\n", "not seen from outside"},
		"another target":   {manifest, strings.Replace(good, "/conformance/x", "/v1/entities", 1), "/conformance/"},
		"a captured one":   {manifest, strings.Replace(good, "/conformance/x", `"${location}"`, 1), ""},
		"the whole server": {manifest, strings.Replace(good, "{method: GET, target: /conformance/x}", `{method: OPTIONS, target: "*"}`, 1), ""},
		"no policy":        {manifest, good + "policies: {only: [mine], because: So.}\n", `no policy "mine"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := suite.Read(fstest.MapFS{"manifest.yaml": {Data: []byte(test.manifest)}, "cases/200-x.yaml": {Data: []byte(test.text)}})
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want one that says %q", err, test.want)
			}
		})
	}
	for name, files := range map[string]fs.FS{
		"nothing": fstest.MapFS{}, "no cases": fstest.MapFS{"manifest.yaml": {Data: []byte(manifest)}},
	} {
		if _, err := suite.Read(files); err == nil {
			t.Errorf("%s is a suite", name)
		}
	}
}

func TestReadKnown(t *testing.T) {
	t.Parallel()
	cases := builtin(t)
	for text, want := range map[string]string{
		"":                                     "",
		"- {name: 404-item, reason: Not yet.}": "",
		"- {name: none, reason: x}":            "no such case",
		"- {name: 404-item}":                   "for no reason",
		"- {name: 404-item, reason: x}\n- {name: 404-item, reason: y}": "twice",
		"404-item": "reading the known failures",
	} {
		known, err := cases.ReadKnown([]byte(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v %v, want %q", text, known, err, want)
		}
	}
}

// The report has no colours where nobody wants them, and is one line where all is well.
func TestReportWrite(t *testing.T) {
	t.Parallel()
	good := suite.Report{Target: "http://x", Policy: "documented", Suite: 1, Passed: 2, Seconds: 1}
	bad := good
	bad.Failed = 1
	bad.Results = []suite.Result{{
		Name: "404-x", Title: "So.", Transport: "http1", Outcome: suite.Failed,
		Failure: &suite.Failure{
			Where: "before, step 1", Request: "GET / HTTP/1.1\n", Got: "200\n\n{}", Expected: "status: 404\n", Faults: []string{"the status is 200"},
		},
	}}
	for name, test := range map[string]struct {
		report  suite.Report
		colours terminal.Colours
		want    string
	}{
		"good": {good, terminal.Colours{}, "http://x conforms to the policy documented, by version 1 of the cases: 2 passed, 0 failed, in 1.0 s\n"},
		"bad": {bad, terminal.Colours{}, "FAIL 404-x over http1: So.\n  before, step 1\n  > GET / HTTP/1.1\n" +
			"  < 200\n  < \n  < {}\n  want status: 404\n  ! the status is 200\n\n" +
			"http://x does not conform to the policy documented, by version 1 of the cases: 2 passed, 1 failed, in 1.0 s\n"},
		"coloured": {good, terminal.All(), "\x1b[32mhttp://x conforms\x1b[0m to the policy documented, by version 1 of the cases: 2 passed, 0 failed, in 1.0 s\n"},
	} {
		var out bytes.Buffer
		test.report.Write(&out, test.colours)
		if diff := cmp.Diff(test.want, out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
