package rfc9110_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

func TestParseETag(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in string
		want     rfc9110.ETag
		bad      bool
	}{
		{name: "strong", in: `"xyzzy"`, want: rfc9110.ETag{Opaque: "xyzzy"}},
		{name: "weak", in: `W/"xyzzy"`, want: rfc9110.ETag{Opaque: "xyzzy", Weak: true}},
		{name: "empty", in: `""`, want: rfc9110.ETag{}},
		{name: "weak empty", in: `W/""`, want: rfc9110.ETag{Weak: true}},
		{name: "comma is data", in: `"a,b"`, want: rfc9110.ETag{Opaque: "a,b"}},
		{name: "backslash does not escape", in: `"a\"`, want: rfc9110.ETag{Opaque: `a\`}},
		{name: "star in quotes", in: `"*"`, want: rfc9110.ETag{Opaque: "*"}},
		{name: "W/ in quotes", in: `"W/"`, want: rfc9110.ETag{Opaque: "W/"}},
		{name: "obs-text", in: "\"\x80\xff\"", want: rfc9110.ETag{Opaque: "\x80\xff"}},
		{name: "lower-case w", in: `w/"1"`, bad: true},
		{name: "space after W/", in: `W/ "1"`, bad: true},
		{name: "W alone", in: `W"1"`, bad: true},
		{name: "W/ alone", in: `W/`, bad: true},
		{name: "nothing", in: ``, bad: true},
		{name: "no quotes", in: `abc`, bad: true},
		{name: "star", in: `*`, bad: true},
		{name: "not closed", in: `"abc`, bad: true},
		{name: "one quote", in: `"`, bad: true},
		{name: "not opened", in: `abc"`, bad: true},
		{name: "two tags", in: `"a", "b"`, bad: true},
		{name: "text after", in: `"a"b`, bad: true},
		{name: "space around", in: ` "a" `, bad: true},
		{name: "space inside", in: `"a b"`, bad: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := rfc9110.ParseETag(tt.in)
			if errors.Is(err, rfc9110.ErrETag) != tt.bad || (err != nil) != tt.bad {
				t.Fatalf("ParseETag(%q) error = %v, want error: %v", tt.in, err, tt.bad)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("ParseETag(%q) (-want +got):\n%s", tt.in, diff)
			}
			if !tt.bad && got.String() != tt.in {
				t.Errorf("String() = %q, want %q", got.String(), tt.in)
			}
		})
	}
}

// Every byte there is, against etagc = %x21 / %x23-7E / obs-text.
func TestParseETagBytes(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		in := `"` + string([]byte{byte(c)}) + `"`
		allowed := c == 0x21 || 0x23 <= c && c <= 0x7e || 0x80 <= c
		if _, err := rfc9110.ParseETag(in); (err == nil) != allowed {
			t.Errorf("byte %#x: error = %v, want allowed = %v", c, err, allowed)
		}
	}
}

// The table of §8.8.3.2, and a pair that is equal in neither way.
func TestETagEqual(t *testing.T) {
	t.Parallel()
	weak1, weak2 := rfc9110.ETag{Opaque: "1", Weak: true}, rfc9110.ETag{Opaque: "2", Weak: true}
	strong1, strong2 := rfc9110.ETag{Opaque: "1"}, rfc9110.ETag{Opaque: "2"}
	tests := []struct {
		a, b                 rfc9110.ETag
		strongEqual, isEqual bool
	}{
		{a: weak1, b: weak1, strongEqual: false, isEqual: true},
		{a: weak1, b: weak2, strongEqual: false, isEqual: false},
		{a: weak1, b: strong1, strongEqual: false, isEqual: true},
		{a: strong1, b: strong1, strongEqual: true, isEqual: true},
		{a: strong1, b: strong2, strongEqual: false, isEqual: false},
		{a: rfc9110.ETag{Opaque: "a"}, b: rfc9110.ETag{Opaque: "A"}, strongEqual: false, isEqual: false},
		{a: rfc9110.ETag{}, b: rfc9110.ETag{}, strongEqual: true, isEqual: true},
	}
	for _, tt := range tests {
		t.Run(tt.a.String()+" "+tt.b.String(), func(t *testing.T) {
			t.Parallel()
			if tt.a.StrongEqual(tt.b) != tt.strongEqual || tt.b.StrongEqual(tt.a) != tt.strongEqual {
				t.Errorf("StrongEqual is not %v both ways", tt.strongEqual)
			}
			if tt.a.WeakEqual(tt.b) != tt.isEqual || tt.b.WeakEqual(tt.a) != tt.isEqual {
				t.Errorf("WeakEqual is not %v both ways", tt.isEqual)
			}
		})
	}
}

func TestStrongETag(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, version, want string }{
		{name: "plain", version: "v42-ab,c", want: `"v42-ab,c"`},
		{name: "empty", version: "", want: `""`},
		{name: "quote", version: `"a"`, want: `"%22a%22"`},
		{name: "percent", version: "%22a", want: `"%2522a"`},
		{name: "backslash", version: `a\`, want: `"a%5C"`},
		{name: "space and controls", version: "a b\r\n\t\x00\x7f", want: `"a%20b%0D%0A%09%00%7F"`},
		{name: "not ASCII", version: "é\xff", want: `"%C3%A9%FF"`},
		{name: "edges of etagc", version: "!#~", want: `"!#~"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tag := rfc9110.StrongETag(tt.version)
			if tag.Weak || tag.String() != tt.want {
				t.Errorf("StrongETag(%q) = %v, want %v", tt.version, tag, tt.want)
			}
		})
	}
}

func FuzzParseETag(f *testing.F) {
	for _, s := range []string{`"a"`, `W/"a,b"`, `w/"a"`, `"a\"`, `""`, `"`, `*`, "\"\x80\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tag, err := rfc9110.ParseETag(s)
		if err != nil {
			if tag != (rfc9110.ETag{}) {
				t.Errorf("ParseETag(%q) = %v beside an error", s, tag)
			}
			return
		}
		if tag.String() != s {
			t.Errorf("ParseETag(%q).String() = %q", s, tag.String())
		}
		if !tag.WeakEqual(tag) || tag.StrongEqual(tag) == tag.Weak {
			t.Errorf("%v compares wrongly with itself", tag)
		}
	})
}

// Undoing the percent-encoding gives the version back, so no two versions share a tag.
func FuzzStrongETag(f *testing.F) {
	for _, s := range []string{"", "1", "%", "%41", `"`, `\`, "a b", "\x00\x80\xff", "+"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, version string) {
		tag := rfc9110.StrongETag(version)
		parsed, err := rfc9110.ParseETag(tag.String())
		if err != nil || parsed != tag || tag.Weak {
			t.Fatalf("StrongETag(%q) = %v, not a strong tag: %v", version, tag, err)
		}
		if _, ok := rfc9110.FieldValue(tag.String()); !ok || strings.ContainsRune(tag.Opaque, '\\') {
			t.Errorf("StrongETag(%q) = %v cannot travel everywhere", version, tag)
		}
		if back, err := url.PathUnescape(tag.Opaque); err != nil || back != version {
			t.Errorf("StrongETag(%q) stands for %q, %v", version, back, err)
		}
	})
}
