package policy_test

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/policy"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// row is the part of a row that a client reads, and its source.
type row struct {
	status        int32
	title, source string
}

func rows(table *policy.Table) []row {
	var got []row
	for _, r := range table.Rows() {
		got = append(got, row{r.GetStatus(), r.GetTitle(), r.GetSource()})
	}
	return got
}

// TestCatalogues states every row of both policies: the eighteen of the document
// and 412, and the precise ones.
func TestCatalogues(t *testing.T) {
	t.Parallel()
	tests := map[string][]row{
		policy.Documented: {
			{200, "Request Successful", "RFC 9110 §15.3.1"},
			{201, "Entity Created", "RFC 9110 §15.3.2"},
			{202, "Request Accepted", "RFC 9110 §15.3.3"},
			{204, "No Content", "RFC 9110 §15.3.5"},
			{304, "Not Modified", "RFC 9110 §15.4.5"},
			{400, "Bad Request", "RFC 9110 §15.5.1"},
			{401, "Unauthorized", "RFC 9110 §15.5.2"},
			{403, "Forbidden", "RFC 9110 §15.5.4"},
			{404, "Resource Not Found", "RFC 9110 §15.5.5"},
			{405, "Method Not Allowed", "RFC 9110 §15.5.6"},
			{409, "Conflict", "RFC 9110 §15.5.10"},
			{410, "Gone", "RFC 9110 §15.5.11"},
			{412, "Precondition Failed", "RFC 9110 §15.5.13"},
			{413, "Payload Too Large", "RFC 9110 §15.5.14"},
			{415, "Unsupported Media Type", "RFC 9110 §15.5.16"},
			{418, "Expectation Failed", "RFC 2324 §2.3.2"},
			{429, "Too Many Requests", "RFC 6585 §4"},
			{500, "Internal Server Error", "RFC 9110 §15.6.1"},
			{503, "Service Unavailable", "RFC 9110 §15.6.4"},
		},
		policy.Canonical: {
			{200, "Request Successful", "RFC 9110 §15.3.1"},
			{201, "Entity Created", "RFC 9110 §15.3.2"},
			{202, "Request Accepted", "RFC 9110 §15.3.3"},
			{204, "No Content", "RFC 9110 §15.3.5"},
			{304, "Not Modified", "RFC 9110 §15.4.5"},
			{400, "Bad Request", "RFC 9110 §15.5.1"},
			{401, "Unauthorized", "RFC 9110 §15.5.2"},
			{403, "Forbidden", "RFC 9110 §15.5.4"},
			{404, "Resource Not Found", "RFC 9110 §15.5.5"},
			{405, "Method Not Allowed", "RFC 9110 §15.5.6"},
			{406, "Not Acceptable", "RFC 9110 §15.5.7"},
			{409, "Conflict", "RFC 9110 §15.5.10"},
			{410, "Gone", "RFC 9110 §15.5.11"},
			{412, "Precondition Failed", "RFC 9110 §15.5.13"},
			{413, "Payload Too Large", "RFC 9110 §15.5.14"},
			{415, "Unsupported Media Type", "RFC 9110 §15.5.16"},
			{417, "Expectation Failed", "RFC 9110 §15.5.18"},
			{422, "Unprocessable Content", "RFC 9110 §15.5.21"},
			{429, "Too Many Requests", "RFC 6585 §4"},
			{431, "Request Header Fields Too Large", "RFC 6585 §5"},
			{500, "Internal Server Error", "RFC 9110 §15.6.1"},
			{501, "Not Implemented", "RFC 9110 §15.6.2"},
			{503, "Service Unavailable", "RFC 9110 §15.6.4"},
			{504, "Gateway Timeout", "RFC 9110 §15.6.5"},
			{505, "HTTP Version Not Supported", "RFC 9110 §15.6.6"},
		},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(want, rows(builtin(t, name)), cmp.AllowUnexported(row{})); diff != "" {
				t.Errorf("catalogue (-want +got):\n%s", diff)
			}
		})
	}
}

