package rfc9110_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

// checklist: PRE-01, PRE-04, PRE-05
func TestParsePrefer(t *testing.T) {
	t.Parallel()
	none := rfc9110.Preferences{}
	minimal := rfc9110.Preferences{Return: rfc9110.ReturnMinimal}
	representation := rfc9110.Preferences{Return: rfc9110.ReturnRepresentation}
	async := rfc9110.Preferences{RespondAsync: true}
	wait := func(seconds int64) rfc9110.Preferences {
		return rfc9110.Preferences{Waits: true, Wait: time.Duration(seconds) * time.Second}
	}
	longest := math.MaxInt64 / int64(time.Second)
	tests := []struct {
		name  string
		lines []string
		want  rfc9110.Preferences
	}{
		{"absent", nil, none},
		{"empty", []string{"", " ,\t,"}, none},
		{"unknown", []string{"foo, bar=1, handling=strict, depth-noroot"}, none},

		{"minimal", []string{"return=minimal"}, minimal},
		{"representation", []string{"return=representation"}, representation},
		{"quoted is token", []string{`return="minimal"`}, minimal},
		{"quoted with an escape", []string{`return="m\inimal"`}, minimal},
		{"spaces around =", []string{"return \t= \tminimal"}, minimal},
		{"spaces around the member", []string{"\t return=minimal \t"}, minimal},
		{"name in capitals", []string{"RETURN=minimal"}, minimal},
		{"value in capitals", []string{"return=Minimal"}, none},
		{"no value", []string{"return"}, none},
		{"empty value", []string{`return=""`}, none},
		{"another value", []string{"return=headers"}, none},
		{"among others", []string{`foo="a, b", return=minimal, bar`}, minimal},

		{"parameters", []string{"return=minimal; foo; bar=1;baz = \"x;y\" ;; "}, minimal},
		{"parameter with an empty value", []string{`return=minimal; foo=""`}, minimal},
		{"a parameter is no preference", []string{"foo; return=minimal"}, none},
		{"malformed parameter", []string{"return=minimal; =1"}, none},
		{"parameter without a value", []string{"return=minimal; foo="}, none},
		{"no separator", []string{"return=minimal foo"}, none},
		{"open quote", []string{`return="minimal`}, none},
		{"open quote takes the rest of its line", []string{`foo="bar, return=minimal`, "return=representation"}, representation},
		{"no name", []string{"=minimal"}, none},
		{"no token", []string{"@return=minimal, ret urn=minimal, (return)=minimal"}, none},
		{"control in quotes", []string{"return=\"min\x00imal\""}, none},
		{"malformed among sound ones", []string{"@@, wait=10, ;;, return=minimal"}, rfc9110.Preferences{
			Return: rfc9110.ReturnMinimal, Waits: true, Wait: 10 * time.Second,
		}},

		{"several lines", []string{"respond-async", "wait=10", "return=minimal"}, rfc9110.Preferences{
			Return: rfc9110.ReturnMinimal, RespondAsync: true, Waits: true, Wait: 10 * time.Second,
		}},
		{"the same twice", []string{"return=minimal, return=minimal"}, minimal},
		{"contradictory", []string{"return=minimal, return=representation"}, none},
		{"contradictory, the other way round", []string{"return=representation", `Return="minimal"`}, none},
		{"contradictory after an unknown one", []string{"return=foo, return=minimal, return=representation"}, none},
		{"contradictory, and other preferences", []string{"return=representation, wait=1, return=minimal"}, wait(1)},
		{"first counts", []string{"return=minimal, return=foo"}, minimal},
		{"first counts, unknown as it is", []string{"return=foo, return=minimal"}, none},
		{"malformed is no first", []string{"return=@, return=minimal"}, minimal},

		{"respond-async", []string{"respond-async"}, async},
		{"respond-async in capitals", []string{"Respond-Async"}, async},
		{"respond-async with an empty value", []string{`respond-async=""`}, async},
		{"respond-async with a value", []string{"respond-async=true"}, none},
		{"respond-async, the first counts", []string{"respond-async=1, respond-async"}, none},
		{"respond-async and wait", []string{"respond-async, wait=10"}, rfc9110.Preferences{RespondAsync: true, Waits: true, Wait: 10 * time.Second}},

		{"wait", []string{"wait=10"}, wait(10)},
		{"wait in quotes", []string{`wait="10"`}, wait(10)},
		{"wait of nothing", []string{"wait=0"}, wait(0)},
		{"wait with leading zeros", []string{"wait=007"}, wait(7)},
		{"wait, the first counts", []string{"wait=5, wait=50"}, wait(5)},
		{"wait, the first counts over lines", []string{"WAIT=5", "wait=50"}, wait(5)},
		{"wait, first without a number", []string{"wait=soon, wait=50"}, none},
		{"wait without a value", []string{"wait"}, none},
		{"negative wait", []string{"wait=-1"}, none},
		{"wait with a sign", []string{"wait=+1"}, none},
		{"wait with a fraction", []string{"wait=1.5"}, none},
		{"wait in hexadecimal", []string{"wait=0x10"}, none},
		{"wait with an underscore", []string{"wait=1_0"}, none},
		{"longest wait", []string{"wait=9223372036"}, wait(longest)},
		{"longer than the longest", []string{"wait=9223372037"}, wait(longest)},
		{"longer than a number", []string{"wait=99999999999999999999999"}, wait(longest)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, rfc9110.ParsePrefer(tt.lines)); diff != "" {
				t.Errorf("ParsePrefer(%q) (-want +got):\n%s", tt.lines, diff)
			}
		})
	}
}

