package suite

import (
	"fmt"
	"io"
	"strings"

	"github.com/statusway/statusway/server/internal/terminal"
)

// Write writes the report for people: each failure with the request, the expected and
// the actual response, and the number of cases for each outcome.
func (r *Report) Write(out io.Writer, c terminal.Colours) {
	for _, one := range r.Results {
		switch one.Outcome {
		case Failed:
			writeFailure(out, c, one)
		case Unexpected:
			fmt.Fprintf(out, "%sUNEXPECTED%s %s over %s passes, and is known to fail: %s\n\n", c.Bad, c.Reset, one.Name, one.Transport, one.Known)
		}
	}
	for _, one := range r.Results {
		if one.Outcome == KnownFailure {
			fmt.Fprintf(out, "%sknown%s %s over %s: %s\n", c.Dim, c.Reset, one.Name, one.Transport, one.Known)
		}
	}
	colour, verdict := c.Good, "conforms"
	if !r.OK() {
		colour, verdict = c.Bad, "does not conform"
	}
	fmt.Fprintf(out, "%s%s %s%s to the policy %s, by version %d of the cases: %d passed, %d failed",
		colour, r.Target, verdict, c.Reset, r.Policy, r.Suite, r.Passed, r.Failed)
	if r.Known > 0 {
		fmt.Fprintf(out, ", %d failed as known", r.Known)
	}
	if r.Unexpected > 0 {
		fmt.Fprintf(out, ", %d passed unexpectedly", r.Unexpected)
	}
	fmt.Fprintf(out, ", in %.1f s\n", r.Seconds)
	if r.Waited > 0 {
		fmt.Fprintf(out, "For %.0f s of it the target's rate limit was waited for.\n", r.Waited)
	}
}

func writeFailure(out io.Writer, c terminal.Colours, one Result) {
	fmt.Fprintf(out, "%sFAIL%s %s over %s: %s\n", c.Bad, c.Reset, one.Name, one.Transport, one.Title)
	if one.Failure.Where != "" {
		fmt.Fprintf(out, "  %s\n", one.Failure.Where)
	}
	indent(out, c.Dim+"  > ", one.Failure.Request, c.Reset)
	indent(out, c.Dim+"  < ", one.Failure.Got, c.Reset)
	indent(out, "  want ", one.Failure.Expected, "")
	for _, fault := range one.Failure.Faults {
		indent(out, "  "+c.Bad+"!"+c.Reset+" ", fault, "")
	}
	fmt.Fprintln(out)
}

// indent writes each line of a text between a prefix and a suffix.
func indent(out io.Writer, prefix, text, suffix string) {
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return
	}
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Fprintf(out, "%s%s%s\n", prefix, line, suffix)
	}
}
