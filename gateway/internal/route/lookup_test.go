package route_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/internal/route"
)

// reserved are the characters of RFC 6570 §1.5, escaped.
const reserved = "%21%23%24%26%27%28%29%2A%2B%2C%2F%3A%3B%3D%3F%40%5B%5D"

// found is the result of a lookup in the library.
type found struct {
	method, path, template string
	params                 []route.Param
}

func assertFound(t *testing.T, tests map[string]found) {
	t.Helper()
	index := indexOf(t, library())
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, outcome, err := index.Lookup(test.method, test.path)
			if outcome != route.Found || err != nil {
				t.Fatalf("Lookup = %v, %v; want Found", outcome, err)
			}
			if got.Value != test.template || got.Template.String() != test.template {
				t.Errorf("found %s, value %s; want %s", got.Template, got.Value, test.template)
			}
			if diff := cmp.Diff(test.params, got.Params); diff != "" {
				t.Errorf("Params (-want +got):\n%s", diff)
			}
			if got.Allow != nil {
				t.Errorf("Allow = %v, want nil", got.Allow)
			}
		})
	}
}

func TestLookupSegments(t *testing.T) {
	t.Parallel()
	type params = []route.Param
	assertFound(t, map[string]found{
		"root":                                 {"GET", "/", "/", nil},
		"literals":                             {"GET", "/v1/entities", "/v1/entities", nil},
		"literal before a variable":            {"GET", "/v1/entities/mine", "/v1/entities/mine", nil},
		"variable":                             {"GET", "/v1/entities/a", "/v1/entities/{id}", params{{"id", "a"}}},
		"literals are case-sensitive":          {"GET", "/v1/entities/MINE", "/v1/entities/{id}", params{{"id", "MINE"}}},
		"two variables":                        {"GET", "/v1/entities/a/b", "/v1/entities/{id}/{part}", params{{"id", "a"}, {"part", "b"}}},
		"the first difference decides":         {"GET", "/v1/entities/a/parts", "/v1/entities/{id}/{part}", params{{"id", "a"}, {"part", "parts"}}},
		"back to a variable":                   {"GET", "/v1/files2/a/parts", "/v1/{kind}/{id}/parts", params{{"kind", "files2"}, {"id", "a"}}},
		"back to rest":                         {"GET", "/v1/files/a/c", "/v1/files/{path=**}", params{{"path", "a/c"}}},
		"back to rest after all of it":         {"GET", "/v1/files/a/b/c", "/v1/files/{path=**}", params{{"path", "a/b/c"}}},
		"literals before rest":                 {"GET", "/v1/files/a/b", "/v1/files/a/b", nil},
		"rest of one segment":                  {"GET", "/v1/files/a", "/v1/files/{path=**}", params{{"path", "a"}}},
		"rest under a literal before a star":   {"GET", "/v1/x/y/parts", "/v1/{a=x/**}", params{{"a", "x/y/parts"}}},
		"variable of two segments":             {"GET", "/v1/operations/7", "/v1/{name=operations/*}", params{{"name", "operations/7"}}},
		"wildcard without a variable":          {"GET", "/v3/a/x", "/v3/*/x", nil},
		"method on a less specific template":   {"GET", "/v1/entities/special", "/v1/entities/{id}", params{{"id", "special"}}},
		"method on the most specific template": {"DELETE", "/v1/entities/special", "/v1/entities/special", nil},
	})
}

