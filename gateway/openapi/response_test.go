package openapi_test

import (
	"testing"

	"github.com/statusway/statusway/gateway/openapi"
)

// Other packages get the same description of a header field as the documents.
func TestDescribeField(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"Allow": "The methods that the resource supports (RFC 9110 §10.2.1).", "allow": "", "X-Nobodys": ""} {
		if got := openapi.DescribeField(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
