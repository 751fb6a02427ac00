package rules_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rules"
	"github.com/statusway/statusway/gateway/policy"
)

func TestBody(t *testing.T) {
	t.Parallel()
	const limit = 100
	for name, test := range map[string]struct {
		method string
		length int
		unsaid bool // no Content-Length, as in a chunked body
		lie    int64
		reason string
		read   bool
	}{
		"none":                    {"CreateEntity", 0, false, 0, "", true},
		"one less":                {"CreateEntity", limit - 1, false, 0, "", true},
		"exactly":                 {"CreateEntity", limit, false, 0, "", true},
		"one more":                {"CreateEntity", limit + 1, false, 0, policy.ReasonRequestTooLarge, false},
		"chunked, exactly":        {"CreateEntity", limit, true, 0, "", true},
		"chunked, one more":       {"CreateEntity", limit + 1, true, 0, policy.ReasonRequestTooLarge, false},
		"chunked, far more":       {"CreateEntity", 100 * limit, true, 0, policy.ReasonRequestTooLarge, false},
		"more than was said":      {"CreateEntity", limit + 1, false, 5, policy.ReasonRequestTooLarge, false},
		"a route without a body":  {"GetEntity", 10 * limit, false, 0, policy.ReasonRequestTooLarge, false},
		"the method's own limit":  {"CreateSession", limit, false, 0, "", true},
		"a body field of a patch": {"UpdateEntity", limit + 1, true, 0, policy.ReasonRequestTooLarge, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, ex := ask(t, "POST", "/", strings.Repeat("x", test.length))
			ex.Binding = bindingOf(t, test.method)
			if test.unsaid {
				request.ContentLength = -1
			}
			if test.lie > 0 {
				request.ContentLength = test.lie
			}
			read := false
			err := body(rules.BodyLimits{Bytes: limit})(func(_ http.ResponseWriter, r *http.Request) error {
				read = true
				data, err := io.ReadAll(r.Body)
				if err != nil || len(data) != test.length {
					t.Errorf("%d bytes came through: %v", len(data), err)
				}
				return r.Body.Close()
			})(httptest.NewRecorder(), request)
			if got := reasonOf(t, err); got != test.reason || read != test.read {
				t.Errorf("reason %q, read %t; want %q, %t", got, read, test.reason, test.read)
			}
			if test.reason != "" && statusOf(t, policy.Documented, err) != 413 {
				t.Errorf("%v is not 413", err)
			}
		})
	}
}

// TestMethodsOwnLimit: it lowers the server's, and never raises it.
func TestMethodsOwnLimit(t *testing.T) {
	t.Parallel()
	const own = 16384 // of CreateSession
	for _, test := range []struct {
		server int64
		length int
		reason string
	}{{1 << 20, own, ""}, {1 << 20, own + 1, policy.ReasonRequestTooLarge}, {10, 11, policy.ReasonRequestTooLarge}} {
		request, ex := ask(t, "POST", "/", strings.Repeat("x", test.length))
		ex.Binding = bindingOf(t, "CreateSession")
		passed, err := run(body(rules.BodyLimits{Bytes: test.server}), request)
		check(t, passed, err, test.reason)
	}
}

// TestReadAgain: a reader that has noticed goes on refusing.
func TestReadAgain(t *testing.T) {
	t.Parallel()
	request, ex := ask(t, "POST", "/", "12345")
	request.ContentLength = -1
	ex.Binding = bindingOf(t, "CreateEntity")
	_ = body(rules.BodyLimits{Bytes: 3})(func(_ http.ResponseWriter, r *http.Request) error {
		for range 3 {
			if n, err := io.ReadAll(r.Body); err == nil || len(n) > 3 {
				t.Errorf("ReadAll() = %q, %v", n, err)
			}
		}
		return nil
	})(httptest.NewRecorder(), request)
}

