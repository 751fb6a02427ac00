package command_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/code"

	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/tour"
)

// answersFile holds what the steps of a tour are answered, to be shown as examples.
const answersFile = "../tour/answers.json"

// Every step of the tour ends in its row, and every row has a step. What the pages show
// as its response is what is answered.
func TestTour(t *testing.T) {
	t.Parallel()
	p := serve(t, "--demo")
	guide := tour.NewGuide(client(), p.rest)
	rows := map[int]bool{}
	got := map[string]tour.Answer{}
	for _, step := range tour.Steps() {
		visit, err := guide.Walk(t.Context(), step)
		if err != nil {
			t.Fatalf("%s: %v", step.Name, err)
		}
		if visit.Row != step.Row {
			t.Errorf("%s ends in %d, want %d: %s", step.Name, visit.Row, step.Row, visit.Body)
		}
		if _, twice := got[step.Name]; twice {
			t.Errorf("%s is the name of two steps", step.Name)
		}
		for _, one := range visit.After {
			if one.Code >= http.StatusBadRequest {
				t.Errorf("%s: after it %s %s is answered %s", step.Name, one.Request.Method, one.Request.Path, one.Status)
			}
		}
		if one, err := record(step, visit); err == nil {
			got[step.Name] = one
		} else {
			t.Errorf("%s: %v", step.Name, err)
		}
		rows[visit.Row] = true
	}
	table, err := policy.Builtin(policy.Documented)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range table.Rows() {
		if !rows[int(row.GetStatus())] {
			t.Errorf("no step ends in %d", row.GetStatus())
		}
	}
	checkAnswers(t, got)
	p.stop(t)
}

