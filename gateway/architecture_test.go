package gateway_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// The linter holds the same arrows (.golangci.yml, depguard) and shows them in an editor. They stand here once more so
// that `go test` alone holds them, and so that loosening one takes two edits that a reviewer sees side by side.

// module is the prefix of every import path of this repository.
const module = "github.com/statusway/statusway/"

// rule says what the packages of one folder may import. Test files may import more.
//
// An entry of allow and deny covers an import path and all below it; it covers only what is below when it ends in "/",
// and only the path itself when it ends in "$". "$gostd" covers the standard library. The longer entry wins.
type rule struct {
	name   string   // the same rule's name in .golangci.yml
	why    string   // printed when the rule is broken
	folder string   // from the top of the repository, as for path.Match; covers its subfolders
	except []string // folders below it that the rule does not cover
	alone  bool     // the subfolders have rules of their own
	closed bool     // what is not allowed is denied
	allow  []string
	deny   []string
}

func rules() []rule {
	statusway := module + "gen/go/statusway/"
	below := func(names ...string) []string {
		for i, name := range names {
			names[i] = module + "gateway/" + name
		}
		return append(names, statusway)
	}
	return []rule{
		{
			name: "mapping", folder: "gateway/mapping", why: "the core is a function of its input: no I/O, no clock, no transport",
			allow: append(below("mapping/"), "google.golang.org/grpc/codes$"),
			deny: []string{
				module, "net$", "net/http", "os", "database/sql", "math/rand", "google.golang.org/grpc", "github.com/grpc-ecosystem",
			},
		},
		{
			name: "rfc9110", folder: "gateway/rfc9110", why: "strings in, values out",
			closed: true, allow: []string{"$gostd", module + "gateway/rfc9110/"}, deny: []string{"net/http"},
		},
		{
			name: "route", folder: "gateway/route", why: "strings in, values out",
			closed: true, allow: []string{"$gostd", module + "gateway/route/"},
		},
		{
			name: "jsoncodec", folder: "gateway/jsoncodec", why: "messages in, bytes out",
			allow: below("jsoncodec/"), deny: []string{module, "net/http", "google.golang.org/grpc", "github.com/grpc-ecosystem"},
		},
		{
			name: "contract", folder: "gateway/contract", why: "a contract is read once from descriptors, before any request",
			allow: below("contract/", "mapping", "route"), deny: []string{module, "net/http"},
		},
		{
			name: "exchange", folder: "gateway/exchange", why: "an exchange knows neither who fills it nor who answers",
			allow: below("contract", "exchange/", "internal/budget$", "mapping", "rfc9110", "route"),
			deny:  []string{module, "google.golang.org/grpc", "github.com/grpc-ecosystem"},
		},
		{
			name: "budget", folder: "gateway/internal/budget", why: "bytes are counted whatever they are of",
			closed: true, allow: []string{"$gostd"}, deny: []string{"net/http"},
		},
		{
			name: "respond", folder: "gateway/respond", why: "one encoder serves every backend and depends on none",
			allow: below("contract", "exchange", "internal/budget$", "jsoncodec", "mapping", "respond/", "rfc9110", "route"),
			deny:  []string{module, "github.com/grpc-ecosystem"},
		},
		{
			name: "middleware", folder: "gateway/middleware", why: "one HTTP rule knows no backend, no service and no other rule",
			allow: below("contract", "exchange", "internal/budget$", "mapping", "respond", "rfc9110", "route"),
			deny:  []string{module, "github.com/grpc-ecosystem"},
		},
		{
			name: "forward", folder: "gateway/forward", why: "what both backends do alike knows neither",
			allow: below("contract", "exchange", "forward/", "jsoncodec", "mapping", "respond", "rfc9110"),
			deny:  []string{module, "github.com/grpc-ecosystem"},
		},
		{
			name: "request", folder: "gateway/internal/request", why: "both backends send the same messages, so what makes them knows neither",
			allow: below("contract", "exchange", "internal/request/", "jsoncodec", "mapping", "respond", "route"),
			deny:  []string{module, "github.com/grpc-ecosystem"},
		},
		{
			name: "transcode", folder: "gateway/transcode", why: "a backend calls and reports; services are handed to it",
			allow: below("contract", "exchange", "forward", "internal/request", "jsoncodec", "mapping", "respond", "rfc9110", "route", "transcode/"),
			deny:  []string{module},
		},
		{
			name: "dynamic", folder: "gateway/dynamic", why: "the two backends give the same answers without knowing each other",
			allow: below("contract", "dynamic/", "exchange", "forward", "internal/request", "jsoncodec", "mapping", "respond", "rfc9110", "route"),
			deny:  []string{module},
		},
		{
			name: "inprocess", folder: "gateway/inprocess", why: "useful without the gateway",
			allow: []string{module + "gateway/inprocess/"}, deny: []string{module},
		},
		{
			name: "tracing", folder: "gateway/tracing", why: "a tracer sees the exchange, and nobody who fills it",
			allow: below("exchange", "mapping", "tracing/"), deny: []string{module, "github.com/grpc-ecosystem"},
		},
		{
			name: "metrics", folder: "gateway/metrics", why: "metrics see the exchange, and what decides beside it",
			allow: below("exchange", "mapping", "metrics/", "middleware"), deny: []string{module, "github.com/grpc-ecosystem"},
		},
		{
			name: "limiter", folder: "gateway/limiter", why: "a limiter counts what the middleware tells it of",
			allow: below("limiter/", "middleware"), deny: []string{module},
		},
		{
			name: "telemetry", folder: "gateway", why: "who wants neither traces nor metrics links nothing for them",
			except: []string{"gateway/metrics", "gateway/tracing"}, deny: []string{"github.com/prometheus", "go.opentelemetry.io"},
		},
		{
			name: "openapi", folder: "gateway/openapi", why: "a document is made of what is declared, before any request",
			allow: append(below("contract", "mapping", "openapi/", "route"), "google.golang.org/grpc/codes$"),
			deny:  []string{module, "net/http", "os", "google.golang.org/grpc", "github.com/grpc-ecosystem"},
		},
		{
			name: "problem", folder: "gateway/problem", why: "a client needs nothing of the server that it speaks to",
			allow: below("jsoncodec", "problem/"), deny: []string{module},
		},
		{
			name: "gateway", folder: "gateway", alone: true, why: "the caller chooses the backend and hands in the configuration",
			allow: below("contract", "exchange", "jsoncodec", "mapping", "middleware", "respond", "rfc9110", "route"),
			deny:  []string{module, "os", "flag"},
		},
		{
			name: "entity", folder: "server/internal/entity", why: "the domain is the same under any transport and any store",
			allow: []string{module + "server/internal/entity/"},
			deny:  []string{module, "net/http", "database/sql", "modernc.org", "github.com/jackc", "google.golang.org/grpc"},
		},
		{
			name: "conformance", folder: "server/internal/conformance", why: "who runs cases knows no more of a server than its address and its policy",
			allow: []string{
				module + "server/internal/conformance$", module + "server/internal/conformance/", module + "gateway/mapping",
				module + "server/internal/terminal$",
			},
			deny: []string{module, "google.golang.org/grpc"},
		},
		{
			name: "services", folder: "server/internal/*svc", why: "a service speaks gRPC; HTTP is declared in proto",
			deny: []string{"net/http"},
		},
		{
			name: "interceptor", folder: "server/internal/interceptor", why: "a gRPC client gets the same status with no gateway before it",
			deny: []string{"net/http", module + "gateway"},
		},
		{
			name: "store", folder: "server/internal/store", why: "a store knows the domain and SQL, and no other store",
			deny: []string{"net/http", "google.golang.org/grpc", module + "gateway", module + "gen/", module + "server/internal/store/"},
		},
		{
			name: "stores-behind-app", folder: "server/internal", why: "only app chooses a store",
			except: []string{"server/internal/app", "server/internal/store"}, deny: []string{module + "server/internal/store"},
		},
		{
			name: "tour", folder: "server/internal/tour", why: "a tour is a client of any server, and knows what is sent and not who answers",
			allow: []string{module + "server/internal/tour/", module + "server/internal/terminal$"}, deny: []string{module},
		},
		{
			name: "catalogue", folder: "server/internal/catalogue", why: "the pages show a policy and a tour, and know no service but the one that maps",
			allow: []string{module + "server/internal/catalogue/", module + "server/internal/mappingsvc$", module + "server/internal/tour$"},
			deny:  []string{module + "server/", module + "gen/go/entity/", module + "gateway/transcode", module + "gateway/dynamic"},
		},
		{
			name: "app", folder: "server/internal/app", why: "app takes a validated configuration, so that tests need no command line",
			deny: []string{"flag", "github.com/spf13"},
		},
	}
}