func TestContentType(t *testing.T) {
	t.Parallel()
	const bad = policy.ReasonUnsupportedMediaType
	for name, test := range map[string]struct {
		method string
		types  []string
		reason string
	}{
		"json":                {"CreateEntity", []string{"application/json"}, ""},
		"charset":             {"CreateEntity", []string{"application/json; charset=utf-8"}, ""},
		"upper case":          {"CreateEntity", []string{"Application/JSON"}, ""},
		"quoted":              {"CreateEntity", []string{`application/json;charset="UTF-8"`}, ""},
		"other parameter":     {"CreateEntity", []string{"application/json ; a=b"}, ""},
		"other charset":       {"CreateEntity", []string{"application/json; charset=iso-8859-1"}, bad},
		"longer name":         {"CreateEntity", []string{"application/json-evil"}, bad},
		"two lines":           {"CreateEntity", []string{"application/json", "application/json"}, bad},
		"a list":              {"CreateEntity", []string{"application/json, application/json"}, bad},
		"malformed":           {"CreateEntity", []string{"json"}, bad},
		"empty":               {"CreateEntity", []string{""}, bad},
		"none":                {"CreateEntity", nil, bad},
		"text":                {"CreateEntity", []string{"text/plain"}, bad},
		"form":                {"CreateEntity", []string{"application/x-www-form-urlencoded"}, bad},
		"a range":             {"CreateEntity", []string{"*/*"}, bad},
		"merge patch":         {"UpdateEntity", []string{"application/merge-patch+json"}, ""},
		"patch as json":       {"UpdateEntity", []string{"application/json"}, ""},
		"patch of another":    {"UpdateEntity", []string{"application/json-patch+json"}, bad},
		"no patch":            {"CreateEntity", []string{"application/merge-patch+json"}, bad},
		"raw":                 {"Upload", []string{"image/png"}, ""},
		"raw without type":    {"Upload", nil, ""},
		"raw field":           {"UploadField", []string{"image/png"}, ""},
		"no body in its rule": {"GetEntity", []string{"text/plain"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, ex := ask(t, "POST", "/", "{}")
			ex.Binding = bindingOf(t, test.method)
			if test.types != nil {
				request.Header["Content-Type"] = test.types
			}
			passed, err := run(flat(rules.Negotiate()), request)
			check(t, passed, err, test.reason)
			if test.reason == "" {
				return
			}
			want, send := http.Header{"Accept": {"application/json"}}, "; send application/json"
			if test.method == "UpdateEntity" {
				want, send = http.Header{"Accept-Patch": {"application/merge-patch+json, application/json"}}, "; send application/merge-patch+json or application/json"
			}
			isMissing := len(test.types) != 1 || test.types[0] == "" // or repeated
			message := respond.AsFailure(err).Status.GetMessage()
			if !strings.HasSuffix(message, send) || strings.HasPrefix(message, "Content-Type is missing") != isMissing {
				t.Errorf("the message is %q", message)
			}
			if got := headerOf(err); len(got) != 1 || got.Get("Accept") != want.Get("Accept") || got.Get("Accept-Patch") != want.Get("Accept-Patch") {
				t.Errorf("header %v, want %v", got, want)
			}
			if statusOf(t, policy.Documented, err) != 415 || statusOf(t, policy.Canonical, err) != 415 {
				t.Errorf("%v is not 415", err)
			}
		})
	}
	request, ex := ask(t, "POST", "/", "")
	ex.Binding = bindingOf(t, "CreateEntity")
	passed, err := run(flat(rules.Negotiate()), request) // An empty body needs no type.
	check(t, passed, err, "")
}

func TestContentEncoding(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		codings []string
		reason  string
	}{
		"none":             {nil, ""},
		"empty":            {[]string{""}, ""},
		"identity":         {[]string{"identity"}, ""},
		"Identity":         {[]string{"Identity"}, ""},
		"gzip":             {[]string{"gzip"}, policy.ReasonUnsupportedCoding},
		"br":               {[]string{"br"}, policy.ReasonUnsupportedCoding},
		"identity, gzip":   {[]string{"identity, gzip"}, policy.ReasonUnsupportedCoding},
		"on a second line": {[]string{"identity", "gzip"}, policy.ReasonUnsupportedCoding},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, ex := ask(t, "POST", "/", "{}", "Content-Type", "application/json")
			ex.Binding = bindingOf(t, "CreateEntity")
			request.Header["Content-Encoding"] = test.codings
			passed, err := run(flat(rules.Negotiate()), request)
			check(t, passed, err, test.reason)
			if got := headerOf(err); test.reason != "" && (len(got) != 1 || got.Get("Accept-Encoding") != "identity" || statusOf(t, policy.Documented, err) != 415) {
				t.Errorf("header %v", got)
			}
		})
	}
}

