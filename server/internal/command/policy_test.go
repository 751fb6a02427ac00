package command_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/statusway/statusway/gateway/policy"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// policyFile writes the documented policy after an edit, and returns its path.
func policyFile(t *testing.T, from, to string) string {
	t.Helper()
	text, err := os.ReadFile("../../../gateway/policy/documented.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), from) {
		t.Fatalf("the documented policy has no %q", from)
	}
	path := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// lineOf is the line of a file on which text stands first.
func lineOf(t *testing.T, path, text string) int {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, _, found := strings.Cut(string(source), text)
	if !found {
		t.Fatalf("%s has no %q", path, text)
	}
	return strings.Count(before, "\n") + 1
}

func TestPolicyCheck(t *testing.T) {
	t.Parallel()
	for _, name := range []string{policy.Documented, policy.Canonical} {
		got := run(t, "", "policy", "check", name)
		if got.code != 0 || got.err != "" || !strings.HasPrefix(got.out, name+": the policy "+name+" is closed and total: ") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	table, err := policy.Builtin(policy.Documented)
	if err != nil {
		t.Fatal(err)
	}
	path := policyFile(t, "name: documented", "name: mine")
	want := fmt.Sprintf("%s: the policy mine is closed and total: %d rows, %d rules\n", path, len(table.Rows()), len(table.Policy().GetRules()))
	if diff := cmp.Diff(ran{out: want}, run(t, "", "policy", "check", path), cmp.AllowUnexported(ran{})); diff != "" {
		t.Errorf("a policy of one's own (-want +got):\n%s", diff)
	}
}

// What is wrong with a policy is said with its file and line, for an editor to jump to.
func TestPolicyCheckRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		from, to string
		// at stands on the line that is named, and the error names what says.
		at, says string
	}{
		{"an unknown key", "errorFormat: problem", "errorFormat: problem\ncolour: red", "colour: red", `"colour"`},
		{"an unknown format", "errorFormat: problem", "errorFormat: teapot", "errorFormat: teapot", "teapot"},
		{"a rule to no row", "code: DATA_LOSS\n    status: 500", "code: DATA_LOSS\n    status: 599", "- name: data-loss", "599"},
		{"a code twice", "code: DATA_LOSS", "code: INTERNAL", "- name: data-loss", "internal"},
		{"a row twice", "- status: 410\n    title: Gone", "- status: 409\n    title: Gone", "- status: 409\n    title: Gone", "409"},
		{"a number that is text", "status: 410", "status: gone", "status: gone", "gone"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := policyFile(t, test.from, test.to)
			got := run(t, "", "policy", "check", path)
			want := fmt.Sprintf("%s:%d: ", path, lineOf(t, path, test.at))
			if got.code != 1 || got.out != "" || !strings.Contains(got.err, want) || !strings.Contains(got.err, test.says) {
				t.Errorf("%+v\nwant %q and %q in the errors", got, want, test.says)
			}
			checkProblems(t, path, lineOf(t, path, test.at), test.says)
		})
	}
	// A code without a rule has no line of its own; the file is named all the same.
	path := policyFile(t, "  - name: data-loss\n    code: DATA_LOSS\n    status: 500\n    why: Data is lost or corrupted.\n    spec: google/rpc/code.proto\n", "")
	if got := run(t, "", "policy", "check", path); got.code != 1 || !strings.Contains(got.err, path) || !strings.Contains(got.err, "DATA_LOSS") {
		t.Errorf("a policy that is not total: %+v", got)
	}
}

// checkProblems holds the documented output of policy check --json for a file in which
// something is wrong on a line.
func checkProblems(t *testing.T, path string, line int, says string) {
	t.Helper()
	got := run(t, "", "policy", "check", "--json", path)
	var shown struct {
		File     string `json:"file"`
		Problems []struct {
			Line   int    `json:"line"`
			Reason string `json:"reason"`
		} `json:"problems"`
	}
	decoder := json.NewDecoder(strings.NewReader(got.out))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&shown); err != nil || got.code != 1 || shown.File != path || len(shown.Problems) == 0 {
		t.Fatalf("%v: %+v", err, got)
	}
	if first := shown.Problems[0]; first.Line != line || !strings.Contains(first.Reason, says) {
		t.Errorf("%+v, want line %d and %q", first, line, says)
	}
}

func TestPolicyCheckJSON(t *testing.T) {
	t.Parallel()
	table, err := policy.Builtin(policy.Documented)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"file": "documented", "name": "documented", "rows": %d, "rules": %d, "problems": []}`, len(table.Rows()), len(table.Policy().GetRules()))
	got := run(t, "", "policy", "check", "--json", "documented")
	if diff := cmp.Diff(compactJSON(t, want), compactJSON(t, got.out)); diff != "" || got.code != 0 || got.err != "" {
		t.Errorf("%+v\n%s", got, diff)
	}
	// Where there is no policy at all, there is nothing to say of it.
	if got := run(t, "", "policy", "check", "--json", "nothing"); got.code != 1 || got.out != "" || !strings.Contains(got.err, "nothing") {
		t.Errorf("a file that is not there: %+v", got)
	}
}

func compactJSON(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(text)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Shown as JSON a policy is the whole of it, as the schema has it, and one that can be loaded.
func TestPolicyShowJSON(t *testing.T) {
	t.Parallel()
	mine := policyFile(t, "name: documented", "name: mine")
	for _, name := range []string{policy.Documented, policy.Canonical, mine} {
		got := run(t, "", "policy", "show", "--json", "--policy="+name)
		if got.code != 0 || got.err != "" || !json.Valid([]byte(got.out)) {
			t.Errorf("%s: %+v", name, got)
		}
		shown := &statuswayv1.Policy{}
		if err := protojson.Unmarshal([]byte(got.out), shown); err != nil {
			t.Fatal(err)
		}
		want, err := policy.Builtin(policy.Documented)
		if name == policy.Canonical {
			want, err = policy.Builtin(name)
		}
		if err != nil {
			t.Fatal(err)
		}
		if name == mine {
			want.Policy().Name = "mine"
		}
		file := filepath.Join(t.TempDir(), "shown.json")
		if err := os.WriteFile(file, []byte(got.out), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := run(t, "", "policy", "check", file); got.code != 0 {
			t.Errorf("%s, as it is shown, is no policy: %+v", name, got)
		}
		if diff := cmp.Diff(want.Policy(), shown, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +shown):\n%s", name, diff)
		}
	}
}

// Shown to a person every row stands with every rule that leads to it.
func TestPolicyShow(t *testing.T) {
	t.Parallel()
	for _, name := range []string{policy.Documented, policy.Canonical} {
		table, err := policy.Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		var want strings.Builder
		rules := 0
		for _, row := range table.Rows() {
			fmt.Fprintf(&want, "%d %s\n    %s (%s)\n", row.GetStatus(), row.GetTitle(), row.GetDescription(), row.GetSource())
			for _, rule := range table.RulesTo(int(row.GetStatus())) {
				fmt.Fprintf(&want, "    - %s: %s\n", rule.GetName(), rule.GetWhy())
				rules++
			}
		}
		if diff := cmp.Diff(ran{out: want.String()}, run(t, "", "policy", "show", "--policy="+name), cmp.AllowUnexported(ran{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if rules != len(table.Policy().GetRules()) {
			t.Errorf("%s: %d rules are shown, of %d", name, rules, len(table.Policy().GetRules()))
		}
	}
	if got, want := run(t, "", "policy", "show"), run(t, "", "policy", "show", "--policy=documented"); got != want {
		t.Error("the default is not the documented policy")
	}
}
