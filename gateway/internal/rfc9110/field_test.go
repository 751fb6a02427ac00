package rfc9110_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

func emptyIsNil() cmp.Option {
	return cmpopts.EquateEmpty()
}

func TestList(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		lines []string
		want  []string
	}{
		{"absent", nil, nil},
		{"empty", []string{""}, nil},
		{"only empty members", []string{" ,\t,", ","}, nil},
		{"one", []string{"a"}, []string{"a"}},
		{"whitespace", []string{"\ta \t,  b\t"}, []string{"a", "b"}},
		{"empty members", []string{",a,,b,"}, []string{"a", "b"}},
		{"lines", []string{"a,b", "", "c"}, []string{"a", "b", "c"}},
		{"comma in quotes", []string{`a="x,y", b`}, []string{`a="x,y"`, "b"}},
		{"escaped quote", []string{`a="x\",y", b`}, []string{`a="x\",y"`, "b"}},
		{"escaped backslash", []string{`a="x\\",y`}, []string{`a="x\\"`, "y"}},
		{"backslash outside quotes", []string{`a\",b",c`}, []string{`a\",b"`, "c"}},
		{"backslash before a comma outside quotes", []string{`a\,b`}, []string{`a\`, "b"}},
		{"not closed", []string{`a="x,y`, "b"}, []string{`a="x,y`, "b"}},
		{"escape at the end", []string{`a="x\`, "b"}, []string{`a="x\`, "b"}},
		{"other whitespace stays", []string{"\va, b\u00a0"}, []string{"\va", "b\u00a0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, rfc9110.List(tt.lines)); diff != "" {
				t.Errorf("List(%q) (-want +got):\n%s", tt.lines, diff)
			}
		})
	}
}

func FuzzList(f *testing.F) {
	for _, s := range []string{"a, b", `a="x,y",,b`, `"\"`, "\t,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		members := rfc9110.List([]string{line})
		rest := line
		for _, m := range members {
			if m == "" || strings.Trim(m, " \t") != m {
				t.Errorf("List(%q) has the member %q", line, m)
			}
			before, after, found := strings.Cut(rest, m)
			if !found || strings.Trim(before, " \t,") != "" {
				t.Fatalf("List(%q) lost %q before %q", line, before, m)
			}
			rest = after
		}
		if strings.Trim(rest, " \t,") != "" {
			t.Errorf("List(%q) lost %q", line, rest)
		}
		if diff := cmp.Diff(members, rfc9110.List(members)); diff != "" {
			t.Errorf("a line a member (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(members, rfc9110.List([]string{strings.Join(members, ", ")})); diff != "" {
			t.Errorf("joined again (-want +got):\n%s", diff)
		}
	})
}

func TestIsToken(t *testing.T) {
	t.Parallel()
	const punctuation = "!#$%&'*+-.^_`|~"
	for c := range 256 {
		want := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c < 0x80 && strings.ContainsRune(punctuation, rune(c))
		if got := rfc9110.IsToken(string([]byte{byte(c)})); got != want {
			t.Errorf("byte %#x: IsToken = %v, want %v", c, got, want)
		}
	}
	for s, want := range map[string]bool{"": false, "GET": true, "x-y_z": true, "a b": false, " a": false, "a/b": false, "é": false} {
		if got := rfc9110.IsToken(s); got != want {
			t.Errorf("IsToken(%q) = %v, want %v", s, got, want)
		}
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"empty", "", `""`},
		{"plain", "a b,c", `"a b,c"`},
		{"quote and backslash", `say "hi" \ bye`, `"say \"hi\" \\ bye"`},
		{"tab stays", "a\tb", "\"a\tb\""},
		{"line break and NUL", "a\r\nSet-Cookie: x\x00", `"a??Set-Cookie: x?"`},
		{"other controls", "\x01\x1f\x7f", `"???"`},
		{"one mark a character", "é€\xff", `"???"`},
		{"edges", " ~", `" ~"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := rfc9110.Quote(tt.in); got != tt.want {
				t.Errorf("Quote(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func FuzzQuote(f *testing.F) {
	f.Add(`a"b\c`)
	f.Add("é\r\n\x00")
	f.Fuzz(func(t *testing.T, s string) {
		quoted := rfc9110.Quote(s)
		if value, ok := rfc9110.FieldValue(quoted); !ok || value != quoted {
			t.Errorf("Quote(%q) = %q is no field value", s, quoted)
		}
		m, err := rfc9110.ParseMediaType("a/b;p=" + quoted)
		if err != nil {
			t.Fatalf("Quote(%q) = %q does not parse: %v", s, quoted, err)
		}
		value, _ := m.Param("p")
		if len(value) != utf8.RuneCountInString(s) || rfc9110.Quote(value) != quoted {
			t.Errorf("Quote(%q) reads as %q", s, value)
		}
		if plain, ok := rfc9110.FieldValue(s); ok && strings.Trim(value, " \t") != plain {
			t.Errorf("Quote(%q) reads as %q", s, value)
		}
	})
}

func TestFieldValue(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in, want string
		ok             bool
	}{
		{"empty", "", "", true},
		{"blank", " \t", "", true},
		{"trimmed", "\t a\tb c \t", "a\tb c", true},
		{"CR", "a\rb", "", false},
		{"LF at the end", "a\n", "", false},
		{"NUL", "\x00", "", false},
		{"DEL", "a\x7f", "", false},
		{"not ASCII", "é", "", false},
		{"invalid UTF-8", "\x80", "", false},
		{"edges", "!~", "!~", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, ok := rfc9110.FieldValue(tt.in); got != tt.want || ok != tt.ok {
				t.Errorf("FieldValue(%q) = %q, %v; want %q, %v", tt.in, got, ok, tt.want, tt.ok)
			}
		})
	}
	for c := range 256 {
		want := c == '\t' || ' ' <= c && c < 0x7f
		if _, ok := rfc9110.FieldValue("a" + string([]byte{byte(c)}) + "b"); ok != want {
			t.Errorf("byte %#x: ok = %v, want %v", c, ok, want)
		}
	}
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	param := func(name, value string) rfc9110.Param { return rfc9110.Param{Name: name, Value: value} }
	tests := []struct {
		name, scheme string
		params       []rfc9110.Param
		want         string
	}{
		{"scheme alone", "Negotiate", nil, "Negotiate"},
		{"realm", "Bearer", []rfc9110.Param{param("realm", "x")}, `Bearer realm="x"`},
		{
			"two parameters", "Bearer",
			[]rfc9110.Param{param("realm", "x"), param("error", "invalid_token")},
			`Bearer realm="x", error="invalid_token"`,
		},
		{"empty value", "Basic", []rfc9110.Param{param("realm", "")}, `Basic realm=""`},
		{"quote and backslash", "Basic", []rfc9110.Param{param("realm", `a"b\c`)}, `Basic realm="a\"b\\c"`},
		{"no line break, nothing beyond ASCII", "Basic", []rfc9110.Param{param("realm", "a\r\nb: é")}, `Basic realm="a??b: ?"`},
		{
			"first of a name", "Bearer",
			[]rfc9110.Param{param("realm", "x"), param("REALM", "y"), param("scope", "z")},
			`Bearer realm="x", scope="z"`,
		},
		{
			"names that are no tokens", "Bearer",
			[]rfc9110.Param{param("", "v"), param("a b", "v"), param("error", "e")},
			`Bearer error="e"`,
		},
		{"a message is no scheme", "token is expired", []rfc9110.Param{param("realm", "x")}, ""},
		{"no scheme", "", []rfc9110.Param{param("realm", "x")}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := rfc9110.Challenge(tt.scheme, tt.params...); got != tt.want {
				t.Errorf("Challenge = %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzChallenge(f *testing.F) {
	f.Add("Bearer", "realm", "x", "error", `a"b`)
	f.Add("a b", "r", "\r\n", "R", "é")
	f.Fuzz(func(t *testing.T, scheme, name1, value1, name2, value2 string) {
		got := rfc9110.Challenge(scheme, rfc9110.Param{Name: name1, Value: value1}, rfc9110.Param{Name: name2, Value: value2})
		if (got == "") == rfc9110.IsToken(scheme) {
			t.Fatalf("Challenge(%q) = %q", scheme, got)
		}
		if value, ok := rfc9110.FieldValue(got); !ok || value != got {
			t.Errorf("%q is no field value", got)
		}
		seen := make(map[string]bool)
		for _, member := range rfc9110.List([]string{strings.TrimPrefix(strings.TrimPrefix(got, scheme), " ")}) {
			// A media type takes the same name="value", and refuses any other.
			m, err := rfc9110.ParseMediaType("a/b;" + member)
			if err != nil || len(m.Params) != 1 || seen[m.Params[0].Name] {
				t.Fatalf("%q has the member %q: %v", got, member, err)
			}
			seen[m.Params[0].Name] = true
		}
	})
}

func TestAllow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		methods []string
		want    string
	}{
		{"none", nil, ""},
		{"one", []string{"GET"}, "GET"},
		{"sorted", []string{"PUT", "GET", "HEAD", "DELETE"}, "DELETE, GET, HEAD, PUT"},
		{"each once", []string{"GET", "PUT", "GET", "GET"}, "GET, PUT"},
		{"no empty member", []string{"", "GET", ""}, "GET"},
		{"tokens only", []string{"GET, PUT", "A\r\nB", "POST"}, "POST"},
		{"case-sensitive", []string{"get", "GET"}, "GET, get"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			given := strings.Join(tt.methods, "|")
			if got := rfc9110.Allow(tt.methods); got != tt.want {
				t.Errorf("Allow(%q) = %q, want %q", tt.methods, got, tt.want)
			}
			if now := strings.Join(tt.methods, "|"); now != given {
				t.Errorf("Allow changed its argument to %q", now)
			}
		})
	}
}
