package rfc9110

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Return is how much a client wants of what a write has made (RFC 7240 §4.2).
type Return int

// The values of the preference return. The zero value is no preference.
const (
	ReturnAny Return = iota
	// ReturnMinimal: a status and header fields will do.
	ReturnMinimal
	// ReturnRepresentation: the resource as it now is.
	ReturnRepresentation
)

// The preferences that are read, and two values.
const (
	preferReturn       = "return"
	preferRespondAsync = "respond-async"
	preferWait         = "wait"

	returnMinimal        = "minimal"
	returnRepresentation = "representation"
)

// Preferences are those of a Prefer field that are known here (RFC 7240). The zero
// value is an absent field.
type Preferences struct {
	Return Return
	// RespondAsync says that the client rather has 202 than waits (§4.1).
	RespondAsync bool
	// Waits says that the client names a time that it will wait, and Wait which, in
	// whole seconds (§4.3). It is not bounded: a client may say centuries.
	Waits bool
	Wait  time.Duration
}

// ParsePrefer reads all lines of Prefer. Whatever is malformed or unknown is ignored:
// a preference is no demand, so it is no error either (RFC 7240 §2). Names are
// case-insensitive and values are not; a value in quotes is the same as one without;
// parameters are ignored, because no preference here has any. Of a name that stands
// more than once the first counts, but return=minimal and return=representation
// beside each other, in any order, cancel each other out (§4.2).
func ParsePrefer(lines []string) Preferences {
	var p Preferences
	var seen struct{ returns, async, waits, minimal, representation bool }
	for _, member := range List(lines) {
		one, ok := parsePreference(member)
		if !ok {
			continue
		}
		switch value := one.Value; {
		case strings.EqualFold(one.Name, preferReturn):
			if !seen.returns {
				p.Return = returnOf(value)
			}
			seen.returns = true
			seen.minimal = seen.minimal || value == returnMinimal
			seen.representation = seen.representation || value == returnRepresentation
		case strings.EqualFold(one.Name, preferRespondAsync) && !seen.async:
			// An empty value is none (§2); with any other it is another preference.
			p.RespondAsync, seen.async = value == "", true
		case strings.EqualFold(one.Name, preferWait) && !seen.waits:
			p.Wait, p.Waits = waitOf(value)
			seen.waits = true
		}
	}
	if seen.minimal && seen.representation {
		p.Return = ReturnAny
	}
	return p
}

func returnOf(value string) Return {
	switch value {
	case returnMinimal:
		return ReturnMinimal
	case returnRepresentation:
		return ReturnRepresentation
	default:
		return ReturnAny
	}
}

// waitOf reads delay-seconds. More of them than a Duration holds are the longest one.
func waitOf(value string) (time.Duration, bool) {
	if value == "" || strings.Trim(value, "0123456789") != "" {
		return 0, false
	}
	const most = math.MaxInt64 / int64(time.Second)
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err != nil || seconds > most {
		seconds = most // Only the range can be wrong: all of it are digits.
	}
	return time.Duration(seconds) * time.Second, true
}

// parsePreference reads token [ BWS "=" BWS word ] *( OWS ";" [ OWS parameter ] ), and
// is false if member is anything else (RFC 7240 §2). Without a value it is empty.
func parsePreference(member string) (Param, bool) {
	preference, rest, ok := cutNamedWord(member)
	for ok {
		rest = strings.TrimLeft(rest, ows)
		if rest == "" {
			return preference, true
		}
		if rest[0] != ';' {
			return Param{}, false
		}
		rest = strings.TrimLeft(rest[1:], ows)
		if rest != "" && rest[0] != ';' {
			_, rest, ok = cutNamedWord(rest)
		}
	}
	return Param{}, false
}

// cutNamedWord reads token [ BWS "=" BWS word ] at the start of s, and returns what
// follows.
func cutNamedWord(s string) (Param, string, bool) {
	name, rest := cutToken(s)
	if name == "" {
		return Param{}, "", false
	}
	value, named := strings.CutPrefix(strings.TrimLeft(rest, ows), "=")
	if !named {
		return Param{Name: name}, rest, true
	}
	value, rest, ok := cutParamValue(strings.TrimLeft(value, ows))
	return Param{Name: name, Value: value}, rest, ok
}

// Applied is the value of Preference-Applied (RFC 7240 §3) for the preferences that
// an answer follows; empty if it follows none.
func (p Preferences) Applied() string {
	var applied []string
	switch p.Return {
	case ReturnMinimal:
		applied = append(applied, preferReturn+"="+returnMinimal)
	case ReturnRepresentation:
		applied = append(applied, preferReturn+"="+returnRepresentation)
	case ReturnAny:
	}
	if p.RespondAsync {
		applied = append(applied, preferRespondAsync)
	}
	if p.Waits {
		applied = append(applied, preferWait+"="+strconv.FormatInt(int64(p.Wait/time.Second), 10))
	}
	return strings.Join(applied, ", ")
}
