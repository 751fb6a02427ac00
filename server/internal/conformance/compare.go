package conformance

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Same compares the responses of one case in two runs, such as over HTTP/1.1 and over
// HTTP/2, byte for byte, except for values of a single run. A run that did not happen equals
// any.
func Same(first, second *Run) error {
	if first == nil || second == nil {
		return nil
	}
	var errs []error
	one, other := generalize(first, string(first.Answer.Body)), generalize(second, string(second.Answer.Body))
	if one != other {
		errs = append(errs, fmt.Errorf("the bodies differ:\n- %s\n+ %s", one, other))
	}
	if (first.Answer.Cut == nil) != (second.Answer.Cut == nil) {
		errs = append(errs, fmt.Errorf("one ends before its content does: %w", errors.Join(first.Answer.Cut, second.Answer.Cut)))
	}
	fields, others := lastingFields(first), lastingFields(second)
	if !maps.Equal(fields, others) {
		errs = append(errs, fmt.Errorf("the headers differ:\n- %v\n+ %v", fields, others))
	}
	return errors.Join(errs...)
}

// jobPattern finds the name that a server has made for a job.
var jobPattern = regexp.MustCompile(`"name":"jobs/[^"]+"`)

// generalize replaces values of a single run in a text, and the ids that the server
// makes: a job's, and the one in Location.
func generalize(r *Run, text string) string {
	location := r.Answer.Header.Get("Location")
	if made := location[strings.LastIndexByte(location, '/')+1:]; made != "" {
		if before, ok := strings.CutSuffix(text, "/"+made); ok {
			text = before + "/<made>"
		}
		text = strings.ReplaceAll(text, `"id":"`+made+`"`, `"id":"<made>"`)
	}
	return r.Vars.Generalize(jobPattern.ReplaceAllString(text, `"name":"jobs/<made>"`))
}

// lastingFields are the header fields that do not change from run to run; of the
// others that they are there.
func lastingFields(r *Run) map[string]string {
	own := []string{"Date", "Etag", "Last-Modified", "X-Request-Id", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset", "Ratelimit", "Content-Length"}
	connection := []string{"Connection", "Transfer-Encoding", "Strict-Transport-Security"}
	fields := map[string]string{}
	for name, values := range r.Answer.Header {
		switch {
		case slices.Contains(connection, name):
		case slices.Contains(own, name):
			fields[name] = "is there"
		default:
			fields[name] = generalize(r, strings.Join(values, ", "))
		}
	}
	return fields
}
