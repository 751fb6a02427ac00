package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// checkResponse compares a response with the expected one of a case.
func checkResponse(got *Answer, want Response, a attempt) error {
	v := a.vars
	if want.Status == 0 {
		if got.Status/100 != 2 {
			return fmt.Errorf("the status is %d, want a success%s", got.Status, hidden(got.Status))
		}
	} else if got.Status != want.Status {
		return fmt.Errorf("the status is %d, want %d%s", got.Status, want.Status, hidden(got.Status))
	}
	var errs []error
	if got.Continued != want.Continued {
		errs = append(errs, fmt.Errorf("100 (Continue) came: %t, want %t", got.Continued, want.Continued))
	}
	switch {
	case want.Cut && got.Cut == nil:
		errs = append(errs, fmt.Errorf("the response has an end, want one that is broken off: the content is %q", got.Body))
	case !want.Cut && got.Cut != nil:
		errs = append(errs, fmt.Errorf("the server broke the response off: %w: the content is %q", got.Cut, got.Body))
	}
	errs = append(errs, checkFields(got.Header, want, v))
	if want.Problem != nil && a.message.Method != http.MethodHead {
		errs = append(errs, checkProblem(got.Body, want.Problem, v))
	}
	if want.Body != nil {
		errs = append(errs, checkBody(got.Body, want.Body, v))
	}
	return errors.Join(errs...)
}

func checkFields(header http.Header, want Response, v Variables) error {
	var errs []error
	value := func(name string) string { return strings.Join(header.Values(name), ", ") }
	for _, name := range slices.Sorted(maps.Keys(want.Headers)) {
		if text, err := v.Expand(want.Headers[name]); err != nil {
			errs = append(errs, err)
		} else if got := value(name); got != text {
			errs = append(errs, fmt.Errorf("%s is %s, want %q", name, quoted(got), text))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want.Matches)) {
		if err := matches(want.Matches[name], value(name), v); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		} else if header.Get(name) == "" {
			errs = append(errs, fmt.Errorf("%s is missing", name))
		}
	}
	for _, name := range want.Absent {
		if _, ok := header[http.CanonicalHeaderKey(name)]; ok {
			errs = append(errs, fmt.Errorf("%s is %q, want none", name, value(name)))
		}
	}
	return errors.Join(errs...)
}

// quoted returns a header field as messages show it.
func quoted(value string) string {
	if value == "" {
		return "absent"
	}
	return strconv.Quote(value)
}

// hidden says where to find the cause of a 5xx, which the response does not contain.
func hidden(status int) string {
	if status != http.StatusInternalServerError {
		return ""
	}
	return ": the gateway's log has the cause, under the response's X-Request-Id"
}

// matches reports whether a regular expression matches a whole text.
func matches(pattern, text string, v Variables) error {
	pattern, err := v.Expand(pattern)
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

func checkBody(content []byte, want *Body, v Variables) error {
	errs := []error{checkText(content, want, v), checkFrames(content, want.Frames, v)}
	if want.JSON == nil && want.Matches == nil && want.Absent == nil {
		return errors.Join(errs...)
	}
	var got any
	if err := json.Unmarshal(content, &got); err != nil {
		return fmt.Errorf("the body: %w: %s", err, content)
	}
	if want.JSON != nil {
		errs = append(errs, CheckJSON(got, want.JSON, v))
	}
	for _, pointer := range slices.Sorted(maps.Keys(want.Matches)) {
		if found, ok := Lookup(got, pointer); !ok {
			errs = append(errs, fmt.Errorf("nothing is at %s: %s", pointer, content))
		} else if err := matches(want.Matches[pointer], fmt.Sprint(found), v); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w: %s", pointer, err, content))
		}
	}
	for _, pointer := range want.Absent {
		if found, ok := Lookup(got, pointer); ok {
			errs = append(errs, fmt.Errorf("%s is %v, want nothing: %s", pointer, found, content))
		}
	}
	return errors.Join(errs...)
}

// checkText compares a body with the expected text.
func checkText(content []byte, want *Body, v Variables) error {
	var errs []error
	if want.Text != nil {
		if text, err := v.Expand(*want.Text); err != nil {
			errs = append(errs, err)
		} else if text != string(content) {
			errs = append(errs, fmt.Errorf("the body is %q, want %q", content, text))
		}
	}
	if want.Pattern != "" {
		errs = append(errs, matches(want.Pattern, string(content), v))
	}
	for _, text := range want.Lacks {
		if text, err := v.Expand(text); err != nil {
			errs = append(errs, err)
		} else if strings.Contains(string(content), text) {
			errs = append(errs, fmt.Errorf("the body says %q: %s", text, content))
		}
	}
	return errors.Join(errs...)
}
