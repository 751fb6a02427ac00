package policy_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/policy"
)

// without returns minimal without the line that has this prefix.
func without(t *testing.T, start string) string {
	t.Helper()
	before, rest, found := strings.Cut(minimal, start)
	if !found {
		t.Fatalf("minimal has no %q", start)
	}
	_, after, _ := strings.Cut(rest, "\n")
	return before + after
}

// replaced is minimal with old, which it has once, replaced.
func replaced(t *testing.T, old, by string) string {
	t.Helper()
	if strings.Count(minimal, old) != 1 {
		t.Fatalf("minimal has %q %d times", old, strings.Count(minimal, old))
	}
	return strings.Replace(minimal, old, by, 1)
}

// withRow is minimal with one more row, on line 6.
func withRow(t *testing.T, status int) string {
	t.Helper()
	return replaced(t, "rules:\n", fmt.Sprintf("  - {status: %d, title: A, description: B.}\nrules:\n", status))
}

// messages are the lines of an error, after checking that each is a FileError of
// this file, that errors.As finds the first through the join, and that no table
// came with it.
func messages(t *testing.T, text string) []string {
	t.Helper()
	table, err := policy.Load(file, []byte(text))
	if err == nil {
		t.Fatal("Load accepts it")
	}
	if table != nil {
		t.Error("a table came with the error")
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%T does not give each error", err)
	}
	var got []string
	for _, each := range joined.Unwrap() {
		var fault *policy.FileError
		if !errors.As(each, &fault) {
			t.Fatalf("%T is no *FileError", each)
		}
		if fault.File != file {
			t.Errorf("File is %q", fault.File)
		}
		if lines := strings.Count(text, "\n") + 1; fault.Line < 0 || fault.Line > lines {
			t.Errorf("line %d of %d: %s", fault.Line, lines, fault.Reason)
		}
		got = append(got, fault.Error())
	}
	var first *policy.FileError
	if !errors.As(err, &first) || first.Error() != got[0] {
		t.Errorf("errors.As finds %v, want %s", first, got[0])
	}
	return got
}

func TestMinimalLoads(t *testing.T) {
	t.Parallel()
	load(t, minimal)
	load(t, layered)
	load(t, "--- # One document, with its marks.\n"+minimal+"...\n# And a word after it.\n")
	load(t, strings.ReplaceAll(minimal, "\n", "\r\n"))
	load(t, "\uFEFF"+minimal)
	load(t, replaced(t, "title: Fine", "title: &unused Fine")) // an anchor alone says nothing twice
}

