package command_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
)

// migrating are the flags for clients that know grpc-gateway.
func migrating() []string {
	return []string{"--policy=canonical", "--error-format=status", "--headers=grpc-gateway", "--rate-limit=off"}
}

// An exchange is a request, and in what this program's answer differs from that of
// grpc-gateway as it comes: a status, a body and a field for which there are reasons.
type migrated struct {
	method, path, body string
	header             http.Header

	// stock and ours are the two statuses where they differ, and why says why.
	stock, ours int
	why         string
	// bodyWhy says why the bodies differ; nothing if they do not.
	bodyWhy string
	// fields are the Grpc-Metadata-… of ours that stock lacks.
	fields map[string]string
}

// outcome asks for an error.
func outcome(status string) migrated {
	return migrated{method: http.MethodPost, path: "/conformance/v1/outcomes", body: status}
}

const (
	hides   = "what a server says of its own failure may name files, queries or hosts"
	own     = "what the gateway finds out itself it says in its own words, with a reason"
	lossy   = "stock can neither read nor write a detail of a type that it does not know"
	unasked = "499 is not registered, and whoever could read it is still there"
)

func migrations() map[string]migrated {
	table := map[string]migrated{
		"the details that are known": outcome(`{"status": {"code": 5, "message": "No.", "details": [
			{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "NO", "domain": "shop.v1", "metadata": {"b": "<2>", "a": "1"}},
			{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"}]}}`),
		"leading metadata":   outcome(`{"status": {"code": 9, "message": "No."}, "placement": "PLACEMENT_HEADER", "metadata": {"x-info": "1", "etag": "x"}}`),
		"metadata of a call": outcome(`{"placement": "PLACEMENT_HEADER", "metadata": {"x-info": "1"}}`),
		"a path without a route": {
			method: http.MethodGet, path: "/conformance/v1/nowhere", bodyWhy: own,
		},
		"JSON that is none":   {method: http.MethodPost, path: "/conformance/v1/items", body: `{`, bodyWhy: own},
		"a query that is bad": {method: http.MethodGet, path: "/conformance/v1/items?pageSize=many", bodyWhy: own},
		"a path that is bad":  {method: http.MethodGet, path: "/conformance/v1/echo/many", bodyWhy: own},
	}
	for code := codes.Code(1); code <= 16; code++ {
		one := outcome(fmt.Sprintf(`{"status": {"code": %d, "message": "What happened."}}`, code))
		if runtime.HTTPStatusFromCode(code) >= http.StatusInternalServerError {
			one.bodyWhy = hides
		}
		if code == codes.Canceled {
			one.stock, one.ours, one.why, one.bodyWhy = 499, http.StatusServiceUnavailable, unasked, hides
		}
		table[code.String()] = one
	}
	beyond := outcome(`{"status": {"code": 17, "message": "What happened."}}`)
	beyond.bodyWhy = hides
	table["code 17"] = beyond

	odd := outcome(`{"status": {"code": 5, "message": "No.", "details": [{"@type": "type.example.com/shop.v1.Odd", "value": "CAE="}]}}`)
	odd.stock, odd.ours, odd.why, odd.bodyWhy = http.StatusBadRequest, http.StatusNotFound, lossy, lossy
	table["a detail that is not known"] = odd

	trailing := outcome(`{"status": {"code": 5, "message": "No."}, "placement": "PLACEMENT_TRAILERS_ONLY", "metadata": {"x-info": "1"}}`)
	trailing.fields = map[string]string{"Grpc-Metadata-X-Info": "1"} // Other languages send all metadata of an error so.
	table["an answer of trailers only"] = trailing

	large := migrated{method: http.MethodPost, path: "/conformance/v1/echo", body: `{"text": "` + strings.Repeat("x", 5<<20) + `"}`}
	large.stock, large.ours, large.why = http.StatusTooManyRequests, http.StatusRequestEntityTooLarge, "waiting does not make a request smaller"
	large.bodyWhy, large.header = own, http.Header{"Expect": {"100-continue"}} // So that it is not on its way when it is refused.
	table["a body that is too large"] = large

	wrong := migrated{method: http.MethodDelete, path: "/conformance/v1/items", bodyWhy: own}
	wrong.stock, wrong.ours, wrong.why = http.StatusNotImplemented, http.StatusMethodNotAllowed, "the path has other methods, which Allow names (RFC 9110 §15.5.6)"
	table["a method that the path does not have"] = wrong

	binary := migrated{method: http.MethodGet, path: "/conformance/v1/echo", header: http.Header{"Grpc-Metadata-X-Bin": {"no base64"}}, bodyWhy: own}
	table["binary metadata that is none"] = binary
	return table
}

