package queries_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"go.yaml.in/yaml/v3"

	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/conformance"
)

// What lies in server/deploy for operators asks for metrics by name. It is held here to
// those that there are.
const (
	dashboardFile = "../../deploy/grafana/statusway.json"
	alertsFile    = "../../deploy/prometheus/alerts.yaml"
)

// A query is an expression and the labels that are read from its result.
type query struct {
	where, expr string
	read        []string
}

// promFunctions are those that the queries call. The parser, which is a small one, reads a
// superset of PromQL; Prometheus's own would bring all of Prometheus into go.mod, and its
// Go version.
var promFunctions = []string{"changes", "count", "delta", "histogram_quantile", "max", "rate", "sum"}

var (
	legendPattern   = regexp.MustCompile(`\{\{ *(\w+) *\}\}`)
	templatePattern = regexp.MustCompile(`\$labels\.(\w+)`)
	valuesPattern   = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
	variablePart    = regexp.MustCompile(`\$(\w+)`)
)

// names are what a pattern finds in a text.
func names(pattern *regexp.Regexp, text string) []string {
	var found []string
	for _, match := range pattern.FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

// dashboardQueries are those of the panels and of the variables.
func dashboardQueries(t *testing.T) []query {
	t.Helper()
	var dashboard struct {
		UID, Title string
		Panels     []struct {
			ID          int
			Type, Title string
			GridPos     struct{ H, W, X, Y int }
			Targets     []struct{ Expr, LegendFormat string }
		}
		Templating struct {
			List []struct{ Name, Type, Definition string }
		}
	}
	read(t, dashboardFile, json.Unmarshal, &dashboard)
	var queries []query
	variables := map[string]bool{"__rate_interval": true}
	for _, variable := range dashboard.Templating.List {
		variables[variable.Name] = true
		if variable.Type != "query" {
			continue
		}
		parts := valuesPattern.FindStringSubmatch(variable.Definition)
		if parts == nil {
			t.Errorf("the variable %s is %q", variable.Name, variable.Definition)
			continue
		}
		queries = append(queries, query{"the variable " + variable.Name, variablePart.ReplaceAllString(parts[1], ".*"), parts[2:]})
	}
	ids, places := map[int]bool{}, map[[2]int]string{}
	for _, panel := range dashboard.Panels {
		if at := [2]int{panel.GridPos.X, panel.GridPos.Y}; ids[panel.ID] || places[at] != "" {
			t.Errorf("the panels %q and %q have one place or one id", panel.Title, places[at])
		} else {
			ids[panel.ID], places[at] = true, panel.Title
		}
		if len(panel.Targets) == 0 && panel.Type != "row" {
			t.Errorf("the panel %q shows nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			for _, name := range names(variablePart, target.Expr) {
				if !variables[name] {
					t.Errorf("the panel %q has the variable %s, which there is not", panel.Title, name)
				}
			}
			expr := strings.ReplaceAll(target.Expr, "$__rate_interval", "5m")
			queries = append(queries, query{"the panel " + panel.Title, variablePart.ReplaceAllString(expr, ".*"), names(legendPattern, target.LegendFormat)})
		}
	}
	if dashboard.UID == "" || dashboard.Title == "" || len(queries) < 20 {
		t.Errorf("the dashboard %q has %d queries", dashboard.Title, len(queries))
	}
	return queries
}

// alertQueries are those of the rules.
func alertQueries(t *testing.T) []query {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	read(t, alertsFile, yaml.Unmarshal, &file)
	var queries []query
	seen := map[string]bool{}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if rule.Alert == "" || seen[rule.Alert] || rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
				t.Errorf("the alert %q is not complete, or there twice", rule.Alert)
			}
			seen[rule.Alert] = true
			one := query{where: "the alert " + rule.Alert, expr: rule.Expr}
			for _, text := range rule.Annotations {
				one.read = append(one.read, names(templatePattern, text)...)
			}
			queries = append(queries, one)
		}
	}
	if len(queries) < 5 {
		t.Errorf("there are %d alerts", len(queries))
	}
	return queries
}

