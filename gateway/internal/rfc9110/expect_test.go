package rfc9110_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

func TestParseExpect(t *testing.T) {
	t.Parallel()
	met := rfc9110.Expectation{Continue: true}
	tests := []struct {
		name  string
		lines []string
		want  rfc9110.Expectation
	}{
		{"absent", nil, rfc9110.Expectation{}},
		{"empty", []string{"", " ,\t"}, rfc9110.Expectation{}},
		{"continue", []string{"100-continue"}, met},
		{"title case", []string{"100-Continue"}, met},
		{"upper case", []string{" 100-CONTINUE\t"}, met},
		{"twice", []string{"100-continue, 100-continue"}, met},
		{"unknown", []string{"teapot"}, rfc9110.Expectation{Unknown: []string{"teapot"}}},
		{"list", []string{"foo, 100-continue"}, rfc9110.Expectation{Continue: true, Unknown: []string{"foo"}}},
		{"two lines", []string{"foo", "100-continue"}, rfc9110.Expectation{Continue: true, Unknown: []string{"foo"}}},
		{"with a value", []string{"100-continue=1"}, rfc9110.Expectation{Unknown: []string{"100-continue=1"}}},
		{"comma in quotes", []string{`a="x, 100-continue", b`}, rfc9110.Expectation{Unknown: []string{`a="x, 100-continue"`, "b"}}},
		{"almost", []string{"100-continue;"}, rfc9110.Expectation{Unknown: []string{"100-continue;"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, rfc9110.ParseExpect(tt.lines)); diff != "" {
				t.Errorf("ParseExpect(%q) (-want +got):\n%s", tt.lines, diff)
			}
		})
	}
}

func FuzzParseExpect(f *testing.F) {
	for _, s := range []string{"100-continue", "foo, 100-Continue", `a="b,c", ,`, `"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got := rfc9110.ParseExpect([]string{line})
		members := rfc9110.List([]string{line})
		isContinue := func(m string) bool { return strings.ToLower(m) == "100-continue" }
		if got.Continue != slices.ContainsFunc(members, isContinue) {
			t.Errorf("ParseExpect(%q).Continue = %v", line, got.Continue)
		}
		if diff := cmp.Diff(slices.DeleteFunc(members, isContinue), got.Unknown, emptyIsNil()); diff != "" {
			t.Errorf("ParseExpect(%q).Unknown (-want +got):\n%s", line, diff)
		}
		// The spelling and the place of 100-continue make no difference: 417-06.
		lines := append(slices.Clone(got.Unknown), "100-CONTINUE")
		again := rfc9110.ParseExpect(lines)
		if diff := cmp.Diff(got.Unknown, again.Unknown); !again.Continue || diff != "" {
			t.Errorf("ParseExpect(%q) (-want +got):\n%s", lines, diff)
		}
	})
}