func TestPackagesKeepTheirArrows(t *testing.T) {
	t.Parallel()
	root := repository(t)
	for _, broken := range violations(t, root) {
		t.Error(broken)
	}
	// A generated package is always there, so finding none means that this test looks in the wrong place.
	folders := sourceFolders(t, root)
	if !slices.Contains(folders, "gen/go/statusway/v1") {
		t.Errorf("no generated package among the folders with Go code: %v", folders)
	}
	// Without this a new package would be free of rules until somebody noticed.
	for _, folder := range folders {
		covered := slices.ContainsFunc(rules(), func(r rule) bool { return r.covers(folder) })
		if strings.HasPrefix(folder, "gateway") && !covered {
			t.Errorf("%s has no rule here and in .golangci.yml: say what it must not import", folder)
		}
	}
}

// TestRulesBite puts one file at a time into an empty repository, so that a rule that matches nothing is noticed.
func TestRulesBite(t *testing.T) {
	t.Parallel()
	bitten := map[string]bool{}
	for _, test := range []struct{ file, imports, broken string }{
		{"gateway/mapping/x.go", "net/http", "mapping"},
		{"gateway/mapping/sub/x.go", "os/exec", "mapping"},
		{"gateway/mapping/x_test.go", "net/http", ""},
		{"gateway/mapping/x.go", "google.golang.org/grpc/codes", ""},
		{"gateway/mapping/x.go", "google.golang.org/grpc/codes/x", "mapping"},
		{"gateway/mapping/x.go", "google.golang.org/grpc", "mapping"},
		{"gateway/mapping/x.go", module + "gen/go/statusway/v1", ""},
		{"gateway/mapping/x.go", module + "gen/go/entity/v1", "mapping"},
		{"gateway/rfc9110/x.go", "net/netip", ""},
		{"gateway/rfc9110/x.go", "net/http/httptest", "rfc9110"},
		{"gateway/rfc9110/x.go", "github.com/google/go-cmp/cmp", "rfc9110"},
		{"gateway/rfc9110/x.go", module + "gateway/mapping", "rfc9110"},
		{"gateway/route/x.go", "golang.org/x/text", "route"},
		{"gateway/jsoncodec/x.go", module + "gateway/respond", "jsoncodec"},
		{"gateway/contract/x.go", module + "gateway/mapping", ""},
		{"gateway/contract/x.go", module + "gateway/exchange", "contract"},
		{"gateway/exchange/x.go", module + "gateway/respond", "exchange"},
		{"gateway/exchange/x.go", "google.golang.org/grpc/metadata", "exchange"},
		{"gateway/internal/budget/x.go", "sync", ""},
		{"gateway/internal/budget/x.go", module + "gateway/exchange", "budget"},
		{"gateway/respond/x.go", module + "gateway/internal/budget", ""},
		{"gateway/respond/x.go", module + "gateway/middleware", "respond"},
		{"gateway/respond/x.go", "github.com/grpc-ecosystem/grpc-gateway/v2/runtime", "respond"},
		{"gateway/middleware/x.go", module + "gateway/transcode", "middleware"},
		{"gateway/middleware/body/x.go", module + "gateway/middleware/rate", "middleware"},
		{"gateway/middleware/x.go", "os", ""},
		{"gateway/transcode/x.go", "github.com/grpc-ecosystem/grpc-gateway/v2/runtime", ""},
		{"gateway/transcode/x.go", module + "gateway/dynamic", "transcode"},
		{"gateway/dynamic/x.go", module + "gateway/transcode", "dynamic"},
		{"gateway/forward/x.go", module + "gateway/transcode", "forward"},
		{"gateway/internal/request/x.go", module + "gateway/dynamic", "request"},
		{"gateway/dynamic/x.go", module + "gateway/internal/request", ""},
		{"gateway/inprocess/x.go", module + "gateway/exchange", "inprocess"},
		{"gateway/tracing/x.go", module + "gateway/respond", "tracing"},
		{"gateway/tracing/x.go", "go.opentelemetry.io/otel/trace", ""},
		{"gateway/metrics/x.go", module + "gateway/respond", "metrics"},
		{"gateway/metrics/x.go", "github.com/prometheus/client_golang/prometheus", ""},
		{"gateway/limiter/x.go", module + "gateway/exchange", "limiter"},
		{"gateway/forward/x.go", "go.opentelemetry.io/otel/trace", "telemetry"},
		{"gateway/x.go", "github.com/prometheus/client_golang/prometheus", "telemetry"},
		{"gateway/openapi/x.go", "google.golang.org/grpc/codes", ""},
		{"gateway/openapi/x.go", module + "gateway/respond", "openapi"},
		{"gateway/openapi/x.go", "net/http", "openapi"},
		{"gateway/problem/x.go", module + "gateway/jsoncodec", ""},
		{"gateway/problem/x.go", module + "gateway/respond", "problem"},
		{"gateway/x.go", module + "gateway/middleware", ""},
		{"gateway/x.go", module + "gateway/transcode", "gateway"},
		{"gateway/x.go", "os/signal", "gateway"},
		{"server/internal/entity/x.go", module + "server/internal/entity/sub", ""},
		{"server/internal/entity/x.go", module + "server/internal/entitysvc", "entity"},
		{"server/internal/conformance/suite/x.go", module + "server/internal/conformance", ""},
		{"server/internal/conformance/x.go", module + "server/internal/conformancesvc", "conformance"},
		{"server/internal/conformance/x.go", module + "gateway/respond", "conformance"},
		{"server/internal/entitysvc/x.go", module + "gateway/mapping", ""},
		{"server/internal/entitysvc/x.go", "net/http", "services"},
		{"server/internal/entitysvc/x.go", module + "server/internal/store/sqlite", "stores-behind-app"},
		{"server/internal/interceptor/x.go", module + "gateway/mapping", "interceptor"},
		{"server/internal/store/sqlite/x.go", "database/sql", ""},
		{"server/internal/store/sqlite/x.go", module + "server/internal/entity", ""},
		{"server/internal/store/sqlite/x.go", module + "server/internal/store/postgres", "store"},
		{"server/internal/tour/x.go", "net/http", ""},
		{"server/internal/tour/x.go", module + "gateway/mapping", "tour"},
		{"server/internal/catalogue/x.go", module + "gateway/respond", ""},
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
		for _, v := range violations(t, root) {
			broken = append(broken, v.rule.name)
			bitten[v.rule.name] = true
		}
		if got := strings.Join(broken, ", "); got != test.broken {
			t.Errorf("%s imports %s: broken rules %q, want %q", test.file, test.imports, got, test.broken)
		}
	}
	for _, r := range rules() {
		if !bitten[r.name] {
			t.Errorf("no case above breaks the rule %s", r.name)
		}
	}
}

