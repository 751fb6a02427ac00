package rfc9110_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

func ranged(q int, mainType, subtype string, namesAndValues ...string) rfc9110.MediaRange {
	return rfc9110.MediaRange{MediaType: media(mainType, subtype, namesAndValues...), Q: q}
}

func TestParseAccept(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		lines []string
		want  []rfc9110.MediaRange
	}{
		{"absent", nil, nil},
		{"empty", []string{"", " ,\t"}, nil},
		{"anything", []string{"*/*"}, []rfc9110.MediaRange{ranged(1000, "*", "*")}},
		{"empty members", []string{",application/json,"}, []rfc9110.MediaRange{ranged(1000, "application", "json")}},
		{"upper case", []string{"Application/JSON;Q=0.5"}, []rfc9110.MediaRange{ranged(500, "application", "json")}},
		{
			"weights",
			[]string{"text/html, application/json;q=0.5, */*;q=0.1"},
			[]rfc9110.MediaRange{ranged(1000, "text", "html"), ranged(500, "application", "json"), ranged(100, "*", "*")},
		},
		{
			"lines",
			[]string{"text/html", "application/json\t;\tq=0.25"},
			[]rfc9110.MediaRange{ranged(1000, "text", "html"), ranged(250, "application", "json")},
		},
		{
			"parameters around the weight",
			[]string{"text/html;level=1;q=0.3;x=y"},
			[]rfc9110.MediaRange{ranged(300, "text", "html", "level", "1", "x", "y")},
		},
		{
			"comma in quotes",
			[]string{`a/b;c="x,y";q=0, text/*`},
			[]rfc9110.MediaRange{ranged(0, "a", "b", "c", "x,y"), ranged(1000, "text", "*")},
		},
		{
			"default of an old Java client",
			[]string{"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"},
			[]rfc9110.MediaRange{
				ranged(1000, "text", "html"), ranged(1000, "image", "gif"), ranged(1000, "image", "jpeg"),
				ranged(200, "*", "*"), ranged(200, "*", "*"),
			},
		},
		{
			"a browser",
			[]string{"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"},
			[]rfc9110.MediaRange{
				ranged(1000, "text", "html"), ranged(1000, "application", "xhtml+xml"), ranged(900, "application", "xml"),
				ranged(1000, "image", "avif"), ranged(1000, "image", "webp"), ranged(800, "*", "*"),
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := rfc9110.ParseAccept(tt.lines)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("ParseAccept(%q) (-want +got):\n%s", tt.lines, diff)
			}
		})
	}
}

func TestParseAcceptErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		lines []string
	}{
		{"no slash", []string{"json"}},
		{"empty subtype", []string{"application/"}},
		{"subtype of any type", []string{"*/json"}},
		{"star with text", []string{"*json"}},
		{"space inside", []string{"application/json text/html"}},
		{"parameter without a value", []string{"a/b;q"}},
		{"weight twice", []string{"a/b;q=1;q=0"}},
		{"parameter twice", []string{"a/b;c=d;c=d"}},
		{"one bad member among good ones", []string{"*/*, ?", "a/b"}},
		{"a bad second line", []string{"*/*", "a"}},
		{"not closed", []string{`a/b;c="d, */*`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := rfc9110.ParseAccept(tt.lines)
			if !errors.Is(err, rfc9110.ErrMediaType) || got != nil {
				t.Errorf("ParseAccept(%q) = %v, %v; want ErrMediaType", tt.lines, got, err)
			}
		})
	}
}

// qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ), and one without
// its leading zero.
func TestWeight(t *testing.T) {
	t.Parallel()
	const bad = -1
	tests := map[string]int{
		"0": 0, "0.": 0, "0.0": 0, "0.000": 0, "0.001": 1, "0.01": 10, "0.1": 100, "0.5": 500, "0.25": 250, "0.999": 999,
		"1": 1000, "1.": 1000, "1.0": 1000, "1.000": 1000, ".2": 200, ".25": 250,
		"": bad, ".": bad, "0.0001": bad, "0.5000": bad, "1.001": bad, "1.0000": bad, "2": bad, "10": bad, "00": bad, "01": bad, "-0": bad, "-1": bad,
		"+1": bad, "0,5": bad, "0.5.": bad, "0.x": bad, "1e0": bad, "0x1": bad, "nan": bad, "inf": bad, " 1": bad, "0. 5": bad, "٠": bad,
	}
	for weight, want := range tests {
		t.Run(weight, func(t *testing.T) {
			t.Parallel()
			ranges, err := rfc9110.ParseAccept([]string{"a/b;q=" + weight})
			got := bad
			if err == nil {
				got = ranges[0].Q
			}
			if got != want {
				t.Errorf("q=%s is %d, want %d", weight, got, want)
			}
			coding, ok := rfc9110.NegotiateEncoding([]string{"identity;q=0, gzip;q=" + weight}, []string{"gzip"})
			if ok != (want > 0) {
				t.Errorf("Accept-Encoding with q=%s: %q, %v", weight, coding, ok)
			}
			tag, ok := rfc9110.NegotiateLanguage([]string{"de;q=" + weight}, []string{"de"})
			if ok != (want > 0) {
				t.Errorf("Accept-Language with q=%s: %q, %v", weight, tag, ok)
			}
		})
	}
}

// offerTest expects an empty offer if nothing is acceptable.
type offerTest struct {
	name           string
	accept, offers []string
	want           string
}

func (tt offerTest) check(t *testing.T) {
	t.Helper()
	ranges, err := rfc9110.ParseAccept(tt.accept)
	if err != nil {
		t.Fatal(err)
	}
	// The place of a range has no meaning: 406-04.
	for range 2 {
		if got, ok := rfc9110.Negotiate(ranges, tt.offers); got != tt.want || ok != (tt.want != "") {
			t.Errorf("Negotiate(%q, %q) = %q, %v; want %q", tt.accept, tt.offers, got, ok, tt.want)
		}
		slices.Reverse(ranges)
	}
}

const (
	json     = "application/json"
	protobuf = "application/x-protobuf"
)

func TestNegotiate(t *testing.T) {
	t.Parallel()
	tests := []offerTest{
		{"no preference", nil, []string{json, protobuf}, json},
		{"empty field", []string{""}, []string{json, protobuf}, json},
		{"nothing on offer", nil, nil, ""},
		{"nothing on offer for anything", []string{"*/*"}, nil, ""},
		{"anything", []string{"*/*"}, []string{json, protobuf}, json},
		{"exact", []string{protobuf}, []string{json, protobuf}, protobuf},
		{"subtype wildcard", []string{"application/*"}, []string{"text/plain", protobuf}, protobuf},
		{"not on offer", []string{"application/xml"}, []string{json}, ""},
		{"other type, same subtype", []string{"text/json"}, []string{json}, ""},
		{"a type that only begins like ours", []string{"application/json-evil"}, []string{json}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.check(t)
		})
	}
}

func TestNegotiateExcluded(t *testing.T) {
	t.Parallel()
	tests := []offerTest{
		{"excluded, and anything else", []string{"application/json;q=0, */*"}, []string{json, protobuf}, protobuf},
		{"excluded, and nothing else", []string{"application/json;q=0, */*"}, []string{json}, ""},
		{"excluded alone", []string{"application/json;q=0"}, []string{json, protobuf}, ""},
		{"anything excluded but one", []string{"*/*;q=0, application/json"}, []string{protobuf, json}, json},
		{"type excluded, member not", []string{"*/*;q=0.1, application/json;q=0.9, application/*;q=0"}, []string{protobuf, "text/plain", json}, json},
		{"type excluded", []string{"*/*;q=0.1, application/json;q=0.9, application/*;q=0"}, []string{protobuf, "text/plain"}, "text/plain"},
		{"least weight is acceptable", []string{"application/json;q=0.001"}, []string{json}, json},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.check(t)
		})
	}
}