func TestLookupVerbs(t *testing.T) {
	t.Parallel()
	type params = []route.Param
	assertFound(t, map[string]found{
		"verb after a literal":             {"POST", "/v1/entities:import", "/v1/entities:import", nil},
		"verb after a variable":            {"GET", "/v1/entities/a:check", "/v1/entities/{id}:check", params{{"id", "a"}}},
		"verb beats a literal":             {"GET", "/v1/entities/mine:check", "/v1/entities/{id}:check", params{{"id", "mine"}}},
		"verb after segments":              {"POST", "/v1/operations/7:cancel", "/v1/{name=operations/*}:cancel", params{{"name", "operations/7"}}},
		"verb of another method is data":   {"GET", "/v1/operations/7:cancel", "/v1/{name=operations/*}", params{{"name", "operations/7:cancel"}}},
		"verb after rest":                  {"GET", "/v1/files/a/b:stat", "/v1/files/{path=**}:stat", params{{"path", "a/b"}}},
		"unknown verb is data":             {"GET", "/v1/entities/a:b", "/v1/entities/{id}", params{{"id", "a:b"}}},
		"verb of elsewhere is data":        {"GET", "/v1/entities/a:stat", "/v1/entities/{id}", params{{"id", "a:stat"}}},
		"verb in another case is data":     {"GET", "/v1/entities/a:Check", "/v1/entities/{id}", params{{"id", "a:Check"}}},
		"escaped colon is data":            {"GET", "/v1/entities/a%3Acheck", "/v1/entities/{id}", params{{"id", "a:check"}}},
		"the last colon counts":            {"GET", "/v1/entities/a:b:check", "/v1/entities/{id}:check", params{{"id", "a:b"}}},
		"verb twice":                       {"GET", "/v1/entities/a:check:check", "/v1/entities/{id}:check", params{{"id", "a:check"}}},
		"verb, then more":                  {"GET", "/v1/entities/a:check:x", "/v1/entities/{id}", params{{"id", "a:check:x"}}},
		"colon at the end":                 {"GET", "/v1/entities/a:", "/v1/entities/{id}", params{{"id", "a:"}}},
		"colon alone":                      {"GET", "/v1/entities/:", "/v1/entities/{id}", params{{"id", ":"}}},
		"verb with nothing before it":      {"GET", "/v1/entities/:check", "/v1/entities/{id}", params{{"id", ":check"}}},
		"verb only in the last segment":    {"GET", "/v1/entities/a:check/b", "/v1/entities/{id}/{part}", params{{"id", "a:check"}, {"part", "b"}}},
		"escaped verb":                     {"GET", "/v1/entities/a:ch%65ck", "/v1/entities/{id}:check", params{{"id", "a"}}},
		"longer verb first":                {"GET", "/v2/x:a:b", "/v2/{id}:a:b", params{{"id", "x"}}},
		"shorter verb where it alone fits": {"GET", "/v2/x:c:b", "/v2/{id}:b", params{{"id", "x:c"}}},
		"longer verb takes too much":       {"GET", "/v2/:a:b", "/v2/{id}:b", params{{"id", ":a"}}},
		"colon in a literal":               {"GET", "/v2/a:b/7", "/v2/a:b/{id}", params{{"id", "7"}}},
		"escaped colon in a literal":       {"GET", "/v2/a%3Ab/7", "/v2/a:b/{id}", params{{"id", "7"}}},
		"many colons":                      {"GET", "/v2/" + strings.Repeat(":", 9000) + "b", "/v2/{id}:b", params{{"id", strings.Repeat(":", 8999)}}},
	})
}

