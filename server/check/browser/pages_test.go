package browser_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/tour"
)

// visitors look at the pages of a running demo in one browser, each in a tab.
type visitors struct {
	*browser

	demo demo
}

//nolint:paralleltest // each of its parts says so itself.
func TestPagesInBrowser(t *testing.T) {
	t.Parallel()
	browserPath(t) // Without one, the server need not start.
	p := startDemo(t, "--rate-limit=150/1m")
	v := visitors{openBrowser(t, p.REST), p}
	t.Cleanup(func() { v.check(t) }) // After all of them.
	t.Run("looks", v.looksWell)
	t.Run("OpenAPI", v.showsTheDocument)
	t.Run("tries", v.triesEveryStep)
	t.Run("keyboard", v.worksByKeyboard)
	t.Run("playground", v.mapsAsTheCommand)
	t.Run("without JavaScript", v.worksWithoutScript)
}

// rowPaths are the pages of the rows.
func (v visitors) rowPaths(t *testing.T) []string {
	t.Helper()
	_, body := v.demo.get(t, "/statuses", "")
	var paths []string
	for _, one := range body["statuses"].([]any) {
		row := one.(map[string]any)["row"].(map[string]any)
		paths = append(paths, fmt.Sprintf("/statuses/%v", row["status"]))
	}
	return paths
}

// looksWell holds every page to what can be measured: it fits a phone, and every text has
// enough contrast, by day and by night.
func (v visitors) looksWell(t *testing.T) {
	t.Parallel()
	b := v.tab(t)
	long := url.QueryEscape(`{"code": 8, "message": "` + strings.Repeat("long", 100) + `"}`)
	paths := append(v.rowPaths(t), "/", "/statuses", "/playground", "/playground?status=x", "/playground?status="+long)
	for _, path := range paths {
		b.open(t, path)
		b.audit(t, path)
	}
}

// audit looks at the page that is open, on every screen.
func (b *tab) audit(t *testing.T, name string) {
	t.Helper()
	audit, err := os.ReadFile("testdata/audit.js")
	if err != nil {
		t.Fatal(err)
	}
	colours := map[string]string{}
	for _, l := range []look{{"a phone", 360, "light"}, {"a small phone at night", 320, "dark"}, {"a desk", 1280, "light"}, {"a desk at night", 1280, "dark"}} {
		b.as(t, l)
		b.await(t, followed)
		for _, fault := range evaluate[[]string](t, b, string(audit)) {
			t.Errorf("%.60s on %s: %s", name, l.name, fault)
		}
		colours[l.scheme] = evaluate[string](t, b, "getComputedStyle(document.body).backgroundColor")
	}
	if evaluate[string](t, b, "getComputedStyle(document.documentElement).scrollBehavior") != "auto" {
		t.Errorf("%s moves for who wants less of it", name)
	}
	if colours["light"] == colours["dark"] {
		t.Errorf("%s is %s by day and by night", name, colours["light"])
	}
}

// followed reports that a page which follows the system's colours by a script has done so.
const followed = `!document.querySelector(".swagger-ui") ||
	document.documentElement.classList.contains("dark-mode") === matchMedia("(prefers-color-scheme: dark)").matches`