// With the flags for it, the numbers, bodies and fields of grpc-gateway as it comes are
// kept, and each exception is one of those above.
func TestMigration(t *testing.T) {
	t.Parallel()
	stock := httptest.NewServer(stockMux(t, runtime.WithIncomingHeaderMatcher(runtime.LegacyHeaderMatcher)))
	t.Cleanup(stock.Close)
	demo := serve(t, append(migrating(), "--demo")...)
	targets := map[string]string{"serve": demo.rest, "proxy": demo.before(t, migrating()...).rest}
	for name, test := range migrations() {
		theirs := test.exchange(t, stock.URL)
		for which, target := range targets {
			ours := test.exchange(t, target)
			want := [2]int{theirs.status, theirs.status}
			if test.why != "" {
				want = [2]int{test.stock, test.ours}
			}
			if got := [2]int{theirs.status, ours.status}; got != want {
				t.Errorf("%s, %s: stock and this are %v, want %v\n%s", name, which, got, want, ours.text)
			}
			if same := cmp.Equal(theirs.body, ours.body); same != (test.bodyWhy == "") {
				t.Errorf("%s, %s: the bodies are the same: %t\n%s\n%s", name, which, same, theirs.text, ours.text)
			}
			compareMigratedFields(t, name+", "+which, test, theirs, ours)
		}
	}
}

func (m migrated) exchange(t *testing.T, target string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), m.method, target+m.path, strings.NewReader(m.body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = m.header.Clone()
	if request.Header == nil {
		request.Header = http.Header{}
	}
	if request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", "application/json")
	}
	waiting := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: patience}, Timeout: patience}
	response, err := waiting.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header, text: text}
	_ = json.Unmarshal(text, &a.body) // A body that is not an object stays nil.
	return a
}

// compareMigratedFields compares what is metadata, and the type of the content.
func compareMigratedFields(t *testing.T, name string, test migrated, theirs, ours answer) {
	t.Helper()
	fields := func(of http.Header) map[string]string {
		found := map[string]string{}
		for _, field := range slices.Sorted(maps.Keys(of)) {
			// The type of gRPC's own content is there where a socket is.
			if strings.HasPrefix(field, "Grpc-") && field != "Grpc-Metadata-Content-Type" {
				found[field] = strings.Join(of[field], ", ")
			}
		}
		return found
	}
	want := fields(theirs.header)
	maps.Copy(want, test.fields)
	if diff := cmp.Diff(want, fields(ours.header)); diff != "" {
		t.Errorf("%s (-stock +this):\n%s", name, diff)
	}
	if a, b := theirs.header.Get("Content-Type"), ours.header.Get("Content-Type"); a != b {
		t.Errorf("%s: the content is %q by stock and %q by this", name, a, b)
	}
	// A message is no challenge (RFC 9110 §11.6.1).
	challenge := ours.header.Get("WWW-Authenticate")
	if (ours.status == http.StatusUnauthorized) != strings.HasPrefix(challenge, "Bearer realm=") {
		t.Errorf("%s: the challenge is %q", name, challenge)
	}
}

