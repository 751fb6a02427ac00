package openapi

import (
	"slices"
	"strings"

	"github.com/statusway/statusway/gateway/internal/contract"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// description returns the description of the API: rules for all operations, and facts that OpenAPI cannot
// express elsewhere.
func (b *builder) description() string {
	shape := "`" + contract.ProblemType + "` (RFC 9457)"
	switch b.Table.Policy().GetErrorFormat() {
	case statuswayv1.ErrorFormat_ERROR_FORMAT_STATUS:
		shape = "a google.rpc.Status"
	case statuswayv1.ErrorFormat_ERROR_FORMAT_ERROR:
		shape = "the error of AIP-193"
	default:
	}
	parts := []string{
		"Every answer is a row of the policy `" + b.Table.Name() + "`. " + b.Table.Policy().GetDescription(),
		"An error is " + shape + ", whoever found it; `Accept` can ask for each of the shapes that an answer lists. Branch on its `reason` and `domain`.",
		"HEAD is served wherever GET is, and answers the same without the body. OPTIONS on every path is answered with `Allow` " +
			"unless it stands here, and any other method that does not stand here with 405.",
		"A member of a body or a parameter that does not stand here is refused. A body is read as ProtoJSON: what may be left out may be null, " +
			"a member may have its proto name, a number may be in quotes, and a value of an enum may be its number.",
		"`X-Content-Type-Options`, `Content-Security-Policy`, and over TLS `Strict-Transport-Security`, are on every answer.",
	}
	for _, list := range []struct {
		title string
		items []string
	}{
		{"What is retired, whatever the method:", b.retired()},
		{"What is served too, and cannot be told in OpenAPI:", b.wordless},
	} {
		if len(list.items) > 0 {
			parts = append(parts, list.title+"\n\n- "+strings.Join(list.items, "\n- "))
		}
	}
	return strings.TrimSpace(strings.Join(parts, "\n\n"))
}

// retired returns a line for each retired prefix.
func (b *builder) retired() []string {
	lines := make([]string, 0, len(b.contract.Retired))
	for _, one := range b.contract.Retired {
		lines = append(lines, "below `"+one.Prefix+"`: 410, and `Link` leads to `"+one.Successor+"`")
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}
