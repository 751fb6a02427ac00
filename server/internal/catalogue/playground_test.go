package catalogue_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/tour"
)

// An outcome is what the playground shows of one policy.
type outcome struct{ policy, status, rule string }

func outcomes(page document) []outcome {
	var found []outcome
	for article := range page.all("article") {
		one := outcome{policy: strings.TrimPrefix(article.attribute("aria-labelledby"), "by-")}
		for line := range article.all("p") {
			if line.has("data-status") {
				one.status, one.rule = line.attribute("data-status"), line.attribute("data-rule")
			}
		}
		found = append(found, one)
	}
	return found
}

// play fills in the playground.
func (s site) play(t *testing.T, fields map[string]string) document {
	t.Helper()
	query := url.Values{}
	for name, value := range fields {
		query.Set(name, value)
	}
	return parse(t, s.browse(t, "/playground?"+query.Encode()).Body.String())
}

func TestPlayground(t *testing.T) {
	t.Parallel()
	s := newSite(t, builtin(t, policy.Documented), tour.AnyServer)
	for _, test := range []struct {
		name   string
		fields map[string]string
		want   [2]string // by documented and canonical: the status and the rule
		shows  []string
	}{
		{"nothing", nil, [2]string{"404 not-found", "404 not-found"}, []string{`"reason": "ENTITY_NOT_FOUND"`, "There is no entity"}},
		{"a code", map[string]string{"from": "fields", "code": "9"}, [2]string{"409 failed-precondition", "400 failed-precondition"}, nil},
		{"OK", map[string]string{"from": "fields", "code": "0"}, [2]string{"200 ok", "200 ok"}, []string{"HTTP/1.1 200 OK"}},
		{"a number beyond", map[string]string{"from": "fields", "code": "17"}, [2]string{"500 other", "500 other"}, []string{`"code": "UNKNOWN"`}},
		{"a number far beyond", map[string]string{"status": `{"code": -42}`}, [2]string{"500 other", "500 other"}, []string{"-42 no code has this number"}},
		{
			"a reason",
			map[string]string{"from": "fields", "code": "2", "domain": "statusway.v1", "reason": "NOT_ACCEPTABLE"},
			[2]string{"415 not-acceptable", "406 not-acceptable"},
			[]string{`"reason": "NOT_ACCEPTABLE"`},
		},
		{
			"a reason without its domain",
			map[string]string{"from": "fields", "code": "2", "reason": "NOT_ACCEPTABLE"},
			[2]string{"500 unknown", "500 unknown"},
			nil,
		},
		{
			"a condition",
			map[string]string{"from": "fields", "code": "10", "domain": "statusway.v1", "reason": "PRECONDITION_FAILED", "condition": "on"},
			[2]string{"412 precondition-failed", "412 precondition-failed"},
			nil,
		},
		{
			"no condition",
			map[string]string{"from": "fields", "code": "10", "domain": "statusway.v1", "reason": "PRECONDITION_FAILED"},
			[2]string{"409 precondition-failed-unasked", "409 precondition-failed-unasked"},
			nil,
		},
		{
			"a quota and a wait",
			map[string]string{"from": "fields", "code": "8", "quota": "cups", "retry": "12.5"},
			[2]string{"429 quota", "429 quota"},
			[]string{"Retry-After: 13", `"violated-policies"`},
		},
		{
			"a field",
			map[string]string{"from": "fields", "code": "3", "field": "entity.display_name", "violation": "It is missing."},
			[2]string{"400 invalid-argument", "400 invalid-argument"},
			[]string{`"pointer": "/entity/displayName"`, "It is missing."},
		},
		{
			"another format",
			map[string]string{"from": "fields", "code": "5", "accept": "application/vnd.google.rpc.error+json"},
			[2]string{"404 not-found", "404 not-found"},
			[]string{"Content-Type: application/vnd.google.rpc.error+json", `"error": {`},
		},
		{
			"HEAD",
			map[string]string{"from": "fields", "code": "5", "method": "HEAD"},
			[2]string{"404 not-found", "404 not-found"},
			nil,
		},
		{
			"what cannot be chosen",
			map[string]string{"from": "fields", "code": "5", "method": "BREW", "accept": "a/b;q=high"},
			[2]string{"404 not-found", "404 not-found"},
			nil,
		},
		{
			"JSON",
			map[string]string{"from": "json", "code": "5", "status": `{"code": 14, "details": [
				{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "domain": "statusway.v1", "reason": "SERVICE_DRAINING"},
				{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7.250s"},
				{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": "a.b", "description": "c"}]},
				{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "d"}]},
				{"@type": "type.googleapis.com/nobody.knows.This", "value": "AQI="}]}`},
			[2]string{"503 draining", "503 draining"},
			[]string{"Retry-After: 8"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			page := s.play(t, test.fields)
			var got [2]string
			for i, one := range outcomes(page) {
				if one.policy != []string{policy.Documented, policy.Canonical}[i] {
					t.Errorf("by %s", one.policy)
				}
				got[i] = one.status + " " + one.rule
			}
			if got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
			for _, text := range test.shows {
				if !strings.Contains(page.text(), text) {
					t.Errorf("it does not say %s:\n%s", text, page.text())
				}
			}
			if body := strings.Contains(page.text(), `"instance"`); test.fields["method"] == "HEAD" && body {
				t.Error("HEAD has a body")
			}
		})
	}
}

