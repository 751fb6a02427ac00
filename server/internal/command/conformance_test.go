package command_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/statusway/statusway/server/internal/conformance/suite"
)

// conform runs conformance against a target.
func conform(t *testing.T, target string, arguments ...string) ran {
	t.Helper()
	return run(t, "", append([]string{"conformance", "--target", target}, arguments...)...)
}

// The policy is found out, and another one is another table.
func TestConformanceToAnotherPolicy(t *testing.T) {
	t.Parallel()
	demo := serve(t, "--demo")
	got := conform(t, demo.rest, "--policy=canonical", "--filter=^409-failed|^500-unimpl|^404-not-found$", "--transport=http1")
	if got.code != 1 || !strings.Contains(got.out, "FAIL 409-failed-precondition over http1") ||
		!strings.Contains(got.out, "! the status is 409, want 400") || !strings.Contains(got.out, ": 1 passed, 2 failed, ") {
		t.Errorf("exit code %d\n%s%s", got.code, got.out, got.err)
	}
	demo.stop(t)
}

func TestConformanceOverTLS(t *testing.T) {
	t.Parallel()
	cert, key, _ := pair(t)
	demo := serve(t, "--demo", "--tls-cert="+cert, "--tls-key="+key)
	for name, test := range map[string]struct {
		flag string
		code int
		says string
	}{
		"trusted":     {"--ca=" + cert, 0, "0 failed"},
		"any":         {"--insecure", 0, "0 failed"},
		"not trusted": {"--policy=documented", 1, demo.rest + " is not trusted"},
		"no file":     {"--ca=" + key + "x", 2, "--ca"},
		"nothing":     {"--ca=" + key, 2, "no certificate"},
	} {
		got := conform(t, demo.rest, test.flag, "--filter=-item")
		if got.code != test.code || !strings.Contains(got.out+got.err, test.says) {
			t.Errorf("%s: exit code %d\n%s%s", name, got.code, got.out, got.err)
		}
	}
	demo.stop(t)
}

// A target that limits its clients is waited for, and said to be.
func TestConformanceWaits(t *testing.T) {
	t.Parallel()
	demo := serve(t, "--demo", "--rate-limit=20/2s")
	file := filepath.Join(t.TempDir(), "report.json")
	got := conform(t, demo.rest, "--filter=^404|^429", "--json="+file)
	if got.code != 0 || !strings.Contains(got.err, "rate limit is used up: waiting ") || !strings.Contains(got.out, "the target's rate limit was waited for") {
		t.Errorf("exit code %d\n%s%s", got.code, got.out, got.err)
	}
	var report suite.Report
	text, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(text, &report) != nil || report.Waited < 1 {
		t.Errorf("%v: %s", err, text)
	}
	demo.stop(t)
}

