package rfc9110_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

func strong(opaque ...string) []rfc9110.ETag {
	tags := make([]rfc9110.ETag, 0, len(opaque))
	for _, o := range opaque {
		tags = append(tags, rfc9110.ETag{Opaque: o})
	}
	return tags
}

func listed(opaque ...string) rfc9110.Condition {
	return rfc9110.Condition{Present: true, Tags: strong(opaque...)}
}

func TestParseCondition(t *testing.T) {
	t.Parallel()
	anything := rfc9110.Condition{Present: true, Any: true}
	tests := []struct {
		name  string
		lines []string
		want  rfc9110.Condition
	}{
		{name: "absent", lines: nil, want: rfc9110.Condition{}},
		{name: "absent, not nil", lines: []string{}, want: rfc9110.Condition{}},
		{name: "one tag", lines: []string{`"a"`}, want: listed("a")},
		{name: "weak and strong", lines: []string{`W/"a","a"`}, want: rfc9110.Condition{
			Present: true, Tags: []rfc9110.ETag{{Opaque: "a", Weak: true}, {Opaque: "a"}},
		}},
		{name: "no whitespace", lines: []string{`"x","E","y"`}, want: listed("x", "E", "y")},
		{name: "spaces and tabs", lines: []string{"\t \"x\" \t,\t\t\"E\"  , \"y\"\t"}, want: listed("x", "E", "y")},
		{name: "empty members", lines: []string{`, "a",,`}, want: listed("a")},
		{name: "many empty members", lines: []string{",\t, ,\"a\" , ,\t,\"b\",,,"}, want: listed("a", "b")},
		{name: "two lines", lines: []string{`"x"`, `"E"`}, want: listed("x", "E")},
		{name: "an empty line among lines", lines: []string{``, `"E"`, `,`}, want: listed("E")},
		{name: "comma in a tag", lines: []string{`"a,b"`}, want: listed("a,b")},
		{name: "comma between tags", lines: []string{`"a", "b"`}, want: listed("a", "b")},
		{name: "backslash before a quote", lines: []string{`"a\", "b"`}, want: listed(`a\`, "b")},
		{name: "star", lines: []string{`*`}, want: anything},
		{name: "star among empty members", lines: []string{"\t,*, ,"}, want: anything},
		{name: "star in quotes", lines: []string{`"*"`}, want: listed("*")},
		{name: "same tag twice", lines: []string{`"a", "a"`}, want: listed("a", "a")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := rfc9110.ParseCondition(tt.lines)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("ParseCondition(%q) (-want +got):\n%s", tt.lines, diff)
			}
		})
	}
}

func TestParseConditionErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		lines []string
		want  error
	}{
		{name: "empty field", lines: []string{``}, want: rfc9110.ErrCondition},
		{name: "only empty members", lines: []string{` ,`, "\t,"}, want: rfc9110.ErrCondition},
		{name: "token", lines: []string{`abc`}, want: rfc9110.ErrETag},
		{name: "not closed", lines: []string{`"abc`}, want: rfc9110.ErrETag},
		{name: "lower-case w", lines: []string{`w/"1"`}, want: rfc9110.ErrETag},
		{name: "star and tag", lines: []string{`*, "x"`}, want: rfc9110.ErrCondition},
		{name: "tag and star", lines: []string{`"x", *`}, want: rfc9110.ErrCondition},
		{name: "star and tag on two lines", lines: []string{`*`, `"x"`}, want: rfc9110.ErrCondition},
		{name: "two stars", lines: []string{`*, *`}, want: rfc9110.ErrCondition},
		{name: "no comma", lines: []string{`"a" "b"`}, want: rfc9110.ErrCondition},
		{name: "no comma, no space", lines: []string{`"a""b"`}, want: rfc9110.ErrCondition},
		{name: "star with text", lines: []string{`*a`}, want: rfc9110.ErrCondition},
		{name: "a good tag, then a bad one", lines: []string{`"a"`, `b`}, want: rfc9110.ErrETag},
		{name: "a tag over two lines", lines: []string{`"a`, `b"`}, want: rfc9110.ErrETag},
		{name: "space in a tag", lines: []string{`"a b"`}, want: rfc9110.ErrETag},
		{name: "other whitespace", lines: []string{"\"a\"\v, \"b\""}, want: rfc9110.ErrCondition},
		{name: "NUL", lines: []string{"\"a\x00\""}, want: rfc9110.ErrETag},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := rfc9110.ParseCondition(tt.lines)
			if !errors.Is(err, tt.want) {
				t.Errorf("ParseCondition(%q) error = %v, want %v", tt.lines, err, tt.want)
			}
			if diff := cmp.Diff(rfc9110.Condition{}, got); diff != "" {
				t.Errorf("value beside an error (-want +got):\n%s", diff)
			}
		})
	}
}

// conditionGrammar is the field's ABNF, over Latin-1 so that a byte is a character.
type conditionGrammar struct{ tag, list, star *regexp.Regexp }

