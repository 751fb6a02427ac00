package entity_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/entity"
)

func TestETag(t *testing.T) {
	t.Parallel()
	for version, want := range map[int64]string{
		-1: "", 0: "", 1: "1", 35: "z", 36: "10", math.MaxInt64: "1y2p0ij32e8e7",
	} {
		if got := (entity.Entity{Version: version}).ETag(); got != want {
			t.Errorf("version %d: got %q, want %q", version, got, want)
		}
	}
}

func TestVersionOfETag(t *testing.T) {
	t.Parallel()
	for _, opaque := range []string{
		"", "0", "-1", "+1", "01", "Z", "1_0", "0x1", " 1", "1 ", `"1"`, "1y2p0ij32e8e8", "ż", "1.0", "*",
	} {
		if version, ok := entity.VersionOfETag(opaque); ok || version != 0 {
			t.Errorf("%q is version %d", opaque, version)
		}
	}
}

func FuzzVersionOfETag(f *testing.F) {
	for _, seed := range []string{"1", "z", "10", "1y2p0ij32e8e7", "1y2p0ij32e8e8", "A", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, opaque string) {
		version, ok := entity.VersionOfETag(opaque)
		if ok && (entity.Entity{Version: version}).ETag() != opaque {
			t.Errorf("%q is version %d, whose tag it is not", opaque, version)
		}
		if !ok && version != 0 {
			t.Errorf("%q is not a tag, but version %d", opaque, version)
		}
	})
}