func checkAnswers(t *testing.T, got map[string]tour.Answer) {
	t.Helper()
	text, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.WriteFile(answersFile, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(answersFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", answersFile, diff)
	}
}

// Under another policy a step ends in the row that this one has for it, and what was
// changed is put back all the same.
func TestTourUnderCanonical(t *testing.T) {
	t.Parallel()
	p := serve(t, "--demo", "--policy=canonical", "--rate-limit=100/1m")
	guide := tour.NewGuide(client(), p.rest)
	other := map[string]int{"not-acceptable": 406, "expectation": 417, "head-too-large": 431}
	for _, step := range tour.Steps() {
		visit, err := guide.Walk(t.Context(), step)
		if err != nil {
			t.Fatalf("%s: %v", step.Name, err)
		}
		want, ok := other[step.Name]
		if !ok {
			want = step.Row
		}
		if visit.Row != want {
			t.Errorf("%s ends in %d, want %d: %s", step.Name, visit.Row, want, visit.Body)
		}
	}
	a := p.must(t, http.MethodGet, "/v1/entities", p.demoToken(t), nil)
	left := []string{}
	for _, one := range regexp.MustCompile(`"id":"([a-z-]+)`).FindAllStringSubmatch(string(a.text), -1) {
		// An import cannot be taken back: it goes on after the response.
		if !strings.HasPrefix(one[1], "saucer-") {
			left = append(left, one[1])
		}
	}
	if diff := cmp.Diff([]string{"cup", "kettle", "teapot"}, left); diff != "" {
		t.Errorf("the entities after it (-want +got):\n%s", diff)
	}
	p.stop(t)
}

// A step that cannot be done is an error, and what it has done until then is put back.
func TestTourOfAnotherServer(t *testing.T) {
	t.Parallel()
	p := serve(t, "--data-dir="+t.TempDir())
	guide := tour.NewGuide(client(), p.rest)
	for _, step := range tour.Steps() {
		visit, err := guide.Walk(t.Context(), step)
		if step.Needs == tour.DemoData {
			if err == nil || !strings.Contains(err.Error(), step.Name+": before it, the response to POST /v1/sessions is 401") {
				t.Errorf("%s without its users: %v", step.Name, err)
			}
			continue
		}
		if err != nil || visit.Row != step.Row {
			t.Errorf("%s: %d, %v", step.Name, visit.Row, err)
		}
	}
	p.stop(t)
	if _, err := guide.Walk(t.Context(), tour.Steps()[0]); err == nil {
		t.Error("a server that has stopped is not missed")
	}
}

// The command shows every row of whichever policy the server answers by, and no token.
func TestTourCommand(t *testing.T) {
	t.Parallel()
	for _, policyName := range []string{policy.Documented, policy.Canonical} {
		p := serve(t, "--demo", "--policy="+policyName)
		got := run(t, "", "tour", "--target="+p.rest+"/")
		if got.code != 0 || got.err != "" {
			t.Errorf("%s: %d: %s", policyName, got.code, got.err)
		}
		table, err := policy.Builtin(policyName)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range tour.Steps() {
			if !strings.Contains(got.out, "\n"+step.Title+". "+step.Why+"\n") {
				t.Errorf("%s: %s is not shown", policyName, step.Name)
			}
		}
		if policyName == policy.Documented {
			for _, row := range table.Rows() {
				if !strings.Contains(got.out, fmt.Sprintf("%d %s\n%s\n", row.GetStatus(), row.GetTitle(), row.GetDescription())) {
					t.Errorf("the row %d is not shown", row.GetStatus())
				}
			}
		}
		for _, want := range []string{
			"\n  > Authorization: Bearer …\n", "\n  < X-Rate-Limit-Remaining: 0\n", " times\n", "\n  < 409 Conflict\n", "\n  > PUT /v1/maintenance  200 OK\n",
			fmt.Sprintf("in their row of the policy %[1]s: %[2]d of %[2]d. To see them in a browser: %[3]s/\n", policyName, len(tour.Steps()), p.rest),
			"{long}",
		} {
			if !strings.Contains(got.out, want) {
				t.Errorf("%s: %q is not shown", policyName, want)
			}
		}
		if secret := regexp.MustCompile(`Bearer [A-Za-z0-9_-]{20,}|X-Request-Id`).FindString(got.out); secret != "" {
			t.Errorf("%s: %s is shown", policyName, secret)
		}
		for line := range strings.Lines(got.out) {
			if len(line) > 500 {
				t.Errorf("%s: a line of %d octets: %.40s", policyName, len(line), line)
			}
		}
		p.stop(t)
	}
}

// A tour that cannot be gone says why, and what to do; one that goes astray says where.
func TestTourCommandFails(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/policy" {
			_, _ = io.WriteString(w, `{"policy": `+run(t, "", "policy", "show", "--json").out+`}`)
		}
	}))
	t.Cleanup(other.Close)
	nothing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(nothing.Close)
	gone := httptest.NewServer(nil)
	gone.Close()
	p := serve(t, "--data-dir="+t.TempDir())
	for _, test := range []struct {
		name      string
		arguments []string
		code      int
		says      []string
	}{
		{"nobody", []string{"--target=" + gone.URL}, 1, []string{"connection refused", "serve --demo"}},
		{"another server", []string{"--target=" + nothing.URL}, 1, []string{"404", "serve --demo"}},
		{"no demo", []string{"--target=" + p.rest}, 1, []string{"before it, the response to POST /v1/sessions is 401", "serve --demo"}},
		{"one that says 200 to all", []string{"--target=" + other.URL, "--row=404", "--row=201"}, 1, []string{"4 of 4 exchanges", "url-invalid"}},
		{"no URL", []string{"--target=here"}, 2, []string{"--target", "http://127.0.0.1:8080", "tour --help"}},
		{"a path", []string{"--target=http://a:b@x/y"}, 2, []string{"--target", "authority"}},
		{"no such row", []string{"--target=" + other.URL, "--row=499"}, 2, []string{"499", "policy show"}},
		{"no number", []string{"--row=many"}, 2, []string{"--row"}},
		{"an argument", []string{"coffee"}, 2, []string{`"coffee"`}},
	} {
		got := run(t, "", append([]string{"tour"}, test.arguments...)...)
		for _, want := range test.says {
			if got.code != test.code || !strings.Contains(got.err, want) {
				t.Errorf("%s: exit code %d, want %d, and %q in %q", test.name, got.code, test.code, want, got.err)
			}
		}
		if strings.Contains(got.err, "a:b") {
			t.Errorf("%s: a password is shown: %s", test.name, got.err)
		}
	}
	p.stop(t)
}

// A demo that refuses too soon, never, or to be put back is told apart from none.
func TestTourCommandLimits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		limit     string
		arguments []string
		code      int
		out, err  string
	}{
		{"off", nil, 0, "This server has no limit that 3000 requests exceed.", ""},
		{"10/1h", nil, 1, "", "the demo's rate limit refuses the tour for 3"}, // 3600 seconds, or few less
		{
			"600/1m,m=1/1m@entity.v1.MaintenanceService/SetMaintenance",
			[]string{"--row=503"},
			1,
			"> PUT /v1/maintenance  429 Too Many Requests", "maintenance: after it, the response to PUT /v1/maintenance is 429 Too Many Requests\nWait that long",
		},
	} {
		p := serve(t, "--demo", "--rate-limit="+test.limit)
		got := run(t, "", append([]string{"tour", "--target=" + p.rest}, test.arguments...)...)
		if got.code != test.code || !strings.Contains(got.out, test.out) || !strings.Contains(got.err, test.err) {
			t.Errorf("%s: %d: %s\n%s", test.limit, got.code, got.err, lastLines(got.out, 20))
		}
		p.stop(t)
	}
}

