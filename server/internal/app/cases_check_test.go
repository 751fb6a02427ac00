package app_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// problemBody is an application/problem+json of this project.
type problemBody struct {
	Type       string            `json:"type"`
	Title      string            `json:"title"`
	Status     int               `json:"status"`
	Detail     string            `json:"detail"`
	Instance   string            `json:"instance"`
	Code       string            `json:"code"`
	Reason     string            `json:"reason"`
	Domain     string            `json:"domain"`
	Metadata   map[string]string `json:"metadata"`
	Errors     []violationBody   `json:"errors"`
	RetryAfter int               `json:"retryAfter"`
	RequestID  string            `json:"requestId"`
	Details    []json.RawMessage `json:"details"`
}

type violationBody struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
	Reason  string `json:"reason"`
}

// checkResponse compares an answer with what a case wants of it.
func checkResponse(m *message, got *answer, want response, v variables) error {
	if want.Status == 0 {
		if got.status/100 != 2 {
			return fmt.Errorf("the status is %d, want a success: %s", got.status, got.body)
		}
	} else if got.status != want.Status {
		return fmt.Errorf("the status is %d, want %d: %s", got.status, want.Status, got.body)
	}
	var errs []error
	if got.continued != want.Continued {
		errs = append(errs, fmt.Errorf("100 (Continue) came: %t, want %t", got.continued, want.Continued))
	}
	errs = append(errs, checkFields(got.header, want, v))
	if want.Problem != nil && m.method != http.MethodHead {
		errs = append(errs, checkProblem(got.body, want.Problem, v))
	}
	if want.Body != nil {
		errs = append(errs, checkBody(got.body, want.Body, v))
	}
	return errors.Join(errs...)
}

func checkFields(header http.Header, want response, v variables) error {
	var errs []error
	value := func(name string) string { return strings.Join(header.Values(name), ", ") }
	for name, text := range want.Headers {
		text, err := v.expand(text)
		if got := value(name); err != nil || got != text {
			errs = append(errs, fmt.Errorf("%s is %q, want %q: %w", name, got, text, err))
		}
	}
	for name, pattern := range want.Matches {
		if err := matches(pattern, value(name), v); err != nil || header.Get(name) == "" {
			errs = append(errs, fmt.Errorf("%s: %q: %w", name, value(name), err))
		}
	}
	for _, name := range want.Absent {
		if _, ok := header[http.CanonicalHeaderKey(name)]; ok {
			errs = append(errs, fmt.Errorf("%s is %q, want none", name, value(name)))
		}
	}
	return errors.Join(errs...)
}

// matches says whether a regular expression is all of a text.
func matches(pattern, text string, v variables) error {
	pattern, err := v.expand(pattern)
	if err != nil {
		return err
	}
	whole, err := regexp.Compile(`^(?s:` + pattern + `)$`)
	if err != nil {
		return fmt.Errorf("the pattern: %w", err)
	}
	if !whole.MatchString(text) {
		return fmt.Errorf("%q does not match %s", text, pattern)
	}
	return nil
}

func checkProblem(content []byte, want *problem, v variables) error {
	var got problemBody
	if err := json.Unmarshal(content, &got); err != nil {
		return fmt.Errorf("the problem: %w", err)
	}
	wanted, err := expandProblem(*want, v)
	if err != nil {
		return err
	}
	shown := problem{Code: got.Code, Reason: got.Reason, Domain: got.Domain, Detail: wanted.Detail, RetryAfter: got.RetryAfter}
	for _, one := range got.Errors {
		shown.Errors = append(shown.Errors, violation{Pointer: one.Pointer, Reason: one.Reason})
	}
	if wanted.Metadata != nil {
		shown.Metadata = got.Metadata
	}
	if wanted.Details != nil {
		shown.Details = typesOf(got.Details)
	}
	var errs []error
	if diff := cmp.Diff(wanted, shown); diff != "" {
		errs = append(errs, fmt.Errorf("the problem (-want +got):\n%s\nof %s", diff, content))
	}
	if wanted.Detail != "" {
		errs = append(errs, matches(wanted.Detail, got.Detail, v))
	}
	return errors.Join(errs...)
}

func expandProblem(p problem, v variables) (problem, error) {
	if p.Metadata != nil {
		expanded := make(map[string]string, len(p.Metadata))
		for name, value := range p.Metadata {
			text, err := v.expand(value)
			if err != nil {
				return p, err
			}
			expanded[name] = text
		}
		p.Metadata = expanded
	}
	return p, nil
}

