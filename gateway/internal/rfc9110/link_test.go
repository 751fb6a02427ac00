package rfc9110_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

func TestLink(t *testing.T) {
	t.Parallel()
	target := func(uri, rel string) rfc9110.LinkTarget { return rfc9110.LinkTarget{URI: uri, Rel: rel} }
	tests := []struct {
		name    string
		targets []rfc9110.LinkTarget
		want    string
	}{
		{"none", nil, ""},
		{"one", []rfc9110.LinkTarget{target("/v1/entities", "successor-version")}, `</v1/entities>; rel="successor-version"`},
		{
			"two",
			[]rfc9110.LinkTarget{target("https://example.com/?a=1,2", "help"), target("#x", "self")},
			`<https://example.com/?a=1,2>; rel="help", <#x>; rel="self"`,
		},
		{"no member without a relation", []rfc9110.LinkTarget{target("/a", ""), target("/b", "next"), target("/c", "")}, `</b>; rel="next"`},
		{"this document", []rfc9110.LinkTarget{target("", "self")}, `<>; rel="self"`},
		{"relation as a URI", []rfc9110.LinkTarget{target("/a", "https://example.com/rel")}, `</a>; rel="https://example.com/rel"`},
		{"quotes in a relation", []rfc9110.LinkTarget{target("/a", `x"; y="\`+"\n")}, `</a>; rel="x\"; y=\"\\?"`},
		{"no way out of the brackets", []rfc9110.LinkTarget{target("/a>; rel=x, <b", "help")}, `</a%3E;%20rel=x,%20%3Cb>; rel="help"`},
		{"no way out of the line", []rfc9110.LinkTarget{target("/a\r\nb: c", "help")}, `</a%0D%0Ab:%20c>; rel="help"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := rfc9110.Link(tt.targets...); got != tt.want {
				t.Errorf("Link = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLinkURI(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"all parts", "https://u:p@example.com:8080/a;b/c@d:e?f/g?h=i&j#k/l?m", "https://u:p@example.com:8080/a;b/c@d:e?f/g?h=i&j#k/l?m"},
		{"other scheme", "urn:example:a:b", "urn:example:a:b"},
		{"mail", "mailto:a@example.com", "mailto:a@example.com"},
		{"scheme with signs", "a+b-c.1:x", "a+b-c.1:x"},
		{"authority alone", "//example.com", "//example.com"},
		{"empty port", "//example.com:/", "//example.com:/"},
		{"IPv6", "http://[2001:db8::1]:80/", "http://[2001:db8::1]:80/"},
		{"IPv6 with IPv4", "http://[::ffff:192.0.2.1]/", "http://[::ffff:192.0.2.1]/"},
		{"not IPv6", "http://[x]/", "http://%5Bx%5D/"},
		{"IPv4 in brackets", "http://[192.0.2.1]/", "http://%5B192.0.2.1%5D/"},
		{"IPv6 with a zone", "http://[fe80::1%25en0]/", "http://%5Bfe80%3A%3A1%25en0%5D/"},
		{"IPv6 without brackets", "http://::1/", "http://%3A:1/"},
		{"port that is no number", "http://example.com:x/", "http://example.com%3Ax/"},
		{"two at signs", "http://a@b@c/", "http://a%40b@c/"},
		{"brackets in a path", "/a[0]", "/a%5B0%5D"},
		{"brackets in a query", "?a[]=1", "?a%5B%5D=1"},
		{"second number sign", "#a#b", "#a%23b"},
		{"colon in the first segment", "1a:b/c:d", "1a%3Ab/c:d"},
		{"percent-encoded", "/%20%3e%C3%A9", "/%20%3e%C3%A9"},
		{"percent alone", "/100%", "/100%25"},
		{"percent with one digit", "/%2", "/%252"},
		{"percent with other letters", "/%zz%4g", "/%25zz%254g"},
		{"two percents", "/%%41", "/%25%41"},
		{"not ASCII", "/é", "/%C3%A9"},
		{"invalid UTF-8", "/\xff", "/%FF"},
		{"quotes and others", `/"\^{|}` + "`", "/%22%5C%5E%7B%7C%7D%60"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := "<" + tt.want + `>; rel="x"`
			if got := rfc9110.Link(rfc9110.LinkTarget{URI: tt.in, Rel: "x"}); got != want {
				t.Errorf("Link(%q) = %q, want %q", tt.in, got, want)
			}
		})
	}
}

// uriGrammar is URI-reference of RFC 3986, with a host that is a reg-name or in brackets.
func uriGrammar() *regexp.Regexp {
	const (
		plain    = `[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2}`
		pchar    = `(?:` + plain + `|[:@])`
		segments = `(?:/` + pchar + `*)*`
		host     = `(?:\[[0-9A-Fa-f:.]+\]|(?:` + plain + `)*)`
		hierarch = `//(?:(?:` + plain + `|:)*@)?` + host + `(?::[0-9]*)?` + segments
		noColon  = `(?:` + plain + `|@)+` + segments
		absolute = `/(?:` + pchar + `+` + segments + `)?`
		tail     = `(?:\?(?:` + pchar + `|[/?])*)?(?:#(?:` + pchar + `|[/?])*)?`
	)
	scheme := `[A-Za-z][A-Za-z0-9+\-.]*:(?:` + hierarch + `|` + absolute + `|` + pchar + `+` + segments + `|)`
	return regexp.MustCompile(`^(?:` + scheme + `|` + hierarch + `|` + absolute + `|` + noColon + `|)` + tail + `$`)
}

func FuzzLink(f *testing.F) {
	for _, s := range []string{"https://u@example.com:80/a?b#c", "a:b", "1:b", "//[::1]:1/", "/a>b", "%4", "\r\n", "http://a@b@[x]:y/"} {
		f.Add(s, "help")
	}
	grammar := uriGrammar()
	f.Fuzz(func(t *testing.T, uri, rel string) {
		got := rfc9110.Link(rfc9110.LinkTarget{URI: uri, Rel: rel}, rfc9110.LinkTarget{URI: "/", Rel: "self"})
		if value, ok := rfc9110.FieldValue(got); !ok || value != got {
			t.Fatalf("%q is no field value", got)
		}
		if rel == "" {
			return
		}
		inside, after, _ := strings.Cut(strings.TrimPrefix(got, "<"), ">")
		if want := "; rel=" + rfc9110.Quote(rel) + `, </>; rel="self"`; after != want {
			t.Errorf("after the URI of %q: %q, want %q", got, after, want)
		}
		checkURI(t, grammar, uri, inside)
	})
}

// checkURI checks an encoded URI: it is a URI-reference, it is unchanged if it was one
// before, and nothing is lost.
func checkURI(t *testing.T, grammar *regexp.Regexp, uri, got string) {
	t.Helper()
	if !grammar.MatchString(got) {
		t.Errorf("%q became %q, not a URI-reference", uri, got)
	}
	// In the grammar, brackets can contain more than addresses.
	if grammar.MatchString(uri) && !strings.Contains(uri, "[") && got != uri {
		t.Errorf("the URI-reference %q became %q", uri, got)
	}
	if again := rfc9110.Link(rfc9110.LinkTarget{URI: got, Rel: "x"}); again != "<"+got+`>; rel="x"` {
		t.Errorf("%q became %q, then %s", uri, got, again)
	}
	if plain, err := url.PathUnescape(got); !strings.Contains(uri, "%") && (err != nil || plain != uri) {
		t.Errorf("%q became %q, which stands for %q", uri, got, plain)
	}
}
