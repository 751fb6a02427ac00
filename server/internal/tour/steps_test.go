package tour_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/statusway/statusway/server/internal/tour"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Each step is told and named, the rows come in order, and nothing is filled in that was
// not kept before.
func TestSteps(t *testing.T) {
	t.Parallel()
	placeholder := regexp.MustCompile(`\{([a-z]+)\}`)
	last := 0
	for _, step := range tour.Steps() {
		if !regexp.MustCompile(`^[a-z-]+$`).MatchString(step.Name) || step.Title == "" || step.Why == "" || step.Row < last {
			t.Errorf("%s: %d %q %q", step.Name, step.Row, step.Title, step.Why)
		}
		last = step.Row
		known := map[string]bool{"run": true, "long": true}
		for _, request := range slices.Concat(step.Before, []tour.Request{step.Request}, step.After) {
			for _, found := range placeholder.FindAllStringSubmatch(fmt.Sprint(request.Path, request.Body, request.Fields), -1) {
				if !known[found[1]] {
					t.Errorf("%s: nothing is kept as %s before %s %s", step.Name, found[0], request.Method, request.Path)
				}
			}
			for name := range request.Keep {
				known[name] = true
			}
		}
	}
}

// Each step has a response to be shown, and no response is of a step that has gone.
func TestAnswers(t *testing.T) {
	t.Parallel()
	answers, err := tour.Answers()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, step := range tour.Steps() {
		names = append(names, step.Name)
		if isError := step.Row >= 400; isError != (answers[step.Name].Status != nil) || isError && answers[step.Name].Body != nil {
			t.Errorf("%s, which ends in %d, is answered %+v", step.Name, step.Row, answers[step.Name])
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff(names, slices.Sorted(maps.Keys(answers))); diff != "" {
		t.Errorf("-steps +answers:\n%s", diff)
	}
}

func TestHas(t *testing.T) {
	t.Parallel()
	request := tour.Request{Fields: []tour.Field{{Name: "Accept", Value: "a/b"}, {Name: "If-Match", Value: "*"}}}
	for _, test := range []struct {
		names []string
		want  bool
	}{
		{nil, false},
		{[]string{"Accept"}, true},
		{[]string{"If-None-Match", "If-Match"}, true},
		{[]string{"accept"}, false},
		{[]string{"Range"}, false},
	} {
		if got := request.Has(test.names...); got != test.want {
			t.Errorf("%q: %t", test.names, got)
		}
	}
}