func TestLookupEscapes(t *testing.T) {
	t.Parallel()
	type params = []route.Param
	assertFound(t, map[string]found{
		"escaped slash":                     {"GET", "/v1/entities/a%2Fb", "/v1/entities/{id}", params{{"id", "a/b"}}},
		"escaped once only":                 {"GET", "/v1/entities/a%252Fb", "/v1/entities/{id}", params{{"id", "a%2Fb"}}},
		"escaped percent":                   {"GET", "/v1/entities/100%25", "/v1/entities/{id}", params{{"id", "100%"}}},
		"plus is no space":                  {"GET", "/v1/entities/a+b", "/v1/entities/{id}", params{{"id", "a+b"}}},
		"beyond ASCII":                      {"GET", "/v1/entities/%C3%a9", "/v1/entities/{id}", params{{"id", "é"}}},
		"control beyond ASCII":              {"GET", "/v1/entities/%C2%80", "/v1/entities/{id}", params{{"id", "\u0080"}}},
		"escaped literal":                   {"GET", "/%761/%65ntities", "/v1/entities", nil},
		"escaped literal before a variable": {"GET", "/v1/entities/m%69ne", "/v1/entities/mine", nil},
		"escaped in the template":           {"GET", "/v3/caf%c3%A9/1", "/v3/caf%C3%A9/{id}", params{{"id", "1"}}},
		"escaped in a variable's literal":   {"GET", "/v3/a%20b/%31", "/v3/{name=a%20b/*}", params{{"name", "a%20b/1"}}},
		"a variable's literal, not escaped": {"GET", "/v3/a-b/c/d", "/v3/{name=a%2Db/c/*}", params{{"name", "a%2Db/c/d"}}},
		"all reserved, in a segment": {
			"GET", "/v1/entities/" + reserved, "/v1/entities/{id}", params{{"id", "!#$&'()*+,/:;=?@[]"}},
		},
		"all reserved, in rest": {"GET", "/v1/files/" + reserved, "/v1/files/{path=**}", params{{"path", "!#$&'()*+,%2F:;=?@[]"}}},
		"all else, in rest": {
			"GET", "/v1/files/%20%22%25%2D%2E%3C%3E%5C%5E%5F%60%7B%7C%7D%7E", "/v1/files/{path=**}", params{{"path", " \"%-.<>\\^_`{|}~"}},
		},
		"escaped slash under two segments":    {"GET", "/v1/operations/a%2Fb", "/v1/{name=operations/*}", params{{"name", "operations/a%2Fb"}}},
		"rest keeps escaped slashes":          {"GET", "/v1/files/a%2fb/%3A%20%41", "/v1/files/{path=**}", params{{"path", "a%2fb/: A"}}},
		"rest unescapes percent":              {"GET", "/v1/files/a%252Fb", "/v1/files/{path=**}", params{{"path", "a%2Fb"}}},
		"rest unescapes after a literal":      {"GET", "/v1/x/%7E/%2F", "/v1/{a=x/**}", params{{"a", "x/~/%2F"}}},
		"bad bytes where nothing is captured": {"GET", "/v3/%FF%00/x", "/v3/*/x", nil},
		"three dots":                          {"GET", "/v1/entities/...", "/v1/entities/{id}", params{{"id", "..."}}},
		"dots and more":                       {"GET", "/v1/entities/..a", "/v1/entities/{id}", params{{"id", "..a"}}},
		"escaped dots escaped":                {"GET", "/v1/entities/%252e", "/v1/entities/{id}", params{{"id", "%2e"}}},
		"dots with an escaped slash":          {"GET", "/v1/entities/..%2F..", "/v1/entities/{id}", params{{"id", "../.."}}},
		"dots before what is no verb":         {"GET", "/v1/entities/..:x", "/v1/entities/{id}", params{{"id", "..:x"}}},
		"dots before a part of a verb":        {"GET", "/v2/..:c:b", "/v2/{id}:b", params{{"id", "..:c"}}},
	})
}