// TestMigrationStricter: what grpc-gateway lets pass in silence and this does not, or the
// other way round, by the table of gateway/README.md.
func TestMigrationStricter(t *testing.T) {
	t.Parallel()
	stock := httptest.NewServer(stockMux(t))
	t.Cleanup(stock.Close)
	demo := serve(t, append(migrating(), "--demo")...)
	const items, item = "/conformance/v1/items", `{"displayName": "A cup"}`
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}} // which is what curl -d says
	for name, test := range map[string]migrated{
		"an unknown member":         {method: "POST", path: items, body: `{"displayName": "A cup", "colour": "red"}`, stock: 200, ours: 400},
		"an unknown parameter":      {method: "GET", path: items + "?colour=red", stock: 200, ours: 400},
		"another value in the body": {method: "PUT", path: "/conformance/v1/choices/hello", body: `{"oneText": "other"}`, stock: 200, ours: 400},
		"a type that is not JSON":   {method: "POST", path: items, body: item, header: form, stock: 200, ours: 415},
		"a coding":                  {method: "POST", path: items, body: item, header: http.Header{"Content-Encoding": {"gzip"}}, stock: 200, ours: 415},
		"nothing acceptable":        {method: "GET", path: items, header: http.Header{"Accept": {"image/png"}}, stock: 200, ours: 406},
		"a condition in vain":       {method: "POST", path: items, body: item, header: http.Header{"If-Match": {`"x"`}}, stock: 200, ours: 400},
		"a key in vain":             {method: "DELETE", path: items + "/none", header: http.Header{"Idempotency-Key": {`"k"`}}, stock: 404, ours: 400},
		"HEAD":                      {method: "HEAD", path: items, stock: 501, ours: 200},
		"OPTIONS":                   {method: "OPTIONS", path: items, stock: 501, ours: 204},
		"a form for a GET":          {method: "POST", path: items + "/none", header: form, stock: 404, ours: 405},
	} {
		got := [2]int{test.exchange(t, stock.URL).status, test.exchange(t, demo.rest).status}
		if want := [2]int{test.stock, test.ours}; got != want {
			t.Errorf("%s: stock and this are %v, want %v", name, got, want)
		}
	}
	demo.stop(t)
}

// TestMigrationStream: a stream that fails before its first message has the error alone, and
// that of grpc-gateway has it in a frame. Later errors are the same frame.
func TestMigrationStream(t *testing.T) {
	t.Parallel()
	stock := httptest.NewServer(stockMux(t))
	t.Cleanup(stock.Close)
	demo := serve(t, append(migrating(), "--demo")...)
	const failure = `"outcome": {"status": {"code": 5, "message": "No."}}`
	targets := map[string]string{"serve": demo.rest, "proxy": demo.before(t, migrating()...).rest}
	for _, accept := range []string{"", "application/json", "text/event-stream"} {
		first := migrated{method: http.MethodPost, path: "/conformance/v1/items:watch", body: `{` + failure + `}`, header: http.Header{}}
		if accept != "" {
			first.header.Set("Accept", accept)
		}
		theirs := first.exchange(t, stock.URL)
		for which, target := range targets {
			ours := first.exchange(t, target)
			framed := map[string]any{"error": ours.body}
			if theirs.status != 404 || ours.status != 404 || ours.body["message"] != "No." || !cmp.Equal(theirs.body, framed) {
				t.Errorf("%s, Accept: %s: %d %s, and stock %d %s", which, accept, ours.status, ours.text, theirs.status, theirs.text)
			}
			if a, b := theirs.header.Get("Content-Type"), ours.header.Get("Content-Type"); a != "application/json" || a != b {
				t.Errorf("%s, Accept: %s: the content is %q by stock and %q by this", which, accept, a, b)
			}
		}
	}
	later := migrated{method: http.MethodPost, path: "/conformance/v1/items:watch", body: `{"count": 1, ` + failure + `}`}
	want := lastLine(t, later.exchange(t, stock.URL))
	for which, target := range targets {
		if diff := cmp.Diff(want, lastLine(t, later.exchange(t, target))); diff != "" || want["error"] == nil {
			t.Errorf("%s, a later error (-stock +this):\n%s", which, diff)
		}
	}
}

