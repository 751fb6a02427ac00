package openapi_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/openapi"
	"github.com/statusway/statusway/gateway/respond"
)

// Package mapping says beside each reason with which code it comes.
func TestReasonsComeWithTheirCodes(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../mapping/reason.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\b([A-Z_]{5,})\.\s*$`)
	seen := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || !regexp.MustCompile("^Reason").MatchString(spec.Names[0].Name) {
			return true
		}
		found := named.FindStringSubmatch(spec.Doc.Text())
		if found == nil {
			t.Errorf("%s names no code", spec.Names[0].Name)
			return true
		}
		var want codes.Code
		reason, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err == nil {
			err = want.UnmarshalJSON([]byte(strconv.Quote(found[1])))
		}
		if got := openapi.CodeOf(reason); err != nil || got != want {
			t.Errorf("%s comes with %v, want %v: %v", reason, got, want, err)
		}
		seen++
		return true
	})
	if seen < 20 {
		t.Errorf("only %d reasons were found", seen)
	}
}

func TestMediaTypesAreThoseThatAreSent(t *testing.T) {
	t.Parallel()
	want := []string{respond.JSONType, respond.NDJSONType, respond.EventType, respond.ProblemType, respond.StatusType, respond.ErrorType}
	if got := openapi.MediaTypes(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
