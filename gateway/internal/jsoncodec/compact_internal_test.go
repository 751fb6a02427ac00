package jsoncodec

import (
	"bytes"
	"encoding/json"
	"testing"
)

// This test is inside the package, because whether protojson writes spaces that have to go is fixed when the test
// binary is built: the tests from outside see only one of the two.
func FuzzCompact(f *testing.F) {
	for _, text := range []string{
		`{"a": 1, "b": [1, 2, "x, \" y"], "c \\": {}}`, ` [ ] `, `"\\\" "`, "[\n\t1,\r\n2]", `" "`, `""`, `{"": ""}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if validate(text) != nil {
			return
		}
		var want bytes.Buffer
		if err := json.Compact(&want, text); err != nil {
			t.Fatalf("validate takes what encoding/json does not: %v", err)
		}
		got := bytes.Clone(text)
		got = got[:compact(got)]
		if !bytes.Equal(want.Bytes(), got) {
			t.Fatalf("%q became %q, want %q", text, got, want.Bytes())
		}
	})
}
