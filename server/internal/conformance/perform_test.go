package conformance_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"

	"github.com/statusway/statusway/server/internal/conformance"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// scripted answers each connection's requests with the same bytes.
func scripted(t *testing.T, answer string) *conformance.Client {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			reader := bufio.NewReader(conn)
			for {
				if _, err := http.ReadRequest(reader); err != nil {
					break
				}
				_, _ = conn.Write([]byte(answer))
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return conformance.NewClient(conformance.ClientParams{
		Address: listener.Addr().String(), TLS: nil, Next: "/next", NextStatus: 0,
		Invariants: conformance.Invariants{Table: documented(t), PublicURL: "https://x.example"},
	})
}

const sentHead = "HTTP/1.1 %s\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: r-1\r\n"

// What a case wants, and what of it a response does not keep.
func TestPerform(t *testing.T) {
	t.Parallel()
	content := func(body string) string {
		return fmt.Sprintf(sentHead+"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", "200 OK", len(body), body)
	}
	good := content(`{"id":"x","list":[1]}`)
	for name, test := range map[string]struct{ answer, response, want string }{
		"as wanted": {good, `{status: 200, headers: {Cache-Control: no-store}, matches: {Date: ".+GMT"}, absent: [ETag],
			body: {json: {id: x}, matches: {/id: x}, absent: [/no], lacks: [y]}}`, ""},
		"another status":        {good, `{status: 201}`, "the status is 200, want 201"},
		"another field":         {good, `{status: 200, headers: {Cache-Control: no-cache}}`, `Cache-Control is "no-store", want "no-cache"`},
		"a field that is there": {good, `{status: 200, absent: [Date]}`, "Date is"},
		"a missing field":       {good, `{status: 200, matches: {ETag: ".*"}}`, "ETag is missing"},
		"another pattern":       {good, `{status: 200, matches: {Date: "19"}}`, "does not match"},
		"another member":        {good, `{status: 200, body: {json: {id: y}}}`, `"/id" is "x", want "y"`},
		"another list":          {good, `{status: 200, body: {json: {list: [1, 2]}}}`, `"/list" is [1], want [1,2]`},
		"an object too full":    {good, `{status: 200, body: {json: {}}}`, `want {}`},
		"an empty object":       {content(`{"labels":{}}`), `{status: 200, body: {json: {labels: {}}}}`, ""},
		"a missing member":      {good, `{status: 200, body: {matches: {/no: ".*"}}}`, "nothing is at /no"},
		"a member too many":     {good, `{status: 200, body: {absent: [/id]}}`, "/id is x"},
		"another text":          {good, `{status: 200, body: {text: "x"}}`, "the body is"},
		"a text too many":       {good, `{status: 200, body: {lacks: [list]}}`, `the body says "list"`},
		"nothing to capture":    {good, `{status: 200, capture: {etag: "header:ETag"}}`, "capturing etag"},
		"a stray byte":          {good + "x", `{status: 200}`, "the next response on the connection"},
		"another status line":   {strings.Replace(good, "200 OK", "200", 1), `{status: 200}`, "the status line is"},
		"a line without a name": {strings.Replace(good, "Date: ", "Date:", 1), `{status: 200}`, "a header line is"},
		"no problem":            {good, `{status: 200, problem: {code: NOT_FOUND}}`, "the problem's code is"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := scripted(t, test.answer)
			defer client.Close()
			status := test.response[len("{status: ") : len("{status: ")+3]
			c, err := conformance.Parse(status+"-x", []byte("title: So.\nrow: "+status+"\nrequest: {method: GET, target: /x}\nresponse: "+test.response))
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.Run(t.Context(), c, conformance.OverHTTP1, conformance.NewVariables(nil))
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want one that says %q", err, test.want)
			}
		})
	}
}

// Nobody is there to answer.
func TestPerformUnreachable(t *testing.T) {
	t.Parallel()
	client := conformance.NewClient(conformance.ClientParams{Address: "127.0.0.1:1", TLS: nil, Next: "/", NextStatus: 0, Invariants: conformance.Invariants{}})
	defer client.Close()
	for _, transport := range []string{conformance.OverHTTP1, conformance.OverH2C} {
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := client.Send(ctx, transport, &conformance.Message{Method: "GET", Target: "/"}); err == nil {
			t.Errorf("%s: sent", transport)
		}
		cancel()
	}
}

