package precondition_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/statusway/statusway/gateway/precondition"
)

// incoming returns the context of a call with this metadata, in pairs.
func incoming(ctx context.Context, pairs ...string) context.Context {
	return metadata.NewIncomingContext(ctx, metadata.Pairs(pairs...))
}

func TestHold(t *testing.T) {
	t.Parallel()
	changed := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	current := precondition.State{Exists: true, ETag: "7", LastModified: changed}
	for name, test := range map[string]struct {
		pairs []string
		state precondition.State
		want  bool
	}{
		"no condition":                {nil, current, true},
		"the current tag":             {[]string{"if-match", `"7"`}, current, true},
		"one of several":              {[]string{"if-match", `"6", "7"`}, current, true},
		"an older tag":                {[]string{"if-match", `"6"`}, current, false},
		"a weak tag":                  {[]string{"if-match", `W/"7"`}, current, false},
		"any, and it exists":          {[]string{"if-match", "*"}, current, true},
		"any, and it does not":        {[]string{"if-match", "*"}, precondition.State{}, false},
		"a tag of nothing":            {[]string{"if-match", `"7"`}, precondition.State{}, false},
		"none, and it exists":         {[]string{"if-none-match", "*"}, current, false},
		"none, and it does not":       {[]string{"if-none-match", "*"}, precondition.State{}, true},
		"not that tag":                {[]string{"if-none-match", `W/"7"`}, current, false},
		"unchanged since":             {[]string{"if-unmodified-since", "Mon, 30 Nov 2026 12:00:00 GMT"}, current, true},
		"changed since":               {[]string{"if-unmodified-since", "Mon, 30 Nov 2026 11:59:59 GMT"}, current, false},
		"a tag comes before the date": {[]string{"if-match", `"7"`, "if-unmodified-since", "Mon, 30 Nov 2026 11:59:59 GMT"}, current, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conditions, err := precondition.FromContext(incoming(t.Context(), test.pairs...))
			if err != nil {
				t.Fatal(err)
			}
			if got := conditions.Hold(test.state); got != test.want {
				t.Errorf("Hold() = %t, want %t", got, test.want)
			}
		})
	}
}

func TestFromContext(t *testing.T) {
	t.Parallel()
	if _, err := precondition.FromContext(incoming(t.Context(), "if-match", "unquoted")); err == nil {
		t.Error("a tag without quotes is read")
	}
	none, err := precondition.FromContext(t.Context())
	if err != nil || none.IfMatch.Present || !none.Hold(precondition.State{}) {
		t.Errorf("outside a call: %+v, %v", none, err)
	}
	got, err := precondition.FromContext(incoming(t.Context(), "if-match", `W/"a", "b"`, "if-none-match", "*"))
	if err != nil {
		t.Fatal(err)
	}
	want := []precondition.Tag{{Opaque: "a", Weak: true}, {Opaque: "b"}}
	if len(got.IfMatch.List) != 2 || got.IfMatch.List[0] != want[0] || got.IfMatch.List[1] != want[1] || !got.IfNoneMatch.Any {
		t.Errorf("FromContext() = %+v", got)
	}
}

// A write checks the conditions against the current state, while it holds the lock.
func ExampleConditions_Hold() {
	ctx := incoming(context.Background(), "if-match", `"6"`) // from the gateway
	conditions, err := precondition.FromContext(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	if !conditions.Hold(precondition.State{Exists: true, ETag: "7"}) {
		fmt.Println("ABORTED: PRECONDITION_FAILED")
	}
	// Output: ABORTED: PRECONDITION_FAILED
}
