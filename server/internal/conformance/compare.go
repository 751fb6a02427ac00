package conformance

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Same compares the answers of one case in two runs, such as over HTTP/1.1 and over
// HTTP/2, byte for byte but for what is each run's own. A run that was not is equal
// to any.
func Same(first, second *Run) error {
	if first == nil || second == nil {
		return nil
	}
	var errs []error
	one, other := first.Vars.Generalize(string(first.Answer.Body)), second.Vars.Generalize(string(second.Answer.Body))
	if one != other {
		errs = append(errs, fmt.Errorf("the bodies differ:\n- %s\n+ %s", one, other))
	}
	fields, others := lastingFields(first), lastingFields(second)
	if !maps.Equal(fields, others) {
		errs = append(errs, fmt.Errorf("the headers differ:\n- %v\n+ %v", fields, others))
	}
	return errors.Join(errs...)
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
			fields[name] = r.Vars.Generalize(strings.Join(values, ", "))
		}
	}
	return fields
}
