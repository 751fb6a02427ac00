package tour

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/statusway/statusway/server/internal/terminal"
)

// mostLines is how many lines of a body a terminal is shown.
const mostLines = 60

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

// Exchange is a request and its response.
type Exchange struct {
	// Request is the request as sent, except that {long} is not replaced.
	Request Request
	// Status is the status line, such as "404 Not Found", and Code its number.
	Status string
	Code   int
	Header http.Header
	Body   []byte
}

// Write prints the request and the response, without the fields that every response has.
// Each request before and after has one line.
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
	fmt.Fprintf(out, "  %s> %s %s%s  %s%s%s\n", c.Dim, e.Request.Method, e.Request.Path, c.Reset, c.OfStatus(e.Code), terminal.Printable(e.Status), c.Reset)
}

func (e Exchange) write(out io.Writer, c terminal.Colours, sent int) {
	sending, coming := "  "+c.Dim+">"+c.Reset, "  "+c.Dim+"<"+c.Reset
	times := ""
	if sent > 1 {
		times = fmt.Sprintf("  %s%d times%s", c.Dim, sent, c.Reset)
	}
	fmt.Fprintf(out, "%s %s%s %s%s%s\n", sending, c.Bold, e.Request.Method, e.Request.Path, c.Reset, times)
	for _, field := range e.Request.Fields {
		fmt.Fprintf(out, "%s %s: %s\n", sending, field.Name, withoutSecret(field))
	}
	writeBody(out, sending, []byte(e.Request.Body))
	fmt.Fprintf(out, "%s %s%s%s\n", coming, c.OfStatus(e.Code), terminal.Printable(e.Status), c.Reset)
	for _, name := range slices.Sorted(maps.Keys(e.Header)) {
		for _, value := range e.Header[name] {
			if !e.isDull(name) {
				fmt.Fprintf(out, "%s %s: %s\n", coming, name, terminal.Printable(value))
			}
		}
	}
	writeBody(out, coming, e.Body)
}

// isDull reports whether a header field is not worth showing: every response has it, or it
// shows an allowance that is not used up.
func (e Exchange) isDull(name string) bool {
	isAllowance := strings.HasPrefix(name, "Ratelimit") || strings.HasPrefix(name, "X-Rate-Limit-")
	return isAllowance && e.Code != http.StatusTooManyRequests ||
		slices.Contains([]string{"Content-Length", "Content-Security-Policy", "Date", "X-Content-Type-Options", "X-Request-Id"}, name)
}

func writeBody(out io.Writer, prefix string, body []byte) {
	if len(body) == 0 {
		return
	}
	var indented bytes.Buffer
	if json.Indent(&indented, body, "", "  ") == nil {
		body = indented.Bytes()
	}
	fmt.Fprintln(out, prefix)
	lines := strings.Split(terminal.Printable(strings.TrimRight(string(body), "\n")), "\n")
	for _, line := range lines[:min(len(lines), mostLines)] {
		fmt.Fprintf(out, "%s %s\n", prefix, line)
	}
	if more := len(lines) - mostLines; more > 0 {
		fmt.Fprintf(out, "%s … and %d lines more\n", prefix, more)
	}
}

// withoutSecret returns a field's value without secrets, for a screen.
func withoutSecret(field Field) string {
	if field.Name != fieldAuthorization {
		return field.Value
	}
	scheme, _, _ := strings.Cut(field.Value, " ")
	return scheme + " …"
}
