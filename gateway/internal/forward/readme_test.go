package forward_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway/internal/forward"
)

// The specification for backends lists for each key what the code reads.
func TestReadmeGrammars(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../proto/README.md")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| `(\\^[^`]+\\$)`").FindAllStringSubmatch(string(text), -1) {
		said[row[1]] = row[2]
	}
	if diff := cmp.Diff(forward.Grammars(), said); diff != "" {
		t.Errorf("the code (-) and proto/README.md (+):\n%s", diff)
	}
}