func read(t *testing.T, name string, decode func([]byte, any) error, into any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := decode(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// known are the values of each label of each metric.
type known map[string]map[string]map[string]bool

func knownOf(samples []apptest.Sample) known {
	all := known{}
	for _, one := range samples {
		if all[one.Name] == nil {
			all[one.Name] = map[string]map[string]bool{}
		}
		// Prometheus adds these to each.
		labels := maps.Clone(one.Labels)
		labels["job"], labels["instance"] = "statusway", "localhost:8080"
		for label, value := range labels {
			if all[one.Name][label] == nil {
				all[one.Name][label] = map[string]bool{}
			}
			all[one.Name][label][value] = true
		}
	}
	return all
}

// check says what a query asks for that there is not.
func (k known) check(q query) error {
	expr, err := metricsql.Parse(q.expr)
	if err != nil {
		return fmt.Errorf("parsing: %w", err)
	}
	var wrong []string
	labels, read := map[string]bool{}, slices.Clone(q.read)
	metricsql.VisitAll(expr, func(part metricsql.Expr) {
		switch part := part.(type) {
		case *metricsql.FuncExpr:
			if !slices.Contains(promFunctions, part.Name) {
				wrong = append(wrong, "the function "+part.Name)
			}
		case *metricsql.AggrFuncExpr:
			if !slices.Contains(promFunctions, part.Name) || part.Limit > 0 {
				wrong = append(wrong, "the function "+part.Name)
			}
			read = append(read, part.Modifier.Args...)
		case *metricsql.BinaryOpExpr:
			read = append(append(read, part.GroupModifier.Args...), part.JoinModifier.Args...)
		case *metricsql.MetricExpr:
			wrong = append(wrong, k.checkSelector(part, labels)...)
		}
	})
	for _, label := range read {
		if !labels[label] {
			wrong = append(wrong, "the label "+label)
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("there is not: %s", strings.Join(wrong, ", "))
	}
	return nil
}

// checkSelector adds the labels of a selector's metric to labels.
func (k known) checkSelector(selector *metricsql.MetricExpr, labels map[string]bool) []string {
	if len(selector.LabelFilterss) != 1 {
		return []string{"a way to say: or"}
	}
	filters := selector.LabelFilterss[0]
	metric := k[filters[0].Value]
	if metric == nil || filters[0].Label != "__name__" {
		return []string{"the metric " + filters[0].Value}
	}
	for label := range metric {
		labels[label] = true
	}
	var wrong []string
	for _, filter := range filters[1:] {
		for _, value := range alternatives(filter) {
			pattern := regexp.MustCompile("^(?:" + value + ")$")
			if !slices.ContainsFunc(slices.Collect(maps.Keys(metric[filter.Label])), pattern.MatchString) {
				wrong = append(wrong, fmt.Sprintf("%s with %s like %q", filters[0].Value, filter.Label, value))
			}
		}
	}
	return wrong
}

// alternatives are the values that a filter is for, each as a regular expression.
func alternatives(filter metricsql.LabelFilter) []string {
	if !filter.IsRegexp {
		return []string{regexp.QuoteMeta(filter.Value)}
	}
	return strings.Split(filter.Value, "|")
}

// served runs the cases and returns what the servers have counted then: all of the
// default server, and one of each server that is in trouble; and what a proxy counts.
func served(t *testing.T) []apptest.Sample {
	t.Helper()
	servers := apptest.NewFleet(t)
	var mu sync.Mutex
	var all []apptest.Sample
	keep := func(samples []apptest.Sample) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, samples...)
	}
	troubled := map[string]bool{"maintenance": true, "one-in-flight": true, "rate-limited": true, "broken-store": true, "draining": true}
	t.Run("cases", func(t *testing.T) {
		for _, c := range apptest.LoadCases(t) {
			if !c.Runs(conformance.OverHTTP1) || c.Variant() != "default" && !troubled[c.Variant()] {
				continue
			}
			isTroubled := troubled[c.Variant()]
			troubled[c.Variant()] = false
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				s := servers.Server(t, c.Variant())
				s.MustRun(t, c, conformance.OverHTTP1)
				if isTroubled {
					user := ""
					if c.Variant() == "one-in-flight" {
						user = "viewer" // Without credentials a request needs no slot.
					}
					s.Do(t, user, apptest.Get("/v1/entities")) // also where the case has a server of its own
					keep(s.Scrape(t))
				}
			})
		}
	})
	s := servers.Server(t, "default")
	proxied := apptest.StartProxy(t, s)
	proxied.Do(t, "viewer", apptest.Get("/v1/entities")) // which the server gets over gRPC
	keep(proxied.Scrape(t))
	keep(s.Scrape(t))
	return all
}

