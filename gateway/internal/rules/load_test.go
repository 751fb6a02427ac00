package rules_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/rules"
	"github.com/statusway/statusway/gateway/policy"
)

func TestConcurrency(t *testing.T) {
	t.Parallel()
	rule := concurrent(rules.NewConcurrency(2))
	// send sends a request of a caller, and runs inside while it is served.
	send := func(caller string, inside func()) (string, error) {
		request, ex := ask(t, "GET", "/", "")
		ex.Caller = caller
		err := rule(func(http.ResponseWriter, *http.Request) error {
			inside()
			return nil
		})(httptest.NewRecorder(), request)
		return ex.Fields.Get("X-Concurrency-Limit-Limit") + "/" + ex.Fields.Get("X-Concurrency-Limit-Remaining"), err
	}
	nothing := func() {}
	for range 2 { // What was served is not counted any more.
		state, err := send("a", func() {
			state, err := send("a", func() {
				if state, err := send("a", nothing); reasonOf(t, err) != policy.ReasonConcurrencyLimited ||
					state != "2/0" || statusOf(t, policy.Documented, err) != 429 {
					t.Errorf("the third: %v, %s", err, state)
				}
				if state, err := send("b", nothing); err != nil || state != "2/1" {
					t.Errorf("of another caller: %v, %s", err, state)
				}
			})
			if err != nil || state != "2/0" {
				t.Errorf("the second: %v, %s", err, state)
			}
		})
		if err != nil || state != "2/1" {
			t.Errorf("the first: %v, %s", err, state)
		}
	}
	if value := caught(func() { _, _ = send("a", func() { panic("x") }) }); value != "x" {
		t.Errorf("panicked with %v", value)
	}
	if state, err := send("a", nothing); err != nil || state != "2/1" {
		t.Errorf("after a panic: %v, %s", err, state)
	}
	request, ex := ask(t, "GET", "/", "")
	if passed, err := run(concurrent(rules.NewConcurrency(0)), request); !passed || err != nil || ex.Fields.Get("X-Concurrency-Limit-Limit") != "" {
		t.Errorf("without a limit: %v", err)
	}
}

// shedder admits or not, and counts.
type shedder struct {
	admits         bool
	done, measured int
}

func (s *shedder) Admit() (func(bool), bool) {
	if !s.admits {
		return nil, false
	}
	return func(measured bool) {
		s.done++
		if measured {
			s.measured++
		}
	}, true
}

func TestOverload(t *testing.T) {
	t.Parallel()
	spare := func(b *contract.Binding) bool { return b.Method.Anonymous }
	for name, test := range map[string]struct {
		method         string
		admits         bool
		reason         string
		done, measured int
	}{
		"room":              {"GetEntity", true, "", 1, 1},
		"full":              {"GetEntity", false, policy.ReasonOverloaded, 0, 0},
		"a stream":          {"ExportEntities", true, "", 0, 0}, // It has slots of its own.
		"spared, full":      {"CreateSession", false, "", 0, 0},
		"spared, with room": {"CreateSession", true, "", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &shedder{admits: test.admits}
			request, ex := ask(t, "GET", "/", "")
			ex.Binding = bindingOf(t, test.method)
			passed, err := run(overload(rules.OverloadParams{Shedder: s, Spare: spare}), request)
			check(t, passed, err, test.reason)
			if s.done != test.done || s.measured != test.measured {
				t.Errorf("done %d, measured %d", s.done, s.measured)
			}
			if err != nil && statusOf(t, policy.Documented, err) != 503 {
				t.Errorf("%v is not 503", err)
			}
		})
	}
	request, ex := ask(t, "GET", "/", "")
	ex.Binding = bindingOf(t, "GetEntity")
	if passed, err := run(overload(rules.OverloadParams{}), request); !passed || err != nil {
		t.Errorf("without a shedder: %v", err)
	}
}

