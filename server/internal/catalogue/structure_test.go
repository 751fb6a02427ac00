package catalogue_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/tour"
)

// Each page is one that a screen reader can find its way in.
func TestStructure(t *testing.T) {
	t.Parallel()
	for name, s := range policies(t) {
		for _, path := range append(s.htmlPages(t), "/playground?from=json&status=x", "/playground?from=fields&code=17") {
			page := parse(t, s.browse(t, path).Body.String())
			report := func(format string, args ...any) {
				t.Helper()
				t.Errorf("%s, %s: "+format, append([]any{name, path}, args...)...)
			}
			checkLandmarks(page, report)
			checkHeadings(page, report)
			checkTables(page, report)
			checkNames(page, report)
		}
	}
}

type reporter func(format string, args ...any)

func checkLandmarks(page document, report reporter) {
	for _, landmark := range []string{"html", "title", "header", "main", "footer", "h1"} {
		count := 0
		for range page.all(landmark) {
			count++
		}
		if count != 1 {
			report("there are %d %s", count, landmark)
		}
	}
	for one := range page.all("html") {
		if one.attribute("lang") != "en" {
			report("the language is %q", one.attribute("lang"))
		}
	}
	for first := range page.all("a") {
		if first.attribute("href") != "#main" {
			report("the first link is %q and does not skip to the content", first.attribute("href"))
		}
		break
	}
	for one := range page.all("nav") {
		if one.attribute("aria-label") == "" {
			report("a nav has no name")
		}
	}
}

// checkHeadings wants no level to be left out on the way down.
func checkHeadings(page document, report reporter) {
	last := 0
	for one := range page.all("h1", "h2", "h3", "h4", "h5", "h6") {
		level, err := strconv.Atoi(one.Data[1:])
		if err != nil || level > last+1 || one.text() == "" {
			report("the heading %q is of level %d after one of %d", one.text(), level, last)
		}
		last = level
	}
}

func checkTables(page document, report reporter) {
	for table := range page.all("table") {
		captions := 0
		for one := range table.all("caption") {
			captions++
			if one.text() == "" {
				report("a table's caption is empty")
			}
		}
		if captions != 1 {
			report("a table has %d captions", captions)
		}
		for one := range table.all("th") {
			if !slices.Contains([]string{"col", "row", "rowgroup"}, one.attribute("scope")) || one.text() == "" {
				report("the header %q has the scope %q", one.text(), one.attribute("scope"))
			}
		}
	}
}

// checkNames wants a name of its own for all that has an id, for all that can be filled
// in or pressed, and for all that is pointed at.
func checkNames(page document, report reporter) {
	seen := map[string]bool{}
	labels := map[string]string{}
	for one := range page.all() {
		if id := one.attribute("id"); id != "" {
			if seen[id] {
				report("two elements are called %s", id)
			}
			seen[id] = true
		}
		if one.Data == "label" {
			labels[one.attribute("for")] = one.text()
		}
	}
	texts := map[string]string{}
	for one := range page.all() {
		switch one.Data {
		case "input", "select", "textarea":
			if labels[one.attribute("id")] == "" {
				report("the field %s has no label", one.attribute("id"))
			}
		case "a", "button", "legend", "figcaption":
			if one.text() == "" {
				report("a %s has no text", one.Data)
			}
			if one.Data == "a" {
				if to, ok := texts[one.text()]; ok && to != one.attribute("href") && !strings.HasPrefix(one.text(), "RFC") && !strings.HasPrefix(one.text(), "AIP") {
					report("two links say %q and lead to %s and %s", one.text(), to, one.attribute("href"))
				}
				texts[one.text()] = one.attribute("href")
			}
		}
		for _, key := range []string{"aria-labelledby", "aria-describedby"} {
			if id := one.attribute(key); id != "" && !seen[id] {
				report("%s points at %s, which is not there", key, id)
			}
		}
	}
}

// A policy's words are words, whatever they look like.
func TestHostilePolicy(t *testing.T) {
	t.Parallel()
	const hostile = `</title><script>alert(1)</script><img src=x onerror=alert(2)>" onclick="alert(3)' {{.}} **bold** [a](javascript:alert(4)) &amp;`
	quoted := strconv.Quote(hostile)
	s := newSite(t, edited(t,
		"title: Resource Not Found", "title: "+quoted,
		`description: "The URL is invalid, or the entity was not found."`, "description: "+quoted,
		"source: RFC 9110 §15.5.5", "source: "+quoted,
		"description: The table that this project promises.", "description: "+quoted,
		"why: No route has this path.\n    spec: RFC 9110 §15.5.5", "why: "+quoted+"\n    spec: "+strconv.Quote("javascript:alert(5)"),
		"domain: statusway.v1\n    reason: ROUTE_NOT_FOUND", "domain: "+quoted+"\n    reason: ROUTE_NOT_FOUND",
	), tour.DemoData)
	plain := newSite(t, builtin(t, policy.Documented), tour.DemoData)
	pages := append(s.htmlPages(t), "/playground?from=fields&code=5&message="+strings.ReplaceAll(`"><script>alert(6)</script>`, "=", "%3D"),
		"/playground?from=json&method=%22%3E%3Cscript%3E&accept=%3Cscript%3E&status=%3C%2Ftextarea%3E%3Cscript%3E")
	for _, path := range pages {
		page := parse(t, s.browse(t, path).Body.String())
		for one := range page.all() {
			if one.Data == "img" || one.Data == "script" && strings.TrimLeft(one.attribute("src"), "./") != "catalogue/page.js" ||
				one.has("onclick") || one.has("onerror") ||
				strings.HasPrefix(one.attribute("href"), "javascript:") || one.Data == "strong" {
				t.Errorf("%s: the words have become a %s %v", path, one.Data, one.Attr)
			}
		}
	}
	row := parse(t, s.browse(t, "/statuses/404").Body.String())
	for one := range row.all("h1") {
		if !strings.HasSuffix(one.text(), hostile) {
			t.Errorf("the title is %q", one.text())
		}
	}
	// As many elements as with harmless words, except for the links that no longer are.
	count := func(s site, path string) (n int) {
		for one := range parse(t, s.browse(t, path).Body.String()).all() {
			if one.Data != "a" && one.Data != "wbr" {
				n++
			}
		}
		return n
	}
	for _, path := range plain.htmlPages(t) {
		if with, without := count(s, path), count(plain, path); with != without {
			t.Errorf("%s has %d elements, and %d with harmless words", path, with, without)
		}
	}
}
