package openapi_test

import (
	"testing"

	"github.com/statusway/statusway/gateway/openapi"
)

// What a field means is told to others as the documents tell it.
func TestDescribeField(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"Allow": "The methods that the resource supports (RFC 9110 §10.2.1).", "allow": "", "X-Nobodys": ""} {
		if got := openapi.DescribeField(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