func TestLinterHoldsTheSameArrows(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(repository(t), ".golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	type linterRule struct {
		Files    []string
		ListMode string `yaml:"list-mode"`
		Allow    []string
		Deny     []struct{ Pkg, Desc string }
	}
	var config struct {
		Linters struct {
			Settings struct {
				Depguard struct{ Rules map[string]linterRule }
			}
		}
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	linter := config.Linters.Settings.Depguard.Rules
	delete(linter, "main") // modules that nobody here uses: no arrow between our packages
	for _, r := range rules() {
		got := linter[r.name]
		delete(linter, r.name)
		var deny []string
		for _, entry := range got.Deny {
			deny = append(deny, entry.Pkg)
			if entry.Desc == "" {
				t.Errorf("%s denies %s without a reason", r.name, entry.Pkg)
			}
		}
		mode := "lax"
		if r.closed {
			mode = "original"
		}
		for what, pair := range map[string][2][]string{
			"files":     {got.Files, r.linterFiles()},
			"list-mode": {{got.ListMode}, {mode}},
			"allow":     {got.Allow, r.allow},
			"deny":      {deny, r.deny},
		} {
			slices.Sort(pair[0])
			slices.Sort(pair[1])
			if diff := cmp.Diff(pair[1], pair[0]); diff != "" {
				t.Errorf("rule %s, %s (-here +.golangci.yml):\n%s", r.name, what, diff)
			}
		}
	}
	for name := range linter {
		t.Errorf("the rule %s is in .golangci.yml and not here", name)
	}
}

// violation is one import that one rule denies.
type violation struct {
	file, imports string
	rule          rule
}

func (v violation) String() string {
	return fmt.Sprintf("%s imports %s: %s (rule %s)", v.file, v.imports, v.rule.why, v.rule.name)
}

// violations reads the imports of every Go file below root that is not a test.
func violations(t *testing.T, root string) []violation {
	t.Helper()
	var found []violation
	for _, file := range sources(t, root) {
		syntax, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rules() {
			if !r.covers(path.Dir(file)) {
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

// covers tells if the rule is about the package in folder.
func (r rule) covers(folder string) bool {
	if r.alone {
		return folder == r.folder
	}
	for ; folder != "."; folder = path.Dir(folder) {
		if slices.Contains(r.except, folder) {
			return false
		}
		if matched, err := path.Match(r.folder, folder); err == nil && matched {
			return true
		}
	}
	return false
}

func (r rule) permits(imports string) bool {
	allowed, denied := longest(r.allow, imports), longest(r.deny, imports)
	if r.closed {
		return allowed > 0 && denied == 0
	}
	return denied == 0 || allowed > denied
}

// longest is the length of the longest entry that covers the import path, or 0.
func longest(entries []string, imports string) int {
	length := 0
	for _, entry := range entries {
		first, _, _ := strings.Cut(imports, "/")
		exact, isExact := strings.CutSuffix(entry, "$")
		covered := imports == entry || strings.HasPrefix(imports, strings.TrimSuffix(entry, "/")+"/")
		switch {
		case entry == "$gostd":
			covered = !strings.Contains(first, ".")
		case isExact:
			covered = imports == exact
		}
		if covered {
			length = max(length, len(entry))
		}
	}
	return length
}

// linterFiles is the rule's folder as .golangci.yml writes it.
func (r rule) linterFiles() []string {
	below := "/**"
	if r.alone {
		below = "/*.go"
	}
	globs := []string{"${base-path}/" + r.folder + below, "!$test"}
	for _, folder := range r.except {
		globs = append(globs, "!${base-path}/"+folder+"/**")
	}
	return globs
}
