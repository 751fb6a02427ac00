package catalogue_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/tour"
)

// trials are the steps on a page, by their names, and what each has for the script; ""
// if it cannot be tried.
func trials(t *testing.T, page document) map[string]string {
	t.Helper()
	found := map[string]string{}
	for article := range page.all("article") {
		name := article.attribute("id")
		found[name] = ""
		for button := range article.all("button") {
			found[name] = button.attribute("data-step")
		}
	}
	return found
}

// Each step is shown on the page of the row that it ends in, and can be tried where the
// server has what it needs. What cannot be tried says so.
func TestSteps(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		policy string
		has    tour.Needs
		moved  map[string]int
	}{
		{policy.Documented, tour.AnyServer, nil},
		{policy.Documented, tour.ReferenceAPI, nil},
		{policy.Documented, tour.DemoData, nil},
		{policy.Canonical, tour.DemoData, map[string]int{"not-acceptable": 406, "expectation": 417, "head-too-large": 431}},
	} {
		s := newSite(t, builtin(t, test.policy), test.has)
		for _, step := range tour.Steps() {
			row := step.Row
			if other, ok := test.moved[step.Name]; ok {
				row = other
			}
			page := parse(t, s.browse(t, "/statuses/"+strconv.Itoa(row)).Body.String())
			trial, ok := trials(t, page)[step.Name]
			if !ok || (trial != "") != (step.Needs <= test.has) {
				t.Errorf("%s, has %d: %s on the page of %d: %t, to be tried: %t", test.policy, test.has, step.Name, row, ok, trial != "")
				continue
			}
			article, _ := page.byID(step.Name)
			text := article.text()
			if !strings.Contains(text, "HTTP/1.1 "+strconv.Itoa(row)) || !strings.Contains(text, step.Title) || !strings.Contains(text, step.Why) {
				t.Errorf("%s, %s: %s", test.policy, step.Name, text)
			}
			if (trial == "") != strings.Contains(text, "To try this you need") {
				t.Errorf("%s, has %d, %s: %s", test.policy, test.has, step.Name, text)
			}
			if trial == "" {
				continue
			}
			var got tour.Step
			if err := json.Unmarshal([]byte(trial), &got); err != nil {
				t.Fatal(err)
			}
			want := step
			want.Needs, want.Row = got.Needs, row
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s for the script (-want +got):\n%s", step.Name, diff)
			}
		}
	}
}

// The table says of each row what leads to it, and the page of a row why.
func TestRules(t *testing.T) {
	t.Parallel()
	for name, s := range policies(t) {
		home := parse(t, s.browse(t, "/").Body.String())
		rows := map[string]string{}
		for tr := range home.all("tr") {
			for th := range tr.all("th") {
				if th.attribute("scope") == "row" {
					number, _, _ := strings.Cut(th.text(), ":")
					rows[number] = tr.text()
				}
			}
		}
		for _, row := range builtin(t, name).Rows() {
			number := strconv.Itoa(int(row.GetStatus()))
			told, page := rows[number], parse(t, s.browse(t, "/statuses/"+number).Body.String()).text()
			for _, text := range []string{row.GetTitle(), row.GetDescription()} {
				if !strings.Contains(told, text) || !strings.Contains(page, text) {
					t.Errorf("%s: %s is told as %s", name, number, told)
				}
			}
			for _, rule := range builtin(t, name).RulesTo(int(row.GetStatus())) {
				key := slices.MaxFunc([]string{rule.GetCode(), rule.GetReason(), rule.GetDetail()}, func(a, b string) int { return len(a) - len(b) })
				if key == "OTHER" {
					key = "any other number"
				}
				if !strings.Contains(told, key) || !strings.Contains(page, key) || !strings.Contains(page, rule.GetWhy()) || !strings.Contains(page, rule.GetName()) {
					t.Errorf("%s: %s says nothing of the rule %s: %s", name, number, rule.GetName(), told)
				}
			}
		}
	}
}

// The header fields of a row are those of its answers, and each is explained.
func TestFields(t *testing.T) {
	t.Parallel()
	s := newSite(t, builtin(t, policy.Documented), tour.DemoData)
	for number, want := range map[int][]string{
		200: {"ETag", "Last-Modified"},
		201: {"Content-Location", "ETag", "Last-Modified", "Location"},
		202: {"Location"},
		204: nil,
		304: {"ETag"},
		401: {"WWW-Authenticate"},
		404: nil,
		405: {"Allow"},
		410: {"Link"},
		415: {"Accept"},
		429: {"RateLimit", "RateLimit-Policy", "Retry-After", "X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset"},
		503: {"Retry-After"},
	} {
		var got []string
		for list := range parse(t, s.browse(t, "/statuses/"+strconv.Itoa(number)).Body.String()).all("dl") {
			if list.attribute("class") != "fields" {
				continue
			}
			for one := range list.all("dt") {
				got = append(got, one.text())
			}
			for one := range list.all("dd") {
				if one.text() == "" {
					t.Errorf("%d: a field is not explained", number)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d (-want +got):\n%s", number, diff)
		}
	}
}