// TestUnreadable is about what cannot be read as the schema. Nothing is compiled
// then, so these texts are no whole policies.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	const (
		policyKeys = "Policy has name, description, catalogue, rules, redaction, errorFormat, retirements"
		rowKeys    = "Row has status, title, description, source, cacheControl"
		ruleKeys   = "Rule has name, domain, reason, detail, code, conditional, status, why, spec, retryAfter"
	)
	tests := []struct {
		name, text string
		want       []string
	}{
		{"unknown key", "name: a\nnane: b\n", []string{`policy.yaml:2: unknown key "nane": ` + policyKeys}},
		{"unknown key of a row", "catalogue:\n  - status: 200\n    text: x\n", []string{`policy.yaml:3: unknown key "text": ` + rowKeys}},
		{"unknown key of a rule", "rules:\n  - name: a\n  - {name: b,\n     cod: OK}\n", []string{`policy.yaml:4: unknown key "cod": ` + ruleKeys}},
		{"unknown key of a sub-message", "redaction:\n  keep: true\n", []string{`policy.yaml:2: unknown key "keep": Redaction has keepMessage, keepDetails`}},
		{"name of the proto field", "error_format: problem\n", []string{`policy.yaml:1: unknown key "error_format": ` + policyKeys}},
		{"case of a key", "Name: a\n", []string{`policy.yaml:1: unknown key "Name": ` + policyKeys}},
		{"number as a key", "1: a\n", []string{`policy.yaml:1: unknown key "1": ` + policyKeys}},
		{"list as a key", "? [name]\n: a\n", []string{`policy.yaml:1: unknown key "": ` + policyKeys}},
		{"empty key", "\"\": a\n", []string{`policy.yaml:1: unknown key "": ` + policyKeys}},

		{"number for a text", "name: 404\n", []string{`policy.yaml:1: name: "404" is not a value of type string`}},
		{"nothing for a text", "name: a\ndescription:\n", []string{`policy.yaml:2: description: "" is not a value of type string`}},
		{"null for a text", "name: ~\n", []string{`policy.yaml:1: name: "~" is not a value of type string`}},
		{"truth for a text", "name: true\n", []string{`policy.yaml:1: name: "true" is not a value of type string`}},
		{"bytes for a text", "name: !!binary YQ==\n", []string{`policy.yaml:1: name: "YQ==" is not a value of type string`}},
		{"text for a number", "catalogue: [{status: OK}]\n", []string{`policy.yaml:1: status: "OK" is not a value of type int32`}},
		{"quoted number", "catalogue: [{status: '200'}]\n", []string{`policy.yaml:1: status: "200" is not a value of type int32`}},
		{"fraction for a number", "catalogue: [{status: 200.5}]\n", []string{`policy.yaml:1: status: "200.5" is not a value of type int32`}},
		{"number past 32 bits", "catalogue: [{status: 4294967496}]\n", []string{`policy.yaml:1: status: "4294967496" is not a value of type int32`}},
		{"hexadecimal number", "catalogue: [{status: 0xC8}]\n", []string{`policy.yaml:1: status: "0xC8" is not a value of type int32`}},
		{"text for a truth", "redaction: {keepMessage: yes}\n", []string{`policy.yaml:1: keepMessage: "yes" is not a value of type bool`}},
		{"number for a truth", "redaction: {keepMessage: 1}\n", []string{`policy.yaml:1: keepMessage: "1" is not a value of type bool`}},
		{"unknown value of an enum", "errorFormat: xml\n", []string{`policy.yaml:1: errorFormat: "xml" is not a value of type problem, status, error`}},
		{"zero value of an enum", "errorFormat: unspecified\n", []string{`policy.yaml:1: errorFormat: "unspecified" is not a value of type problem, status, error`}},
		{"zero value of an enum by its full name", "errorFormat: ERROR_FORMAT_UNSPECIFIED\n", []string{
			`policy.yaml:1: errorFormat: "ERROR_FORMAT_UNSPECIFIED" is not a value of type problem, status, error`,
		}},
		{"number of an enum value", "errorFormat: 1\n", []string{`policy.yaml:1: errorFormat: "1" is not a value of type problem, status, error`}},
		{"tagged enum value", "errorFormat: !!int problem\n", []string{`policy.yaml:1: errorFormat: "problem" is not a value of type problem, status, error`}},
		{"number for a duration", "rules: [{retryAfter: 30}]\n", []string{`policy.yaml:1: retryAfter: "30" is not a duration such as 30s`}},
		{"zero for a duration", "rules: [{retryAfter: 0}]\n", []string{`policy.yaml:1: retryAfter: "0" is not a duration such as 30s`}},
		{"text for a duration", "rules: [{retryAfter: soon}]\n", []string{`policy.yaml:1: retryAfter: "soon" is not a duration such as 30s`}},
		{"nothing for a duration", "rules: [{retryAfter: }]\n", []string{`policy.yaml:1: retryAfter: "" is not a duration such as 30s`}},
		{"list for a duration", "rules: [{retryAfter: [30s]}]\n", []string{`policy.yaml:1: retryAfter: "" is not a duration such as 30s`}},
		{"tagged duration", "rules: [{retryAfter: !!int 30s}]\n", []string{`policy.yaml:1: retryAfter: "30s" is not a duration such as 30s`}},

		{"list for a policy", "- name: a\n", []string{`policy.yaml:1: Policy must be a mapping`}},
		{"text for a policy", "\nname\n", []string{`policy.yaml:2: Policy must be a mapping`}},
		{"null for a policy", "null\n", []string{`policy.yaml:1: Policy must be a mapping`}},
		{"mapping for a list", "rules:\n  name: a\n", []string{`policy.yaml:2: rules must be a list`}},
		{"text for a list", "catalogue: all\n", []string{`policy.yaml:1: catalogue must be a list`}},
		{"nothing for a list", "rules:\n", []string{`policy.yaml:1: rules must be a list`}},
		{"text for an element", "rules:\n  - ok\n", []string{`policy.yaml:2: Rule must be a mapping`}},
		{"nothing for an element", "catalogue:\n  -\n", []string{`policy.yaml:2: Row must be a mapping`}},
		{"list for a mapping", "redaction: [true]\n", []string{`policy.yaml:1: Redaction must be a mapping`}},
		{"list for a value", "name: [a]\n", []string{`policy.yaml:1: name must be a single value`}},
		{"mapping for a value", "name: {a: b}\n", []string{`policy.yaml:1: name must be a single value`}},

		{"key twice", "name: a\ndescription: b\nname: a\n", []string{`policy.yaml:3: duplicate key "name": line 1 has the same key`}},
		{"key thrice", "name: a\nname: a\nname: a\n", []string{
			`policy.yaml:2: duplicate key "name": line 1 has the same key`,
			`policy.yaml:3: duplicate key "name": line 1 has the same key`,
		}},
		{"key twice, first a false", "redaction:\n  keepMessage: false\n  keepMessage: true\n", []string{
			`policy.yaml:3: duplicate key "keepMessage": line 2 has the same key`,
		}},
		{"key twice, first a zero", "rules:\n  - status: 0\n    status: 500\n", []string{`policy.yaml:3: duplicate key "status": line 2 has the same key`}},
		{"key twice, first an empty list", "rules: []\nrules: []\n", []string{`policy.yaml:2: duplicate key "rules": line 1 has the same key`}},
		{"key twice, first unreadable", "name: 1\nname: a\n", []string{
			`policy.yaml:1: name: "1" is not a value of type string`,
			`policy.yaml:2: duplicate key "name": line 1 has the same key`,
		}},

		{"alias", "name: &a mine\ndescription: *a\n", []string{`policy.yaml:2: *a is an alias: write the value itself`}},
		{"alias of a mapping", "rules:\n  - &a {name: ok}\n  - *a\n", []string{`policy.yaml:3: *a is an alias: write the value itself`}},
		{"alias as a key", "description: &name text\n*name : mine\n", []string{`policy.yaml:2: *name is an alias: write the value itself`}},
		{"alias within its anchor", "name: &a\n  - *a\n", []string{`policy.yaml:2: *a is an alias: write the value itself`}},
		{"alias named like a duration", "name: &30s mine\nrules: [{retryAfter: *30s}]\n", []string{`policy.yaml:2: *30s is an alias: write the value itself`}},
		{"merge of an alias", "rules:\n  - &a {status: 500}\n  - {<<: *a, name: b}\n", []string{`policy.yaml:3: *a is an alias: write the value itself`}},
		{"merge key", "<<: {name: mine}\n", []string{`policy.yaml:1: unknown key "<<": ` + policyKeys}},

		{"not UTF-8", "name: mine\ndescription: \"caf\xe9\"\n", []string{`policy.yaml:2: the text is not UTF-8`}},
		{"not UTF-8 at the start", "\xff\xff\xff", []string{`policy.yaml:1: the text is not UTF-8`}},
		{"cut off within a character", "name: mine\n\n# \xe2\x82", []string{`policy.yaml:3: the text is not UTF-8`}},
		{"UTF-16", "\xff\xfen\x00", []string{`policy.yaml:1: the text is not UTF-8`}},

		{"nothing", "", []string{`policy.yaml: the file is empty`}},
		{"only a comment", "# Later.\n", []string{`policy.yaml: the file is empty`}},
		{"only a mark", "---", []string{`policy.yaml: the file is empty`}},
		{"second document", minimal + "---\nname: b\n", []string{`policy.yaml:25: a second document begins here: a policy file has one document`}},
		{"empty second document", "name: a\n---\n", []string{`policy.yaml:2: a second document begins here: a policy file has one document`}},

		{"several at once", "nane: a\ncatalogue: {}\nrules:\n  - code: [OK]\n    status: x\n    retryAfter: 5\n", []string{
			`policy.yaml:1: unknown key "nane": ` + policyKeys,
			`policy.yaml:2: catalogue must be a list`,
			`policy.yaml:4: code must be a single value`,
			`policy.yaml:5: status: "x" is not a value of type int32`,
			`policy.yaml:6: retryAfter: "5" is not a duration such as 30s`,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, messages(t, test.text)); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

// TestBrokenYAML tests texts that the library refuses. Its errors have a line only in
// their text, so this text is the reason, and Line is 0.
func TestBrokenYAML(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text string }{
		{"open list", "name: a\nrules: ["},
		{"open quote", "name: 'a\n"},
		{"tab as indentation", "redaction:\n\tkeepMessage: true\n"},
		{"mapping in a value", "name: a: b\n"},
		{"unknown anchor", "name: *none\n"},
		{"control character", "name: a\x01\n"},
		{"surrogate", "name: \"\\ud800\"\n"},
		{"another version", "%YAML 9.9\n---\nname: a\n"},
		{"broken after the document", minimal + "...\n}\n"},
		{"broken second document", minimal + "---\n[\n"},
		{"deep list", "rules: " + strings.Repeat("[", 100_000)},
		{"deep mapping", strings.Repeat("{a: ", 100_000)},
		{"deep block", strings.Repeat("- ", 100_000)},
		{"deep and closed", "rules: " + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := messages(t, test.text)
			if len(got) != 1 || !strings.HasPrefix(got[0], file+": ") || strings.HasPrefix(got[0], file+": yaml") || len(got[0]) < 20 {
				t.Errorf("got %q, want one reason, without a line", got)
			}
		})
	}
}