func TestNegotiateWeight(t *testing.T) {
	t.Parallel()
	tests := []offerTest{
		{"greatest weight", []string{"application/json;q=0.5, application/x-protobuf;q=0.6"}, []string{json, protobuf}, protobuf},
		{"server decides a tie", []string{"application/x-protobuf, application/json"}, []string{json, protobuf}, json},
		{"specific low, general high", []string{"*/*, application/json;q=0.1"}, []string{json, protobuf}, protobuf},
		{"same range twice", []string{"application/json;q=0.1, application/x-protobuf;q=0.5", "application/json;q=0.9"}, []string{protobuf, json}, json},
		{"html first", []string{"text/html, application/json;q=0.5, */*;q=0.1"}, []string{protobuf, json}, json},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.check(t)
		})
	}
}

func TestNegotiateParams(t *testing.T) {
	t.Parallel()
	const problem, text = "application/problem+json", "text/plain;charset=utf-8"
	tests := []offerTest{
		{"charset on JSON is always true", []string{"application/json; charset=utf-8"}, []string{json}, json},
		{"charset on JSON in capitals and quotes", []string{`Application/JSON;Charset="UTF-8"`}, []string{json}, json},
		{"charset on +json", []string{"application/problem+json;charset=utf-8"}, []string{problem}, problem},
		{"other charset on JSON", []string{"application/json;charset=iso-8859-1"}, []string{json}, ""},
		{"charset on what is not JSON", []string{"application/x-protobuf;charset=utf-8"}, []string{protobuf}, ""},
		{"charset that the offer states", []string{"text/plain;charset=UTF-8"}, []string{text}, text},
		{"other charset than the offer states", []string{"text/plain;charset=utf-16"}, []string{text}, ""},
		{"empty charset on what has none", []string{`text/plain;charset=""`}, []string{"text/plain"}, ""},
		{"range without parameters matches an offer with some", []string{"text/plain"}, []string{text}, text},
		{"parameter that the offer lacks", []string{"application/json;version=2"}, []string{json}, ""},
		{"parameter with the offer's value", []string{"application/json;version=2"}, []string{json, "application/json;version=2"}, "application/json;version=2"},
		{"parameter values have case", []string{"a/b;v=X"}, []string{"a/b;v=x"}, ""},
		{"parameters make a range specific", []string{"a/b;v=1;q=0.2, a/b;q=0.8, a/*;w=2;v=1"}, []string{"a/b;v=1;w=2", "a/b"}, "a/b"},
		{"more parameters, more specific", []string{"a/b;v=1;q=0.2, a/b;v=1;w=2;q=0.9, a/b;q=0.5"}, []string{"a/b", "a/b;v=1", "a/b;w=2;v=1"}, "a/b;w=2;v=1"},
		{"parameter on a wildcard", []string{"*/*;v=1, */*;q=0"}, []string{"a/b", "c/d;v=1"}, "c/d;v=1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.check(t)
		})
	}
}

// The example of §12.5.1, with fewer and fewer offers.
func TestNegotiateRFC(t *testing.T) {
	t.Parallel()
	accept := []string{"text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed", "text/plain;format=fixed;q=0.4, */*;q=0.5"}
	tests := []offerTest{
		{
			"RFC 9110, level 1", accept,
			[]string{"text/html", "image/jpeg", "text/plain", "text/plain;format=fixed", "text/plain;format=flowed"},
			"text/plain;format=flowed",
		},
		{"RFC 9110, without flowed", accept, []string{"text/html", "text/plain;format=fixed", "image/jpeg", "text/plain"}, "text/plain"},
		{"RFC 9110, fixed or image", accept, []string{"text/html", "text/plain;format=fixed", "image/jpeg"}, "image/jpeg"},
		{"RFC 9110, fixed or html", accept, []string{"text/html", "text/plain;format=fixed"}, "text/plain;format=fixed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.check(t)
		})
	}
}

func TestNegotiateOddities(t *testing.T) {
	t.Parallel()
	tests := []offerTest{
		{"an old Java client", []string{"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"}, []string{json}, json},
		{"offer in capitals comes back as it is", []string{"application/json"}, []string{"Application/JSON"}, "Application/JSON"},
		{"offer that is no media type", []string{"*/*"}, []string{"json", "*/*", json}, json},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.check(t)
		})
	}
}