// typesOf are the details' types, without what all have in front.
func typesOf(details []json.RawMessage) []string {
	types := []string{}
	for _, one := range details {
		var typed struct {
			Type string `json:"@type"`
		}
		if err := json.Unmarshal(one, &typed); err != nil {
			typed.Type = err.Error()
		}
		types = append(types, strings.TrimPrefix(typed.Type, "type.googleapis.com/"))
	}
	return types
}

func checkBody(content []byte, want *body, v variables) error {
	var errs []error
	if want.Text != nil {
		text, err := v.expand(*want.Text)
		if err != nil || text != string(content) {
			errs = append(errs, fmt.Errorf("the body is %q, want %q: %w", content, text, err))
		}
	}
	if want.Pattern != "" {
		errs = append(errs, matches(want.Pattern, string(content), v))
	}
	for _, text := range want.Lacks {
		text, err := v.expand(text)
		if err != nil || strings.Contains(string(content), text) {
			errs = append(errs, fmt.Errorf("the body says %q: %s: %w", text, content, err))
		}
	}
	if want.JSON == nil && want.Matches == nil && want.Absent == nil {
		return errors.Join(errs...)
	}
	var got any
	if err := json.Unmarshal(content, &got); err != nil {
		return fmt.Errorf("the body: %w: %s", err, content)
	}
	if want.JSON != nil {
		errs = append(errs, checkJSON(got, want.JSON, v))
	}
	for pointer, pattern := range want.Matches {
		found, ok := lookup(got, pointer)
		if err := matches(pattern, fmt.Sprint(found), v); !ok || err != nil {
			errs = append(errs, fmt.Errorf("%s: %w: %s", pointer, err, content))
		}
	}
	for _, pointer := range want.Absent {
		if found, ok := lookup(got, pointer); ok {
			errs = append(errs, fmt.Errorf("%s is %v, want nothing: %s", pointer, found, content))
		}
	}
	return errors.Join(errs...)
}

// checkJSON compares a value with what has to be part of it.
func checkJSON(got any, want *anyJSON, v variables) error {
	text, err := jsonOf(want.value, v)
	if err != nil {
		return err
	}
	var wanted any
	if err := json.Unmarshal(text, &wanted); err != nil {
		return fmt.Errorf("the wanted JSON: %w", err)
	}
	if path, ok := contains(got, wanted, ""); !ok {
		return fmt.Errorf("at %q it is not %s: %v", path, text, got)
	}
	return nil
}

// contains says whether wanted is part of got, else where it is not.
func contains(got, wanted any, path string) (string, bool) {
	switch wanted := wanted.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return path, false
		}
		for name, inner := range wanted {
			member, ok := object[name]
			if !ok {
				return path + "/" + name, false
			}
			if at, ok := contains(member, inner, path+"/"+name); !ok {
				return at, false
			}
		}
		return "", true
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(wanted) {
			return path, false
		}
		for i := range wanted {
			if at, ok := contains(list[i], wanted[i], fmt.Sprintf("%s/%d", path, i)); !ok {
				return at, false
			}
		}
		return "", true
	default:
		return path, reflect.DeepEqual(got, wanted)
	}
}

// sameOverBoth compares the answers of one case over HTTP/1.1 and HTTP/2, but for
// what is each run's own.
func sameOverBoth(first, second *run) error {
	if first == nil || second == nil {
		return nil
	}
	var errs []error
	one, other := first.vars.generalize(string(first.answer.body)), second.vars.generalize(string(second.answer.body))
	if diff := cmp.Diff(one, other); diff != "" {
		errs = append(errs, fmt.Errorf("the bodies differ (-http1 +h2c):\n%s", diff))
	}
	if diff := cmp.Diff(lastingFields(first), lastingFields(second)); diff != "" {
		errs = append(errs, fmt.Errorf("the headers differ (-http1 +h2c):\n%s", diff))
	}
	return errors.Join(errs...)
}

// lastingFields are the header fields that do not change from run to run; of the
// others that they are there.
func lastingFields(r *run) map[string]string {
	own := []string{"Date", "Etag", "Last-Modified", "X-Request-Id", "X-Rate-Limit-Remaining", "X-Rate-Limit-Reset", "Ratelimit", "Content-Length"}
	connection := []string{"Connection", "Transfer-Encoding", "Strict-Transport-Security"}
	fields := map[string]string{}
	for name, values := range r.answer.header {
		switch {
		case slices.Contains(connection, name):
		case slices.Contains(own, name):
			fields[name] = "is there"
		default:
			fields[name] = r.vars.generalize(strings.Join(values, ", "))
		}
	}
	return fields
}