func TestAccept(t *testing.T) {
	t.Parallel()
	const bad, malformed = policy.ReasonNotAcceptable, policy.ReasonInvalidArgument
	for name, test := range map[string]struct {
		method string
		accept []string
		reason string
	}{
		"none":                 {"GetEntity", nil, ""},
		"empty":                {"GetEntity", []string{""}, ""},
		"empty members":        {"GetEntity", []string{" ,application/json,"}, ""},
		"json":                 {"GetEntity", []string{"application/json"}, ""},
		"upper case":           {"GetEntity", []string{"APPLICATION/JSON"}, ""},
		"with a parameter":     {"GetEntity", []string{"application/json; charset=utf-8"}, ""},
		"any":                  {"GetEntity", []string{"*/*"}, ""},
		"any application":      {"GetEntity", []string{"application/*"}, ""},
		"a browser's":          {"GetEntity", []string{"text/html, application/json;q=0.5, */*;q=0.1"}, ""},
		"on a second line":     {"GetEntity", []string{"text/html", "application/json"}, ""},
		"problems":             {"GetEntity", []string{"application/problem+json"}, ""},
		"problems, anything":   {"GetEntity", []string{"application/problem+json, */*;q=0.1"}, ""},
		"anything but JSON":    {"GetEntity", []string{"application/json;q=0, */*"}, bad},
		"errors but no JSON":   {"GetEntity", []string{"application/problem+json, application/json;q=0"}, bad},
		"JSON and not JSON":    {"GetEntity", []string{"application/json, application/json;q=0"}, ""},
		"JSON of a charset":    {"GetEntity", []string{"application/json;charset=latin1;q=0, */*"}, ""},
		"xml":                  {"GetEntity", []string{"application/xml"}, bad},
		"refused":              {"GetEntity", []string{"application/json;q=0"}, bad},
		"refused upper case Q": {"GetEntity", []string{"application/json;Q=0"}, bad},
		"stream":               {"ExportEntities", []string{"application/x-ndjson"}, ""},
		"stream of events":     {"ExportEntities", []string{"text/event-stream"}, ""},
		"stream as json":       {"ExportEntities", []string{"application/json"}, ""},
		"stream, not as json":  {"ExportEntities", []string{"application/json;q=0, */*"}, ""},
		"stream of problems":   {"ExportEntities", []string{"application/problem+json"}, ""},
		"stream, no JSON":      {"ExportEntities", []string{"application/problem+json, application/json;q=0"}, bad},
		"stream as xml":        {"ExportEntities", []string{"application/xml"}, bad},
		"nothing comes":        {"DeleteEntity", []string{"text/html"}, ""},
		"raw":                  {"Download", []string{"image/png"}, ""},
		"a raw field":          {"Picture", []string{"image/png"}, ""},
		"a raw field, no JSON": {"Picture", []string{"application/json;q=0"}, ""},
		"raw fields, a stream": {"Pictures", []string{"image/png"}, ""},
		"no type":              {"GetEntity", []string{"json"}, malformed},
		"half a type":          {"GetEntity", []string{"application/json, text/"}, malformed},
		"a bad weight":         {"GetEntity", []string{"application/json;q=2"}, malformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, ex := ask(t, "GET", "/", "")
			ex.Binding = bindingOf(t, test.method)
			if test.accept != nil {
				request.Header["Accept"] = test.accept
			}
			passed := false
			err := flat(rules.Accept(nil))(flat(rules.Negotiate())(func(http.ResponseWriter, *http.Request) error {
				passed = true
				return nil
			}))(httptest.NewRecorder(), request)
			if ex.Unacceptable != nil { // A safe request gets it in place of a success.
				passed, err = false, ex.Unacceptable
			}
			check(t, passed, err, test.reason)
			if !slices.Contains(ex.Fields.Values("Vary"), "Accept") {
				t.Errorf("Vary: %q", ex.Fields.Values("Vary"))
			}
			if test.reason == bad && (statusOf(t, policy.Documented, err) != 415 || statusOf(t, policy.Canonical, err) != 406 ||
				headerOf(err).Get("Accept-Encoding") != "") {
				t.Errorf("%v, header %v", err, headerOf(err))
			}
		})
	}
}

