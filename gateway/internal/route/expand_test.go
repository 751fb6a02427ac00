package route_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/internal/route"
)

// from makes a value function of a map.
func from(values map[string]string) func(string) (string, bool) {
	return func(field string) (string, bool) {
		value, ok := values[field]
		return value, ok
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	type values = map[string]string
	for name, test := range map[string]struct {
		template string
		values   values
		want     string
	}{
		"root":                         {"/", nil, "/"},
		"literals":                     {"/v1/entities", nil, "/v1/entities"},
		"literal as it is written":     {"/v1/a%2db", nil, "/v1/a%2db"},
		"literal and verb":             {"/v1/entities:import", nil, "/v1/entities:import"},
		"one segment":                  {"/v1/{id}", values{"id": "a"}, "/v1/a"},
		"unreserved":                   {"/v1/{id}", values{"id": "aZ09-._~"}, "/v1/aZ09-._~"},
		"reserved":                     {"/v1/{id}", values{"id": "a/b:c?d#e@f"}, "/v1/a%2Fb%3Ac%3Fd%23e%40f"},
		"percent and space":            {"/v1/{id}", values{"id": "100% x"}, "/v1/100%25%20x"},
		"an escape is data":            {"/v1/{id}", values{"id": "%2F"}, "/v1/%252F"},
		"beyond ASCII":                 {"/v1/{id}", values{"id": "é"}, "/v1/%C3%A9"},
		"three dots":                   {"/v1/{id}", values{"id": "..."}, "/v1/..."},
		"dots with a slash":            {"/v1/{id}", values{"id": "../x"}, "/v1/..%2Fx"},
		"verb":                         {"/v1/{id}:check", values{"id": "a:check"}, "/v1/a%3Acheck:check"},
		"two variables":                {"/v1/{b}/x/{a.c}/y", values{"a.c": "1", "b": "2"}, "/v1/2/x/1/y"},
		"segments":                     {"/v1/{name=shelves/*}", values{"name": "shelves/a"}, "/v1/shelves/a"},
		"segments, encoded":            {"/v1/{name=shelves/*}", values{"name": "shelves/a:b c"}, "/v1/shelves/a%3Ab%20c"},
		"segments, two":                {"/v1/{name=a/*/b/*}:c", values{"name": "a/1/b/2"}, "/v1/a/1/b/2:c"},
		"rest of one":                  {"/v1/{name=**}", values{"name": "a"}, "/v1/a"},
		"rest of three":                {"/v1/{name=**}", values{"name": "a/b/c"}, "/v1/a/b/c"},
		"rest after a literal":         {"/v1/{name=files/**}", values{"name": "files/b/c"}, "/v1/files/b/c"},
		"rest, encoded":                {"/v1/{name=**}", values{"name": "!?#[a:b] %/é"}, "/v1/%21%3F%23%5Ba%3Ab%5D%20%25/%C3%A9"},
		"rest with a colon, no verb":   {"/v1/{name=**}", values{"name": "a:check"}, "/v1/a%3Acheck"},
		"an escaped slash in rest":     {"/v1/{name=**}", values{"name": "a%2Fb/c"}, "/v1/a%252Fb/c"},
		"an escaped slash in segments": {"/v1/{name=a/*}", values{"name": "a/b%2fc"}, "/v1/a/b%252fc"},
		"one literal":                  {"/v1/{kind=x}", values{"kind": "x"}, "/v1/x"},
		"escaped literal in variable":  {"/v1/{name=a%20b/*}", values{"name": "a%20b/c"}, "/v1/a%20b/c"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parse(t, test.template).Expand(from(test.values))
			if got != test.want || err != nil {
				t.Errorf("Expand = %q, %v; want %q", got, err, test.want)
			}
			assertRoundTrip(t, test.template, got, test.values)
		})
	}
}

// assertRoundTrip looks path up in an index of one template.
func assertRoundTrip(t *testing.T, template, path string, values map[string]string) {
	t.Helper()
	var index route.Index[string]
	add(t, &index, "GET", template, "")
	result, outcome, err := index.Lookup("GET", path)
	if outcome != route.Found || err != nil {
		t.Fatalf("%s is not found by %s: %v, %v", path, template, outcome, err)
	}
	got := make(map[string]string)
	for _, p := range result.Params {
		got[p.Field] = p.Value
	}
	if len(values) > 0 || len(got) > 0 {
		if diff := cmp.Diff(values, got); diff != "" {
			t.Errorf("%s by %s (-want +got):\n%s", path, template, diff)
		}
	}
}

func TestExpandErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		template string
		value    string // of the field "f"; "-" if there is none
		reason   string // a part of it
	}{
		"missing":                     {"/v1/{f}", "-", "missing"},
		"empty":                       {"/v1/{f}", "", "empty"},
		"empty for rest":              {"/{f=**}", "", "empty"},
		"dot":                         {"/v1/{f}", ".", "clients remove"},
		"two dots":                    {"/v1/{f}", "..", "clients remove"},
		"two dots before a verb":      {"/v1/{f}:x", "..", "clients remove"},
		"dots in segments":            {"/v1/{f=a/*}", "a/..", "clients remove"},
		"dots in rest":                {"/v1/{f=**}", "a/../b", "clients remove"},
		"NUL":                         {"/v1/{f}", "a\x00", "control"},
		"DEL":                         {"/v1/{f=**}", "a/\x7f", "control"},
		"not UTF-8":                   {"/v1/{f}", "\xff", "UTF-8"},
		"another literal":             {"/v1/{f=a/*}", "b/c", "does not match a/*"},
		"the literal in another case": {"/v1/{f=a/*}", "A/c", "does not match a/*"},
		"too few segments":            {"/v1/{f=a/*}", "a", "does not match a/*"},
		"too many segments":           {"/v1/{f=a/*}", "a/b/c", "does not match a/*"},
		"empty segment":               {"/v1/{f=a/*}", "a/", "empty segment"},
		"too few for rest":            {"/v1/{f=a/**}", "a", "does not match a/**"},
		"empty segment in rest":       {"/v1/{f=**}", "a//b", "empty segment"},
		"slash at the end of rest":    {"/v1/{f=**}", "a/", "empty segment"},
		"slash at the start of rest":  {"/v1/{f=**}", "/a", "empty segment"},
		"one literal, not it":         {"/v1/{f=x}", "y", "does not match x"},
		"one literal and more":        {"/v1/{f=x}", "x/y", "does not match x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, err := parse(t, test.template).Expand(func(string) (string, bool) { return test.value, test.value != "-" })
			var expand *route.ExpandError
			if !errors.As(err, &expand) || path != "" {
				t.Fatalf("Expand = %q, %v; want an *ExpandError", path, err)
			}
			if expand.Field != "f" || !strings.Contains(expand.Reason, test.reason) {
				t.Errorf("got %#v, want field f and a reason with %q", expand, test.reason)
			}
		})
	}
}

func TestExpandWithoutAVariable(t *testing.T) {
	t.Parallel()
	for _, template := range []string{"/v1/*", "/v1/**", "/*/{f}", "/{f}/*:x"} {
		t.Run(template, func(t *testing.T) {
			t.Parallel()
			path, err := parse(t, template).Expand(func(string) (string, bool) { return "a", true })
			var expand *route.ExpandError
			if !errors.As(err, &expand) || expand.Field != "" || path != "" {
				t.Errorf("Expand = %q, %#v; want an *ExpandError for no field", path, err)
			}
		})
	}
}

// FuzzExpand: net/url accepts every path of Expand unchanged, and both this package and
// grpc-gateway read the original values from it.
func FuzzExpand(f *testing.F) {
	for _, seed := range [][3]string{
		{"/v1/{a}/x/{b}", "a/b", "%2F"},
		{"/v1/{a=shelves/*/**}:c", "shelves/é/x:c/d", ""},
		{"/v1/{a=**}", "a:b@c/..x/%2e", ""},
		{"/{a}:x:y", "..x:y", ""},
		{"/v1/{a=x%2Dy/*}", "x%2Dy/z", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, text, first, second string) {
		tmpl, err := route.Parse(text)
		if err != nil || len(tmpl.Fields()) > 2 {
			return
		}
		values := make(map[string]string)
		for i, field := range tmpl.Fields() {
			values[field] = []string{first, second}[i]
		}
		path, err := tmpl.Expand(from(values))
		var expand *route.ExpandError
		switch {
		case err == nil:
			assertRoundTrip(t, text, path, values)
			assertSame(t, text, path, values)
		case !errors.As(err, &expand) || path != "" || expand.Reason == "":
			t.Errorf("%q: a bad error: %#v", text, err)
		}
	})
}

// assertSame: net/url leaves the path alone, and grpc-gateway reads it alike.
func assertSame(t *testing.T, template, path string, values map[string]string) {
	t.Helper()
	u, err := url.ParseRequestURI(path)
	if err != nil || u.EscapedPath() != path || u.RawQuery != "" {
		t.Fatalf("%q is not a path to net/url: %v, %v", path, u, err)
	}
	want := answer{Status: 200, Template: template, Params: values}
	if got := newServeMux(t, []binding{{"GET", template}}).ask("GET", path); !cmp.Equal(want, got) {
		t.Errorf("%q: grpc-gateway: %s", path, cmp.Diff(want, got))
	}
}
