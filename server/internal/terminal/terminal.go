// Package terminal adapts output to a terminal: colours and printable text.
package terminal

import (
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-isatty"
)

// Colours begin a text of a kind, and Reset ends it. The zero value has none.
type Colours struct{ Good, Warn, Bad, Bold, Dim, Reset string }

// All are the colours of a terminal.
func All() Colours {
	return Colours{Good: "\x1b[32m", Warn: "\x1b[33m", Bad: "\x1b[31m", Bold: "\x1b[1m", Dim: "\x1b[2m", Reset: "\x1b[0m"}
}

// ColoursOf are those for a stream: none unless it is a terminal that knows colours and
// whose user has not asked for none (https://no-color.org).
func ColoursOf(stream any) Colours {
	if !Is(stream) || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return Colours{} //nolint:exhaustruct // the zero value has no colours.
	}
	return All()
}

// Is reports whether a stream is a terminal.
func Is(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

// OfStatus is the colour of an HTTP status, by its class.
func (c Colours) OfStatus(status int) string {
	switch {
	case status < 400:
		return c.Good
	case status < 500:
		return c.Warn
	default:
		return c.Bad
	}
}

// Printable is a text of somebody else's that cannot control a terminal: each control
// character but tabs and ends of lines becomes a replacement character.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return utf8.RuneError
		}
		return r
	}, text)
}
