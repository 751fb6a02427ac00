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
		"Every response is a row of the policy `" + b.Table.Name() + "`. " + b.Table.Policy().GetDescription(),
		"Every error is " + shape + "; `Accept` can ask for any format that the response lists. Branch on its `reason` and `domain`. " +
			"GET and HEAD get an error as a page if `Accept` names HTML and prefers it to all these formats.",
		"HEAD is served wherever GET is, with the same response but no body. OPTIONS on every path returns `Allow`, unless this document " +
			"lists it. Any other method that is not listed is 405.",
		"Parameters and members of a body that are not listed are refused, except that a body may repeat a value of the path. " +
			"A body is ProtoJSON: an optional member may be null, " +
			"a member may have its proto name, a number may be in quotes, and an enum value may be its number.",
		"Every response has `X-Content-Type-Options`, `Content-Security-Policy`, and over TLS `Strict-Transport-Security`.",
	}
	for _, list := range []struct {
		title string
		items []string
	}{
		{"Retired paths, for every method:", b.retired()},
		{"Routes that OpenAPI cannot express:", b.wordless},
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
		lines = append(lines, "below `"+one.Prefix+"`: 410, with a `Link` to `"+one.Successor+"`")
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}
