package conformance_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/statusway/statusway/server/internal/conformance"
)

// stepped is a server that answers each piece of a body with a line, breaks off, or
// waits until its client leaves, which it counts.
func stepped(t *testing.T) *conformance.Client {
	t.Helper()
	var left atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("POST /lines", func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		w.WriteHeader(http.StatusOK)
		_ = control.Flush()
		piece := make([]byte, 100)
		for {
			n, err := r.Body.Read(piece)
			if n > 0 {
				fmt.Fprintf(w, "{\"result\":%q}\n", piece[:n])
				_ = control.Flush()
			}
			if err != nil || string(piece[:n]) == "enough" {
				return
			}
		}
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "{\"result\":1}\n")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/wait", func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		left.Add(1)
	})
	mux.HandleFunc("/left", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"left":%t}`, left.Load() > 0)
	})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("X-Request-Id", "r-1")
		w.Header().Set("Content-Type", "application/x-ndjson")
		mux.ServeHTTP(w, r)
	}))
	server.Config.Protocols = &http.Protocols{}
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	client := conformance.NewClient(conformance.ClientParams{
		Address: server.Listener.Addr().String(), TLS: nil, Next: "/next", NextStatus: 0,
		Invariants: conformance.Invariants{Table: documented(t), PublicURL: ""},
	})
	t.Cleanup(client.Close)
	return client
}

// What a client does step by step, and how a server breaks off, is the same over
// HTTP/1.1 and HTTP/2.
func TestSteps(t *testing.T) {
	t.Parallel()
	const post = "request: {method: POST, target: /lines, chunked: true, "
	const check = "request: {method: GET, target: /left}\neventually: true\nresponse: {status: 200, body: {json: {left: true}}}"
	for name, test := range map[string]struct{ rest, want string }{
		"pieces": {post + `steps: [send: a, await: '[^\n]+\n', pause: 1, send: b]}
response: {status: 200, body: {frames: [{result: a}, {result: b}]}}`, ""},
		"a length": {`request: {method: POST, target: /lines, steps: [send: a, await: '[^\n]+\n', send: b]}
response: {status: 200, body: {frames: [{result: a}, {result: b}]}}`, ""},
		"the header alone": {post + `steps: [await: "", send: a]}
response: {status: 200, body: {frames: [{result: a}]}}`, ""},
		"an open body": {post + `stalled: true, steps: [send: enough]}
response: {status: 200, body: {frames: [{result: enough}]}}`, ""},
		"something meanwhile": {post + `steps: [send: a, meanwhile: {request: {method: GET, target: /left}, response: {body: {json: {left: false}}}}]}
response: {status: 200, body: {frames: [{result: a}]}}`, ""},
		"something wrong meanwhile": {post + `steps: [send: a, meanwhile: {request: {method: GET, target: /left}, response: {body: {json: {left: true}}}}]}
response: {status: 200}`, `step 2 of the request: "/left" is false, want true`},
		"something else": {post + `stalled: true, steps: [send: enough, await: 'x']}
response: {status: 200}`, "step 2 of the request: the content is"},
		"another message": {post + `steps: [send: a]}
response: {status: 200, body: {frames: [{result: b}]}}`, `message 1: "/result" is "a", want "b"`},
		"a message too few": {post + `steps: [send: a]}
response: {status: 200, body: {frames: []}}`, "there are 1 messages, want 0"},
		"broken off": {`request: {method: GET, target: /cut}
response: {status: 200, cut: true, body: {frames: [{result: 1}]}}`, ""},
		"broken off, unwanted": {`request: {method: GET, target: /cut}
response: {status: 200}`, "the server broke the response off"},
		"an end, unwanted": {post + `steps: [send: a]}
response: {status: 200, cut: true}`, "the response has an end"},
		"leaving": {"before:\n  - request: {method: GET, target: /wait, steps: [pause: 100], leaves: true}\n    response: {}\n" + check, ""},
		"leaving after something wrong": {"before:\n  - " + post + "stalled: true, steps: [send: enough, await: x], leaves: true}\n    response: {}\n" +
			"request: {method: GET, target: /left}\nresponse: {status: 200}", "step 2 of the request: the content is"},
		"leaving half-way": {"before:\n  - " + post + "stalled: true, steps: [send: a, await: '[^\\n]+\\n'], leaves: true}\n" +
			"    response: {status: 200, body: {frames: [{result: a}]}}\n" +
			"request: {method: GET, target: /left}\nresponse: {status: 200}", ""},
		"leaving, another message": {"before:\n  - " + post + "stalled: true, steps: [send: a, await: '[^\\n]+\\n'], leaves: true}\n" +
			"    response: {status: 200, body: {frames: [{result: b}]}}\n" +
			"request: {method: GET, target: /left}\nresponse: {status: 200}", `message 1: "/result" is "a", want "b"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := conformance.Parse("200-x", []byte("title: So.\nrow: 200\n"+test.rest))
			if err != nil {
				t.Fatal(err)
			}
			for _, transport := range []string{conformance.OverHTTP1, conformance.OverH2C} {
				_, err = stepped(t).Run(t.Context(), c, transport, conformance.NewVariables(nil))
				if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
					t.Errorf("%s: %v, want one that says %q", transport, err, test.want)
				}
			}
		})
	}
}