// A client that does not know the template escapes the slashes of a value.
func TestLookupSeparatedByEscapes(t *testing.T) {
	t.Parallel()
	type params = []route.Param
	index := indexOf(t, []binding{
		{"GET", "/v1/path/{x=first/*}"},
		{"POST", "/v1/path/{x=first/*}"},
		{"GET", "/v1/path/first/fixed"},
		{"GET", "/v1/one/{x}"},
		{"GET", "/v1/two/{p=p/*}/{q=q/*}:verb"},
		{"GET", "/v1/{p=p/*}/tail"},
		{"GET", "/v1/{x=a/*/b/*}"},
		{"GET", "/v1/{parent=shelves/*}/books/{id}"},
		{"GET", "/v1/{x}/{y=in/**}"},
		{"PUT", "/v1/both/{x}"},
		{"GET", "/v1/{x=both/*}"},
		{"GET", "/v2/{x=r/**}"},
	})
	for name, test := range map[string]struct {
		path, template string // not found without a template
		params         params
	}{
		"one variable":                      {"/v1/path/first%2Fhello", "/v1/path/{x=first/*}", params{{"x", "first/hello"}}},
		"lower case":                        {"/v1/path/first%2fhello", "/v1/path/{x=first/*}", params{{"x", "first/hello"}}},
		"with another escape":               {"/v1/path/first%2Fa%20%25", "/v1/path/{x=first/*}", params{{"x", "first/a %"}}},
		"an escape that is data":            {"/v1/path/first%2Fa%252Fb", "/v1/path/{x=first/*}", params{{"x", "first/a%2Fb"}}},
		"to a literal":                      {"/v1/path/first%2Ffixed", "/v1/path/first/fixed", nil},
		"two variables and a verb":          {"/v1/two/p%2F1/q%2F2:verb", "/v1/two/{p=p/*}/{q=q/*}:verb", params{{"p", "p/1"}, {"q", "q/2"}}},
		"the first of two":                  {"/v1/two/p%2F1/q/2:verb", "/v1/two/{p=p/*}/{q=q/*}:verb", params{{"p", "p/1"}, {"q", "q/2"}}},
		"the second of two":                 {"/v1/two/p/1/q%2F2:verb", "/v1/two/{p=p/*}/{q=q/*}:verb", params{{"p", "p/1"}, {"q", "q/2"}}},
		"the second of two, %2F in first":   {"/v1/two/p/1%2F1/q%2F2:verb", "/v1/two/{p=p/*}/{q=q/*}:verb", params{{"p", "p/1%2F1"}, {"q", "q/2"}}},
		"before a literal":                  {"/v1/p%2F1/tail", "/v1/{p=p/*}/tail", params{{"p", "p/1"}}},
		"three slashes":                     {"/v1/a%2Fx%2Fb%2Fc", "/v1/{x=a/*/b/*}", params{{"x", "a/x/b/c"}}},
		"the second of three slashes":       {"/v1/a/x%2Fb/c", "/v1/{x=a/*/b/*}", params{{"x", "a/x/b/c"}}},
		"the slash of one segment is data":  {"/v1/shelves%2F1/books/a%2Fb", "/v1/{parent=shelves/*}/books/{id}", params{{"parent", "shelves/1"}, {"id", "a/b"}}},
		"the same, rest":                    {"/v1/a%2Fb/in%2Fc%2Fd", "/v1/{x}/{y=in/**}", params{{"x", "a/b"}, {"y", "in/c/d"}}},
		"rest":                              {"/v2/r%2Fa%2Fb/c", "/v2/{x=r/**}", params{{"x", "r/a/b/c"}}},
		"a match as it is stays":            {"/v1/one/a%2Fb", "/v1/one/{x}", params{{"x", "a/b"}}},
		"a match as it is keeps its escape": {"/v1/path/first/a%2Fb", "/v1/path/{x=first/*}", params{{"x", "first/a%2Fb"}}},
		"a slash too many":                  {"/v1/path/first%2Fa%2Fb", "", nil},
		"nothing after it":                  {"/v1/path/first%2F", "", nil},
		"an empty segment":                  {"/v2/r%2F%2Fa", "", nil},
		"dots":                              {"/v1/path/first%2F..", "", nil},
		"escaped dots":                      {"/v1/path/first%2F%2E%2e", "", nil},
		"dots before a verb":                {"/v1/two/p%2F1/q%2F..:verb", "", nil},
		"between two literals":              {"/v1%2Fpath/first/hello", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, outcome, err := index.Lookup("GET", test.path)
			if err != nil || got.Value != test.template || (outcome == route.Found) != (test.template != "") {
				t.Fatalf("Lookup = %v, %v, %v; want %q", got, outcome, err, test.template)
			}
			if diff := cmp.Diff(test.params, got.Params); diff != "" {
				t.Errorf("Params (-want +got):\n%s", diff)
			}
			if allow := index.Allow(test.path); (allow != nil) != (test.template != "") {
				t.Errorf("Allow = %v", allow)
			}
		})
	}
	for path, want := range map[string][]string{"/v1/path/first%2Fhello": {"GET", "POST"}, "/v1/both%2Fa": {"GET", "PUT"}, "/v1/both/a%2Fb": {"GET", "PUT"}} {
		got, outcome, err := index.Lookup("DELETE", path)
		if outcome != route.MethodNotAllowed || err != nil || !cmp.Equal(got.Allow, want) || !cmp.Equal(index.Allow(path), want) {
			t.Errorf("DELETE %s = %v, %v, %v; want Allow %v", path, got, outcome, err, want)
		}
	}
	var bad *route.PathError
	if _, _, err := index.Lookup("GET", "/v1/path/first%2F%00"); !errors.As(err, &bad) || bad.Field != "x" || bad.Path != "/v1/path/first%2F%00" {
		t.Errorf("a control byte: %v", err)
	}
}

