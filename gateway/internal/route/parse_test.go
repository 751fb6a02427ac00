package route_test

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	"github.com/statusway/statusway/gateway/internal/route"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		template string
		fields   []string
	}{
		"root":                             {"/", []string{}},
		"one literal":                      {"/v1", []string{}},
		"literals":                         {"/v1/entities", []string{}},
		"every kind of pchar":              {"/aZ09-._~!$&'()+,;=:@%20/x", []string{}},
		"escaped letters":                  {"/caf%C3%A9", []string{}},
		"escaped slash in a literal":       {"/a%2Fb", []string{}},
		"dots that are no dot segment":     {"/.../.a", []string{}},
		"wildcard":                         {"/v1/*", []string{}},
		"rest":                             {"/v1/**", []string{}},
		"rest alone":                       {"/**", []string{}},
		"variable":                         {"/v1/{id}", []string{"id"}},
		"variable with a star":             {"/v1/{id=*}", []string{"id"}},
		"variable with rest":               {"/v1/{name=**}", []string{"name"}},
		"variable with one literal":        {"/v1/{kind=x}", []string{"kind"}},
		"variable with segments":           {"/v1/{name=shelves/*/books/**}", []string{"name"}},
		"field path":                       {"/v1/{entity.owner.id}", []string{"entity.owner.id"}},
		"field with digits and underscore": {"/v1/{_a1}", []string{"_a1"}},
		"two variables":                    {"/v1/{b}/x/{a}", []string{"b", "a"}},
		"a field and its part":             {"/v1/{a}/{a.b}", []string{"a", "a.b"}},
		"verb after a literal":             {"/v1/entities:import", []string{}},
		"verb after a wildcard":            {"/v1/*:check", []string{}},
		"verb after rest":                  {"/v1/**:check", []string{}},
		"verb after a variable":            {"/v1/{id}:check", []string{"id"}},
		"verb with a colon":                {"/v1/{id}:check:now", []string{"id"}},
		"literal with a colon, and a verb": {"/v1/a:b:c", []string{}},
		"colon before the last segment":    {"/v1/a:b/c", []string{}},
		"colon inside a variable":          {"/v1/{name=a:b}", []string{"name"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tmpl := parse(t, test.template)
			if got := tmpl.String(); got != test.template {
				t.Errorf("String() = %q, want %q", got, test.template)
			}
			if diff := cmp.Diff(test.fields, tmpl.Fields()); diff != "" {
				t.Errorf("Fields() (-want +got):\n%s", diff)
			}
		})
	}
}

// fault says where and why a template is refused.
type fault struct {
	template string
	offset   int
	reason   string // a part of it
}

func assertFaults(t *testing.T, tests map[string]fault) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tmpl, err := route.Parse(test.template)
			var syntax *route.SyntaxError
			if !errors.As(err, &syntax) || tmpl != nil {
				t.Fatalf("Parse = %v, %v; want a *SyntaxError", tmpl, err)
			}
			if syntax.Template != test.template || syntax.Offset != test.offset || !strings.Contains(syntax.Reason, test.reason) {
				t.Errorf("got %#v, want offset %d and a reason with %q", syntax, test.offset, test.reason)
			}
		})
	}
}

func TestParseBadSegments(t *testing.T) {
	t.Parallel()
	assertFaults(t, map[string]fault{
		"empty":                        {"", 0, "starts with '/'"},
		"no slash":                     {"v1/x", 0, "starts with '/'"},
		"trailing slash":               {"/v1/", 4, "empty"},
		"two slashes":                  {"/v1//x", 4, "empty"},
		"slashes alone":                {"//", 1, "empty"},
		"verb alone":                   {"/:x", 1, "empty"},
		"verb after a slash":           {"/v1/:x", 4, "empty"},
		"empty verb":                   {"/v1/x:", 6, "empty"},
		"empty verb after a variable":  {"/v1/{id}:", 9, "empty"},
		"star in a literal":            {"/v1/a*", 5, "whole segment"},
		"three stars":                  {"/v1/***", 4, "whole segment"},
		"star in a verb":               {"/v1/{id}:*", 9, "whole segment"},
		"rest before a literal":        {"/v1/**/x", 7, "follow **"},
		"rest before a variable":       {"/v1/**/{id}", 7, "follow **"},
		"rest inside a variable":       {"/v1/{a=**/x}", 10, "follow **"},
		"rest in a variable, then one": {"/v1/{a=**}/{b}", 11, "follow **"},
		"space":                        {"/v1/a b", 5, "percent-encode"},
		"question mark":                {"/v1/a?b", 5, "percent-encode"},
		"letter beyond ASCII":          {"/v1/é", 4, "percent-encode"},
		"NUL":                          {"/v1/\x00", 4, "percent-encode"},
		"half an escape":               {"/v1/ab%2", 6, "hexadecimal"},
		"no escape":                    {"/v1/%zz", 4, "hexadecimal"},
		"escaped NUL":                  {"/v1/%00", 4, "control"},
		"escaped DEL":                  {"/v1/%7F", 4, "control"},
		"escaped half of a letter":     {"/v1/%C3", 4, "UTF-8"},
		"dot":                          {"/v1/./x", 4, "clients remove"},
		"two dots":                     {"/v1/..", 4, "clients remove"},
		"escaped dots":                 {"/v1/.%2e/x", 4, "clients remove"},
		"brace in a literal":           {"/v1/a{b}", 5, "percent-encode"},
		"closing brace":                {"/v1/a}", 5, "percent-encode"},
	})
}