// record is what of a visit can be shown as an example.
func record(step tour.Step, visit tour.Visit) (tour.Answer, error) {
	one := tour.Answer{Header: map[string]string{}}
	isError := visit.Row >= http.StatusBadRequest
	for _, name := range ownFields(step) {
		if value := visit.Header.Get(name); value != "" {
			one.Header[name] = steady(value)
		}
	}
	body := []byte(steady(string(visit.Body)))
	switch {
	case step.Mapped:
		one.Header = nil
		var request struct {
			Status json.RawMessage `json:"status"`
		}
		err := json.Unmarshal([]byte(visit.Request.Body), &request)
		one.Status = request.Status
		return one, err
	case isError:
		var problem struct {
			Code     string          `json:"code"`
			Detail   string          `json:"detail"`
			Instance string          `json:"instance"`
			Details  json.RawMessage `json:"details"`
		}
		if err := json.Unmarshal(body, &problem); err != nil {
			return one, err
		}
		one.Instance = problem.Instance
		number, ok := code.Code_value[problem.Code]
		if !ok {
			return one, fmt.Errorf("%q is no code", problem.Code)
		}
		var err error
		one.Status, err = json.Marshal(map[string]any{"code": number, "message": problem.Detail, "details": problem.Details})
		return one, err
	case len(body) > 0:
		one.Body = body
	}
	return one, nil
}

// ownFields are the fields of a response that a step is about. An error has others by
// its policy alone.
func ownFields(step tour.Step) []string {
	fields := []string{"Link"}
	switch {
	case step.Row < http.StatusBadRequest:
		fields = append(fields, "Cache-Control", "Content-Location", "Content-Type", "Etag", "Last-Modified", "Location")
	case step.Row == http.StatusMethodNotAllowed:
		fields = append(fields, "Allow")
	case step.Row == http.StatusUnsupportedMediaType:
		fields = append(fields, "Accept", "Accept-Encoding")
	case step.Row == http.StatusTooManyRequests:
		fields = append(fields, "Ratelimit", "Ratelimit-Policy", "X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset")
	}
	return fields
}

// steady replaces what differs from walk to walk.
func steady(text string) string {
	for _, one := range []struct{ pattern, by string }{
		{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`, "2026-01-31T08:30:00Z"},
		{`[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT`, "Sat, 31 Jan 2026 08:30:00 GMT"},
		{`^"[^"]*"$`, `"hojnvfz99y"`},
		{`("(?:etag|currentEtag)":)"[^"]*"`, `$1"hojnvfz99y"`},
		{`(operations/)[a-z0-9]+`, "${1}c2apzklhmv3p"},
		{`\b(urn|tray|cracked-cup|saucer)-[a-z0-9]{8}\b`, "$1-7f3a"},
		{`("done":)\d`, "${1}0"},
		{`("retryDelay":)"(?:[45]\d(?:\.\d+)?|60)s"`, `$1"42s"`},
		{`(t=)\d+$`, "${1}42"},
	} {
		text = regexp.MustCompile(one.pattern).ReplaceAllString(text, one.by)
	}
	if number, err := strconv.Atoi(text); err == nil && number > 0 && number <= 60 {
		return "42" // X-Rate-Limit-Reset
	}
	return text
}

// A demo over TLS is toured with its certificate, and a client that speaks another protocol than the server
// says so, and what to use.
func TestTourOverTLS(t *testing.T) {
	t.Parallel()
	cert, key, _ := pair(t)
	secure, plain := serve(t, "--demo", "--tls-cert="+cert, "--tls-key="+key), serve(t, "--demo")
	if !strings.Contains(secure.out.String(), " tour --target "+secure.rest+" --ca "+cert+"\n") {
		t.Errorf("the start does not say how to tour it:\n%s", &secure.out)
	}
	for name, flag := range map[string]string{"trusted": "--ca=" + cert, "any": "--insecure"} {
		if got := run(t, "", "tour", "--target="+secure.rest, flag); got.code != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	asHTTP, asHTTPS := strings.Replace(secure.rest, "https", "http", 1), strings.Replace(plain.rest, "http", "https", 1)
	for _, command := range []string{"tour", "conformance"} {
		for _, test := range []struct{ target, want string }{
			{secure.rest, secure.rest + " is not trusted"},
			{asHTTP, asHTTP + " speaks TLS: use " + secure.rest},
			{asHTTPS, asHTTPS + " does not speak TLS: use " + plain.rest},
		} {
			if got := run(t, "", command, "--target="+test.target); got.code != 1 || !strings.Contains(got.err, test.want) {
				t.Errorf("%s %s: %+v", command, test.target, got)
			}
		}
	}
	if got := run(t, "", "tour", "--target="+secure.rest, "--ca="+key); got.code != 2 || !strings.Contains(got.err, "no certificate") {
		t.Errorf("no certificates: %+v", got)
	}
	secure.stop(t)
	plain.stop(t)
}