func TestLookupNotFound(t *testing.T) {
	t.Parallel()
	index := indexOf(t, library())
	for name, path := range map[string]string{
		"nothing like it":                "/v9",
		"one segment too few":            "/v1",
		"one segment too many":           "/v3/a/x/y",
		"literals are case-sensitive":    "/V1/entities",
		"trailing slash after a literal": "/v1/entities/",
		"trailing slash after a value":   "/v1/entities/a/",
		"trailing slash before rest":     "/v1/files/",
		"trailing slash after rest":      "/v1/files/a/",
		"rest takes no nothing":          "/v1/files",
		"slash before":                   "//v1/entities",
		"slash within":                   "/v1//entities",
		"slash within rest":              "/v1/files/a//b",
		"two slashes":                    "//",
		"dot":                            "/v1/entities/.",
		"dot within":                     "/v1/./entities",
		"two dots":                       "/v1/entities/..",
		"two dots within":                "/v1/entities/../entities",
		"two dots in rest":               "/v1/files/a/../b",
		"escaped dot":                    "/v1/entities/%2e",
		"escaped dot, upper case":        "/v1/entities/%2E",
		"escaped dots":                   "/v1/entities/%2e%2E",
		"half escaped dots":              "/v1/entities/.%2e",
		"half escaped dots, other half":  "/v1/entities/%2e.",
		"escaped dots in rest":           "/v1/files/%2e%2e/b",
		"dots before a verb":             "/v1/entities/..:check",
		"escaped dots before a verb":     "/v1/entities/%2E.:check",
		"escaped slash is no slash":      "/v1%2Fentities",
		"escaped colon is no verb":       "/v1/entities%3Aexport",
		"unknown verb":                   "/v1/entities:nothing",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"GET", "PUT", ""} {
				got, outcome, err := index.Lookup(method, path)
				if outcome != route.NotFound || err != nil || !cmp.Equal(got, route.Result[string]{}) {
					t.Errorf("%s: Lookup = %v, %v, %v; want NotFound", method, got, outcome, err)
				}
			}
			if allow := index.Allow(path); allow != nil {
				t.Errorf("Allow = %v, want nil", allow)
			}
		})
	}
}

