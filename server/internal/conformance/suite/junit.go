package suite

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/statusway/statusway/server/internal/terminal"
)

// The elements of JUnit's XML that CI systems read.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitMessage `xml:"failure"`
		Skipped *junitMessage `xml:"skipped"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes the report as JUnit's XML: a suite for each transport, with known
// failures as skipped.
func (r *Report) WriteJUnit(out io.Writer) error {
	all := junitSuites{Name: "statusway conformance of " + r.Target, Time: seconds(r.Seconds)}
	at := map[string]int{}
	for _, one := range r.Results {
		if _, ok := at[one.Transport]; !ok {
			at[one.Transport] = len(all.Suites)
			all.Suites = append(all.Suites, junitSuite{Name: one.Transport})
		}
		all.Suites[at[one.Transport]].add(one)
	}
	for i := range all.Suites {
		one := &all.Suites[i]
		total := 0.0
		for _, result := range r.Results {
			if result.Transport == one.Name {
				total += result.Seconds
			}
		}
		one.Time = seconds(total)
		all.Tests += one.Tests
		all.Failures += one.Failures
		all.Skipped += one.Skipped
	}
	encoder := xml.NewEncoder(out)
	encoder.Indent("", "  ")
	fmt.Fprint(out, xml.Header)
	if err := encoder.Encode(all); err != nil {
		return fmt.Errorf("writing JUnit's XML: %w", err)
	}
	fmt.Fprintln(out)
	return nil
}

func (s *junitSuite) add(one Result) {
	tested := junitCase{Name: one.Name, Class: "statusway.conformance." + one.Transport, Time: seconds(one.Seconds)}
	switch one.Outcome {
	case Failed:
		var text strings.Builder
		writeFailure(&text, terminal.Colours{}, one)
		tested.Failure = &junitMessage{Message: first(one.Failure.Faults), Text: text.String()}
		s.Failures++
	case Unexpected:
		tested.Failure = &junitMessage{Message: "it passes, and is known to fail: " + one.Known}
		s.Failures++
	case KnownFailure:
		tested.Skipped = &junitMessage{Message: "known to fail: " + one.Known, Text: strings.Join(one.Failure.Faults, "\n")}
		s.Skipped++
	}
	s.Tests++
	s.Cases = append(s.Cases, tested)
}

func first(faults []string) string {
	if len(faults) == 0 {
		return ""
	}
	return faults[0]
}

func seconds(of float64) string { return fmt.Sprintf("%.3f", of) }
