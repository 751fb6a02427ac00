package gateway_test

import (
	"bufio"
	"bytes"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	grpcModule  = "google.golang.org/grpc"
	grpcRuntime = "github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
)

// importGraph contains the imports of each package, without its tests.
type importGraph map[string][]string

// linkRule lists what a program that imports one package may link: entries of allow, unless a longer entry of deny
// matches. Entries are those of [rule].
type linkRule struct {
	pkg         string // below module
	allow, deny []string
}

// linkRules are the rules of what each package links. Rules of direct imports are not enough, because one import may bring a
// hundred packages.
func linkRules(all importGraph) []linkRule {
	// The standard library without net/http, and the protobuf runtime.
	pure := func(pkg string, more ...string) linkRule {
		return linkRule{pkg: pkg, allow: append(more, "$gostd", "google.golang.org/protobuf", "golang.org/x/sys"), deny: []string{"net/http", grpcModule}}
	}
	// grpc/codes itself brings a few packages of grpc.
	codes := slices.Collect(maps.Keys(all.closure(grpcModule + "/codes")))
	for i, pkg := range codes {
		codes[i] = pkg + "$"
	}
	yaml, contract := "go.yaml.in/yaml/v3", []string{module + "gen/go/statusway/v1$", "google.golang.org/genproto/googleapis/rpc/code$"}

	// A gateway links these modules and no other: no telemetry, no database, no identity provider.
	served := func(pkg string, more ...string) linkRule {
		return linkRule{pkg: pkg, allow: append(more, "$gostd", module+"gateway", module+"gen/go/statusway/v1$", grpcModule,
			"google.golang.org/protobuf", "google.golang.org/genproto", "buf.build/gen/go/bufbuild/protovalidate",
			"golang.org/x/net", "golang.org/x/sys", "golang.org/x/text",
			"github.com/dunglas/httpsfv", yaml), deny: []string{"database/sql"}}
	}
	return []linkRule{
		pure("gen/go/statusway/v1", module+"gen/go/statusway/v1$"),
		pure("gateway/policy", slices.Concat(codes, contract, []string{module + "gateway/policy$", yaml})...),
		pure("gateway/internal/rfc9110", module+"gateway/internal/rfc9110$"),
		pure("gateway/internal/route", module+"gateway/internal/route$"),
		pure("gateway/internal/jsoncodec", module+"gateway/internal/jsoncodec"),
		served("gateway"),
		served("gateway/dynamic", "github.com/jhump/protoreflect/v2"),
		served("gateway/generated", "github.com/grpc-ecosystem/grpc-gateway/v2"),
	}
}

// check returns the packages that rule forbids, each with the imports that lead to it.
func (r linkRule) check(all importGraph) []string {
	var broken []string
	for pkg, chain := range all.closure(module + r.pkg) {
		if covered(r.allow, pkg) <= covered(r.deny, pkg) {
			broken = append(broken, strings.Join(chain, " -> "))
		}
	}
	slices.Sort(broken)
	return broken
}

// closure returns pkg and all that it links, each with a shortest chain of imports that leads to it.
func (g importGraph) closure(pkg string) map[string][]string {
	chains := map[string][]string{pkg: {pkg}}
	for pending := []string{pkg}; len(pending) > 0; pending = pending[1:] {
		for _, next := range g[pending[0]] {
			if _, known := chains[next]; !known {
				chains[next] = append(slices.Clone(chains[pending[0]]), next)
				pending = append(pending, next)
			}
		}
	}
	return chains
}

// listImports asks the go command, because only it knows what the files of other modules import.
func listImports(t *testing.T) importGraph {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./gateway/...", "./gen/go/...")
	list.Dir = repository(t)
	var failure bytes.Buffer
	list.Stderr = &failure
	output, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &failure)
	}
	all := importGraph{}
	for lines := bufio.NewScanner(bytes.NewReader(output)); lines.Scan(); {
		names := strings.Fields(lines.Text())
		all[names[0]] = names[1:]
	}
	return all
}

// TestPackagesLinkWhatTheyNeed checks what a program links if it imports a package of the gateway.
func TestPackagesLinkWhatTheyNeed(t *testing.T) {
	t.Parallel()
	all := listImports(t)
	for _, r := range linkRules(all) {
		if _, found := all[module+r.pkg]; !found {
			t.Errorf("%s is not a package", r.pkg)
		}
		for _, chain := range r.check(all) {
			t.Errorf("%s links what it must not: %s", r.pkg, chain)
		}
	}
	for pkg := range all {
		if strings.HasPrefix(pkg, module+"gateway") && pkg != module+"gateway/generated" && all.closure(pkg)[grpcRuntime] != nil {
			t.Errorf("%s links grpc-gateway: only package generated may", pkg)
		}
	}
}

// TestLinkRulesBite breaks the rules of a package one by one, by one import of a package that is far from it.
func TestLinkRulesBite(t *testing.T) {
	t.Parallel()
	all := listImports(t)
	const annotations, policy, dynamic, generated = "gen/go/statusway/v1", "gateway/policy", "gateway/dynamic", "gateway/generated"
	for _, test := range []struct {
		from, imports string // from is an import path
		broken        string // the packages whose rules break
	}{
		{module + "gateway/internal/rfc9110", "strings", ""},
		{module + "gateway/internal/rfc9110", "net/http", "gateway/internal/rfc9110"},
		{module + "gateway/internal/rfc9110", module + "gateway/internal/route", "gateway/internal/rfc9110"},
		{module + "gateway/internal/route", grpcModule + "/codes", "gateway/internal/route"},
		{module + "gateway/internal/jsoncodec/plan", grpcModule + "/codes", "gateway/internal/jsoncodec"},
		{module + policy, "net/http", policy},
		{module + policy, grpcModule + "/status", policy},
		{"go.yaml.in/yaml/v3", grpcModule + "/metadata", policy},
		{module + annotations, grpcModule + "/codes", annotations},
		{module + annotations, grpcModule, strings.Join([]string{annotations, policy}, " ")},
		{module + annotations, grpcRuntime, strings.Join([]string{annotations, policy, "gateway", dynamic}, " ")},
		{module + annotations, module + "gen/go/statusway/mapping/v1", strings.Join([]string{annotations, policy, "gateway", dynamic, generated}, " ")},
		{module + "gateway/internal/respond", "go.opentelemetry.io/otel/trace", strings.Join([]string{"gateway", dynamic, generated}, " ")},
		{module + "gateway/internal/forward", module + "gateway/observe/metrics", strings.Join([]string{"gateway", dynamic, generated}, " ")},
		{module + "gateway", "modernc.org/sqlite", "gateway"},
		{module + "gateway", "database/sql", "gateway"},
		{module + "gateway", "golang.org/x/oauth2", "gateway"},
		{module + dynamic, "github.com/redis/go-redis/v9", dynamic},
		{module + dynamic, grpcRuntime, dynamic},
		{module + generated, "github.com/coreos/go-oidc/v3/oidc", generated},
		{module + generated, grpcRuntime, ""},
	} {
		changed := maps.Clone(all)
		changed[test.from] = append(slices.Clone(all[test.from]), test.imports)
		var broken []string
		for _, r := range linkRules(all) {
			if len(r.check(changed)) > 0 {
				broken = append(broken, r.pkg)
			}
		}
		if got := strings.Join(broken, " "); got != test.broken {
			t.Errorf("%s imports %s: broken rules %q, want %q", test.from, test.imports, got, test.broken)
		}
	}
}
