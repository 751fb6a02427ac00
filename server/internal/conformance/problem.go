package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A ProblemBody is an application/problem+json of this project.
type ProblemBody struct {
	Type       string            `json:"type"`
	Title      string            `json:"title"`
	Status     int               `json:"status"`
	Detail     string            `json:"detail"`
	Instance   string            `json:"instance"`
	Code       CodeName          `json:"code"`
	Reason     string            `json:"reason"`
	Domain     string            `json:"domain"`
	Metadata   map[string]string `json:"metadata"`
	Errors     []ViolationBody   `json:"errors"`
	RetryAfter int               `json:"retryAfter"`
	RequestID  string            `json:"requestId"`
	Details    []json.RawMessage `json:"details"`
}

// A CodeName is the name of a gRPC code. If a server sends a number instead, it is the
// number, so that messages can show it.
type CodeName string

// UnmarshalJSON reads a string, and keeps any other JSON unchanged.
func (n *CodeName) UnmarshalJSON(text []byte) error {
	var name string
	if err := json.Unmarshal(text, &name); err != nil {
		name = string(text)
	}
	*n = CodeName(name)
	return nil
}

// A ViolationBody is one of its errors.
type ViolationBody struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
	Reason  string `json:"reason"`
}

func checkProblem(content []byte, want *Problem, v Variables) error {
	var got ProblemBody
	if err := json.Unmarshal(content, &got); err != nil {
		return fmt.Errorf("the problem: %w", err)
	}
	metadata, err := expandAll(want.Metadata, v)
	if err != nil {
		return err
	}
	violations := make([]Violation, 0, len(got.Errors))
	for _, one := range got.Errors {
		violations = append(violations, Violation{Pointer: one.Pointer, Reason: one.Reason})
	}
	var errs []error
	unlike := func(is bool, member string, got, want any) {
		switch {
		case is && got == "":
			errs = append(errs, fmt.Errorf("the problem has no %s, want %v", member, want))
		case is:
			errs = append(errs, fmt.Errorf("the problem's %s is %v, want %v", member, got, want))
		}
	}
	unlike(string(got.Code) != want.Code, "code", got.Code, want.Code)
	unlike(got.Reason != want.Reason, "reason", got.Reason, want.Reason)
	unlike(got.Domain != want.Domain, "domain", got.Domain, want.Domain)
	unlike(got.RetryAfter != want.RetryAfter, "retryAfter", got.RetryAfter, want.RetryAfter)
	unlike(!slices.Equal(violations, want.Errors), "errors", violations, want.Errors)
	unlike(want.Metadata != nil && !maps.Equal(got.Metadata, metadata), "metadata", got.Metadata, metadata)
	unlike(want.Details != nil && !slices.Equal(TypesOf(got.Details), want.Details), "details", TypesOf(got.Details), want.Details)
	if want.Detail != "" {
		if err := matches(want.Detail, got.Detail, v); err != nil {
			errs = append(errs, fmt.Errorf("the problem's detail: %w", err))
		}
	}
	return errors.Join(errs...)
}

func expandAll(texts map[string]string, v Variables) (map[string]string, error) {
	expanded := make(map[string]string, len(texts))
	for name, value := range texts {
		text, err := v.Expand(value)
		if err != nil {
			return nil, err
		}
		expanded[name] = text
	}
	return expanded, nil
}

// TypesOf are the details' types, without what all have in front.
func TypesOf(details []json.RawMessage) []string {
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