// What is mapped by its JSON fills in the fields, and what is made of the fields is there
// as JSON: either leads to the other.
func TestPlaygroundFillsIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, builtin(t, policy.Documented), tour.AnyServer)
	want := map[string]string{
		"code": "8", "message": `A "message"`, "domain": "tea.v1", "reason": "TOO_MUCH", "field": "cup", "violation": "Full.", "quota": "cups", "retry": "0.25",
		"path": "/v1/cups", "method": "PUT", "condition": "on",
	}
	filled := map[string]string{"from": "fields"}
	maps.Copy(filled, want)
	first := values(s.play(t, filled))
	filled["from"], filled["status"], filled["reason"], filled["code"] = "json", first["status"], "STALE", "1"
	for way, got := range map[string]map[string]string{"by the fields": first, "by the JSON": values(s.play(t, filled))} {
		want["status"], want["accept"] = first["status"], ""
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", way, diff)
		}
	}
}

// values are what a page's fields are filled in with.
func values(page document) map[string]string {
	found := map[string]string{}
	for one := range page.all("input", "textarea", "select") {
		name := one.attribute("name")
		switch {
		case one.attribute("type") == "checkbox":
			if one.has("checked") {
				found[name] = "on"
			}
		case one.Data == "input":
			found[name] = one.attribute("value")
		case one.Data == "textarea":
			found[name] = one.FirstChild.Data
		default:
			for option := range one.all("option") {
				if option.has("selected") {
					found[name] = option.attribute("value")
					if !option.has("value") {
						found[name] = option.text()
					}
				}
			}
		}
	}
	return found
}

// What cannot be read is said beside the field, and maps to nothing.
func TestPlaygroundRefuses(t *testing.T) {
	t.Parallel()
	s := newSite(t, builtin(t, policy.Documented), tour.AnyServer)
	for _, fields := range []map[string]string{
		{"from": "json", "status": `{"code": "five"}`},
		{"from": "json", "status": `{"code": 5`},
		{"from": "json", "status": `{"code": 4294967301}`},
		{"from": "json", "status": "{\"message\": \"\xff\"}"},
		{"from": "json", "status": `{"nothing": 1}`},
		{"from": "fields"},
		{"from": "fields", "code": "99999999999"},
		{"from": "fields", "code": "x"},
		{"from": "fields", "code": "5", "message": "\xff"},
		{"from": "fields", "code": "5", "reason": "\xff"},
		{"from": "fields", "code": "8", "retry": "soon"},
		{"from": "fields", "code": "8", "retry": "-1"},
		{"from": "fields", "code": "8", "retry": "NaN"},
		{"from": "fields", "code": "8", "retry": "1e300"},
		{"from": "fields", "code": "8", "retry": "99999999"},
	} {
		page := s.play(t, fields)
		wrong, ok := page.byID("wrong")
		if !ok || wrong.attribute("role") != "alert" || len(outcomes(page)) > 0 {
			t.Errorf("%v: %t, %v", fields, ok, outcomes(page))
		}
		if fields["status"] != "" && values(page)["status"] == "" {
			t.Errorf("%v: what was pasted is lost", fields)
		}
	}
}

// The playground that a rule leads to shows that rule.
func TestPlaygroundOfRules(t *testing.T) {
	t.Parallel()
	sites := policies(t)
	sites["mine"] = newSite(t, edited(t, "name: documented", "name: mine", "rules:\n",
		"rules:\n  - {name: mine, domain: tea.v1, reason: COLD, status: 409, why: It is cold.}\n"+
			"  - {name: unknown-type, detail: tea.v1.Cold, code: ABORTED, status: 409, why: It is cold.}\n"), tour.AnyServer)
	for name, s := range sites {
		seen := 0
		for _, path := range s.htmlPages(t) {
			for one := range parse(t, s.browse(t, path).Body.String()).all("a") {
				rule, ok := strings.CutPrefix(one.text(), "In the playground: ")
				if !ok {
					continue
				}
				seen++
				target, err := url.Parse(one.attribute("href"))
				if err != nil {
					t.Fatal(err)
				}
				page := parse(t, s.browse(t, (&url.URL{Path: path}).ResolveReference(target).RequestURI()).Body.String())
				got := outcomes(page)
				if len(got) == 0 || got[0].policy != name || got[0].rule != rule || !strings.HasSuffix(path, "/"+got[0].status) {
					t.Errorf("%s, %s: the rule %s leads to %v", name, path, rule, got)
				}
				if name == "mine" && len(got) != 3 {
					t.Errorf("beside a policy of one's own there are %v", got)
				}
			}
		}
		if rules := len(s.mapper.Policy().Policy().GetRules()); seen != rules {
			t.Errorf("%s: %d of %d rules lead to the playground", name, seen, rules)
		}
	}
}

// A response under another policy leads to a page only if there is one.
func TestPlaygroundLinks(t *testing.T) {
	t.Parallel()
	s := newSite(t, builtin(t, policy.Documented), tour.AnyServer)
	page := s.play(t, map[string]string{"from": "fields", "code": "4"})
	var found []string
	for article := range page.all("article") {
		for one := range article.all("a") {
			if strings.HasPrefix(one.attribute("href"), "./") {
				found = append(found, one.attribute("href"))
			}
		}
	}
	if diff := cmp.Diff([]string{"./statuses/503"}, found); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	head := s.ask(t, http.MethodHead, "/playground", nil)
	if head.Code != http.StatusOK || head.Body.Len() > 0 || head.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("HEAD: %d %v", head.Code, head.Header())
	}
}
