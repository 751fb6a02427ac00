package rules_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/rules"
	"github.com/statusway/statusway/gateway/policy"
)

func TestBodyNotAllowed(t *testing.T) {
	t.Parallel()
	const refused, large = policy.ReasonBodyNotAllowed, policy.ReasonRequestTooLarge
	for name, test := range map[string]struct{ verb, body, reason string }{
		"none":                     {"POST", "", ""},
		"an empty object":          {"POST", "{}", ""},
		"with white space":         {"POST", " {\r\n\t} \n", ""},
		"white space":              {"DELETE", " \n\t\r ", ""},
		"a member":                 {"POST", `{"extra":"x"}`, refused},
		"an empty object and more": {"POST", "{}{}", refused},
		"broken JSON":              {"PUT", "{", refused},
		"a list":                   {"PATCH", "[]", refused},
		"null":                     {"DELETE", "null", refused},
		"text":                     {"POST", "hello", refused},
		"another blank":            {"POST", "\u00a0", refused},
		"late":                     {"POST", strings.Repeat(" ", 90) + "{}x", refused},
		"a custom kind":            {"PURGE", "x", refused},
		"QUERY":                    {"QUERY", "x", refused},
		"GET":                      {"GET", `{"extra":"x"}`, ""},
		"HEAD":                     {"HEAD", "x", ""},
		"too large":                {"POST", strings.Repeat("x", 101), large},
		"too large and empty":      {"POST", strings.Repeat(" ", 101), large},
		"GET, too large":           {"GET", strings.Repeat("x", 101), large},
		"GET, the limit":           {"GET", strings.Repeat("x", 100), ""},
	} {
		for _, isChunked := range []bool{false, true} {
			if isChunked && name == "GET, too large" {
				continue // The call runs meanwhile, and may be over first.
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				request, ex := ask(t, test.verb, "/x:run", test.body)
				if passed, err := run(flat(rules.Match(declared(t).Index(), nil)), request); !passed || err != nil {
					t.Fatal(err)
				}
				if isChunked {
					request.ContentLength = -1
				}
				passed, err := run(body(rules.BodyLimits{Bytes: 100}), request)
				check(t, passed, err, test.reason)
				if want := map[string]int{"": 0, refused: 400, large: 413}[test.reason]; err != nil &&
					(statusOf(t, policy.Documented, err) != want || statusOf(t, policy.Canonical, err) != want) {
					t.Errorf("%v is not %d", err, want)
				}
				if passed && test.body != "" && !ex.Incoming.Ended() {
					t.Error("the body has not been read to its end")
				}
			})
		}
	}
}

// TestLiveBody: the backend reads the body of a client stream. Reading beyond the limit fails with the
// response's failure, again and again.
func TestLiveBody(t *testing.T) {
	t.Parallel()
	const limit = 10
	for length, want := range map[int]string{limit: "", limit + 1: policy.ReasonRequestTooLarge, 10 * limit: policy.ReasonRequestTooLarge} {
		request, ex := ask(t, "POST", "/collect", strings.Repeat("x", length))
		ex.Binding = bindingOf(t, "Collect")
		request.ContentLength = -1
		err := body(rules.BodyLimits{Bytes: limit})(func(_ http.ResponseWriter, r *http.Request) error {
			if ex.Incoming.Whole || ex.Incoming.Ended() {
				t.Error("the body has been read before the backend could")
			}
			var err error
			for range 3 {
				var data []byte
				if data, err = io.ReadAll(r.Body); len(data) > limit {
					t.Errorf("the backend gets %d bytes", len(data))
				}
			}
			return err
		})(httptest.NewRecorder(), request)
		if got := reasonOf(t, err); got != want || (want == "") != ex.Incoming.Ended() {
			t.Errorf("%d bytes: reason %q, want %q: %v", length, got, want, err)
		}
		if ex.Fields.Get("Connection") != "close" {
			t.Error("the connection is kept behind a body that may not end")
		}
	}
}

// slowBody is a body that sends a piece every pause, on a connection with deadlines.
type slowBody struct {
	http.ResponseWriter

	piece []byte
	pause time.Duration
	count int

	mu       sync.Mutex
	deadline time.Time
}

func (s *slowBody) SetReadDeadline(deadline time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = deadline
	return nil
}

func (s *slowBody) late() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.deadline.IsZero() && !time.Now().Before(s.deadline)
}

func (s *slowBody) Read(p []byte) (int, error) {
	for end := time.Now().Add(s.pause); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if s.late() {
			return 0, os.ErrDeadlineExceeded
		}
	}
	if s.count == 0 {
		return 0, io.EOF
	}
	s.count--
	return copy(p, s.piece), nil
}

func (*slowBody) Close() error { return nil }

// send sends the body through the rule, and returns how long that took and why it failed.
func (s *slowBody) send(t *testing.T, limits rules.BodyLimits) (time.Duration, string) {
	t.Helper()
	request, ex := ask(t, "POST", "/v1/entities", "x")
	ex.Binding, request.Body, request.ContentLength = bindingOf(t, "CreateEntity"), s, -1
	s.ResponseWriter = httptest.NewRecorder()
	begun := time.Now()
	err := body(limits)(func(_ http.ResponseWriter, r *http.Request) error {
		if data, err := io.ReadAll(r.Body); err != nil || !s.deadline.IsZero() || len(data) == 0 {
			t.Errorf("%d bytes, %v; the deadline is %s", len(data), err, s.deadline)
		}
		return nil
	})(s, request)
	return time.Since(begun), reasonOf(t, err)
}

