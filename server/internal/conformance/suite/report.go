package suite

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/statusway/statusway/server/internal/conformance"
	"github.com/statusway/statusway/server/internal/terminal"
)

// The outcomes of a case over one transport.
const (
	Passed = "passed"
	Failed = "failed"
	// KnownFailure is a failure that was known.
	KnownFailure = "known"
	// Unexpected is a known failure that passes over each transport. It counts as a
	// failure, so that the list of known failures stays correct.
	Unexpected = "unexpected"
)

// A Report is what came of a run. It is what --json writes.
type Report struct {
	// Target is the server, Policy the expected policy, and Suite the version of the
	// cases.
	Target string `json:"target"`
	Policy string `json:"policy"`
	Suite  int    `json:"suite"`
	// Started is when the run began, Seconds how long it took, and Waited in how much of
	// that some request waited for the target's rate limit.
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	Waited  float64   `json:"waited"`
	// How many results there are of each outcome.
	Passed     int `json:"passed"`
	Failed     int `json:"failed"`
	Known      int `json:"known"`
	Unexpected int `json:"unexpected"`
	// Results are one for each case and transport, by name.
	Results []Result `json:"results"`
}

// A Result is what came of one case over one transport.
type Result struct {
	// Name, Title, Row and Checklist are the case's.
	Name      string   `json:"name"`
	Title     string   `json:"title"`
	Row       int      `json:"row"`
	Checklist []string `json:"checklist,omitempty"`
	// Transport is http1 or h2c.
	Transport string  `json:"transport"`
	Outcome   string  `json:"outcome"`
	Seconds   float64 `json:"seconds"`
	// Known is why the case is known to fail, if it is.
	Known string `json:"known,omitempty"`
	// Failure is the reason why the case failed; nil if it passed.
	Failure *Failure `json:"failure,omitempty"`
}

// A Failure is an exchange that did not come out right.
type Failure struct {
	// Where is empty for the exchange that the case is about; else "before, step 2".
	Where string `json:"where,omitempty"`
	// Request and Got are as HTTP/1.1 has them; Got is empty if nothing came back.
	Request string `json:"request"`
	Got     string `json:"got,omitempty"`
	// Expected is the response of the case, as YAML.
	Expected string `json:"expected"`
	// Faults are the single things that are wrong.
	Faults []string `json:"faults"`
}

// OK reports whether only known failures failed.
func (r *Report) OK() bool { return r.Failed+r.Unexpected == 0 }

// longestText bounds how much of a request or a response a report shows.
const longestText = 4 << 10

func newResult(c conformance.Case, transport string, took time.Duration) Result {
	return Result{
		Name: c.Name, Title: c.Title, Row: c.Row, Checklist: c.Checklist, Transport: transport,
		Outcome: Passed, Seconds: took.Seconds(),
	}
}

// fail records a failure.
func (r *Result) fail(want conformance.Response, host string, err error) {
	r.Outcome = Failed
	r.Failure = &Failure{Expected: expected(want)}
	for _, fault := range conformance.Faults(err) {
		r.Failure.Faults = append(r.Failure.Faults, shown(fault))
	}
	if step, ok := errors.AsType[*conformance.StepError](err); ok {
		r.Failure.Where = fmt.Sprintf("%s, step %d", step.Part, step.Number)
	}
	if found, ok := errors.AsType[*conformance.MismatchError](err); ok {
		r.Failure.Request = shown(found.Message.Text(host))
		r.Failure.Expected = expected(found.Want)
		if found.Got != nil {
			r.Failure.Got = shown(found.Got.Text())
		}
	}
}

func expected(want conformance.Response) string {
	text, err := yaml.Marshal(want)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// shown is a text that a terminal and an XML file can have.
func shown(text string) string {
	cut := len(text) > longestText
	if cut {
		text = text[:longestText]
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = terminal.Printable(text)
	if cut {
		text += "…"
	}
	return text
}

// complete sorts the results, counts them, and decides which of them were known.
func (r *Report) complete(known Known) {
	r.Seconds = time.Since(r.Started).Seconds()
	slices.SortFunc(r.Results, func(a, b Result) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(b.Transport, a.Transport))
	})
	fails := map[string]bool{}
	for _, one := range r.Results {
		fails[one.Name] = fails[one.Name] || one.Outcome == Failed
	}
	for i := range r.Results {
		one := &r.Results[i]
		one.Known = known[one.Name]
		switch {
		case one.Known != "" && one.Outcome == Failed:
			one.Outcome = KnownFailure
		case one.Known != "" && !fails[one.Name]:
			one.Outcome = Unexpected
		}
		*r.count(one.Outcome)++
	}
}

func (r *Report) count(outcome string) *int {
	switch outcome {
	case Passed:
		return &r.Passed
	case KnownFailure:
		return &r.Known
	case Unexpected:
		return &r.Unexpected
	default:
		return &r.Failed
	}
}