// Every metric and every label that the dashboard and the alerts ask for is there once the
// cases have been served, with the values that they ask for.
//
//nolint:tparallel // the cases have to be over before they are counted.
func TestDeployedQueries(t *testing.T) {
	t.Parallel()
	there := knownOf(append(served(t), apptest.Sample{Name: "up", Labels: map[string]string{}, Value: 1})) // Prometheus's own
	for _, q := range slices.Concat(dashboardQueries(t), alertQueries(t)) {
		if err := there.check(q); err != nil {
			t.Errorf("%s: %v\n%s", q.where, err, q.expr)
		}
	}
	// And every metric of ours is shown or watched: one that nobody looks at is left over.
	var asked strings.Builder
	for _, name := range []string{dashboardFile, alertsFile} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		asked.Write(text)
	}
	for name := range there {
		plain := strings.TrimSuffix(strings.TrimSuffix(name, "_count"), "_sum")
		if strings.HasPrefix(name, "statusway_") && !strings.Contains(asked.String(), plain) {
			t.Errorf("%s is neither in the dashboard nor in the alerts", name)
		}
	}
}

// The check of queries finds what is wrong with them.
func TestQueriesAreChecked(t *testing.T) {
	t.Parallel()
	there := knownOf([]apptest.Sample{
		{Name: "a_total", Labels: map[string]string{"route": "/v1", "status": "200"}, Value: 1},
		{Name: "a_total", Labels: map[string]string{"route": "/v1", "status": "503"}, Value: 1},
		{Name: "b_bucket", Labels: map[string]string{"le": "1"}, Value: 1},
	})
	for _, test := range []struct{ expr, wrong string }{
		{`a_total`, ""},
		{`sum by (route) (rate(a_total[5m]))`, ""},
		{`a_total{status=~"5..",route!="/v1"}`, ""},
		{`a_total{status=~"2..|5.."}`, ""},
		{`rate(b_bucket{job=~"x.*|statusway"}[5m]) > on (instance) up`, "the metric up"},
		{`c_total`, "the metric c_total"},
		{`sum(rate(c_total[5m]))`, "the metric c_total"},
		{`a_total / c_total`, "the metric c_total"},
		{`a_total{route="/v2"}`, "route"},
		{`a_total{status=~"4..|5.."}`, "4.."},
		{`a_total{method="GET"}`, "method"},
		{`sum by (method) (a_total)`, "the label method"},
		{`a_total * on (method) a_total`, "the label method"},
		{`median_over_time(a_total[5m])`, "the function"},
		{`sum(a_total`, "parsing"},
		{`{__name__="a_total" or route="/v1"}`, "or"},
	} {
		err := there.check(query{expr: test.expr})
		if (err == nil) != (test.wrong == "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
			t.Errorf("%s: %v, want %q", test.expr, err, test.wrong)
		}
	}
	if err := there.check(query{expr: "sum by (route) (a_total)", read: []string{"code"}}); err == nil {
		t.Error("a legend with a label that there is not was found well")
	}
}