func TestSame(t *testing.T) {
	t.Parallel()
	run := func(change func(*conformance.Answer)) *conformance.Run {
		r := &conformance.Run{Vars: conformance.Variables{"id": "c-long-enough"}, Answer: sound(200)}
		change(r.Answer)
		return r
	}
	first := run(func(*conformance.Answer) {})
	for name, test := range map[string]struct {
		other *conformance.Run
		same  bool
	}{
		"equal":         {run(func(*conformance.Answer) {}), true},
		"no other":      {nil, true},
		"own time":      {run(func(a *conformance.Answer) { a.Header.Set("Date", "Mon, 07 Nov 1994 08:49:37 GMT") }), true},
		"another body":  {run(func(a *conformance.Answer) { a.Body = []byte(`{"id":"y"}`) }), false},
		"another field": {run(func(a *conformance.Answer) { a.Header.Set("Vary", "Accept") }), false},
		"another value": {run(func(a *conformance.Answer) { a.Header.Set("Cache-Control", "no-cache") }), false},
	} {
		if err := conformance.Same(first, test.other); (err == nil) != test.same {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Two servers, or one twice, make other ids, of whatever form they like.
func TestSameButForIds(t *testing.T) {
	t.Parallel()
	made := func(id, location, body string) *conformance.Run {
		a := sound(201)
		a.Header.Set("Location", strings.ReplaceAll(location, "ID", id))
		a.Body = []byte(strings.ReplaceAll(body, "ID", id))
		return &conformance.Run{Vars: conformance.Variables{}, Answer: a}
	}
	for name, test := range map[string]struct {
		location, body string
		one, other     string
		same           bool
	}{
		"of an item":            {"/v1/items/ID", `{"id":"ID"}`, "0f8fad5b-d9cb-469f", "7c9e6679-7425-40de", true},
		"of a job":              {"/v1/jobs/ID", `{"name":"jobs/ID","done":true}`, "01ARZ3NDEKTSV4RRFFQ69G5FAV", "7", true},
		"of a job that is done": {"", `{"name":"jobs/ID","done":true}`, "7", "8", true},
		"what leads elsewhere":  {"/v1/items", `{"id":"ID"}`, "0f8fad5b-d9cb-469f", "7c9e6679-7425-40de", false},
		"in another member":     {"/v1/items/ID", `{"key":"ID"}`, "7", "8", false},
	} {
		if err := conformance.Same(made(test.one, test.location, test.body), made(test.other, test.location, test.body)); (err == nil) != test.same {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is wrong with a file is said before anything is sent.
func TestParse(t *testing.T) {
	t.Parallel()
	const head = "title: So.\nrow: 200\nrequest: {method: GET, target: /x}\n"
	for name, test := range map[string]struct{ file, source, want string }{
		"whole":          {"200-x", head + "response: {status: 200}", ""},
		"unknown member": {"200-x", head + "respons: {status: 200}", "respons"},
		"two documents":  {"200-x", head + "response: {status: 200}\n---\n", "more than one document"},
		"another row":    {"200-x", head + "response: {status: 201}", "the row is 200 and the status 201"},
		"another name":   {"201-x", head + "response: {status: 200}", "does not begin with the row"},
		"no name":        {"200", head + "response: {status: 200}", "lower-case words"},
		"no sentence":    {"200-x", strings.Replace(head, "So.", "So", 1) + "response: {status: 200}", "no sentence"},
		"no problem":     {"404-x", strings.Replace(head, "200", "404", 1) + "response: {status: 404}", "states its problem"},
		"no reason":      {"200-x", head + "response: {status: 200}\ntransports: {only: [http1]}", "left out for a reason"},
		"no transport":   {"200-x", head + "response: {status: 200}\ntransports: {only: [http3], because: So.}", "no transport"},
		"no loser":       {"200-x", head + "response: {status: 200}\nrace: {times: 2, winners: 2, losers: {status: 409}}", "a race has losers"},
		"taken":          {"200-x", head + "response: {status: 200, capture: {id: /id}}", "is taken"},
		"two bodies":     {"200-x", strings.Replace(head, "/x}", "/x, json: {}, text: x}", 1) + "response: {status: 200}", "json or text"},
		"steps":          {"200-x", strings.Replace(head, "/x}", "/x, steps: [send: a, pause: 1, await: b]}", 1) + "response: {status: 200}", ""},
		"a step of two": {
			"200-x", strings.Replace(head, "/x}", "/x, steps: [{send: a, pause: 1}]}", 1) + "response: {status: 200}",
			"step 1 of a request does one thing",
		},
		"a step of none": {"200-x", strings.Replace(head, "/x}", "/x, steps: [pause: 0]}", 1) + "response: {status: 200}", "step 1 of a request does one thing"},
		"steps and text": {"200-x", strings.Replace(head, "/x}", "/x, text: a, steps: [send: a]}", 1) + "response: {status: 200}", "has no other body"},
		"a step's own": {
			"200-x", strings.Replace(head, "/x}", "/x, steps: [meanwhile: {request: {method: GET}, response: {}}]}", 1) + "response: {status: 200}",
			"a method and a target",
		},
		"raw over h2c": {"200-x", strings.Replace(head, "{method: GET, target: /x}", "{raw: [GET]}", 1) + "response: {status: 200}", "over HTTP/1.1 alone"},
		"an item":      {"200-x", head + "response: {status: 200}\nchecklist: [x]", "no item"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := conformance.Load(fstest.MapFS{test.file + ".yaml": {Data: []byte(test.source)}})
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want one that says %q", err, test.want)
			}
		})
	}
	if _, err := conformance.Load(fstest.MapFS{}); err == nil {
		t.Error("a folder without cases is one with")
	}
}

func TestVariables(t *testing.T) {
	t.Parallel()
	v := conformance.Variables{"id": "c1", "viewerToken": "t"}.As("viewer")
	for text, want := range map[string]string{
		"/x/${id}": "/x/c1", "${token}": "t", "${hex:0d0a}": "\r\n", "${repeat:3:ab}": "ababab", "${repeat:2:\\}}": "}}", "plain": "plain",
	} {
		if got, err := v.Expand(text); err != nil || got != want {
			t.Errorf("%s is %q: %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"${none}", "${id:x}", "${hex:0}", "${repeat:x:y}"} {
		if got, err := v.Expand(text); err == nil {
			t.Errorf("%s is %q", text, got)
		}
	}
	one, other := conformance.NewVariables(map[string]string{"viewer": "t"}), conformance.NewVariables(nil)
	if one["id"] == other["id"] || one["viewerToken"] != "t" {
		t.Errorf("%v and %v", one, other)
	}
}

// A case may lie in the folder of its row. Two cases cannot have one name.
func TestLoadFolders(t *testing.T) {
	t.Parallel()
	const source = "title: So.\nrow: 200\nrequest: {method: GET, target: /x}\nresponse: {status: 200}\n"
	folder := fstest.MapFS{"200/route-x.yaml": {Data: []byte(source)}, "200-other.yaml": {Data: []byte(source)}, "notes/a.yaml": {Data: []byte("x")}}
	cases, err := conformance.Load(folder)
	if err != nil || len(cases) != 2 || cases[0].Name != "200-other" || cases[1].Name != "200-route-x" {
		t.Fatalf("%v, %v", cases, err)
	}
	folder["200-route-x.yaml"] = folder["200/route-x.yaml"]
	if _, err := conformance.Load(folder); err == nil || !strings.Contains(err.Error(), "200-route-x.yaml has the same name") {
		t.Errorf("two cases of one name: %v", err)
	}
	if _, err := conformance.Load(fstest.MapFS{"201/route-x.yaml": {Data: []byte(source)}}); err == nil {
		t.Error("a case in the folder of another row is accepted")
	}
}