func TestParseBadVariables(t *testing.T) {
	t.Parallel()
	assertFaults(t, map[string]fault{
		"text after a variable":          {"/v1/{id}x", 8, "after a variable"},
		"text after a variable, verb":    {"/v1/{id}x:y", 8, "after a variable"},
		"variable after a variable":      {"/v1/{a}{b}", 7, "after a variable"},
		"variable not closed":            {"/v1/{id", 4, "not closed"},
		"variable not closed, verb":      {"/v1/{id:x", 4, "not closed"},
		"pattern not closed":             {"/v1/{id=a/*", 4, "not closed"},
		"brace alone":                    {"/v1/{", 5, "name is missing"},
		"no field":                       {"/v1/{}", 5, "name is missing"},
		"no field before a pattern":      {"/v1/{=*}", 5, "name is missing"},
		"no pattern":                     {"/v1/{id=}", 8, "empty"},
		"empty segment in a pattern":     {"/v1/{id=a//b}", 10, "empty"},
		"slash at the end of a pattern":  {"/v1/{id=a/}", 10, "empty"},
		"variable inside a variable":     {"/v1/{a={b}}", 7, "percent-encode"},
		"digit first":                    {"/v1/{1a}", 5, "field name"},
		"digit first in the second name": {"/v1/{a.1}", 7, "field name"},
		"dash in a field":                {"/v1/{a-b}", 6, "field name"},
		"slash in a field":               {"/v1/{a/b}", 6, "field name"},
		"dot at the end of a field":      {"/v1/{a.}", 7, "name is missing"},
		"dot at the start of a field":    {"/v1/{.a}", 5, "name is missing"},
		"the same field twice":           {"/v1/{a}/{a}", 9, "bound twice"},
	})
}

func TestFieldsAreTheCallersOwn(t *testing.T) {
	t.Parallel()
	tmpl := parse(t, "/v1/{a}")
	tmpl.Fields()[0] = "changed"
	if diff := cmp.Diff([]string{"a"}, tmpl.Fields()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// bound finds the variables of a template that is known to be one.
var bound = regexp.MustCompile(`\{([^=}]+)`)

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"/", "/v1/entities", "/v1/{id}:check", "/v1/{name=a/*/b/**}:c:d", "/v1/{a.b=*}/x:y/**", "/a%2Fb/%C3%A9", "/v1/{", "//", "/**/a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tmpl, err := route.Parse(text)
		if err != nil {
			var syntax *route.SyntaxError
			if !errors.As(err, &syntax) || syntax.Template != text || syntax.Offset < 0 || syntax.Offset > len(text) || syntax.Reason == "" {
				t.Errorf("%q: a bad error: %#v", text, err)
			}
			return
		}
		assertFields(t, tmpl)
		assertSameAgain(t, tmpl, text)
		// Nothing may be taken for a template that generated handlers cannot serve.
		if err := runtime.NewServeMux().HandlePath(http.MethodGet, text, nil); err != nil {
			t.Errorf("%q is no template for grpc-gateway: %v", text, err)
		}
	})
}

func assertFields(t *testing.T, tmpl *route.Template) {
	t.Helper()
	matches := bound.FindAllStringSubmatch(tmpl.String(), -1)
	fields := make([]string, 0, len(matches))
	for _, match := range matches {
		fields = append(fields, match[1])
	}
	if diff := cmp.Diff(fields, tmpl.Fields()); diff != "" {
		t.Errorf("%q: Fields() (-want +got):\n%s", tmpl, diff)
	}
}

// assertSameAgain: a template keeps its text, and a template that is parsed from this
// text matches the same paths.
func assertSameAgain(t *testing.T, tmpl *route.Template, text string) {
	t.Helper()
	again := parse(t, tmpl.String())
	if tmpl.String() != text || again.String() != text {
		t.Errorf("%q became %q, then %q", text, tmpl, again)
	}
	var index route.Index[int]
	add(t, &index, "GET", text, 1)
	var clash *route.ClashError
	if err := index.Add("GET", again, 2); !errors.As(err, &clash) || clash.First.String() != text || clash.Second != again {
		t.Errorf("%q does not clash with itself: %v", text, err)
	}
}
