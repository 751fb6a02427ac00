package rfc9110_test

import (
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

func media(mainType, subtype string, namesAndValues ...string) rfc9110.MediaType {
	m := rfc9110.MediaType{Type: mainType, Subtype: subtype}
	for pair := range slices.Chunk(namesAndValues, 2) {
		m.Params = append(m.Params, rfc9110.Param{Name: pair[0], Value: pair[1]})
	}
	return m
}

func TestParseMediaType(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in string
		want     rfc9110.MediaType
		text     string
	}{
		{"plain", "application/json", media("application", "json"), "application/json"},
		{"upper case", "Application/JSON", media("application", "json"), "application/json"},
		{"parameter", "application/json; charset=utf-8", media("application", "json", "charset", "utf-8"), "application/json; charset=utf-8"},
		{"quoted", `application/json;charset="UTF-8"`, media("application", "json", "charset", "UTF-8"), "application/json; charset=UTF-8"},
		{"space before the semicolon", "application/json ; a=b", media("application", "json", "a", "b"), "application/json; a=b"},
		{"tabs", "a/b\t;\tc=d", media("a", "b", "c", "d"), "a/b; c=d"},
		{"around", "\t a/b \t", media("a", "b"), "a/b"},
		{"upper-case name", "a/b;Charset=X", media("a", "b", "charset", "X"), "a/b; charset=X"},
		{"two parameters", `a/b;c=d;e="f g"`, media("a", "b", "c", "d", "e", "f g"), `a/b; c=d; e="f g"`},
		{"escapes", `a/b;c="x\"y\\z\q"`, media("a", "b", "c", `x"y\zq`), `a/b; c="x\"y\\zq"`},
		{"semicolon and comma in quotes", `a/b;c="x;y,z"`, media("a", "b", "c", "x;y,z"), `a/b; c="x;y,z"`},
		{"empty value in quotes", `a/b;c=""`, media("a", "b", "c", ""), `a/b; c=""`},
		{"empty parameters", "a/b;; ;c=d; ;", media("a", "b", "c", "d"), "a/b; c=d"},
		{"semicolon at the end", "a/b;", media("a", "b"), "a/b"},
		{"suffix", "application/problem+json", media("application", "problem+json"), "application/problem+json"},
		{"vendor tree", "application/vnd.x-y.v1+json", media("application", "vnd.x-y.v1+json"), "application/vnd.x-y.v1+json"},
		{"q is a parameter like others", "a/b;q=0.5", media("a", "b", "q", "0.5"), "a/b; q=0.5"},
		{"obs-text is readable, and not sent", "a/b;c=\"\xe9\"", media("a", "b", "c", "\xe9"), `a/b; c="?"`},
		{"not ours", "application/json-evil", media("application", "json-evil"), "application/json-evil"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := rfc9110.ParseMediaType(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("ParseMediaType(%q) (-want +got):\n%s", tt.in, diff)
			}
			if got.String() != tt.text {
				t.Errorf("String() = %q, want %q", got.String(), tt.text)
			}
			if essence := tt.want.Type + "/" + tt.want.Subtype; got.Essence() != essence {
				t.Errorf("Essence() = %q, want %q", got.Essence(), essence)
			}
		})
	}
}

// manyParams returns a media type with n parameters.
func manyParams(n int) string {
	var b strings.Builder
	b.WriteString("a/b")
	for i := range n {
		fmt.Fprintf(&b, ";p%d=v", i)
	}
	return b.String()
}

func TestParseMediaTypeErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in string }{
		{"empty", ""},
		{"blank", " \t"},
		{"no subtype", "application"},
		{"empty subtype", "application/"},
		{"empty type", "/json"},
		{"two slashes", "a/b/c"},
		{"space around the slash", "a / b"},
		{"list", "a/b, c/d"},
		{"text after", "a/b c"},
		{"no name", "a/b;=c"},
		{"no value", "a/b;c="},
		{"no equals sign", "a/b;c"},
		{"space before the equals sign", "a/b;c =d"},
		{"space after the equals sign", "a/b;c= d"},
		{"two values", "a/b;c=d e"},
		{"not closed", `a/b;c="d`},
		{"escape at the end", `a/b;c="d\`},
		{"text after the quote", `a/b;c="d"e`},
		{"comma in a token", "a/b;c=d,e"},
		{"line break in quotes", "a/b;c=\"\r\n\""},
		{"escaped NUL", "a/b;c=\"\\\x00\""},
		{"DEL in quotes", "a/b;c=\"\x7f\""},
		{"parameter twice", "a/b;c=d;c=d"},
		{"parameter twice in another case", "a/b;c=d;C=e"},
		{"not ASCII", "a/é"},
		{"any", "*/*"},
		{"any subtype", "a/*"},
		{"star", "*"},
		{"one parameter too many", manyParams(33)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := rfc9110.ParseMediaType(tt.in)
			if !errors.Is(err, rfc9110.ErrMediaType) {
				t.Errorf("ParseMediaType(%q) error = %v, want ErrMediaType", tt.in, err)
			}
			if diff := cmp.Diff(rfc9110.MediaType{}, got); diff != "" {
				t.Errorf("value beside an error (-want +got):\n%s", diff)
			}
		})
	}
	if m, err := rfc9110.ParseMediaType(manyParams(32)); err != nil || len(m.Params) != 32 {
		t.Errorf("32 parameters: %d, %v", len(m.Params), err)
	}
}

func TestMediaTypeParam(t *testing.T) {
	t.Parallel()
	m := media("a", "b", "charset", "utf-8", "empty", "")
	tests := []struct {
		name, want string
		ok         bool
	}{
		{"charset", "utf-8", true},
		{"Charset", "utf-8", true},
		{"empty", "", true},
		{"other", "", false},
		{"", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, ok := m.Param(tt.name); got != tt.want || ok != tt.ok {
				t.Errorf("Param(%q) = %q, %v; want %q, %v", tt.name, got, ok, tt.want, tt.ok)
			}
		})
	}
}

func FuzzParseMediaType(f *testing.F) {
	for _, s := range []string{"application/json; charset=utf-8", `a/b;c="x\"y"`, "A/B ;; c=d", "a/b;c=d;C=e", "*/*", "a/b;c=\"\x80\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := rfc9110.ParseMediaType(s)
		if err != nil {
			return
		}
		// If the strict parser accepts a value, so does the lenient one of the standard
		// library, with the same type.
		if essence, _, err := mime.ParseMediaType(s); err == nil && essence != m.Essence() {
			t.Errorf("ParseMediaType(%q) is %s, package mime says %s", s, m.Essence(), essence)
		}
		if strings.ToLower(m.Essence()) != m.Essence() {
			t.Errorf("ParseMediaType(%q) is %s, not in lower case", s, m.Essence())
		}
		again, err := rfc9110.ParseMediaType(m.String())
		if err != nil || again.String() != m.String() {
			t.Fatalf("%q became %q, then %q: %v", s, m, again, err)
		}
		if !isASCII(s) {
			return
		}
		if diff := cmp.Diff(m, again); diff != "" {
			t.Errorf("%q became %q (-want +got):\n%s", s, m, diff)
		}
	})
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}