func TestLeastRate(t *testing.T) {
	t.Parallel()
	const slow = policy.ReasonInvalidArgument // BODY_TIMEOUT
	for name, test := range map[string]struct {
		body   *slowBody
		limits rules.BodyLimits
		reason string
		after  time.Duration
	}{
		"nothing comes": {&slowBody{piece: nil, pause: time.Hour, count: 1}, rules.BodyLimits{}, slow, 10 * time.Second},
		"a trickle":     {&slowBody{piece: []byte("x"), pause: time.Second, count: 100}, rules.BodyLimits{}, slow, 10 * time.Second},
		"half the rate": {&slowBody{piece: bytes.Repeat([]byte("x"), 256), pause: time.Second, count: 100}, rules.BodyLimits{}, slow, 20 * time.Second},
		"just the rate": {&slowBody{piece: bytes.Repeat([]byte("x"), 512), pause: time.Second, count: 100}, rules.BodyLimits{}, "", 101 * time.Second},
		"never so long": {
			&slowBody{piece: bytes.Repeat([]byte("x"), 512), pause: time.Second, count: 100},
			rules.BodyLimits{Time: 30 * time.Second},
			slow, 30 * time.Second,
		},
		"less than a grace": {&slowBody{piece: nil, pause: time.Hour, count: 1}, rules.BodyLimits{Time: time.Second}, slow, time.Second},
		"no least rate":     {&slowBody{piece: []byte("x"), pause: time.Minute, count: 3}, rules.BodyLimits{Grace: -1}, "", 4 * time.Minute},
		"a rate of its own": {
			&slowBody{piece: []byte("x"), pause: time.Second, count: 9},
			rules.BodyLimits{Grace: 2 * time.Second, Rate: 1},
			"", 10 * time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				test.limits.Bytes = 1 << 20
				took, reason := test.body.send(t, test.limits)
				if reason != test.reason || (took-test.after).Abs() > 2*time.Second {
					t.Errorf("reason %q after %s, want %q after %s", reason, took, test.reason, test.after)
				}
			})
		})
	}
}

// TestBodyMemory: a body that arrives too slowly gives way to one that arrives fast, and
// bodies that have arrived do not.
func TestBodyMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := rules.NewBodyMemory(1 << 20)
		limits := rules.BodyLimits{Bytes: 1 << 20, Memory: memory}
		var group sync.WaitGroup
		group.Go(func() {
			// 400 KB at once, and then hardly anything. It takes twice that, and a little.
			slow := slowBody{piece: bytes.Repeat([]byte("x"), 500), pause: time.Millisecond, count: 800}
			request, ex := ask(t, "POST", "/v1/entities", "x")
			ex.Binding, request.ContentLength = bindingOf(t, "CreateEntity"), -1
			trickle := &slowBody{ResponseWriter: httptest.NewRecorder(), piece: []byte("x"), pause: time.Second / 2, count: 100}
			request.Body = io.NopCloser(io.MultiReader(&slow, trickle))
			_, err := runOn(body(limits), trickle, request)
			if reasonOf(t, err) != policy.ReasonOverloaded || !ex.Shed || statusOf(t, policy.Documented, err) != 503 {
				t.Errorf("the slow one: %v", err)
			}
		})
		time.Sleep(11 * time.Second)
		if held := memory.Usage().Held; held < 400<<10 {
			t.Errorf("the slow one holds %d bytes", held)
		}
		held := func() (chan struct{}, *exchange.Exchange) {
			end, begun := make(chan struct{}), make(chan struct{})
			request, ex := ask(t, "POST", "/v1/entities", `{"attributes":"`+strings.Repeat("x", 250<<10)+`"}`)
			ex.Binding = bindingOf(t, "CreateEntity")
			group.Go(func() {
				err := body(limits)(func(http.ResponseWriter, *http.Request) error {
					close(begun)
					<-end
					return nil
				})(httptest.NewRecorder(), request)
				if err != nil {
					t.Errorf("a fast one: %v", err)
					close(begun)
				}
			})
			<-begun
			return end, ex
		}
		first, ex := held()
		if usage := memory.Usage(); usage.CutOff != 1 || usage.Held < 500<<10 || usage.Held > 600<<10 {
			t.Errorf("%+v", usage)
		}
		time.Sleep(time.Hour)
		request, late := ask(t, "POST", "/v1/entities", `{"attributes":"`+strings.Repeat("x", 250<<10)+`"}`)
		late.Binding = bindingOf(t, "CreateEntity")
		passed, err := run(body(limits), request)
		check(t, passed, err, policy.ReasonOverloaded)
		request, small := ask(t, "POST", "/v1/entities", `{}`)
		small.Binding = bindingOf(t, "CreateEntity")
		passed, err = run(body(limits), request)
		check(t, passed, err, "")
		close(first)
		group.Wait()
		if usage := memory.Usage(); usage.Held != 0 || ex.Incoming.Bytes != nil {
			t.Errorf("in the end: %+v", usage)
		}
	})
}

// TestDecodedCost: a body of many small values costs more than its length.
func TestDecodedCost(t *testing.T) {
	t.Parallel()
	length := 3 << 10
	text := rules.DecodedCost(bindingOf(t, "CreateEntity"), bytes.Repeat([]byte("x"), length))
	empty := rules.DecodedCost(bindingOf(t, "CreateEntity"), bytes.Repeat([]byte("{},"), length/3))
	raw := rules.DecodedCost(bindingOf(t, "Upload"), bytes.Repeat([]byte("{},"), length/3))
	if text != int64(2*length) || raw != text || empty < 20*text {
		t.Errorf("a text costs %d, empty objects %d, as raw bytes %d", text, empty, raw)
	}
}

// runOn is [run] with a writer.
func runOn(rule onion, w http.ResponseWriter, request *http.Request) (bool, error) {
	passed := false
	err := rule(func(http.ResponseWriter, *http.Request) error {
		passed = true
		return nil
	})(w, request)
	return passed, err
}