func TestNewID(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		id := entity.NewID()
		if seen[id] || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") != "" || len(id) < 26 {
			t.Fatalf("bad id %q", id)
		}
		seen[id] = true
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*entity.Entity)
		want   []string // Field and reason of each violation.
	}{
		"good":    {func(*entity.Entity) {}, nil},
		"nothing": {func(e *entity.Entity) { *e = entity.Entity{} }, []string{"id REQUIRED", "display_name REQUIRED", "group REQUIRED"}},
		"everything wrong": {
			func(e *entity.Entity) { e.ID, e.DisplayName, e.Group = ".", "\x00", "A" },
			[]string{"id MALFORMED", "display_name MALFORMED", "group MALFORMED"},
		},
		"longest id":          {func(e *entity.Entity) { e.ID = strings.Repeat("é", 128) }, nil},
		"one beyond":          {func(e *entity.Entity) { e.ID = strings.Repeat("é", 129) }, []string{"id MALFORMED"}},
		"id with a slash":     {func(e *entity.Entity) { e.ID = "a/b%2F?#" }, nil},
		"id with a tab":       {func(e *entity.Entity) { e.ID = "a\tb" }, []string{"id MALFORMED"}},
		"id with DEL":         {func(e *entity.Entity) { e.ID = "a\x7f" }, []string{"id MALFORMED"}},
		"id with a space":     {func(e *entity.Entity) { e.ID = " " }, nil},
		"id not UTF-8":        {func(e *entity.Entity) { e.ID = "a\xff" }, []string{"id MALFORMED"}},
		"dot":                 {func(e *entity.Entity) { e.ID = "." }, []string{"id MALFORMED"}},
		"dots":                {func(e *entity.Entity) { e.ID = ".." }, []string{"id MALFORMED"}},
		"three dots":          {func(e *entity.Entity) { e.ID = "..." }, nil},
		"longest name":        {func(e *entity.Entity) { e.DisplayName = strings.Repeat("𝕏", 200) }, nil},
		"name one beyond":     {func(e *entity.Entity) { e.DisplayName = strings.Repeat("x", 201) }, []string{"display_name MALFORMED"}},
		"name not UTF-8":      {func(e *entity.Entity) { e.DisplayName = "\xc3" }, []string{"display_name MALFORMED"}},
		"longest group":       {func(e *entity.Entity) { e.Group = strings.Repeat("9", 64) }, nil},
		"group one beyond":    {func(e *entity.Entity) { e.Group = strings.Repeat("a", 65) }, []string{"group MALFORMED"}},
		"group all kinds":     {func(e *entity.Entity) { e.Group = "az-09" }, nil},
		"group upper case":    {func(e *entity.Entity) { e.Group = "aZ" }, []string{"group MALFORMED"}},
		"group underscore":    {func(e *entity.Entity) { e.Group = "a_b" }, []string{"group MALFORMED"}},
		"group before a":      {func(e *entity.Entity) { e.Group = "`" }, []string{"group MALFORMED"}},
		"group after z":       {func(e *entity.Entity) { e.Group = "{" }, []string{"group MALFORMED"}},
		"group before 0":      {func(e *entity.Entity) { e.Group = "/" }, []string{"group MALFORMED"}},
		"group after 9":       {func(e *entity.Entity) { e.Group = ":" }, []string{"group MALFORMED"}},
		"group not ASCII":     {func(e *entity.Entity) { e.Group = "ä" }, []string{"group MALFORMED"}},
		"attributes are free": {func(e *entity.Entity) { e.Attributes = map[string]any{"": nil} }, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := entity.Entity{ID: "x", DisplayName: "X", Group: "g"}
			test.change(&e)
			if diff := cmp.Diff(test.want, violations(t, e.Validate())); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPutParamsValidate(t *testing.T) {
	t.Parallel()
	good := entity.PutParams{Entity: entity.Entity{ID: "x", DisplayName: "X"}}
	if err := good.Validate(); err != nil {
		t.Errorf("without a group: %v", err)
	}
	bad := entity.PutParams{Entity: entity.Entity{ID: "x", Group: "G"}}
	want := []string{"display_name REQUIRED", "group MALFORMED"}
	if diff := cmp.Diff(want, violations(t, bad.Validate())); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}

// violations returns the field and reason of each; nil for nil.
func violations(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var failure *entity.Error
	if !errors.As(err, &failure) || !errors.Is(err, entity.ErrInvalid) {
		t.Fatalf("%v is not invalid", err)
	}
	var found []string
	for _, violation := range failure.Violations {
		if violation.Description == "" {
			t.Errorf("%s has no description", violation.Field)
		}
		found = append(found, violation.Field+" "+violation.Reason)
	}

	return found
}

func TestEncodeAttributes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		attributes map[string]any
		want       string
	}{
		"nil":     {nil, `{}`},
		"empty":   {map[string]any{}, `{}`},
		"sorted":  {map[string]any{"b": 1.0, "a": nil}, `{"a":null,"b":1}`},
		"markup":  {map[string]any{"a": "<&>"}, `{"a":"<&>"}`},
		"nesting": {map[string]any{"a": []any{true, map[string]any{"x": "y"}}}, `{"a":[true,{"x":"y"}]}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := entity.EncodeAttributes(test.attributes)
			if err != nil || got != test.want {
				t.Errorf("got %s, %v; want %s", got, err, test.want)
			}
		})
	}
	for name, value := range map[string]any{"NaN": math.NaN(), "infinity": math.Inf(1), "function": func() {}} {
		if text, err := entity.EncodeAttributes(map[string]any{"x": value}); !errors.Is(err, entity.ErrInvalid) || text != "" {
			t.Errorf("%s: got %q, %v", name, text, err)
		}
	}
}

func FuzzAttributes(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `{"a":null}`, `{"a":1e308}`, `{"a":-0}`, `{"a":{"b":[1,"x",{}]}}`, `[]`, `{"\u0000":"\ud800"}`, `{"a":1e400}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		attributes, err := entity.DecodeAttributes(text)
		if err != nil {
			if attributes != nil {
				t.Error("both a map and an error")
			}

			return
		}
		if attributes == nil {
			t.Fatal("nil attributes")
		}
		encoded, err := entity.EncodeAttributes(attributes)
		if err != nil {
			t.Fatalf("cannot encode what was decoded: %v", err)
		}
		again, err := entity.DecodeAttributes(encoded)
		if err != nil {
			t.Fatalf("cannot decode %s: %v", encoded, err)
		}
		if diff := cmp.Diff(attributes, again); diff != "" {
			t.Errorf("round trip of %s (-want +got):\n%s", text, diff)
		}
	})
}