func TestLookupMethodNotAllowed(t *testing.T) {
	t.Parallel()
	index := indexOf(t, library())
	for name, test := range map[string]struct {
		method, path string
		allow        []string
	}{
		"one template":                          {"POST", "/v1/entities", []string{"GET"}},
		"two templates":                         {"POST", "/v1/entities/special", []string{"DELETE", "GET"}},
		"one template by variable, one by rest": {"POST", "/v2/a", []string{"GET", "PUT"}},
		"verb":                                  {"DELETE", "/v1/entities/a:check", []string{"GET", "POST"}},
		"with verb and without":                 {"DELETE", "/v1/operations/7:cancel", []string{"GET", "POST"}},
		"methods are case-sensitive":            {"get", "/v1/entities", []string{"GET"}},
		"HEAD is not added":                     {"HEAD", "/v1/entities", []string{"GET"}},
		"no method":                             {"", "/", []string{"GET"}},
		"dots before the verb of one method":    {"GET", "/v2/..:a:b", []string{"PUT"}},
		"a value that no method would take":     {"POST", "/v1/entities/%FF", []string{"GET"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, outcome, err := index.Lookup(test.method, test.path)
			if outcome != route.MethodNotAllowed || err != nil {
				t.Fatalf("Lookup = %v, %v; want MethodNotAllowed", outcome, err)
			}
			if diff := cmp.Diff(route.Result[string]{Allow: test.allow}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.allow, index.Allow(test.path)); diff != "" {
				t.Errorf("Allow (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLookupErrors(t *testing.T) {
	t.Parallel()
	index := indexOf(t, library())
	for name, test := range map[string]struct{ path, field, reason string }{
		"empty":                        {"", "", "start with"},
		"the asterisk of OPTIONS":      {"*", "", "start with"},
		"no slash":                     {"v1/entities", "", "start with"},
		"percent alone":                {"/v1/entities/%", "", "hexadecimal"},
		"half an escape":               {"/v1/entities/a%2", "", "hexadecimal"},
		"no digits":                    {"/v1/entities/%zz", "", "hexadecimal"},
		"second digit":                 {"/v1/entities/%2g", "", "hexadecimal"},
		"across a slash":               {"/v1/entities/%2/0", "", "hexadecimal"},
		"after a good one":             {"/v1/entities/%20%", "", "hexadecimal"},
		"in a path that is not found":  {"/v9//%", "", "hexadecimal"},
		"NUL":                          {"/v1/entities/%00", "id", "control"},
		"last below space":             {"/v1/entities/a%1Fb", "id", "control"},
		"line feed":                    {"/v1/entities/a%0D%0AX-Evil:1", "id", "control"},
		"DEL":                          {"/v1/entities/%7f", "id", "control"},
		"not UTF-8":                    {"/v1/entities/%FF", "id", "UTF-8"},
		"half of a letter":             {"/v1/entities/%C3", "id", "UTF-8"},
		"surrogate":                    {"/v1/entities/%ED%A0%80", "id", "UTF-8"},
		"overlong slash":               {"/v1/entities/%C0%AF", "id", "UTF-8"},
		"in the second value":          {"/v1/entities/a/%00", "part", "control"},
		"in segments":                  {"/v1/operations/%00", "name", "control"},
		"in rest":                      {"/v1/files/a/%FF/b", "path", "UTF-8"},
		"unescaped, which is no path":  {"/v1/entities/\x00", "id", "control"},
		"unescaped, which is no UTF-8": {"/v1/entities/\xff", "id", "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, outcome, err := index.Lookup("GET", test.path)
			bad := assertPathError(t, err)
			if outcome != route.NotFound || !cmp.Equal(got, route.Result[string]{}) {
				t.Errorf("Lookup = %v, %v; want nothing beside the error", got, outcome)
			}
			if bad.Path != test.path || bad.Field != test.field || !strings.Contains(bad.Reason, test.reason) {
				t.Errorf("got %#v, want field %q and a reason with %q", bad, test.field, test.reason)
			}
			if allow := index.Allow(test.path); test.field == "" && allow != nil {
				t.Errorf("Allow = %v, want nil", allow)
			}
		})
	}
}

// assertPathError: the error is a PathError, and its message can be logged unchanged.
func assertPathError(t *testing.T, err error) *route.PathError {
	t.Helper()
	var bad *route.PathError
	if !errors.As(err, &bad) {
		t.Fatalf("got %v, want a *PathError", err)
	}
	if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) {
		t.Errorf("the message has a raw control character: %q", err)
	}
	return bad
}

// Only a wildcard at the root can take nothing.
func TestLookupRootWildcards(t *testing.T) {
	t.Parallel()
	rest := indexOf(t, []binding{{"GET", "/{all=**}"}, {"GET", "/{all=**}:x"}})
	both := indexOf(t, []binding{{"GET", "/{all=**}"}, {"GET", "/"}})
	star := indexOf(t, []binding{{"GET", "/{one}"}})
	for name, test := range map[string]struct {
		index          *route.Index[string]
		path, template string
		params         []route.Param
	}{
		"rest takes nothing":   {rest, "/", "/{all=**}", []route.Param{{"all", ""}}},
		"rest takes all":       {rest, "/a/b", "/{all=**}", []route.Param{{"all", "a/b"}}},
		"rest before a verb":   {rest, "/a:x", "/{all=**}:x", []route.Param{{"all", "a"}}},
		"rest takes a verb":    {rest, "/:x", "/{all=**}", []route.Param{{"all", ":x"}}},
		"root before rest":     {both, "/", "/", nil},
		"star takes one":       {star, "/a", "/{one}", []route.Param{{"one", "a"}}},
		"star takes not none":  {star, "/", "", nil},
		"star takes not two":   {star, "/a/b", "", nil},
		"rest takes no slash":  {rest, "//", "", nil},
		"rest takes no dotdot": {rest, "/..", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, outcome, err := test.index.Lookup("GET", test.path)
			if (outcome == route.Found) != (test.template != "") || err != nil || got.Value != test.template {
				t.Fatalf("Lookup = %v, %v, %v; want %q", got, outcome, err, test.template)
			}
			if diff := cmp.Diff(test.params, got.Params); diff != "" {
				t.Errorf("Params (-want +got):\n%s", diff)
			}
		})
	}
}