// showsTheDocument looks at the page of the OpenAPI document, which Swagger UI makes: as
// it opens, and with an operation that was executed.
func (v visitors) showsTheDocument(t *testing.T) {
	t.Parallel()
	b := v.tab(t)
	b.open(t, "/openapi#/statusway.mapping.v1.MappingService/statusway.mapping.v1.MappingService.GetStatus")
	b.await(t, `document.querySelector(".opblock.is-open .try-out__btn") !== null`)
	for tag, want := range map[string]int{"main": 1, "h1": 1, "header": 1, "footer": 1, ".opblock.is-open": 1} {
		if got := evaluate[int](t, b, fmt.Sprintf("document.querySelectorAll(%q).length", tag)); got != want {
			t.Errorf("there are %d of %s", got, tag)
		}
	}
	if title := evaluate[string](t, b, "document.title"); title != "OpenAPI – Statusway" {
		t.Errorf("the page is called %q", title)
	}
	evaluate[bool](t, b, `document.querySelectorAll(".opblock.is-open .tabitem:not(.active) .tablinks").forEach((one) => one.click()), true`)
	b.await(t, `document.querySelector(".opblock.is-open .json-schema-2020-12") !== null`)
	// Every service's name stands above what it is for, and no text in a column of letters.
	for _, width := range []int64{390, 1280} {
		b.as(t, look{width: width, scheme: "light"})
		for _, fault := range evaluate[[]string](t, b, narrowTexts) {
			t.Errorf("on a screen of %d: %s", width, fault)
		}
	}
	b.audit(t, "the page with an operation")
	b.do(t, chromedp.Click(chromedp.CSS(".opblock.is-open .try-out__btn")), chromedp.SendKeys(chromedp.CSS(`.opblock.is-open input[placeholder="code"]`), "404"),
		chromedp.Click(chromedp.CSS(".opblock.is-open .execute")))
	b.await(t, `document.querySelector(".live-responses-table .response .response-col_status")?.textContent === "200"`)
	b.audit(t, "the page with an answer")
	for _, paper := range []string{"document.body", `document.querySelector(".opblock.is-open")`, `document.querySelector(".scheme-container")`} {
		colours := map[string]bool{}
		for _, scheme := range []string{"light", "dark"} {
			b.as(t, look{width: 390, scheme: scheme})
			b.await(t, followed)
			colours[evaluate[string](t, b, "getComputedStyle("+paper+").backgroundColor")] = true
		}
		if len(colours) != 2 {
			t.Errorf("%s is the same by day and by night: %v", paper, colours)
		}
	}
	b.open(t, "/openapi")
	b.await(t, `document.querySelector("#operations") !== null`)
	b.do(t, chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	b.await(t, `document.activeElement.id === "main"`)
}

// narrowTexts are the texts of the page that have less room than a few letters, or begin
// to the left of the page.
const narrowTexts = `[...document.querySelectorAll(".opblock-tag > a, .opblock-tag small, .renderedMarkdown")]
	.filter((one) => one.textContent.trim() && one.checkVisibility())
	.filter((one) => one.getBoundingClientRect().width < 100 || one.getBoundingClientRect().left < 0)
	.map((one) => one.textContent.trim().slice(0, 40) + " is " + one.getBoundingClientRect().width + " wide")`

// An exhibit is what a step shows: its status, the names of its header fields and of its
// body's members.
type exhibit struct {
	Status  string
	Fields  []string
	Members []string
}

// exhibitOf reads the response that a step shows.
const exhibitOf = `(() => {
	const [head, ...body] = document.querySelector("#%s .answered code").textContent.split("\n\n");
	const [line, ...fields] = head.split("\n");
	const text = body.join("\n\n");
	return {
		status: line.replace("HTTP/1.1 ", "").slice(0, 3),
		fields: fields.map((field) => field.split(":")[0]).sort(),
		members: text ? Object.keys(JSON.parse(text)).sort() : [],
	};
})()`

// triesEveryStep presses every button, and wants the response that the example has
// promised.
func (v visitors) triesEveryStep(t *testing.T) {
	t.Parallel()
	b := v.tab(t)
	pressed := map[string]bool{}
	for _, path := range v.rowPaths(t) {
		b.open(t, path)
		for _, name := range evaluate[[]string](t, b, `[...document.querySelectorAll("article:has(button)")].map((one) => one.id)`) {
			example := exhibited(t, b, name)
			b.do(t, chromedp.Click(chromedp.CSS("#"+name+" button")))
			said := fmt.Sprintf(`document.querySelector("#%s .state").textContent`, name)
			b.await(t, said+`.endsWith(".")`)
			state := evaluate[string](t, b, said)
			got := exhibited(t, b, name)
			pressed[name] = true
			want := strings.TrimPrefix(path, "/statuses/")
			if got.Status != want || example.Status != want || !strings.Contains(state, want) || strings.Contains(state, "not as it was") {
				t.Errorf("%s on %s: %s, and the example %s: %s", name, path, got.Status, example.Status, state)
				continue
			}
			for _, field := range example.Fields {
				if !slices.Contains(got.Fields, field) {
					t.Errorf("%s: the example has %s, and the answer %q", name, field, got.Fields)
				}
			}
			sent := evaluate[string](t, b, fmt.Sprintf(`document.querySelector("#%s .sent code").textContent`, name))
			if regexp.MustCompile(`\{[a-z]+\}`).MatchString(sent) || name == "expectation" && sent != "GET /catalogue/expect" {
				t.Errorf("%s says that this was sent: %s", name, sent)
			}
			// The page that stands for Expect has a path of its own.
			if diff := cmp.Diff(example.Members, got.Members); diff != "" && name != "expectation" {
				t.Errorf("%s (-example +answer):\n%s", name, diff)
			}
		}
	}
	for _, step := range tour.Steps() {
		if !pressed[step.Name] {
			t.Errorf("%s has no button", step.Name)
		}
	}
	// What was changed is put back, and nobody but the viewer has to wait.
	if status, _ := v.demo.get(t, "/v1/entities/teapot", v.demo.login(t, "editor")); status != http.StatusOK {
		t.Errorf("after it all the editor gets %d", status)
	}
}

func exhibited(t *testing.T, b *tab, name string) exhibit {
	t.Helper()
	return evaluate[exhibit](t, b, fmt.Sprintf(exhibitOf, name))
}

// worksByKeyboard goes through a page by the key Tab alone: it begins with the link that
// skips to the content, comes to all that can be used, in the order of the page, and
// shows where it is. Enter then tries a step.
func (v visitors) worksByKeyboard(t *testing.T) {
	t.Parallel()
	b := v.tab(t)
	for _, path := range []string{"/", "/statuses/404", "/playground"} {
		b.open(t, path)
		const focusable = `[...document.querySelectorAll("a[href], button, input, select, textarea, summary")].filter((one) => one.checkVisibility())`
		want := evaluate[int](t, b, focusable+".length")
		for i := range want {
			b.do(t, chromedp.KeyEvent(kb.Tab))
			at := evaluate[int](t, b, focusable+".indexOf(document.activeElement)")
			ring := evaluate[string](t, b, `getComputedStyle(document.activeElement).outline`)
			if at != i || !strings.HasSuffix(ring, " solid 3px") {
				t.Errorf("%s: after %d times Tab it is at %d of %d, with the outline %s", path, i+1, at, want, ring)
				break
			}
			if i == 0 && evaluate[bool](t, b, `document.activeElement.getBoundingClientRect().top < 0`) {
				t.Errorf("%s: the link that skips is not seen", path)
			}
		}
	}
	b.open(t, "/statuses/404")
	b.do(t, chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	b.await(t, `document.activeElement.id === "main"`)
	for range 20 {
		b.do(t, chromedp.KeyEvent(kb.Tab))
		if evaluate[bool](t, b, `document.activeElement.closest("#url-invalid") !== null`) {
			break
		}
	}
	b.do(t, chromedp.KeyEvent(kb.Enter))
	b.await(t, `document.getElementById("url-invalid").dataset.status === "404"`)
	if role := evaluate[string](t, b, `document.querySelector("#url-invalid [role=status]").textContent`); role != "The response is 404 Not Found." {
		t.Errorf("a screen reader says %q", role)
	}
	if !evaluate[bool](t, b, `document.activeElement.textContent.startsWith("Try it")`) {
		t.Error("the focus is lost")
	}
}

// shownAnswer is a response of the playground.
type shownAnswer struct {
	Policy, Status, Rule, Body string
}

const shownAnswers = `[...document.querySelectorAll(".answers article")].map((one) => ({
	policy: one.querySelector("h3 b").textContent,
	status: one.querySelector(".outcome").dataset.status,
	rule: one.querySelector(".outcome").dataset.rule,
	body: one.querySelector("code:last-child").closest("article").querySelector("pre code").textContent.split("\n\n").slice(1).join("\n\n"),
}))`

// mapsAsTheCommand fills in the playground, by its fields and by JSON, and wants what
// `statusway map` prints.
func (v visitors) mapsAsTheCommand(t *testing.T) {
	t.Parallel()
	b := v.tab(t)
	b.open(t, "/playground")
	v.compareWithMap(t, b)
	b.fill(t, map[string]string{"code": "9", "message": "", "reason": "", "domain": "", "path": ""})
	// Enter in a field maps what is built.
	if _, err := chromedp.RunResponse(b, chromedp.SendKeys(chromedp.CSS("#message"), "The teapot is not empty."+kb.Enter)); err != nil {
		t.Fatal(err)
	}
	if got := v.compareWithMap(t, b); got[0].Status != "409" || got[1].Status != "400" {
		t.Errorf("%+v", got)
	}
	if hash := evaluate[string](t, b, "location.hash"); hash != "#answers" {
		t.Errorf("the page is at %q", hash)
	}
	const rich = `{"code": 8, "message": "Too <b>much</b>.", "details": [
		{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "domain": "statusway.v1", "reason": "RATE_LIMITED"},
		{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"},
		{"@type": "type.googleapis.com/nobody.knows.This", "value": "AQI="}]}`
	b.fill(t, map[string]string{"status": rich})
	if _, err := chromedp.RunResponse(b, chromedp.Click(chromedp.CSS("button[value=json]"))); err != nil {
		t.Fatal(err)
	}
	if got := v.compareWithMap(t, b); got[0].Rule != "rate-limited" {
		t.Errorf("%+v", got)
	}
	if title := evaluate[string](t, b, "document.title"); !strings.HasPrefix(title, "429 Too Many Requests") {
		t.Errorf("the page is called %q", title)
	}
}

// fill puts values into the fields of a form.
func (b *tab) fill(t *testing.T, values map[string]string) {
	t.Helper()
	for id, value := range values {
		evaluate[string](t, b, fmt.Sprintf("document.getElementById(%q).value = %q", id, value))
	}
}

// compareWithMap compares what the playground shows with what the command prints for the
// JSON in it.
func (v visitors) compareWithMap(t *testing.T, b *tab) []shownAnswer {
	t.Helper()
	status := evaluate[string](t, b, `document.getElementById("status").value`)
	path := evaluate[string](t, b, `document.getElementById("path").value`)
	shown := evaluate[[]shownAnswer](t, b, shownAnswers)
	if len(shown) != 2 {
		t.Fatalf("there are %d answers", len(shown))
	}
	for _, one := range shown {
		printed := mapStatus(t, status, "--policy="+one.Policy)
		var want struct {
			HTTPStatus int            `json:"httpStatus"`
			Rule       string         `json:"rule"`
			Body       map[string]any `json:"body"`
		}
		if err := json.Unmarshal([]byte(printed), &want); err != nil {
			t.Fatalf("%v: %s", err, printed)
		}
		if path != "" {
			want.Body["instance"] = path // The command knows of no request.
		}
		var body map[string]any
		if err := json.Unmarshal([]byte(one.Body), &body); err != nil {
			t.Fatalf("%v: %s", err, one.Body)
		}
		if diff := cmp.Diff(want.Body, body); one.Status != strconv.Itoa(want.HTTPStatus) || one.Rule != want.Rule || diff != "" {
			t.Errorf("%s: %s by %s, and the command prints %s (-command +playground):\n%s", one.Policy, one.Status, one.Rule, printed, diff)
		}
	}
	return shown
}

// worksWithoutScript is a browser without JavaScript: nothing can be tried, which the
// page says, and the playground maps.
func (v visitors) worksWithoutScript(t *testing.T) {
	t.Parallel()
	b := v.tab(t)
	b.do(t, call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	b.open(t, "/statuses/404")
	b.do(t, chromedp.WaitVisible(chromedp.CSS("noscript p")), chromedp.WaitNotVisible(chromedp.CSS("#url-invalid button")))
	b.open(t, "/playground?from=fields&code=10")
	if _, err := chromedp.RunResponse(b, chromedp.Click(chromedp.CSS("button[value=fields]"))); err != nil {
		t.Fatal(err)
	}
	b.do(t, chromedp.WaitVisible(chromedp.CSS(`.outcome[data-status="409"][data-rule="aborted"]`)))
}