// TestMigrationStreamType: to grpc-gateway the lines of a stream are application/json, whatever
// Accept says. Here that type is one JSON value, an array.
func TestMigrationStreamType(t *testing.T) {
	t.Parallel()
	stock := httptest.NewServer(stockMux(t))
	t.Cleanup(stock.Close)
	demo := serve(t, append(migrating(), "--demo")...)
	for accept, want := range map[string]string{
		"*/*": "application/x-ndjson", "application/json": "application/json", "text/event-stream": "text/event-stream",
	} {
		stream := migrated{method: http.MethodGet, path: "/conformance/v1/items:watch?count=2", header: http.Header{"Accept": {accept}}}
		theirs, ours := stream.exchange(t, stock.URL), stream.exchange(t, demo.rest)
		if got := theirs.header.Get("Content-Type"); got != "application/json" || json.Valid(theirs.text) {
			t.Errorf("Accept: %s: stock sends %s: %s", accept, got, theirs.text)
		}
		if got := ours.header.Get("Content-Type"); got != want || json.Valid(ours.text) != (want == "application/json") {
			t.Errorf("Accept: %s: %s, want %s: %s", accept, got, want, ours.text)
		}
	}
}

// lastLine is the last line of a stream.
func lastLine(t *testing.T, a answer) map[string]any {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(string(a.text)), "\n")
	var last map[string]any
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || len(lines) != 2 {
		t.Fatalf("%v: %s", err, a.text)
	}
	return last
}

// TestMigrationRequest: what a backend is told of a request is what grpc-gateway tells,
// but where a client could make it believe what the gateway should say.
func TestMigrationRequest(t *testing.T) {
	t.Parallel()
	stock := httptest.NewServer(stockMux(t, runtime.WithIncomingHeaderMatcher(runtime.LegacyHeaderMatcher)))
	t.Cleanup(stock.Close)
	demo := serve(t, append(migrating(), "--demo")...)
	request := migrated{method: http.MethodGet, path: "/conformance/v1/echo", header: http.Header{
		"Grpc-Metadata-X-Tenant": {"a", "b"}, "Grpc-Metadata-Value": {"a\tb", "fine"}, "Cookie": {"c=1"}, "Accept": {"application/json"},
		"Accept-Language": {"de"}, "Referer": {"https://app.example.com/"}, "User-Agent": {"app/1"}, "X-Other": {"1"}, "X-Request-Id": {"r-1"},
		"Grpc-Metadata-X-Forwarded-For": {"6.6.6.6"}, "Grpc-Metadata-Grpcgateway-Cookie": {"evil"}, "Grpc-Metadata-Statusway-Status": {"201"},
		"Grpc-Metadata-Authorization": {"Bearer evil"}, "X-Forwarded-For": {"6.6.6.6"}, "X-Forwarded-Host": {"evil.example.com"}, "Host": {"x"},
	}}
	theirs := metadataOf(t, request.exchange(t, stock.URL))
	delete(theirs, ":authority") // of the connection to the backend
	delete(theirs, "content-type")
	delete(theirs, "user-agent")
	delete(theirs, "grpc-accept-encoding")
	for key, want := range map[string]string{
		"authorization": "Bearer evil", "statusway-status": "201", "x-forwarded-for": "6.6.6.6, 127.0.0.1", "x-forwarded-host": "evil.example.com",
	} {
		if theirs[key] != want {
			t.Errorf("stock tells of %s %q, want %q", key, theirs[key], want)
		}
		delete(theirs, key)
	}
	for which, target := range map[string]string{"serve": demo.rest, "proxy": demo.before(t, migrating()...).rest} {
		ours := metadataOf(t, request.exchange(t, target))
		// What is always passed on.
		want := maps.Clone(theirs)
		maps.Copy(want, map[string]string{
			"accept-language": "de", "x-request-id": "r-1", "x-forwarded-for": "127.0.0.1", "x-forwarded-host": strings.TrimPrefix(target, "http://"),
		})
		for _, key := range []string{":authority", "content-type", "user-agent", "grpc-accept-encoding"} {
			delete(ours, key)
		}
		if diff := cmp.Diff(want, ours); diff != "" {
			t.Errorf("%s (-want +got):\n%s", which, diff)
		}
	}
}

// metadataOf is what Echo was told, the values of a key in one text.
func metadataOf(t *testing.T, a answer) map[string]string {
	t.Helper()
	var echo struct {
		Metadata map[string]struct {
			Values []string `json:"values"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(a.text, &echo); err != nil {
		t.Fatalf("%v: %s", err, a.text)
	}
	told := map[string]string{}
	for key, one := range echo.Metadata {
		told[key] = strings.Join(one.Values, ", ")
	}
	return told
}
