package rfc9110_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

func TestNegotiateLanguage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		lines  []string
		offers []string
		want   string // empty: none matches
	}{
		{"absent", nil, []string{"en"}, ""},
		{"empty", []string{"", ","}, []string{"en"}, ""},
		{"nothing on offer", []string{"en"}, nil, ""},
		{"exact", []string{"de"}, []string{"en", "de"}, "de"},
		{"case", []string{"DE-ch"}, []string{"de-CH"}, "de-CH"},
		{"no match", []string{"fr"}, []string{"en", "de"}, ""},
		{"shortened", []string{"de-CH-1996"}, []string{"en", "de"}, "de"},
		{"longest first", []string{"de-CH-1996"}, []string{"de", "de-CH"}, "de-CH"},
		{"a range does not match a longer tag", []string{"de"}, []string{"de-CH"}, ""},
		{"subtags are whole", []string{"den"}, []string{"de"}, ""},
		{"RFC 4647 §3.4", []string{"zh-Hant-CN-x-private1-private2"}, []string{"zh", "zh-Hant"}, "zh-Hant"},
		{"a single letter goes with what follows", []string{"zh-x-private"}, []string{"zh-x", "zh"}, "zh"},
		{"a single letter kept", []string{"zh-x"}, []string{"zh-x"}, "zh-x"},
		{"grandfathered", []string{"i-klingon"}, []string{"i-klingon"}, "i-klingon"},

		{"greatest weight", []string{"en;q=0.5, de;q=0.8"}, []string{"en", "de"}, "de"},
		{"client decides a tie", []string{"de, en"}, []string{"en", "de"}, "de"},
		{"shortening before the next range", []string{"de-CH, en"}, []string{"en", "de"}, "de"},
		{"next range", []string{"fr-CA, fr;q=0.9, en;q=0.8"}, []string{"de", "en"}, "en"},
		{"lines", []string{"fr", "de;q=0.7", "en;q=0.8"}, []string{"de", "en"}, "en"},
		{"whitespace and case of q", []string{"\tde ;\tQ=0.5"}, []string{"de"}, "de"},
		{"a browser", []string{"en-GB,en-US;q=0.9,en;q=0.8,de;q=0.7"}, []string{"de", "en"}, "en"},

		{"excluded", []string{"de;q=0"}, []string{"de"}, ""},
		{"excluded against shortening", []string{"de-CH, de;q=0, en;q=0.1"}, []string{"de", "en"}, "en"},
		{"excluded with its kind", []string{"de-CH-1996, de;q=0"}, []string{"de-CH"}, ""},
		{"excluded but for one", []string{"de-CH, de;q=0"}, []string{"de", "de-CH"}, "de-CH"},
		{"excluded once, allowed once", []string{"de;q=0, de;q=0.1"}, []string{"de"}, "de"},
		{"allowed once, excluded once", []string{"de;q=0.1, de;q=0"}, []string{"de"}, "de"},

		{"anything prefers nothing", []string{"*"}, []string{"en"}, ""},
		{"anything after a match", []string{"fr, *;q=0.5"}, []string{"en", "fr"}, "fr"},
		{"anything excluded", []string{"en-GB, *;q=0"}, []string{"en"}, "en"},

		{"malformed members", []string{"de_CH, d3, -de, de-, de--CH, abcdefghi, de-abcdefghi, é, de;q=2, de;x=1, en"}, []string{"de", "en"}, "en"},
		{"longest subtags", []string{"abcdefgh-abcdefgh"}, []string{"abcdefgh"}, "abcdefgh"},
		{"extended range", []string{"de-*-DE, en"}, []string{"de", "en"}, "en"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			given := slices.Clone(tt.offers)
			got, ok := rfc9110.NegotiateLanguage(tt.lines, tt.offers)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("NegotiateLanguage(%q, %q) = %q, %v; want %q", tt.lines, tt.offers, got, ok, tt.want)
			}
			if !slices.Equal(given, tt.offers) {
				t.Errorf("offers changed to %q", tt.offers)
			}
		})
	}
}

func FuzzNegotiateLanguage(f *testing.F) {
	for _, s := range []string{"de-CH, en;q=0.5", "de;q=0, de-CH", "*", "zh-Hant-x-a, de--, en;q=.1", ""} {
		f.Add(s)
	}
	offers := []string{"en", "de", "de-CH", "zh-Hant"}
	f.Fuzz(func(t *testing.T, line string) {
		got, ok := rfc9110.NegotiateLanguage([]string{line}, offers)
		if ok != slices.Contains(offers, got) {
			t.Fatalf("NegotiateLanguage(%q) = %q, %v", line, got, ok)
		}
		if ok && !strings.Contains(strings.ToLower(line), strings.ToLower(got)) {
			t.Errorf("NegotiateLanguage(%q) = %q, which is not in it", line, got)
		}
		members := rfc9110.List([]string{line})
		if split, _ := rfc9110.NegotiateLanguage(members, offers); split != got {
			t.Errorf("%q: %q on one line, but %q on %d", line, got, split, len(members))
		}
		if !ok {
			return
		}
		// Excluded by name it is gone, unless the client also asks for exactly that.
		asksFor := func(m string) bool {
			name, _, _ := strings.Cut(m, ";")
			return strings.EqualFold(strings.Trim(name, " \t"), got)
		}
		if slices.ContainsFunc(members, asksFor) {
			return
		}
		if other, _ := rfc9110.NegotiateLanguage(append(members, got+";q=0"), offers); other == got {
			t.Errorf("%q with %s;q=0 still gives %s", line, got, got)
		}
	})
}
