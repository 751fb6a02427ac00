package rfc9110

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Return is the preference for the body of a write's response (RFC 7240 §4.2).
type Return int

// The values of the preference return. The zero value is no preference.
const (
	ReturnAny Return = iota
	// ReturnMinimal: status and header fields are enough.
	ReturnMinimal
	// ReturnRepresentation: the new state of the resource.
	ReturnRepresentation
)

// The known preferences, and two values.
const (
	preferReturn       = "return"
	preferRespondAsync = "respond-async"
	preferWait         = "wait"

	returnMinimal        = "minimal"
	returnRepresentation = "representation"
)

// Preferences are the known preferences of a Prefer field (RFC 7240). The zero value
// is an absent field.
type Preferences struct {
	Return Return
	// RespondAsync is true if the client prefers 202 to waiting (§4.1).
	RespondAsync bool
	// Waits is true if the client says how long it will wait. Wait is that time, in
	// whole seconds (§4.3). It has no limit: a client may send centuries.
	Waits bool
	Wait  time.Duration
}

// ParsePrefer reads all lines of Prefer. It ignores malformed and unknown members: a
// preference is not a requirement, so it cannot be an error (RFC 7240 §2). Names are
// case-insensitive, values are not. A value in quotes equals one without. Parameters
// are ignored, because no known preference has any. If a name comes more than once,
// the first counts, but return=minimal and return=representation cancel each other
// out, in any order (§4.2).
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
			// An empty value is the same as none (§2); any other value makes another preference.
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

// waitOf reads delay-seconds. It limits them to the longest Duration.
func waitOf(value string) (time.Duration, bool) {
	if value == "" || strings.Trim(value, "0123456789") != "" {
		return 0, false
	}
	const most = math.MaxInt64 / int64(time.Second)
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err != nil || seconds > most {
		seconds = most // Only the range can be wrong: the value has only digits.
	}
	return time.Duration(seconds) * time.Second, true
}

// parsePreference reads token [ BWS "=" BWS word ] *( OWS ";" [ OWS parameter ] ) (RFC
// 7240 §2), and returns false for anything else. A missing value is empty.
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

// cutNamedWord reads token [ BWS "=" BWS word ] at the start of s, and returns the
// rest.
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

// Applied returns the value of Preference-Applied (RFC 7240 §3) for the preferences
// that a response applies, or "" if it applies none.
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