// What cannot be tested is said in a line.
func TestConformanceTargets(t *testing.T) {
	t.Parallel()
	const nobody = "http://127.0.0.1:1" // a port that no system gives away
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	teapot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	t.Cleanup(teapot.Close)
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"code": "UNIMPLEMENTED"}`)
	}))
	t.Cleanup(broken.Close)
	few := serve(t, "--demo", "--rate-limit=3/1h")
	for name, test := range map[string]struct {
		target string
		flags  []string
		says   string
	}{
		"nobody":        {nobody, nil, nobody + " does not respond"},
		"no service":    {plain.URL, []string{"--transport=http1"}, "ConformanceService has to be behind it"},
		"no HTTP/2":     {teapot.URL, nil, "--transport http1"},
		"no policy":     {teapot.URL, []string{"--transport=http1"}, "use --policy"},
		"no Respond":    {broken.URL, []string{"--transport=http1"}, "is 500 UNIMPLEMENTED: the run begins with the method Respond"},
		"no allowance":  {few.rest, nil, "larger allowance"},
		"still nothing": {few.rest, nil, "larger allowance"},
	} {
		got := conform(t, test.target, test.flags...)
		if got.code != 1 || got.out != "" || strings.Count(got.err, "\n") != 1 || !strings.Contains(got.err, test.says) {
			t.Errorf("%s: exit code %d\n%s%s", name, got.code, got.out, got.err)
		}
	}
	few.stop(t)
}

// The cases are written out with what describes them, and run from there.
func TestConformanceCases(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "cases")
	if got := run(t, "", "conformance", "--write-cases", folder); got.code != 0 || !strings.Contains(got.out, folder) {
		t.Fatalf("exit code %d: %s%s", got.code, got.out, got.err)
	}
	if got := run(t, "", "conformance", "--write-cases", folder); got.code != 1 || !strings.Contains(got.err, "is there already") {
		t.Errorf("exit code %d: %s%s", got.code, got.out, got.err)
	}
	for _, file := range []string{"manifest.yaml", "case.schema.json"} {
		if _, err := os.Stat(filepath.Join(folder, file)); err != nil {
			t.Error(err)
		}
	}
	all, own := run(t, "", "conformance", "--list"), run(t, "", "conformance", "--list", "--cases", folder)
	if all.code != 0 || all.out == "" || own.out != all.out {
		t.Errorf("%s and %s", all.out, own.out)
	}
	some := run(t, "", "conformance", "--list", "--filter", "^304-")
	if n := strings.Count(some.out, "\n"); n == 0 || n != strings.Count(all.out, "\n304-") || !strings.Contains(some.out, "304-weak") {
		t.Errorf("%s", some.out)
	}
	mine := filepath.Join(folder, "cases", "200-mine.yaml")
	write := func(file, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(mine, "title: It is mine.\nrow: 200\nrequest: {method: GET, target: /conformance/v1/echo}\nresponse: {status: 200}\n")
	demo := serve(t, "--demo")
	if got := conform(t, demo.rest, "--cases", folder, "--filter=mine"); got.code != 0 || !strings.Contains(got.out, "2 passed") {
		t.Errorf("exit code %d\n%s%s", got.code, got.out, got.err)
	}
	demo.stop(t)
	for _, test := range []struct{ name, file, text, says string }{
		{"a user", mine, "title: So.\nrow: 200\nas: viewer\nrequest: {method: GET, target: /conformance/v1/echo}\nresponse: {status: 200}\n", "no users"},
		{"another path", mine, "title: So.\nrow: 200\nrequest: {method: GET, target: /v1/entities}\nresponse: {status: 200}\n", "/conformance/"},
		{"a member", mine, "titel: So.\n", "titel"},
		{"another format", filepath.Join(folder, "manifest.yaml"), "format: 2\nversion: 1\n", "the format is 2"},
	} {
		write(test.file, test.text)
		if got := run(t, "", "conformance", "--list", "--cases", folder); got.code != 2 || !strings.Contains(got.err, test.says) {
			t.Errorf("%s: exit code %d: %s", test.name, got.code, got.err)
		}
	}
}

// A bad server and a list of what is known of it: what is known is told apart, and has
// to stay true.
func TestConformanceReports(t *testing.T) {
	t.Parallel()
	target := stockGateway(t)
	folder := t.TempDir()
	known := filepath.Join(folder, "known.yaml")
	list := "- {name: 405-get, reason: It has no 405 yet.}\n- {name: 404-item, reason: It passes.}\n"
	if err := os.WriteFile(known, []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	junit, asJSON := filepath.Join(folder, "report.xml"), filepath.Join(folder, "report.json")
	got := conform(t, target, "--transport=http1", "--filter=^405-(get|head)$", "--known-failures="+known, "--junit="+junit, "--json="+asJSON)
	if got.code != 1 || !strings.Contains(got.out, "known 405-get over http1: It has no 405 yet.") ||
		!strings.Contains(got.out, "FAIL 405-head over http1: ") || !strings.Contains(got.out, ": 0 passed, 1 failed, 1 failed as known, ") ||
		strings.Contains(got.out, "\x1b") || !strings.Contains(got.err, "1 of 2 failed") {
		t.Errorf("exit code %d\n%s%s", got.code, got.out, got.err)
	}
	wantJSON(t, asJSON, target)
	wantJUnit(t, junit)

	demo := serve(t, "--demo")
	got = conform(t, demo.rest, "--transport=http1", "--filter=^404-item$", "--known-failures="+known)
	if got.code != 1 || !strings.Contains(got.out, "UNEXPECTED 404-item over http1 passes") ||
		!strings.Contains(got.out, ": 0 passed, 0 failed, 1 passed unexpectedly, ") {
		t.Errorf("exit code %d\n%s%s", got.code, got.out, got.err)
	}
	got = conform(t, demo.rest, "--transport=http1", "--filter=^404-item$", "--json=-")
	var report map[string]any
	if err := json.Unmarshal([]byte(got.out), &report); err != nil || got.code != 0 || report["passed"] != 1.0 || !strings.Contains(got.err, "conforms") {
		t.Errorf("exit code %d: %v\n%s%s", got.code, err, got.out, got.err)
	}
	demo.stop(t)
	for name, text := range map[string]string{
		"another case": "- {name: 404-none, reason: x}\n", "no reason": "- {name: 404-item}\n",
		"twice": list + list, "no list": "404-item\n", "a member": "- {name: 404-item, reason: x, why: y}\n",
	} {
		if err := os.WriteFile(known, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := conform(t, target, "--known-failures="+known); got.code != 2 || !strings.Contains(got.err, "--known-failures") {
			t.Errorf("%s: exit code %d: %s", name, got.code, got.err)
		}
	}
}

// wantJSON holds a report to its shape.
func wantJSON(t *testing.T, file, target string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var report suite.Report
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&report); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if report.Target != target || report.Policy != "canonical" || report.Suite != 5 || report.Failed != 1 || report.Known != 1 || len(report.Results) != 2 {
		t.Fatalf("%s", text)
	}
	known, failed := report.Results[0], report.Results[1]
	if known.Name != "405-get" || known.Outcome != "known" || known.Known != "It has no 405 yet." || known.Row != 405 || known.Transport != "http1" {
		t.Errorf("%+v", known)
	}
	if failed.Outcome != "failed" || failed.Known != "" || failed.Failure == nil || len(failed.Failure.Faults) == 0 || failed.Seconds <= 0 ||
		!strings.HasPrefix(failed.Failure.Request, "HEAD /conformance/v1/outcomes HTTP/1.1\n") || !strings.HasPrefix(failed.Failure.Got, "501\n") ||
		!strings.Contains(failed.Failure.Expected, "status: 405\n") {
		t.Errorf("%+v", failed)
	}
}

func wantJUnit(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		XMLName  xml.Name `xml:"testsuites"`
		Tests    int      `xml:"tests,attr"`
		Failures int      `xml:"failures,attr"`
		Skipped  int      `xml:"skipped,attr"`
		Suites   []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Name    string `xml:"name,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
					Text    string `xml:",chardata"`
				} `xml:"failure"`
				Skipped *struct {
					Message string `xml:"message,attr"`
				} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &report); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if report.Tests != 2 || report.Failures != 1 || report.Skipped != 1 || len(report.Suites) != 1 || len(report.Suites[0].Cases) != 2 {
		t.Fatalf("%s", text)
	}
	known, failed := report.Suites[0].Cases[0], report.Suites[0].Cases[1]
	if known.Skipped == nil || known.Failure != nil || known.Skipped.Message != "known to fail: It has no 405 yet." {
		t.Errorf("%+v", known)
	}
	if failed.Failure == nil || !strings.Contains(failed.Failure.Text, "FAIL 405-head over http1") || failed.Failure.Message == "" {
		t.Errorf("%+v", failed)
	}
}

// The help says what is needed to begin.
func TestConformanceHelp(t *testing.T) {
	t.Parallel()
	got := run(t, "", "conformance", "--help")
	for _, says := range []string{"--known-failures", "statusway serve --demo", "exit code"} {
		if got.code != 0 || !strings.Contains(got.out, says) {
			t.Errorf("exit code %d, and %q is not in\n%s", got.code, says, got.out)
		}
	}
	if found := regexp.MustCompile(`(?m)^  -.{130,}$`).FindAllString(got.out, -1); len(found) > 0 {
		t.Error(fmt.Sprint("too long for a terminal: ", found))
	}
}