// TestStreamSlots: a stream gives its slot back while it waits for its client, and takes it
// again whether there is one or not.
func TestStreamSlots(t *testing.T) {
	t.Parallel()
	streams := rules.NewStreams(2)
	rule := overload(rules.OverloadParams{Shedder: &shedder{admits: false}, Streams: streams})
	admitted := func(then func(exchange.Slot)) bool {
		request, ex := ask(t, "GET", "/", "")
		ex.Binding = bindingOf(t, "ExportEntities")
		passed := false
		err := rule(func(http.ResponseWriter, *http.Request) error {
			passed = true
			then(ex.Slot)
			return nil
		})(httptest.NewRecorder(), request)
		if reason := reasonOf(t, err); passed == (reason == policy.ReasonOverloaded) || ex.Shed == passed {
			t.Errorf("passed %t, reason %q, shed %t", passed, reason, ex.Shed)
		}
		return passed
	}
	none := func(exchange.Slot) {}
	admitted(func(first exchange.Slot) {
		admitted(func(exchange.Slot) {
			if admitted(none) {
				t.Error("a third stream has a slot")
			}
			first.Pause()
			if !admitted(func(exchange.Slot) { first.Resume() }) {
				t.Error("a stream that waits for its client holds a slot")
			}
			if streams.Running() != 2 {
				t.Errorf("%d streams run", streams.Running())
			}
		})
	})
	if streams.Running() != 0 {
		t.Errorf("%d streams run in the end", streams.Running())
	}
	unlimited := rules.NewStreams(0)
	for range 100 {
		if !unlimited.Admit() {
			t.Fatal("0 is not any number")
		}
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	one := rules.CrossOrigin{Origins: []string{"https://app.example.com"}, MaxAge: time.Hour}
	all := rules.CrossOrigin{Origins: []string{"*"}}
	preflight := []string{"Origin", "https://app.example.com", "Access-Control-Request-Method", "PUT"}
	for name, test := range map[string]struct {
		settings     rules.CrossOrigin
		method       string
		fields       []string
		origin, vary string
		preflight    bool
	}{
		"off":                  {rules.CrossOrigin{}, "GET", []string{"Origin", "https://app.example.com"}, "", "", false},
		"no origin":            {one, "GET", nil, "", "Origin", false},
		"allowed":              {one, "GET", []string{"Origin", "https://app.example.com"}, "https://app.example.com", "Origin", false},
		"another":              {one, "GET", []string{"Origin", "https://evil.example"}, "", "Origin", false},
		"only longer":          {one, "GET", []string{"Origin", "https://app.example.com.evil.example"}, "", "Origin", false},
		"null":                 {one, "GET", []string{"Origin", "null"}, "", "Origin", false},
		"anyone":               {all, "GET", []string{"Origin", "null"}, "*", "", false},
		"preflight":            {one, "OPTIONS", preflight, "https://app.example.com", "Origin", true},
		"preflight of another": {one, "OPTIONS", []string{"Origin", "https://evil.example", "Access-Control-Request-Method", "PUT"}, "", "Origin", false},
		"plain OPTIONS":        {one, "OPTIONS", preflight[:2], "https://app.example.com", "Origin", false},
		"no OPTIONS":           {one, "GET", preflight, "https://app.example.com", "Origin", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, ex := ask(t, test.method, "/", "", test.fields...)
			passed, err := run(flat(rules.CORS(test.settings, declared(t).Index())), request)
			check(t, passed, err, "")
			if got := ex.Fields.Get("Access-Control-Allow-Origin"); got != test.origin || ex.Fields.Get("Vary") != test.vary {
				t.Errorf("origin %q, Vary %q", got, ex.Fields.Get("Vary"))
			}
			got := ex.Fields.Get("Access-Control-Allow-Methods") != ""
			if got != test.preflight || (ex.Fields.Get("Access-Control-Max-Age") == "3600") != test.preflight {
				t.Errorf("%v", ex.Fields)
			}
			if (ex.Fields.Get("Access-Control-Expose-Headers") != "") != (test.origin != "") || ex.Fields.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%v", ex.Fields)
			}
		})
	}
}

// checklist: ALL-17
func TestFraming(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		codings []string
		want    string
	}{"chunked": {[]string{"chunked"}, "close"}, "a length": {nil, ""}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, ex := ask(t, "POST", "/", "{}")
			request.TransferEncoding = test.codings
			if passed, err := run(flat(rules.Framing()), request); !passed || err != nil || ex.Fields.Get("Connection") != test.want {
				t.Errorf("passed %t, %v, Connection %q", passed, err, ex.Fields.Get("Connection"))
			}
		})
	}
}
