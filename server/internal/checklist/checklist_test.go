package checklist_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/statusway/statusway/server/internal/apptest"
)

const (
	moduleRoot      = "../../.."
	checklistFolder = "../../testdata/checklist"
	conformanceHead = "<!-- conformance: written by go test ./server/internal/checklist -run TestConformanceSection -update -->\n"
	conformanceTail = "<!-- conformance ends -->\n"
)

var update = flag.Bool("update", false, "rewrite what is generated")

// The outcomes that an item may have beside a test, or in its place.
const (
	outcomeDecided       = "decided"
	outcomeNotApplicable = "not-applicable"
	outcomeImpossible    = "impossible"
)

// An item is one line of items.txt.
type item struct{ ID, Level string }

// isMust reports whether the item's source demands it.
func (i item) isMust() bool { return strings.HasPrefix(i.Level, "MUST") }

// outcomes is outcomes.yaml.
type outcomes struct {
	Rows      []outcome  `yaml:"rows"`
	Decisions []decision `yaml:"decisions"`
	// Exceptions are tested by nethttp_test.go.
	Exceptions []exception `yaml:"exceptions"`
}

// An outcome says why an item is not, or not wholly, done as it stands.
type outcome struct {
	ID      string `yaml:"id"`
	Outcome string `yaml:"outcome"`
	Why     string `yaml:"why"`
}

// A decision settles one of the questions on which the sources disagree.
type decision struct {
	Question string `yaml:"question"`
	Done     string `yaml:"done"`
	Why      string `yaml:"why"`
}

