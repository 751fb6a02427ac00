package gateway_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The arrows between packages are depguard's rules in .golangci.yml. The linter shows them in an editor; the tests here
// read the same list, so that `go test` alone checks them.

// module is the prefix of every import path of this repository.
const module = "github.com/statusway/statusway/"

// rule is one rule of depguard: the allowed imports of the files that match its patterns.
//
// An entry of Allow and Deny covers an import path and all below it; it covers only what is below when it ends in "/",
// and only the path itself when it ends in "$". "$gostd" covers the standard library. The longer entry wins.
type rule struct {
	Files    []string
	ListMode string `yaml:"list-mode"`
	Allow    []string
	Deny     []struct{ Pkg, Desc string }

	name     string
	patterns []*regexp.Regexp // of Files
}

// readRules parses the depguard rules of a golangci-lint configuration, sorted by name.
func readRules(text []byte) ([]rule, error) {
	var config struct {
		Linters struct {
			Settings struct {
				Depguard struct{ Rules map[string]rule }
			}
		}
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		return nil, err
	}
	var rules []rule
	for _, name := range slices.Sorted(maps.Keys(config.Linters.Settings.Depguard.Rules)) {
		r := config.Linters.Settings.Depguard.Rules[name]
		r.name = name
		for _, pattern := range r.Files {
			compiled, err := compile(pattern)
			if err != nil {
				return nil, err
			}
			r.patterns = append(r.patterns, compiled)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// depguardRules returns the rules of this repository.
func depguardRules(t *testing.T) []rule {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository(t), ".golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := readRules(text)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestPackagesKeepTheirArrows(t *testing.T) {
	t.Parallel()
	root := repository(t)
	rules := depguardRules(t)
	for _, broken := range violations(t, rules, root) {
		t.Error(broken)
	}
	// A generated package is always there, so finding none means that this test looks in the wrong place.
	folders := sourceFolders(t, root)
	if !slices.Contains(folders, "gen/go/statusway/v1") {
		t.Errorf("no generated package among the folders with Go code: %v", folders)
	}
	// Without this a new package would be free of rules until somebody noticed.
	for _, folder := range folders {
		covered := slices.ContainsFunc(rules, func(r rule) bool { return !slices.Contains(r.Files, "$all") && r.covers(folder+"/x.go") })
		if strings.HasPrefix(folder, "gateway") && !covered {
			t.Errorf("%s has no rule in .golangci.yml: say what it must not import", folder)
		}
	}
}

// TestRulesBite puts one file at a time into an empty repository, so that a rule that matches nothing is noticed.
func TestRulesBite(t *testing.T) {
	t.Parallel()
	rules := depguardRules(t)
	bitten := map[string]bool{}
	for _, test := range []struct{ file, imports, broken string }{
		{"gateway/policy/x.go", "net/http", "policy"},
		{"gateway/policy/sub/x.go", "os/exec", "policy"},
		{"gateway/policy/x_test.go", "net/http", ""},
		{"gateway/policy/x.go", "google.golang.org/grpc/codes", ""},
		{"gateway/policy/x.go", "google.golang.org/grpc/codes/x", "policy"},
		{"gateway/policy/x.go", "google.golang.org/grpc", "policy"},
		{"gateway/policy/x.go", module + "gen/go/statusway/v1", ""},
		{"gateway/policy/x.go", module + "gen/go/entity/v1", "policy"},
		{"gateway/policy/x.go", module + "gen/go/statusway/mapping/v1", "policy"},
		{"server/x.go", "io/ioutil", "main"},
		{"gateway/internal/rfc9110/x.go", "net/netip", ""},
		{"gateway/internal/rfc9110/x.go", "net/http/httptest", "rfc9110"},
		{"gateway/internal/rfc9110/x.go", "github.com/google/go-cmp/cmp", "rfc9110"},
		{"gateway/internal/rfc9110/x.go", module + "gateway/policy", "rfc9110"},
		{"gateway/internal/route/x.go", "golang.org/x/text", "route"},
		{"gateway/internal/jsoncodec/x.go", module + "gateway/internal/respond", "jsoncodec"},
		{"gateway/internal/contract/x.go", module + "gateway/policy", ""},
		{"gateway/internal/contract/x.go", module + "gateway/internal/exchange", "contract"},
		{"gateway/internal/exchange/x.go", module + "gateway/internal/respond", "exchange"},
		{"gateway/internal/exchange/x.go", "google.golang.org/grpc/metadata", "exchange"},
		{"gateway/observe/x.go", module + "gateway/internal/exchange", "observe"},
		{"gateway/observe/x.go", "google.golang.org/grpc/status", "observe"},
		{"gateway/ratelimit/x.go", module + "gateway/internal/respond", "ratelimit"},
		{"gateway/ratelimit/x.go", "google.golang.org/grpc/status", ""},
		{"gateway/identity/x.go", "google.golang.org/grpc/status", "interfaces"},
		{"gateway/idempotency/x.go", "database/sql", "interfaces"},
		{"gateway/idempotency/x.go", "crypto/sha256", ""},
		{"gateway/internal/backend/x.go", module + "gateway/dynamic", "backend"},
		{"gateway/internal/backend/x.go", module + "gateway/internal/exchange", ""},
		{"gateway/internal/address/x.go", module + "gateway/policy", "address"},
		{"gateway/internal/budget/x.go", "sync", ""},
		{"gateway/internal/budget/x.go", module + "gateway/internal/exchange", "budget"},
		{"gateway/internal/respond/x.go", module + "gateway/internal/budget", ""},
		{"gateway/internal/respond/x.go", module + "gateway/internal/rules", "respond"},
		{"gateway/internal/respond/x.go", "github.com/grpc-ecosystem/grpc-gateway/v2/runtime", "respond"},
		{"gateway/internal/rules/x.go", module + "gateway/generated", "rules"},
		{"gateway/internal/rules/body/x.go", module + "gateway/internal/rules/rate", "rules"},
		{"gateway/internal/rules/x.go", "os", ""},
		{"gateway/generated/x.go", "github.com/grpc-ecosystem/grpc-gateway/v2/runtime", ""},
		{"gateway/generated/x.go", module + "gateway/dynamic", "generated"},
		{"gateway/dynamic/x.go", module + "gateway/generated", "dynamic"},
		{"gateway/internal/forward/x.go", module + "gateway/generated", "forward"},
		{"gateway/internal/request/x.go", module + "gateway/dynamic", "request"},
		{"gateway/dynamic/x.go", module + "gateway/internal/request", ""},
		{"gateway/inprocess/x.go", module + "gateway/internal/exchange", "inprocess"},
		{"gateway/observe/tracing/x.go", module + "gateway/internal/respond", "tracing"},
		{"gateway/observe/tracing/x.go", "go.opentelemetry.io/otel/trace", ""},
		{"gateway/observe/metrics/x.go", module + "gateway/internal/respond", "metrics"},
		{"gateway/observe/metrics/x.go", "github.com/prometheus/client_golang/prometheus", ""},
		{"gateway/ratelimit/memory/x.go", module + "gateway/internal/exchange", "memory"},
		{"gateway/internal/forward/x.go", "go.opentelemetry.io/otel/trace", "telemetry"},
		{"gateway/x.go", "github.com/prometheus/client_golang/prometheus", "telemetry"},
		{"gateway/openapi/x.go", "google.golang.org/grpc/codes", ""},
		{"gateway/openapi/x.go", module + "gateway/internal/respond", "openapi"},
		{"gateway/openapi/x.go", "net/http", "openapi"},
		{"gateway/problem/x.go", module + "gateway/internal/jsoncodec", ""},
		{"gateway/problem/x.go", module + "gateway/internal/respond", "problem"},
		{"gateway/x.go", module + "gateway/internal/rules", ""},
		{"gateway/x.go", module + "gateway/generated", "gateway"},
		{"gateway/x.go", "os/signal", "gateway"},
		{"server/internal/entity/x.go", module + "server/internal/entity/sub", ""},
		{"server/internal/entity/x.go", module + "server/internal/entitysvc", "entity"},
		{"server/internal/conformance/suite/x.go", module + "server/internal/conformance", ""},
		{"server/internal/conformance/x.go", module + "server/internal/conformancesvc", "conformance"},
		{"server/internal/conformance/x.go", module + "gateway/internal/respond", "conformance"},
		{"server/internal/entitysvc/x.go", module + "gateway/policy", ""},
		{"server/internal/entitysvc/x.go", "net/http", "services"},
		{"server/internal/entitysvc/x.go", module + "server/internal/store/sqlite", "stores-behind-app"},
		{"server/internal/interceptor/x.go", module + "gateway/policy", "interceptor"},
		{"server/internal/store/sqlite/x.go", "database/sql", ""},
		{"server/internal/store/sqlite/x.go", module + "server/internal/entity", ""},
		{"server/internal/store/sqlite/x.go", module + "server/internal/store/postgres", "store"},
		{"server/internal/tour/x.go", "net/http", ""},
		{"server/internal/tour/x.go", module + "gateway/policy", "tour"},
		{"server/internal/catalogue/x.go", module + "gateway/internal/respond", ""},
		{"server/internal/catalogue/x.go", module + "server/internal/mappingsvc", ""},
		{"server/internal/catalogue/x.go", module + "server/internal/entitysvc", "catalogue"},
		{"server/internal/catalogue/x.go", module + "gen/go/entity/v1", "catalogue"},
		{"server/internal/app/x.go", module + "server/internal/store/sqlite", ""},
		{"server/internal/app/x.go", "github.com/spf13/cobra", "app"},
		{"server/main.go", "os", ""},
	} {
		root := t.TempDir()
		file := filepath.Join(root, filepath.FromSlash(test.file))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, fmt.Appendf(nil, "package x\n\nimport _ %q\n", test.imports), 0o600); err != nil {
			t.Fatal(err)
		}
		broken := []string{}
		for _, v := range violations(t, rules, root) {
			broken = append(broken, v.rule.name)
			bitten[v.rule.name] = true
		}
		if got := strings.Join(broken, ", "); got != test.broken {
			t.Errorf("%s imports %s: broken rules %q, want %q", test.file, test.imports, got, test.broken)
		}
	}
	for _, r := range rules {
		if !bitten[r.name] {
			t.Errorf("no case above breaks the rule %s", r.name)
		}
		for _, entry := range r.Deny {
			if entry.Desc == "" {
				t.Errorf("the rule %s denies %s without a reason", r.name, entry.Pkg)
			}
		}
	}
}

// TestRulesAreReadAsTheLinterReadsThem checks the meaning of a rule: files, list modes, and the longest entry.
func TestRulesAreReadAsTheLinterReadsThem(t *testing.T) {
	t.Parallel()
	rules, err := readRules([]byte(`
linters:
  settings:
    depguard:
      rules:
        closed: {files: ["${base-path}/a/**"], list-mode: original, allow: [$gostd, m.org/a/], deny: [{pkg: net/http}]}
        lax: {files: ["${base-path}/*svc/**", "!${base-path}/xsvc/**", "!$test"], list-mode: lax, allow: [m.org/a/b$], deny: [{pkg: m.org/}, {pkg: os}]}
        one: {files: ["${base-path}/c/*.go"], deny: [{pkg: log$}]}
        strict: {files: ["${base-path}/d/**"], list-mode: strict, allow: [m.org/a/b], deny: [{pkg: m.org/a}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ file, imports, broken string }{
		{"a/b/x.go", "net", ""},
		{"a/x.go", "net/http/httptest", "closed"},
		{"a/x.go", "m.org/a/b", ""},
		{"a/x.go", "m.org/a", "closed"},
		{"a/x.go", "m.org/b", "closed"},
		{"b/x.go", "m.org/b", ""},
		{"asvc/x.go", "m.org/a/b", ""},
		{"asvc/b/x.go", "m.org/a/b/c", "lax"},
		{"asvc/x_test.go", "m.org/a", ""},
		{"xsvc/x.go", "m.org/a", ""},
		{"asvc/x.go", "n.org/a", ""},
		{"asvc/x.go", "os/exec", "lax"},
		{"asvc/x.go", "oslo", ""},
		{"c/x.go", "log", "one"},
		{"c/x.go", "log/slog", ""},
		{"c/d/x.go", "log", ""},
		{"d/x.go", "m.org/a/b", ""},
		{"d/x.go", "m.org/a/c", "strict"},
		{"d/x.go", "os", "strict"},
	} {
		var broken []string
		for _, r := range rules {
			if r.covers(test.file) && !r.permits(test.imports) {
				broken = append(broken, r.name)
			}
		}
		if got := strings.Join(broken, ", "); got != test.broken {
			t.Errorf("%s imports %s: broken rules %q, want %q", test.file, test.imports, got, test.broken)
		}
	}
}

// violation is one import that one rule denies.
type violation struct {
	file, imports string
	rule          rule
}

func (v violation) String() string {
	reason := "it is not allowed"
	for _, entry := range v.rule.Deny {
		if covered([]string{entry.Pkg}, v.imports) > 0 {
			reason = entry.Desc
		}
	}
	return fmt.Sprintf("%s imports %s: %s (rule %s)", v.file, v.imports, reason, v.rule.name)
}

// violations reads the imports of every Go file below root that is not a test.
func violations(t *testing.T, rules []rule, root string) []violation {
	t.Helper()
	var found []violation
	for _, file := range sources(t, root) {
		syntax, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rules {
			if !r.covers(file) {
				continue
			}
			for _, spec := range syntax.Imports {
				imports, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				if !r.permits(imports) {
					found = append(found, violation{file: file, imports: imports, rule: r})
				}
			}
		}
	}
	return found
}

// covers reports whether the rule is about a file.
func (r rule) covers(file string) bool {
	matched := false
	for i, pattern := range r.patterns {
		if !pattern.MatchString(file) {
			continue
		}
		if strings.HasPrefix(r.Files[i], "!") {
			return false
		}
		matched = true
	}
	return matched
}

// compile returns the expression for a pattern of depguard: "**" matches any folders, "*" part of a name.
func compile(pattern string) (*regexp.Regexp, error) {
	switch pattern = strings.TrimPrefix(pattern, "!"); pattern {
	case "$all":
		return regexp.MustCompile(""), nil
	case "$test":
		return regexp.MustCompile(`_test\.go$`), nil
	}
	quoted := regexp.QuoteMeta(strings.TrimPrefix(pattern, "${base-path}/"))
	return regexp.Compile("^" + strings.NewReplacer(`\*\*`, `.*`, `\*`, `[^/]*`).Replace(quoted) + "$")
}

// permits decides as depguard does.
func (r rule) permits(imports string) bool {
	var deny []string
	for _, entry := range r.Deny {
		deny = append(deny, entry.Pkg)
	}
	allowed, denied := covered(r.Allow, imports), covered(deny, imports)
	switch r.ListMode {
	case "lax":
		return denied == 0 || allowed > denied
	case "strict":
		return allowed > denied
	default: // original
		return denied == 0 && (allowed > 0 || len(r.Allow) == 0)
	}
}

// covered returns the length of the longest entry that covers the import path, or 0.
func covered(entries []string, imports string) int {
	length := 0
	for _, entry := range entries {
		first, _, _ := strings.Cut(imports, "/")
		exact, isExact := strings.CutSuffix(entry, "$")
		matched := imports == entry || strings.HasPrefix(imports, strings.TrimSuffix(entry, "/")+"/")
		switch {
		case entry == "$gostd":
			matched = !strings.Contains(first, ".")
		case isExact:
			matched = imports == exact
		}
		if matched {
			length = max(length, len(entry))
		}
	}
	return length
}
