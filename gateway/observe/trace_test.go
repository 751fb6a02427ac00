package observe_test

import (
	"testing"

	"github.com/statusway/statusway/gateway/observe"
)

func TestTraceID(t *testing.T) {
	t.Parallel()
	const id, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for name, test := range map[string]struct{ field, want string }{
		"none":                 {"", ""},
		"version 00":           {"00-" + id + "-" + parent + "-01", id},
		"a later version":      {"cc-" + id + "-" + parent + "-01-more", id},
		"the forbidden one":    {"ff-" + id + "-" + parent + "-01", ""},
		"all zeros":            {"00-00000000000000000000000000000000-" + parent + "-01", ""},
		"upper case":           {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" + parent + "-01", ""},
		"too short":            {"00-4bf9-" + parent + "-01", ""},
		"without a parent":     {"00-" + id, ""},
		"something else":       {"the trace\u2028of tears", ""},
		"a quote in the trace": {`00-` + id[:31] + `"-` + parent + "-01", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := observe.TraceID(test.field); got != test.want {
				t.Errorf("TraceID(%q) = %q, want %q", test.field, got, test.want)
			}
		})
	}
}
