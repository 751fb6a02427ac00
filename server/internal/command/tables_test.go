package command_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/statusway/statusway/gateway/dynamic"
	"github.com/statusway/statusway/gateway/policy"
	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/conformance/suite"
)

// table returns the cells of a page's table whose header line begins so, without the
// marks of code.
func table(t *testing.T, page, header string) [][]string {
	t.Helper()
	_, rest, found := strings.Cut(strings.ReplaceAll(pageNamed(t, page), "`", ""), "\n"+header)
	if !found {
		t.Fatalf("%s has no table %q", page, header)
	}
	var rows [][]string
	for i, line := range strings.Split(rest, "\n") {
		if i < 2 { // What is left of the header, and the line below it.
			continue
		}
		if !strings.HasPrefix(line, "| ") {
			break
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		rows = append(rows, cells)
	}
	return rows
}

// The table of statuses has the rows of the documented policy, by their titles.
func TestReadmeStatuses(t *testing.T) {
	t.Parallel()
	policyName, err := policy.Builtin(policy.Documented)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, row := range policyName.Rows() {
		want = append(want, strconv.Itoa(int(row.GetStatus()))+" "+row.GetTitle())
	}
	for _, cells := range table(t, "README.md", "| status | title |") {
		got = append(got, cells[0]+" "+cells[1])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the policy (-) and the README (+):\n%s", diff)
	}
}

// codesIn are the codes that a text names, in capitals as in google/rpc/code.proto.
func codesIn(t *testing.T, text string) []codes.Code {
	t.Helper()
	var found []codes.Code
	for _, word := range regexp.MustCompile(`[A-Z]+(?:_[A-Z]+)+|\b[A-Z]{5,}\b`).FindAllString(text, -1) {
		var code codes.Code
		if err := code.UnmarshalJSON([]byte(strconv.Quote(word))); err != nil {
			t.Errorf("%q: %v", word, err)
			continue
		}
		found = append(found, code)
	}
	if strings.Contains(text, "code 17 and above") {
		found = append(found, 17, 1<<31-1)
	}
	return found
}

// The table of conditions says of each code what the two policies decide, and leaves
// none out.
func TestReadmeCodes(t *testing.T) {
	t.Parallel()
	named := map[codes.Code]bool{codes.OK: true} // Which is not an error.
	for _, cells := range table(t, "README.md", "| condition | documented | canonical |") {
		for _, code := range codesIn(t, cells[0]) {
			named[code] = true
			for i, name := range []string{policy.Documented, policy.Canonical} {
				policyName, err := policy.Builtin(name)
				if err != nil {
					t.Fatal(err)
				}
				want, _, _ := strings.Cut(cells[i+1], " ")
				if got := strconv.Itoa(policyName.Decide(policy.Input{Code: int32(code)}).Status()); got != want {
					t.Errorf("%v is %s by %s, and the README says %s", code, got, name, want)
				}
			}
		}
	}
	for code := codes.OK; code <= codes.Unauthenticated; code++ {
		if !named[code] {
			t.Errorf("the README does not name %v", code)
		}
	}
}

// valueOf is a default as people write it: what means nothing is left out, and a time
// has no minutes or seconds of zero.
func valueOf(flag *pflag.Flag) string {
	// Where the machine decides, the usage says how.
	if found := regexp.MustCompile(`\(default (.*)\)`).FindStringSubmatch(flag.Usage); found != nil && flag.DefValue == "" {
		return found[1]
	}
	switch flag.Value.Type() {
	case "bool":
		return strings.TrimPrefix(flag.DefValue, "false")
	case "stringSlice":
		return strings.Trim(flag.DefValue, "[]")
	case "duration":
		for _, unit := range []string{"h", "m", "s"} {
			number := strings.TrimSuffix(flag.DefValue, unit)
			for _, zero := range []string{"0m0s", "0s"} {
				number = strings.TrimSuffix(number, zero)
			}
			if whole, err := time.ParseDuration(number); err == nil && whole.String() == flag.DefValue {
				return number
			}
		}
	}
	return flag.DefValue
}

// The table of flags has every flag of serve with its default, and no other.
func TestReadmeFlags(t *testing.T) {
	t.Parallel()
	settings := config.Defaults()
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	settings.Flags(set)
	want, got := map[string]string{}, map[string]string{}
	set.VisitAll(func(flag *pflag.Flag) { want["--"+flag.Name] = valueOf(flag) })
	for _, cells := range table(t, "README.md", "| flag of serve | default |") {
		names, defaults := strings.Split(cells[0], " · "), strings.Split(cells[1], " · ")
		if cells[1] == "" {
			defaults = make([]string, len(names))
		}
		if len(names) != len(defaults) || cells[2] == "" {
			t.Errorf("a row of %d flags, %d defaults and the text %q", len(names), len(defaults), cells[2])
			continue
		}
		for i, name := range names {
			if _, twice := got[name]; twice {
				t.Errorf("%s stands there twice", name)
			}
			got[name] = defaults[i]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the flags (-) and the README (+):\n%s", diff)
	}
	example := regexp.MustCompile("`(--[a-z-]+)` is `(STATUSWAY_[A-Z_]+)`").FindStringSubmatch(readme(t))
	if example == nil || config.EnvName(strings.TrimPrefix(example[1], "--")) != example[2] || !slices.Contains(slices.Collect(maps.Keys(want)), example[1]) {
		t.Errorf("the example of a variable is %q", example)
	}
}

// The table of commands has every command of the program, and no other.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	var want, got []string
	for _, found := range regexp.MustCompile(`(?m)^  ([a-z]+) +[A-Z]`).FindAllStringSubmatch(run(t, "", "--help").out, -1) {
		if name := found[1]; name != "help" {
			want = append(want, name)
		}
	}
	slices.Sort(want)
	for _, cells := range table(t, "README.md", "| command | what |") {
		got = append(got, strings.Fields(cells[0])[1])
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the commands (-) and the README (+):\n%s", diff)
	}
}

// The README's report has the members of one, and no other.
func TestReadmeReport(t *testing.T) {
	t.Parallel()
	var shown suite.Report
	decoder := json.NewDecoder(strings.NewReader(strings.Replace(blocks(readme(t), "json")[1], `"…"`, `"2026-01-02T03:04:05Z"`, 1)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&shown); err != nil {
		t.Fatal(err)
	}
	if len(shown.Results) != 1 || shown.Results[0].Failure == nil {
		t.Errorf("%+v", shown)
	}
	missing := func(of reflect.Value, but ...string) {
		for i := range of.NumField() {
			if name := of.Type().Field(i).Name; of.Field(i).IsZero() && !slices.Contains(but, name) {
				t.Errorf("the README does not show %s", name)
			}
		}
	}
	missing(reflect.ValueOf(shown), "Known", "Unexpected", "Waited") // None of them here.
	missing(reflect.ValueOf(shown.Results[0]), "Known")
	missing(reflect.ValueOf(*shown.Results[0].Failure), "Where")
}

// A readmeRoute is a route of the README's table, and what its row says of success.
type readmeRoute struct{ verb, path, success string }

// readmeRoutes reads cells such as "GET · DELETE /v1/sessions/{id}".
func readmeRoutes(t *testing.T) []readmeRoute {
	t.Helper()
	var routes []readmeRoute
	for _, cells := range table(t, "server/README.md", "| REST | gRPC | success |") {
		parts := strings.Split(cells[0], " · ")
		path := ""
		for _, part := range slices.Backward(parts) {
			verb, own, ok := strings.Cut(part, " ")
			if ok {
				path = own
			}
			if strings.HasPrefix(path, "/v1/") {
				routes = append(routes, readmeRoute{verb, path, cells[2]})
			}
		}
	}
	return routes
}

// successOf returns the statuses that a method, "/service/method", declares.
func successOf(t *testing.T, rpc string) []int32 {
	t.Helper()
	name := strings.ReplaceAll(strings.TrimPrefix(rpc, "/"), "/", ".")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		t.Fatal(err)
	}
	method, _ := proto.GetExtension(found.Options(), statuswayv1.E_Method).(*statuswayv1.MethodSemantics)
	if len(method.GetSuccess()) == 0 {
		return []int32{200}
	}
	return method.GetSuccess()
}

// The table of routes has every route under /v1 of the contract, with every status
// that its method declares, and no other route.
func TestReadmeRoutes(t *testing.T) {
	t.Parallel()
	var declared []protoreflect.ServiceDescriptor
	for _, file := range []protoreflect.FileDescriptor{
		mappingv1.File_statusway_mapping_v1_mapping_service_proto,
		entityv1.File_entity_v1_entity_service_proto,
		entityv1.File_entity_v1_session_service_proto,
		entityv1.File_entity_v1_maintenance_service_proto,
	} {
		for i := range file.Services().Len() {
			declared = append(declared, file.Services().Get(i))
		}
	}
	backend, err := dynamic.Linked(nil, declared...)
	if err != nil {
		t.Fatal(err)
	}
	// Whatever it is of, an id is called {id} in the README.
	plain := strings.NewReplacer("{operationsId}", "{id}")
	success := map[string]string{}
	for _, route := range readmeRoutes(t) {
		success[route.verb+" "+route.path] = route.success
	}
	for _, route := range backend.Routes() {
		name := route.Verb + " " + plain.Replace(route.Path)
		if !strings.Contains(name, " /v1/") {
			continue
		}
		said, ok := success[name]
		if !ok {
			t.Errorf("the README has no %s", name)
		}
		declares := successOf(t, route.RPC)
		for _, one := range declares {
			if !strings.Contains(said, strconv.Itoa(int(one))) {
				t.Errorf("%s: the README says %q, and the contract %v", name, said, declares)
			}
		}
		delete(success, name)
	}
	for name := range success {
		t.Errorf("the contract has no %s", name)
	}
}