func newConditionGrammar() conditionGrammar {
	const tag = `(?:W/)?"[!\x23-\x7e\x80-\xff]*"`
	return conditionGrammar{
		tag:  regexp.MustCompile(tag),
		list: regexp.MustCompile(`^[\t ]*(?:` + tag + `)?(?:[\t ]*,[\t ]*(?:` + tag + `)?)*[\t ]*$`),
		star: regexp.MustCompile(`^[\t ,]*\*[\t ]*(?:,[\t ,]*)?$`),
	}
}

// parse is a second reading of the field, by the grammar instead of by hand.
func (g conditionGrammar) parse(line string) (want rfc9110.Condition, ok bool) {
	latin := latin1(line)
	if g.star.MatchString(latin) {
		return rfc9110.Condition{Present: true, Any: true}, true
	}
	found := g.tag.FindAllString(latin, -1)
	if !g.list.MatchString(latin) || len(found) == 0 {
		return rfc9110.Condition{}, false
	}
	want.Present = true
	for _, text := range found {
		opaque, weak := strings.CutPrefix(text, "W/")
		want.Tags = append(want.Tags, rfc9110.ETag{Opaque: bytesOf(strings.Trim(opaque, `"`)), Weak: weak})
	}
	return want, true
}

func latin1(s string) string {
	runes := make([]rune, 0, len(s))
	for _, c := range []byte(s) {
		runes = append(runes, rune(c))
	}
	return string(runes)
}

func bytesOf(latin string) string {
	b := make([]byte, 0, len(latin))
	for _, r := range latin {
		b = append(b, byte(r&0xff))
	}
	return string(b)
}

func FuzzParseCondition(f *testing.F) {
	for _, s := range []string{`"a"`, `W/"a", "b"`, `, "a",,`, `*`, ` * ,`, `*, "x"`, `"a" "b"`, `"a\", "b"`, `"a,b"`, ``, `w/"1"`, "\"\x80\""} {
		f.Add(s)
	}
	grammar := newConditionGrammar()
	f.Fuzz(func(t *testing.T, line string) {
		got, err := rfc9110.ParseCondition([]string{line})
		want, ok := grammar.parse(line)
		if (err == nil) != ok {
			t.Fatalf("ParseCondition(%q) error = %v, want ok = %v", line, err, ok)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("ParseCondition(%q) (-want +got):\n%s", line, diff)
		}
		if err != nil || got.Any {
			return
		}
		// One member a line means the same as all on one line.
		lines := make([]string, 0, len(got.Tags))
		for _, tag := range got.Tags {
			lines = append(lines, tag.String())
		}
		for _, again := range [][]string{lines, {strings.Join(lines, ", ")}} {
			reparsed, err := rfc9110.ParseCondition(again)
			if diff := cmp.Diff(got, reparsed); err != nil || diff != "" {
				t.Errorf("ParseCondition(%q): %v (-want +got):\n%s", again, err, diff)
			}
		}
	})
}

// A naive matcher that compares texts must agree with Evaluate on any list.
func FuzzMatch(f *testing.F) {
	f.Add(`"a", W/"b"`, `"a"`, true)
	f.Add(`W/"a"`, `W/"a"`, false)
	f.Add(`*`, `""`, true)
	f.Add(`"a\", "b"`, `"b"`, false)
	f.Fuzz(func(t *testing.T, line, current string, read bool) {
		condition, err := rfc9110.ParseCondition([]string{line})
		if err != nil {
			return
		}
		tag, err := rfc9110.ParseETag(current)
		if err != nil {
			return
		}
		weak, strong := naiveMatches(condition, current)
		v := rfc9110.Validators{Tag: tag, HasTag: true}

		want := map[bool]rfc9110.Outcome{true: rfc9110.Proceed, false: rfc9110.Failed}[strong]
		if got := (rfc9110.Preconditions{IfMatch: condition}).Evaluate(read, v); got != want {
			t.Errorf("If-Match: %s on %s, read %v: outcome %d, want %d", line, current, read, got, want)
		}
		want = rfc9110.Proceed
		if weak {
			want = map[bool]rfc9110.Outcome{true: rfc9110.NotModified, false: rfc9110.Failed}[read]
		}
		if got := (rfc9110.Preconditions{IfNoneMatch: condition}).Evaluate(read, v); got != want {
			t.Errorf("If-None-Match: %s on %s, read %v: outcome %d, want %d", line, current, read, got, want)
		}
	})
}

func naiveMatches(c rfc9110.Condition, current string) (weak, strong bool) {
	if c.Any {
		return true, true
	}
	for _, tag := range c.Tags {
		sent := tag.String()
		weak = weak || strings.TrimPrefix(sent, "W/") == strings.TrimPrefix(current, "W/")
		strong = strong || sent == current && sent[0] == '"'
	}
	return weak, strong
}
