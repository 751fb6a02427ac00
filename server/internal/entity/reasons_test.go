package entity_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/entity"
)

// Reasons has every constant of its file, so that none is left out of the metrics.
func TestReasons(t *testing.T) {
	t.Parallel()
	source, err := parser.ParseFile(token.NewFileSet(), "reasons.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	ast.Inspect(source, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, value)
		return true
	})
	if diff := cmp.Diff(want, entity.Reasons()); diff != "" || len(want) == 0 {
		t.Errorf("the constants (-) and Reasons (+):\n%s", diff)
	}
}
