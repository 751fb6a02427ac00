package openapi_test

import (
	"slices"
	"testing"

	"github.com/statusway/statusway/gateway/openapi"
	"github.com/statusway/statusway/gateway/respond"
)

func TestMediaTypesAreThoseThatAreSent(t *testing.T) {
	t.Parallel()
	want := []string{respond.JSONType, respond.NDJSONType, respond.EventType, respond.ProblemType, respond.StatusType, respond.ErrorType}
	if got := openapi.MediaTypes(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// What a field means is told to others as the documents tell it.
func TestDescribeField(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"Allow": "The methods that the resource has (RFC 9110 §10.2.1).", "allow": "", "X-Nobodys": ""} {
		if got := openapi.DescribeField(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
