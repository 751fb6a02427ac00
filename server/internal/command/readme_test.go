package command_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/policy"
)

// pageNamed is a page of the repository.
func pageNamed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(topFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func readme(t *testing.T) string {
	t.Helper()
	return pageNamed(t, "README.md")
}

// blocks are a text's code blocks of a language.
func blocks(text, language string) []string {
	var found []string
	for _, match := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

// A step is a command of a page, and what it says that the command prints.
type step struct {
	command string
	prints  []string
}

// steps are all that a text shows of a terminal, in order.
func steps(t *testing.T, text string) []step {
	t.Helper()
	var all []step
	for _, block := range blocks(text, "console") {
		for line := range strings.Lines(block) {
			line = strings.TrimSuffix(line, "\n")
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				all = append(all, step{command: command})
				continue
			}
			if len(all) == 0 {
				t.Fatalf("%q is printed before any command", line)
			}
			all[len(all)-1].prints = append(all[len(all)-1].prints, line)
		}
	}
	return all
}

// like turns a line in which … stands for any text into an expression for all of one.
func like(line string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*") + "$")
}

// compareLines says which of the lines are not among those of a text, in this order:
// nothing if all are.
func compareLines(want []string, text string) string {
	lines := strings.Split(text, "\n")
	var diff strings.Builder
	missing := false
	rest := lines
	for _, line := range want {
		at := slices.IndexFunc(rest, like(line).MatchString)
		if at < 0 {
			missing = true
			fmt.Fprintf(&diff, "- %s\n", line)
			continue
		}
		fmt.Fprintf(&diff, "  %s\n", line)
		rest = rest[at+1:]
	}
	if !missing {
		return ""
	}
	for _, line := range lines {
		fmt.Fprintf(&diff, "+ %s\n", line)
	}
	return diff.String()
}

func TestCompareLines(t *testing.T) {
	t.Parallel()
	const text = "HTTP/1.1 200 OK\nEtag: \"x\"\n\n{\"a\":1,\"b\":2}"
	for _, test := range []struct {
		name string
		want []string
		ok   bool
	}{
		{"nothing", nil, true},
		{"every line", strings.Split(text, "\n"), true},
		{"some of them", []string{"HTTP/1.1 200 OK", `{"a":1,"b":2}`}, true},
		{"any text", []string{`Etag: "…"`, `{…"b":2}`}, true},
		{"any text, also none", []string{`…{"a":1…,"b":2}…`}, true},
		{"another order", []string{`Etag: "x"`, "HTTP/1.1 200 OK"}, false},
		{"twice", []string{`Etag: "x"`, `Etag: "x"`}, false},
		{"part of a line", []string{"HTTP/1.1 200"}, false},
		{"another text", []string{`{"a":1…"c"…}`}, false},
		{"text that is an expression", []string{`HTTP/1.. 200 OK`}, false},
	} {
		if diff := compareLines(test.want, text); (diff == "") != test.ok {
			t.Errorf("%s: %t, and the diff is %q", test.name, test.ok, diff)
		}
	}
}

// Every row of the table is shown once at least, and nothing that is no row.
func TestReadmeShowsEveryRow(t *testing.T) {
	t.Parallel()
	shown := map[int]bool{}
	status := regexp.MustCompile(`^(?:HTTP/1\.1 )?(\d{3})(?: .*)?$|^\{"httpStatus":(\d{3}),`)
	for _, one := range steps(t, readme(t)) {
		for _, line := range one.prints {
			if found := status.FindStringSubmatch(line); found != nil {
				number, err := strconv.Atoi(found[1] + found[2])
				if err != nil {
					t.Fatal(err)
				}
				shown[number] = true
			}
		}
	}
	table, err := policy.Builtin(policy.Documented)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[int]bool{}
	for _, row := range table.Rows() {
		rows[int(row.GetStatus())] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(rows)), slices.Sorted(maps.Keys(shown))); diff != "" {
		t.Errorf("rows (-) and what is shown (+):\n%s", diff)
	}
}

// alike compares a value of the README, in whose texts … stands for anything, with a
// real one.
func alike(want, got any) bool {
	switch want := want.(type) {
	case string:
		text, ok := got.(string)
		return strings.HasPrefix(want, "…") || ok && like(want).MatchString(text)
	case []any:
		list, ok := got.([]any)
		if ok && len(want) == 1 && len(list) > 0 && alike(want[0], list[0]) {
			return true // One stands for all of them.
		}
		return ok && slices.EqualFunc(want, list, alike)
	case map[string]any:
		object, ok := got.(map[string]any)
		return ok && maps.EqualFunc(want, object, alike)
	default:
		return want == got
	}
}

// The README's error body is one that is really sent, member by member and in the
// same order.
func TestReadmeErrorBody(t *testing.T) {
	t.Parallel()
	p := serve(t, "--demo")
	text := blocks(readme(t), "json")[0]
	var want map[string]any
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	sent := p.must(t, http.MethodPost, "/v1/entities", p.demoToken(t), []byte(`{"displayName": ""}`))
	if !alike(want, any(sent.body)) {
		t.Errorf("the README (-) and what is sent (+):\n%s", cmp.Diff(want, sent.body))
	}
	if diff := cmp.Diff(members(t, text), members(t, string(sent.text))); diff != "" {
		t.Errorf("the order of the members in the README (-) and as sent (+):\n%s", diff)
	}
	p.stop(t)
}

// members are the names of an object's members, in their order.
func members(t *testing.T, text string) []string {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		names = append(names, fmt.Sprint(name))
	}
	return names
}

// The code that the page for adopters shows is part of an example that runs.
func TestAdoptingCode(t *testing.T) {
	t.Parallel()
	example := pageNamed(t, "gateway/generated/example_test.go")
	shown := blocks(pageNamed(t, "proto/adopting.md"), "go")
	for _, block := range shown {
		indented := regexp.MustCompile(`(?m)^(.)`).ReplaceAllString(block, "\t$1")
		if !strings.Contains(example, indented) {
			t.Errorf("the example has no\n%s", indented)
		}
	}
	if len(shown) == 0 {
		t.Error("it shows no code")
	}
}