func formatRange(r rfc9110.MediaRange) string {
	return fmt.Sprintf("%s;q=%d.%03d", r.MediaType, r.Q/1000, r.Q%1000)
}

func FuzzParseAccept(f *testing.F) {
	for _, s := range []string{
		"*/*", "application/json", "text/html, application/json;q=0.5, */*;q=0.1", ",a/b;c=\"d,e\";Q=.2", "*;q=0, application/json;charset=UTF-8",
		"a/*;x=y, a/b;q=0.7", "application/*;q=0.2, application/json;q=0",
	} {
		f.Add(s)
	}
	offers := []string{"application/json", "text/html;level=1", "a/b;x=y", "application/problem+json"}
	f.Fuzz(func(t *testing.T, line string) {
		ranges, err := rfc9110.ParseAccept([]string{line})
		if err != nil {
			if ranges != nil {
				t.Errorf("ParseAccept(%q) = %v beside an error", line, ranges)
			}
			return
		}
		if len(ranges) != len(rfc9110.List([]string{line})) {
			t.Errorf("ParseAccept(%q) has %d members", line, len(ranges))
		}
		lines := make([]string, 0, len(ranges))
		for _, r := range ranges {
			if _, ok := r.Param("q"); ok || r.Q < 0 || r.Q > 1000 {
				t.Errorf("ParseAccept(%q): weight of %v", line, r)
			}
			lines = append(lines, formatRange(r))
		}
		again, err := rfc9110.ParseAccept(lines)
		if isASCII(line) {
			if diff := cmp.Diff(ranges, again, emptyIsNil()); err != nil || diff != "" {
				t.Errorf("%q became %q: %v (-want +got):\n%s", line, lines, err, diff)
			}
		}
		checkNegotiate(t, ranges, offers)
	})
}

// checkNegotiate compares Negotiate with a matcher that sorts the ranges first.
func checkNegotiate(t *testing.T, ranges []rfc9110.MediaRange, offers []string) {
	t.Helper()
	want, best := "", 0
	if len(ranges) == 0 {
		want = offers[0]
	}
	for _, offer := range offers {
		if q := naiveWeight(t, ranges, offer); q > best {
			want, best = offer, q
		}
	}
	if got, ok := rfc9110.Negotiate(ranges, offers); got != want || ok != (want != "") {
		t.Errorf("Negotiate(%v) = %q, %v; want %q", ranges, got, ok, want)
	}
}

func naiveWeight(t *testing.T, ranges []rfc9110.MediaRange, offer string) int {
	t.Helper()
	m, err := rfc9110.ParseMediaType(offer)
	if err != nil {
		t.Fatal(err)
	}
	sorted := slices.Clone(ranges)
	stars := func(r rfc9110.MediaRange) int { return strings.Count(r.Essence()+"/", "*/") }
	slices.SortStableFunc(sorted, func(a, b rfc9110.MediaRange) int {
		if stars(a) != stars(b) {
			return stars(a) - stars(b)
		}
		if len(a.Params) != len(b.Params) {
			return len(b.Params) - len(a.Params)
		}
		return b.Q - a.Q
	})
	i := slices.IndexFunc(sorted, func(r rfc9110.MediaRange) bool { return naiveMatch(r, m) })
	if i < 0 {
		return 0
	}
	return sorted[i].Q
}

func naiveMatch(r rfc9110.MediaRange, offer rfc9110.MediaType) bool {
	if !slices.Contains([]string{offer.Essence(), offer.Type + "/*", "*/*"}, r.Essence()) {
		return false
	}
	known := make(map[string]bool)
	for _, p := range offer.Params {
		known[p.Name+"="+p.Value] = true
	}
	for _, p := range r.Params {
		implied := strings.HasSuffix(offer.Subtype, "json") && strings.EqualFold(p.Name+"="+p.Value, "charset=utf-8")
		if !known[p.Name+"="+p.Value] && !implied {
			return false
		}
	}
	return true
}
