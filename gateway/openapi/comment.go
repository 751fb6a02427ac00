package openapi

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// comment returns the leading comment of a declaration or, if there is none, the trailing comment. It is
// empty if the descriptors contain no source info. comment joins the lines of a paragraph, because
// descriptions are Markdown, where some clients render line ends.
func comment(at protoreflect.Descriptor) string {
	location := at.ParentFile().SourceLocations().ByDescriptor(at)
	text := location.LeadingComments
	if strings.TrimSpace(text) == "" {
		text = location.TrailingComments
	}
	return paragraphs(text)
}

func paragraphs(text string) string {
	var out strings.Builder
	broken := true // the next line starts on a new line
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimPrefix(strings.TrimRight(line, " \t\r"), " ")
		// A list, a table or code keeps its lines.
		kept := line == "" || strings.ContainsAny(line[:1], "-*+|>#\t ")
		switch {
		case out.Len() == 0:
		case broken || kept:
			out.WriteByte('\n')
		default:
			out.WriteByte(' ')
		}
		out.WriteString(line)
		broken = kept
	}
	return strings.TrimSpace(out.String())
}

// summary returns the first sentence of a comment.
func summary(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	if end := strings.Index(text, ". "); end >= 0 {
		return text[:end+1]
	}
	return text
}