// checklist: PRE-03
func TestApplied(t *testing.T) {
	t.Parallel()
	tests := map[string]rfc9110.Preferences{
		"":                      {},
		"return=minimal":        {Return: rfc9110.ReturnMinimal},
		"return=representation": {Return: rfc9110.ReturnRepresentation},
		"respond-async":         {RespondAsync: true},
		"wait=0":                {Waits: true},
		"wait=30":               {Waits: true, Wait: 30 * time.Second},
		"return=minimal, respond-async, wait=1": {
			Return: rfc9110.ReturnMinimal, RespondAsync: true, Waits: true, Wait: time.Second,
		},
	}
	for want, p := range tests {
		if got := p.Applied(); got != want {
			t.Errorf("%+v: got %q, want %q", p, got, want)
		}
	}
	if got := (rfc9110.Preferences{Wait: time.Second}).Applied(); got != "" {
		t.Errorf("a wait that nobody asked for: %q", got)
	}
}

func FuzzParsePrefer(f *testing.F) {
	for _, s := range []string{
		"return=minimal", `return="representation"; a; b=""`, "respond-async, wait=10", "wait=5, wait=50", `a="b,c", ,`, `"`, "return=foo, return=minimal",
		"return = minimal;;", "wait=99999999999999999999", "@, wait=1",
	} {
		f.Add(s, "return=representation")
	}
	f.Fuzz(func(t *testing.T, one, other string) {
		got := rfc9110.ParsePrefer([]string{one, other})
		if got.Wait < 0 || got.Wait%time.Second != 0 || !got.Waits && got.Wait != 0 {
			t.Errorf("Wait is %s", got.Wait)
		}
		check := func(what string, lines ...string) {
			t.Helper()
			if diff := cmp.Diff(got, rfc9110.ParsePrefer(lines)); diff != "" {
				t.Errorf("%s: ParsePrefer(%q) (-without +with):\n%s", what, lines, diff)
			}
		}
		// The first counts, so that the same once more changes nothing.
		check("repeated", one, other, one, other)
		check("unknown preferences", "foo; wait=1", one, "bar=\"return=minimal, wait=2\"", other, "handling=lenient")
		check("malformed preferences", "@, return=, wait=(1)", one, "=respond-async", other, "wait=1 2")
		if strings.Count(one, `"`)%2 == 0 && !strings.Contains(one, `\`) {
			check("one line", one+","+other)
		}
		check("its own members", rfc9110.List([]string{one, other})...)
		// Applied returns a Prefer field with the same meaning.
		if diff := cmp.Diff(got, rfc9110.ParsePrefer([]string{got.Applied()})); diff != "" {
			t.Errorf("Applied() is %q (-want +got):\n%s", got.Applied(), diff)
		}
	})
}
