package tour

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/statusway/statusway/server/internal/terminal"
)

// longestShown is how many octets of a text a terminal is shown.
const longestShown = 1200

// isEverywhere says whether a header field tells nothing of the answer that it is in.
func isEverywhere(name string) bool {
	return slices.Contains([]string{"Content-Length", "Content-Security-Policy", "Date", "X-Content-Type-Options", "X-Request-Id"}, name)
}

// Visit is what came of a step.
type Visit struct {
	// Exchange is that of the step's own request; of a burst, the last one.
	Exchange

	Before, After []Exchange
	// Sent is how many times the request was sent.
	Sent int
	// Row is the row of the table that it ended in.
	Row int
}

// Exchange is a request and its answer.
type Exchange struct {
	// Request is as it was sent: nothing is left to fill in.
	Request Request
	// Status is the status line, such as "404 Not Found", and Code its number.
	Status string
	Code   int
	Header http.Header
	Body   []byte
}

// Write tells people what was sent and what came, without the header fields that every
// answer has. The requests around the step's own have a line each.
func (v Visit) Write(out io.Writer, c terminal.Colours) {
	for _, one := range v.Before {
		one.writeLine(out, c)
	}
	if v.Sent > 0 {
		v.write(out, c, v.Sent)
	}
	for _, one := range v.After {
		one.writeLine(out, c)
	}
}

func (e Exchange) writeLine(out io.Writer, c terminal.Colours) {
	fmt.Fprintf(out, "  %s> %s %s%s  %s%s%s\n", c.Dim, e.Request.Method, short(e.Request.Path), c.Reset, c.OfStatus(e.Code), e.Status, c.Reset)
}

func (e Exchange) write(out io.Writer, c terminal.Colours, sent int) {
	sending, coming := "  "+c.Dim+">"+c.Reset, "  "+c.Dim+"<"+c.Reset
	times := ""
	if sent > 1 {
		times = fmt.Sprintf("  %s%d times%s", c.Dim, sent, c.Reset)
	}
	fmt.Fprintf(out, "%s %s%s %s%s%s\n", sending, c.Bold, e.Request.Method, short(e.Request.Path), c.Reset, times)
	for _, field := range e.Request.Fields {
		fmt.Fprintf(out, "%s %s: %s\n", sending, field.Name, withoutSecret(field))
	}
	writeBody(out, sending, e.Request.Body)
	fmt.Fprintf(out, "%s %s%s%s\n", coming, c.OfStatus(e.Code), e.Status, c.Reset)
	for _, name := range slices.Sorted(maps.Keys(e.Header)) {
		if isEverywhere(name) {
			continue
		}
		for _, value := range e.Header[name] {
			fmt.Fprintf(out, "%s %s: %s\n", coming, name, value)
		}
	}
	writeBody(out, coming, string(e.Body))
}

func writeBody(out io.Writer, prefix, body string) {
	if body == "" {
		return
	}
	fmt.Fprintln(out, prefix)
	for line := range strings.SplitSeq(short(strings.TrimRight(body, "\n")), "\n") {
		fmt.Fprintf(out, "%s %s\n", prefix, line)
	}
}

// withoutSecret is a field's value as it may stand on a screen, which others see too.
func withoutSecret(field Field) string {
	if field.Name != fieldAuthorization {
		return field.Value
	}
	scheme, _, _ := strings.Cut(field.Value, " ")
	return scheme + " …"
}

// short is a text without its middle, if it is long: what stands there twice is the
// filling of a request that is too large.
func short(text string) string {
	if len(text) <= longestShown {
		return text
	}
	const kept = longestShown / 2
	return strings.ToValidUTF8(text[:kept], "") + "…" + strings.ToValidUTF8(text[len(text)-kept:], "")
}