// specPattern matches a reference of a rule: an RFC with its section, an AIP, or a proto
// file.
var specPattern = regexp.MustCompile(`^(RFC \d+ §\d+(\.\d+)*|AIP-\d+|(google/rpc|statusway/v1)/[a-z_]+\.proto)$`)

// TestBuiltinsExplainThemselves checks the texts of every row and rule of a built-in
// policy, because they are documentation.
func TestBuiltinsExplainThemselves(t *testing.T) {
	t.Parallel()
	for _, name := range []string{policy.Documented, policy.Canonical} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := builtin(t, name)
			policy := table.Policy()
			if table.Name() != name || policy.GetName() != name {
				t.Errorf("it is called %q", table.Name())
			}
			if policy.GetErrorFormat() != statuswayv1.ErrorFormat_ERROR_FORMAT_PROBLEM {
				t.Errorf("errorFormat is %s", policy.GetErrorFormat())
			}
			if policy.GetRedaction().GetKeepMessage() || policy.GetRedaction().GetKeepDetails() {
				t.Error("it shows clients what a 5xx says")
			}
			sentence(t, "the policy's description", policy.GetDescription())
			for _, r := range policy.GetCatalogue() {
				checkRow(t, table, r)
			}
			for _, rule := range policy.GetRules() {
				checkRule(t, rule)
			}
		})
	}
}

func checkRow(t *testing.T, table *policy.Table, r *statuswayv1.Row) {
	t.Helper()
	sentence(t, r.GetTitle()+"'s description", r.GetDescription())
	if (r.GetCacheControl() != "") != (r.GetStatus() == 410) {
		t.Errorf("row %d has the Cache-Control %q: only 410 is permanent", r.GetStatus(), r.GetCacheControl())
	}
	// A row that no rule leads to would promise what never happens. Methods lead to
	// the statuses of success.
	if rules := table.RulesTo(int(r.GetStatus())); (len(rules) > 0) != (r.GetStatus() >= 400 || r.GetStatus() == 200) {
		t.Errorf("%d rules lead to row %d", len(rules), r.GetStatus())
	}
}

func checkRule(t *testing.T, rule *statuswayv1.Rule) {
	t.Helper()
	sentence(t, rule.GetName()+"'s why", rule.GetWhy())
	if !specPattern.MatchString(rule.GetSpec()) {
		t.Errorf("rule %q: spec %q is no RFC with a section, no AIP and no proto file", rule.GetName(), rule.GetSpec())
	}
	// Retry-After is there if waiting helps, and only then (RFC 9110 §10.2.3, RFC 6585
	// §4).
	if (rule.GetRetryAfter() != nil) != slices.Contains([]int32{429, 503}, rule.GetStatus()) {
		t.Errorf("rule %q leads to %d: retryAfter is %v", rule.GetName(), rule.GetStatus(), rule.GetRetryAfter())
	}
	if after := rule.GetRetryAfter().AsDuration(); after%1e9 != 0 {
		t.Errorf("rule %q: retryAfter is %s, but is sent in whole seconds", rule.GetName(), after)
	}
}

func sentence(t *testing.T, what, text string) {
	t.Helper()
	if !strings.HasSuffix(text, ".") || strings.ToUpper(text[:1]) != text[:1] || strings.TrimSpace(text) != text {
		t.Errorf("%s is no sentence: %q", what, text)
	}
}

// TestBuiltinIsItsFile checks that the built-in policies are the files in this folder,
// and that a copy of one is an ordinary policy.
func TestBuiltinIsItsFile(t *testing.T) {
	t.Parallel()
	for _, name := range []string{policy.Documented, policy.Canonical} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, err := os.ReadFile(name + ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			if got, want := builtin(t, name).Version(), load(t, string(source)).Version(); got != want {
				t.Errorf("version %s, want %s", got, want)
			}
		})
	}
}

func TestUnknownBuiltin(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "Documented", "documented.yaml", "../policy/documented", "none"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, err := policy.Builtin(name)
			if !errors.Is(err, policy.ErrUnknownPolicy) || table != nil {
				t.Errorf("got %v and the error %v, want ErrUnknownPolicy", table, err)
			}
		})
	}
}
