package rfc9110_test

import (
	"strings"
	"testing"
	"time"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

// A request without the field, or with the usual one, may allocate only this much.
// Not parallel: AllocsPerRun counts the whole process.
func TestAllocations(t *testing.T) { //nolint:paralleltest // see above
	noFields := rfc9110.Fields(func(string) []string { return nil })
	anyRange, err := rfc9110.ParseAccept([]string{"application/json, */*;q=0.5"})
	if err != nil {
		t.Fatal(err)
	}
	offers := []string{"application/json", "application/x-protobuf"}
	condition := rfc9110.Preconditions{IfNoneMatch: listed("a", "b")}
	current := rfc9110.Validators{Tag: rfc9110.ETag{Opaque: "b"}, HasTag: true}
	tests := []struct {
		name string
		most float64
		call func()
	}{
		{"ParsePreconditions without fields", 0, func() { _, _ = rfc9110.ParsePreconditions(noFields) }},
		{"ParseCondition of one tag", 1, func() { _, _ = rfc9110.ParseCondition([]string{`W/"v42"`}) }},
		{"ParseAccept of */*", 1, func() { _, _ = rfc9110.ParseAccept([]string{"*/*"}) }},
		{"ParseAccept of application/json", 1, func() { _, _ = rfc9110.ParseAccept([]string{"application/json"}) }},
		{"ParseAccept with a weight", 1, func() { _, _ = rfc9110.ParseAccept([]string{"application/json;q=0.5"}) }},
		{"ParseMediaType", 0, func() { _, _ = rfc9110.ParseMediaType("application/json") }},
		{"Negotiate", 0, func() { rfc9110.Negotiate(anyRange, offers) }},
		{"Evaluate", 0, func() { condition.Evaluate(true, current) }},
		{"ParseExpect of nothing", 0, func() { rfc9110.ParseExpect(nil) }},
		{"NegotiateEncoding of nothing", 0, func() { rfc9110.NegotiateEncoding(nil, offers) }},
		{"NegotiateLanguage of nothing", 0, func() { rfc9110.NegotiateLanguage(nil, offers) }},
	}
	for _, tt := range tests { //nolint:paralleltest // see above
		t.Run(tt.name, func(t *testing.T) {
			if got := testing.AllocsPerRun(100, tt.call); got > tt.most {
				t.Errorf("%v allocations, want at most %v", got, tt.most)
			}
		})
	}
}

// hostile are fields that invite quadratic work, by their size in bytes.
func hostile() map[string]func(size int) {
	fill := func(unit string, size int) []string { return []string{strings.Repeat(unit, size/len(unit))} }
	offers := []string{"application/json", "gzip", "de"}
	condition := func(unit string) func(int) {
		return func(size int) {
			if c, err := rfc9110.ParseCondition(fill(unit, size)); err == nil {
				rfc9110.Preconditions{IfNoneMatch: c}.Evaluate(true, rfc9110.Validators{HasTag: true})
			}
		}
	}
	accept := func(unit string) func(int) {
		return func(size int) {
			if ranges, err := rfc9110.ParseAccept(fill(unit, size)); err == nil {
				rfc9110.Negotiate(ranges, offers)
			}
		}
	}
	language := func(unit string) func(int) {
		return func(size int) { rfc9110.NegotiateLanguage(fill(unit, size), offers) }
	}
	return map[string]func(int){
		"condition, tags":           condition(`"a",`),
		"condition, empty members":  condition(" ,"),
		"condition, one long tag":   condition(`"`),
		"accept, ranges":            accept("a/b;c=d,"),
		"accept, empty members":     accept(" ,"),
		"accept, empty parameters":  accept("a/b;;;;;;;;;;;;;;"),
		"accept, escapes":           accept(`a/b;c="\"\"\"\"\"\"\"\"",`),
		"media type, parameters":    func(size int) { _, _ = rfc9110.ParseMediaType(manyParams(size / len(";p1000=v"))) },
		"encoding, codings":         func(size int) { rfc9110.NegotiateEncoding(fill("gzip;q=0.1,", size), offers) },
		"language, ranges":          language("de-CH;q=0.1,"),
		"language, refused ranges":  language("de-a;q=0.9,de;q=0,"),
		"language, one long range":  language("de-"),
		"language, single letters":  language("a-b-"),
		"expect, unknown":           func(size int) { rfc9110.ParseExpect(fill("a,", size)) },
		"link, everything encoded":  func(size int) { rfc9110.Link(rfc9110.LinkTarget{URI: fill("%<", size)[0], Rel: "x"}) },
		"link, colons and brackets": func(size int) { rfc9110.Link(rfc9110.LinkTarget{URI: "//" + fill("@:[", size)[0], Rel: "x"}) },
	}
}

// Sixteen times the input takes about sixteen times as long. Quadratic
// work would take 256 times, so the bound between leaves room for a busy machine.
// Not parallel, so that the two sizes meet the same machine.
func TestLinearTime(t *testing.T) { //nolint:paralleltest // see above
	const small, factor, bound = 8 << 10, 16, 100
	fastest := func(call func(int), size int) time.Duration {
		best := time.Duration(1 << 62)
		for range 7 {
			start := time.Now()
			call(size)
			best = min(best, time.Since(start))
		}
		return best
	}
	for name, call := range hostile() { //nolint:paralleltest // see above
		t.Run(name, func(t *testing.T) {
			var few, many time.Duration
			// A busy machine only makes the ratio larger, so the best of several attempts
			// counts. Quadratic work fails all of them.
			for range 10 {
				few, many = fastest(call, small), fastest(call, small*factor)
				// A field refused at its first byte takes no measurable time at any size.
				if many <= time.Millisecond || many <= bound*few {
					return
				}
			}
			t.Errorf("%d bytes took %v, %d bytes took %v", small, few, small*factor, many)
		})
	}
}

func BenchmarkParsePreconditions(b *testing.B) {
	header := map[string][]string{}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rfc9110.ParsePreconditions(fieldsOf(header)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseCondition(b *testing.B) {
	tests := []struct{ name, line string }{
		{"one", `"5f0c6c1b2a"`},
		{"three", `"5f0c6c1b2a", W/"5f0c6c1b2b", "5f0c6c1b2c"`},
		{"any", `*`},
		{"8KiB", strings.Repeat(`"5f0c6c1b2a", `, 8<<10/14) + `"x"`},
	}
	for _, tt := range tests {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(tt.line)))
			for b.Loop() {
				if _, err := rfc9110.ParseCondition([]string{tt.line}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseAccept(b *testing.B) {
	tests := []struct{ name, line string }{
		{"any", "*/*"},
		{"json", "application/json"},
		{"weighted", "text/html, application/json;q=0.5, */*;q=0.1"},
		{"browser", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"},
	}
	for _, tt := range tests {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(tt.line)))
			for b.Loop() {
				if _, err := rfc9110.ParseAccept([]string{tt.line}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNegotiate(b *testing.B) {
	ranges, err := rfc9110.ParseAccept([]string{"text/html, application/json;q=0.5, */*;q=0.1"})
	if err != nil {
		b.Fatal(err)
	}
	offers := []string{"application/json", "application/x-protobuf"}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := rfc9110.Negotiate(ranges, offers); !ok {
			b.Fatal("nothing acceptable")
		}
	}
}
