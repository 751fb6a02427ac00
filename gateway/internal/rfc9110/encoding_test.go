package rfc9110_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

// codingTest expects an empty coding if nothing is acceptable.
type codingTest struct {
	name          string
	lines, offers []string
	want          string
}

func (tt codingTest) check(t *testing.T) {
	t.Helper()
	got, ok := rfc9110.NegotiateEncoding(tt.lines, tt.offers)
	if got != tt.want || ok != (tt.want != "") {
		t.Errorf("NegotiateEncoding(%q, %q) = %q, %v; want %q", tt.lines, tt.offers, got, ok, tt.want)
	}
}

func TestNegotiateEncoding(t *testing.T) {
	t.Parallel()
	gzip := []string{"gzip"}
	tests := []codingTest{
		{"absent", nil, gzip, "identity"},
		{"empty", []string{""}, gzip, "identity"},
		{"only empty members", []string{" ,\t,"}, gzip, "identity"},
		{"listed", []string{"gzip"}, gzip, "gzip"},
		{"nothing on offer", []string{"gzip"}, nil, "identity"},
		{"upper case and whitespace", []string{"\tGZip ;\tQ=0.5 "}, gzip, "gzip"},
		{"not listed", []string{"br, deflate"}, gzip, "identity"},
		{"excluded", []string{"gzip;q=0"}, gzip, "identity"},
		{"excluded, and anything else", []string{"gzip;q=0, *"}, gzip, "identity"},
		{"anything", []string{"*"}, gzip, "gzip"},
		{"anything but identity", []string{"identity;q=0, *"}, gzip, "gzip"},
		{"identity excluded, gzip listed", []string{"identity;q=0, gzip;q=0.001"}, gzip, "gzip"},
		{"identity excluded alone", []string{"identity;q=0"}, gzip, ""},
		{"everything excluded", []string{"*;q=0"}, gzip, ""},
		{"everything excluded but gzip", []string{"*;q=0, gzip"}, gzip, "gzip"},
		{"everything excluded but identity", []string{"identity, *;q=0"}, gzip, "identity"},
		{"everything excluded but identity, a little", []string{"*;q=0", "identity;q=0.001"}, gzip, "identity"},
		{"both excluded", []string{"gzip;q=0, identity;q=0"}, gzip, ""},
		{"an unlisted coding is never used", []string{"identity;q=0, br"}, gzip, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.check(t)
		})
	}
}

func TestNegotiateEncodingOrder(t *testing.T) {
	t.Parallel()
	gzip, both := []string{"gzip"}, []string{"br", "gzip"}
	tests := []codingTest{
		{"greatest weight", []string{"br;q=0.5, gzip;q=0.8"}, both, "gzip"},
		{"server decides a tie", []string{"gzip, br"}, both, "br"},
		{"identity preferred", []string{"gzip;q=0.5, identity"}, gzip, "identity"},
		{"gzip before identity on a tie", []string{"identity, gzip"}, gzip, "gzip"},
		{"least weight before unlisted identity", []string{"gzip;q=0.001"}, gzip, "gzip"},
		{"wildcard covers identity", []string{"gzip;q=0.3, *;q=0.5"}, gzip, "identity"},
		{"wildcard does not cover what is listed", []string{"br;q=0.3, *;q=0.5"}, both, "gzip"},
		{"lines", []string{"br;q=0.1", "gzip;q=0.2"}, both, "gzip"},
		{"same coding twice", []string{"gzip;q=0, gzip;q=0.5"}, gzip, "gzip"},
		{"same coding twice, the other way", []string{"gzip;q=0.5, gzip;q=0"}, gzip, "gzip"},
		{"identity offered first", []string{"*"}, []string{"identity", "gzip"}, "identity"},
		{"identity offered, excluded", []string{"*, identity;q=0"}, []string{"identity", "gzip"}, "gzip"},

		{"old alias", []string{"x-gzip"}, gzip, "gzip"},
		{"old alias excluded", []string{"X-GZIP;q=0, *"}, gzip, "identity"},
		{"another old alias", []string{"x-compress"}, []string{"compress"}, "compress"},
		{"offer comes back as it is", []string{"gzip"}, []string{"GZIP"}, "GZIP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.check(t)
		})
	}
}

func TestNegotiateEncodingMalformed(t *testing.T) {
	t.Parallel()
	gzip := []string{"gzip"}
	tests := []codingTest{
		{"malformed weight", []string{"gzip;q=high"}, gzip, "identity"},
		{"malformed parameter", []string{"gzip;x=1"}, gzip, "identity"},
		{"text after the weight", []string{"gzip;q=1;x=1"}, gzip, "identity"},
		{"no weight after the semicolon", []string{"gzip;"}, gzip, "identity"},
		{"space in the name", []string{"gzip x"}, gzip, "identity"},
		{"malformed beside good", []string{";;;, gzip, q=1"}, gzip, "gzip"},
		{"malformed exclusion of identity", []string{"identity;q=-0"}, gzip, "identity"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.check(t)
		})
	}
}

// codingGrammar is ( codings [ weight ] ), with the leading zero optional.
func codingGrammar() *regexp.Regexp {
	return regexp.MustCompile("^([!#$%&'*+\\-.^_`|~0-9A-Za-z]+)[\t ]*(?:;[\t ]*[qQ]=(0?\\.[0-9]{1,3}|0\\.?|1(?:\\.0{0,3})?))?$")
}

// naiveWeights reads the field by its grammar into coding -> weight.
func naiveWeights(grammar *regexp.Regexp, line string) map[string]float64 {
	weights := make(map[string]float64)
	for _, member := range rfc9110.List([]string{line}) {
		parts := grammar.FindStringSubmatch(member)
		if parts == nil {
			continue
		}
		name := strings.TrimPrefix(strings.ToLower(parts[1]), "x-")
		weight, err := strconv.ParseFloat(parts[2], 64)
		if err != nil {
			weight = 1 // not given
		}
		weights[name] = max(weights[name], weight)
	}
	return weights
}

// naiveCoding returns the first of the heaviest codings, "" if none may be used.
func naiveCoding(weights map[string]float64, codings ...string) string {
	want, best := "", 0.0
	for _, coding := range codings {
		weight, found := weights[coding]
		if !found {
			weight, found = weights["*"]
		}
		if !found && coding == "identity" {
			weight = 0.0001
		}
		if weight > best {
			want, best = coding, weight
		}
	}
	return want
}

func FuzzNegotiateEncoding(f *testing.F) {
	for _, s := range []string{"gzip", "gzip;q=0, *", "identity;q=0", "*;q=0, br;q=.5", "x-gzip, deflate;q=0.3", ""} {
		f.Add(s)
	}
	grammar := codingGrammar()
	f.Fuzz(func(t *testing.T, line string) {
		if lower := strings.ToLower(line); strings.Contains(lower, "x-br") || strings.Contains(lower, "x-identity") || strings.Contains(lower, "x-*") {
			return // no aliases, but the naive reading takes them for some
		}
		want := naiveCoding(naiveWeights(grammar, line), "br", "gzip", "identity")
		for _, lines := range [][]string{{line}, rfc9110.List([]string{line})} {
			if got, ok := rfc9110.NegotiateEncoding(lines, []string{"br", "gzip"}); got != want || ok != (want != "") {
				t.Errorf("NegotiateEncoding(%q) = %q, %v; want %q", lines, got, ok, want)
			}
		}
	})
}