func readItems(t *testing.T) []item {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(checklistFolder, "items.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var items []item
	for line := range strings.Lines(string(text)) {
		id, level, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok && id != "#" {
			items = append(items, item{ID: id, Level: level})
		}
	}
	return items
}

func readOutcomes(t *testing.T) outcomes {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(checklistFolder, "outcomes.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all outcomes
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&all); err != nil {
		t.Fatalf("outcomes.yaml: %v", err)
	}
	return all
}

// claims are the places that say they test an item, by the item's ID.
func claims(t *testing.T) map[string][]string {
	t.Helper()
	claimed := map[string][]string{}
	for _, c := range apptest.LoadCases(t) {
		for _, id := range c.Checklist {
			claimed[id] = append(claimed[id], c.Name)
		}
	}
	err := filepath.WalkDir(moduleRoot, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".." {
			return fs.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found, err := claimsIn(path, source)
		for id, places := range found {
			claimed[id] = append(claimed[id], places...)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return claimed
}

// claimsIn reads the checklist comments of a Go file. Each stands right above a test
// or in it, so that whoever removes the test removes the claim.
func claimsIn(path string, source []byte) (map[string][]string, error) {
	const mark = "// checklist:"
	found := map[string][]string{}
	if !bytes.Contains(source, []byte(mark)) {
		return found, nil
	}
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, path, source, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("reading the claims: %w", err)
	}
	for _, group := range parsed.Comments {
		for _, comment := range group.List {
			list, ok := strings.CutPrefix(comment.Text, mark)
			if !ok {
				continue
			}
			name := testAround(parsed, comment)
			if name == "" {
				return nil, fmt.Errorf("%s: a checklist comment stands at no test", files.Position(comment.Pos()))
			}
			for id := range strings.SplitSeq(list, ",") {
				found[strings.TrimSpace(id)] = append(found[strings.TrimSpace(id)], name)
			}
		}
	}
	return found, nil
}

// testAround is the name of the test that a comment belongs to; empty if there is none.
func testAround(file *ast.File, comment *ast.Comment) string {
	for _, declared := range file.Decls {
		function, ok := declared.(*ast.FuncDecl)
		if !ok || function.Recv != nil || !strings.HasPrefix(function.Name.Name, "Test") && !strings.HasPrefix(function.Name.Name, "Fuzz") {
			continue
		}
		from := function.Pos()
		if function.Doc != nil {
			from = function.Doc.Pos()
		}
		if from <= comment.Pos() && comment.End() <= function.End() {
			return function.Name.Name
		}
	}
	return ""
}

// sectionFirst is how the reason begins that a MUST is decided otherwise.
var sectionFirst = regexp.MustCompile(`^(RFC [0-9]+|draft-[a-z0-9-]+) §[0-9.]+: `)

// checkOutcomes says what is wrong with the outcomes of the items.
func checkOutcomes(items []item, all outcomes, claimed map[string][]string) []string {
	var wrong []string
	fault := func(bad bool, format string, args ...any) {
		if bad {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	byID := map[string]item{}
	for _, one := range items {
		fault(byID[one.ID].ID != "", "%s is listed twice", one.ID)
		byID[one.ID] = one
	}
	rows := map[string]bool{}
	for _, row := range all.Rows {
		tests := claimed[row.ID]
		fault(byID[row.ID].ID == "", "%s: a row of an unknown item", row.ID)
		fault(rows[row.ID], "%s: a second row", row.ID)
		fault(!slices.Contains([]string{outcomeDecided, outcomeNotApplicable, outcomeImpossible}, row.Outcome), "%s: %q is no outcome", row.ID, row.Outcome)
		fault(!isSentence(row.Why), "%s: the reason is no sentence", row.ID)
		fault(row.Outcome != outcomeDecided && len(tests) > 0, "%s is %s, and yet tested by %v", row.ID, row.Outcome, tests)
		fault(byID[row.ID].isMust() && row.Outcome == outcomeDecided && !sectionFirst.MatchString(row.Why),
			"%s is a MUST, so the reason begins with the section that allows it", row.ID)
		rows[row.ID] = true
	}
	for _, one := range items {
		fault(len(claimed[one.ID]) == 0 && !rows[one.ID], "%s has neither a test nor a row", one.ID)
	}
	for id, tests := range claimed {
		fault(byID[id].ID == "", "%v: there is no item %q", tests, id)
	}
	for i, one := range all.Decisions {
		fault(one.Question == "" || !isSentence(one.Done) || !isSentence(one.Why), "decision %d is not complete", i+1)
	}
	slices.Sort(wrong)
	return wrong
}

func isSentence(text string) bool {
	return strings.HasSuffix(text, ".") && !strings.Contains(text, "\n")
}

// disagreements is how many questions section 25 of the checklist lists.
const disagreements = 9

func TestEveryItemHasAnOutcome(t *testing.T) {
	t.Parallel()
	items, all := readItems(t), readOutcomes(t)
	for _, wrong := range checkOutcomes(items, all, claims(t)) {
		t.Error(wrong)
	}
	if len(items) != 254 || len(all.Decisions) != disagreements {
		t.Errorf("%d items and %d decisions, want 254 and %d", len(items), len(all.Decisions), disagreements)
	}
}

func TestCheckOutcomes(t *testing.T) {
	t.Parallel()
	items := []item{{"A-01", "MUST"}, {"A-02", "SHOULD"}}
	tested := map[string][]string{"A-01": {"TestA"}, "A-02": {"TestA"}}
	row := func(id, result, why string) outcomes {
		return outcomes{Rows: []outcome{{ID: id, Outcome: result, Why: why}}}
	}
	for name, test := range map[string]struct {
		all     outcomes
		claimed map[string][]string
		wrong   []string
	}{
		"tested":              {outcomes{}, tested, nil},
		"neither":             {outcomes{}, map[string][]string{"A-01": {"TestA"}}, []string{"A-02 has neither a test nor a row"}},
		"a row":               {row("A-02", "not-applicable", "So."), map[string][]string{"A-01": {"TestA"}}, nil},
		"unknown test":        {outcomes{}, map[string][]string{"A-01": {"T"}, "A-02": {"T"}, "A-03": {"T"}}, []string{`[T]: there is no item "A-03"`}},
		"unknown row":         {row("A-03", "decided", "So."), tested, []string{"A-03: a row of an unknown item"}},
		"impossible, tested":  {row("A-02", "impossible", "So."), tested, []string{"A-02 is impossible, and yet tested by [TestA]"}},
		"inapplicable, done":  {row("A-02", "not-applicable", "So."), tested, []string{"A-02 is not-applicable, and yet tested by [TestA]"}},
		"decided SHOULD":      {row("A-02", "decided", "So."), tested, nil},
		"decided MUST":        {row("A-01", "decided", "So."), tested, []string{"A-01 is a MUST, so the reason begins with the section that allows it"}},
		"decided MUST, why":   {row("A-01", "decided", "RFC 9110 §15.5.1: so."), tested, nil},
		"decided MUST, draft": {row("A-01", "decided", "draft-ietf-x-06 §2: so."), tested, nil},
		"another outcome":     {row("A-02", "wontfix", "So."), tested, []string{"A-02 is wontfix, and yet tested by [TestA]", `A-02: "wontfix" is no outcome`}},
		"no sentence":         {row("A-02", "decided", ""), tested, []string{"A-02: the reason is no sentence"}},
		"a question, open":    {outcomes{Decisions: []decision{{"Q", "Done.", ""}}}, tested, []string{"decision 1 is not complete"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.wrong, checkOutcomes(items, test.all, test.claimed)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A claim counts only where a test is.
func TestClaimsIn(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		source string
		claims map[string][]string
		fails  bool
	}{
		"above":      {"// TestX is.\n//\n// checklist: A-01, B-02\nfunc TestX() {}", map[string][]string{"A-01": {"TestX"}, "B-02": {"TestX"}}, false},
		"inside":     {"func FuzzX() {\n\t// checklist: A-01\n}", map[string][]string{"A-01": {"FuzzX"}}, false},
		"far above":  {"// checklist: A-01\n\nfunc TestX() {}", nil, true},
		"below":      {"func TestX() {}\n\n// checklist: A-01", nil, true},
		"a helper":   {"// checklist: A-01\nfunc helper() {}", nil, true},
		"a variable": {"// checklist: A-01\nvar TestX int", nil, true},
		"a method":   {"// checklist: A-01\nfunc (t T) TestX() {}", nil, true},
		"none":       {"func TestX() {}", map[string][]string{}, false},
		"a string":   {"func TestX() { _ = `// checklist: A-01` }", map[string][]string{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := claimsIn("x_test.go", []byte("package x\n\n"+test.source+"\n"))
			if diff := cmp.Diff(test.claims, got); diff != "" || (err != nil) != test.fails {
				t.Errorf("error %v, want one: %t; (-want +got):\n%s", err, test.fails, diff)
			}
		})
	}
}

// TestConformanceSection holds what README.md shows to what outcomes.yaml says.
func TestConformanceSection(t *testing.T) {
	t.Parallel()
	file := filepath.Join(moduleRoot, "README.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), conformanceHead)
	shown, after, ends := strings.Cut(rest, conformanceTail)
	if !begins || !ends {
		t.Fatalf("README.md has no section between %s and %s", conformanceHead, conformanceTail)
	}
	want := conformanceSection(readItems(t), readOutcomes(t))
	if shown == want {
		return
	}
	if !*update {
		t.Fatalf("README.md does not say what outcomes.yaml says; run with -update (-want +got):\n%s", cmp.Diff(want, shown))
	}
	if err := os.WriteFile(file, []byte(before+conformanceHead+want+conformanceTail+after), 0o600); err != nil {
		t.Fatal(err)
	}
}

// conformanceSection is the section of README.md.
func conformanceSection(items []item, all outcomes) string {
	levels, musts := map[string]string{}, 0
	for _, one := range items {
		levels[one.ID] = one.Level
		if one.isMust() {
			musts++
		}
	}
	by := map[string]int{}
	for _, row := range all.Rows {
		by[row.Outcome]++
	}
	var out strings.Builder
	fmt.Fprintf(&out, "\n[`items.txt`](server/testdata/checklist/items.txt) lists %d requirements of RFC 9110 and related RFCs, "+
		"google.rpc and the gRPC protocol, %d of\n"+
		"them MUST. Each has a test that carries its ID, or a row here, or both; a test fails if an item has neither. This server decides %d of them\n"+
		"differently in part or in whole, %d do not apply, and net/http makes %d impossible.\n\n",
		len(items), musts, by[outcomeDecided], by[outcomeNotApplicable], by[outcomeImpossible])
	out.WriteString("| item | level | outcome | why |\n|---|---|---|---|\n")
	for _, row := range all.Rows {
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", row.ID, levels[row.ID], row.Outcome, row.Why)
	}
	out.WriteString("\nWhere the sources disagree:\n\n| question | what is done | why |\n|---|---|---|\n")
	for _, one := range all.Decisions {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", one.Question, one.Done, one.Why)
	}
	out.WriteString("\nWhat net/http decides before the gateway sees the request, over TLS and without it:\n\n" +
		"| a client sends | and gets | why |\n|---|---|---|\n")
	for _, one := range all.Exceptions {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", one.Sent, one.Gets, one.Why)
	}
	out.WriteString("\n")
	return out.String()
}