func TestPreconditions(t *testing.T) {
	t.Parallel()
	const unsupported, malformed = policy.ReasonPreconditionUnsupported, policy.ReasonInvalidArgument
	for name, test := range map[string]struct {
		verb, method string
		fields       []string
		reason       string
		present      bool
	}{
		"none":                            {"POST", "CreateEntity", nil, "", false},
		"a read":                          {"GET", "GetEntity", []string{"If-Match", `"1"`}, "", true},
		"HEAD":                            {"HEAD", "GetEntity", []string{"If-None-Match", `"1"`}, "", true},
		"a write that decides":            {"PUT", "PutEntity", []string{"If-Match", `"1"`}, "", true},
		"a write that does not":           {"POST", "CreateEntity", []string{"If-Match", `"1"`}, unsupported, false},
		"If-None-Match on it":             {"POST", "CreateEntity", []string{"If-None-Match", "*"}, unsupported, false},
		"If-Unmodified-Since on it":       {"POST", "CreateEntity", []string{"If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}, unsupported, false},
		"a bad date on it is ignored":     {"POST", "CreateEntity", []string{"If-Unmodified-Since", "x"}, "", false},
		"If-Modified-Since means nothing": {"POST", "CreateEntity", []string{"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}, "", true},
		"malformed":                       {"GET", "GetEntity", []string{"If-None-Match", "x"}, malformed, false},
		"malformed on a second line":      {"GET", "GetEntity", []string{"If-Match", `"1"`, "If-Match", `"`}, malformed, false},
		"star in a list":                  {"GET", "GetEntity", []string{"If-Match", `*, "1"`}, malformed, false},
		"OPTIONS ignores them":            {"OPTIONS", "Custom", []string{"If-Match", "malformed"}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, ex := ask(t, test.verb, "/", "", test.fields...)
			ex.Binding = bindingOf(t, test.method)
			passed, err := run(flat(rules.Preconditions()), request)
			check(t, passed, err, test.reason)
			if ex.Conditions.Present() != test.present {
				t.Errorf("conditions: %+v", ex.Conditions)
			}
			if err != nil && statusOf(t, policy.Documented, err) != 400 {
				t.Errorf("%v is not 400", err)
			}
		})
	}
}

func TestExpect(t *testing.T) {
	t.Parallel()
	const bad = policy.ReasonExpectationFailed
	for name, test := range map[string]struct {
		lines  []string
		http10 bool
		reason string
	}{
		"none":             {nil, false, ""},
		"continue":         {[]string{"100-continue"}, false, ""},
		"upper case":       {[]string{"100-CONTINUE"}, false, ""},
		"unknown":          {[]string{"teapot"}, false, bad},
		"beside continue":  {[]string{"100-continue, teapot"}, false, bad},
		"before continue":  {[]string{"teapot, 100-continue"}, false, bad},
		"on a second line": {[]string{"100-continue", "teapot"}, false, bad},
		"continue, valued": {[]string{"100-continue=1"}, false, bad},
		"empty members":    {[]string{", ,"}, false, ""},
		"ignored in 1.0":   {[]string{"teapot"}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, _ := ask(t, "GET", "/", "")
			if test.lines != nil {
				request.Header["Expect"] = test.lines
			}
			if test.http10 {
				request.ProtoMinor = 0
			}
			passed, err := run(flat(rules.Expect()), request)
			check(t, passed, err, test.reason)
			if err != nil && (statusOf(t, policy.Documented, err) != 418 || statusOf(t, policy.Canonical, err) != 417) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestReserved(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ field, value, reason string }{
		"metadata":             {"Grpc-Metadata-X", "1", policy.ReasonReservedHeader},
		"metadata, lower":      {"grpc-metadata-x", "1", policy.ReasonReservedHeader},
		"grpcgateway":          {"Grpcgateway-X", "1", policy.ReasonReservedHeader},
		"statusway":            {"Statusway-Status", "201", policy.ReasonReservedHeader},
		"not quite":            {"Statuswayx", "1", ""},
		"grpc, other":          {"Grpc-Encoding", "x", ""},
		"timeout":              {"Grpc-Timeout", "5S", ""},
		"each unit":            {"Grpc-Timeout", "00000001n", ""},
		"eight digits":         {"Grpc-Timeout", "99999999H", ""},
		"nine digits":          {"Grpc-Timeout", "999999999H", policy.ReasonInvalidArgument},
		"no unit":              {"Grpc-Timeout", "5", policy.ReasonInvalidArgument},
		"no number":            {"Grpc-Timeout", "S", policy.ReasonInvalidArgument},
		"unknown unit":         {"Grpc-Timeout", "5s", policy.ReasonInvalidArgument},
		"negative":             {"Grpc-Timeout", "-5S", policy.ReasonInvalidArgument},
		"a fraction":           {"Grpc-Timeout", "1.5S", policy.ReasonInvalidArgument},
		"empty":                {"Grpc-Timeout", "", policy.ReasonInvalidArgument},
		"anything else":        {"X-Y", "1", ""},
		"unit beyond US-ASCII": {"Grpc-Timeout", "1\xce", policy.ReasonInvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, _ := ask(t, "GET", "/", "", test.field, test.value)
			passed, err := run(flat(rules.Reserved(false)), request)
			check(t, passed, err, test.reason)
		})
	}
}

// TestReservedButMetadata: if clients may send metadata, only its name and form are checked
// here.
func TestReservedButMetadata(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ field, value, reason string }{
		"metadata":                {"Grpc-Metadata-X", "1", ""},
		"grpcgateway":             {"Grpcgateway-X", "1", policy.ReasonReservedHeader},
		"statusway":               {"Statusway-Status", "201", policy.ReasonReservedHeader},
		"binary":                  {"Grpc-Metadata-X-Bin", "AP8=", ""},
		"binary, without padding": {"Grpc-Metadata-X-Bin", "AP8", ""},
		"binary, none":            {"Grpc-Metadata-X-Bin", "", ""},
		"binary, no base64":       {"Grpc-Metadata-X-Bin", "a b", policy.ReasonInvalidArgument},
		"a timeout":               {"Grpc-Timeout", "5s", policy.ReasonInvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, _ := ask(t, "GET", "/", "", test.field, test.value)
			passed, err := run(flat(rules.Reserved(true)), request)
			check(t, passed, err, test.reason)
		})
	}
}

// TestOrderDoesNotMatter: these rules only look at the request, so a request that all
// of them let pass does so in any order, and one that one refuses never passes.
func TestOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	rules := []onion{
		flat(rules.Accept(nil)), flat(rules.Expect()), flat(rules.Reserved(false)), flat(rules.Negotiate()), flat(rules.Preconditions()),
		body(rules.BodyLimits{Bytes: 10}), flat(rules.Credentials()),
	}
	for _, fields := range [][]string{
		{"Content-Type", "application/json"},
		{"Content-Type", "text/plain"},
		{"Content-Type", "application/json", "Expect", "x"},
		{"Content-Type", "application/json", "Statusway-Status", "1"},
		{"Content-Type", "application/json", "If-Match", "x"},
	} {
		for shift := range rules {
			request, ex := ask(t, "POST", "/", "{}", fields...)
			ex.Binding = bindingOf(t, "CreateEntity")
			passed := false
			handler := exchange.Handler(func(http.ResponseWriter, *http.Request) error {
				passed = true
				return nil
			})
			for _, rule := range slices.Concat(rules[shift:], rules[:shift]) {
				handler = rule(handler)
			}
			if err := handler(httptest.NewRecorder(), request); passed != (len(fields) == 2 && fields[1] == "application/json") || passed != (err == nil) {
				t.Errorf("%v, turned by %d: passed %t, %v", fields, shift, passed, err)
			}
		}
	}
}