// TestDeepNesting stays below the limit of the library.
func TestDeepNesting(t *testing.T) {
	t.Parallel()
	const depth = 9_000
	got := messages(t, "rules: "+strings.Repeat("[", depth)+strings.Repeat("]", depth)+"\n")
	if want := []string{"policy.yaml:1: Rule must be a mapping"}; !cmp.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestFileErrorWithoutLine: an error of the whole file has no line.
func TestFileErrorWithoutLine(t *testing.T) {
	t.Parallel()
	fault := &policy.FileError{File: "a.yaml", Reason: "the file is empty"}
	if got, want := fault.Error(), "a.yaml: the file is empty"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	fault.Line = 7
	if got, want := fault.Error(), "a.yaml:7: the file is empty"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestCopyOfABuiltin is how a user begins: with a copy, and a mistake in it.
func TestCopyOfABuiltin(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("documented.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(source)
	before, _, found := strings.Cut(text, "    reason: ROUTE_NOT_FOUND")
	if !found {
		t.Fatal("documented.yaml has no rule for ROUTE_NOT_FOUND")
	}
	line := strings.Count(before, "\n") + 1
	_, err = policy.Load("mine.yaml", []byte(strings.Replace(text, "reason: ROUTE_NOT_FOUND", "raeson: ROUTE_NOT_FOUND", 1)))
	var fault *policy.FileError
	if !errors.As(err, &fault) {
		t.Fatalf("got %v, want a *FileError", err)
	}
	if fault.File != "mine.yaml" || fault.Line != line {
		t.Errorf("got %s:%d, want mine.yaml:%d", fault.File, fault.Line, line)
	}
}
