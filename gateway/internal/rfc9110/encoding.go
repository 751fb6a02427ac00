package rfc9110

import "strings"

// identity is the coding that changes nothing. It is a word of Accept-Encoding
// only, and never sent in Content-Encoding (§8.4.1, §12.5.3).
const identity = "identity"

// NegotiateEncoding picks a content coding by all lines of Accept-Encoding (§12.5.3).
// Offers are codings in the server's order of preference; "identity" is offered
// last if it is not among them. The heaviest coding wins, the earlier one on a tie.
// A coding that the client did not name, or cover with `*`, is never chosen, except
// for identity: that is acceptable until it is excluded, by its name or by `*;q=0`.
// ok is false if identity is excluded and nothing else is acceptable.
//
// Without the field the answer is identity. §12.5.3 would allow any coding, but a client
// that says nothing often cannot decode. A malformed member is ignored: the
// worst that follows is an answer that is not compressed.
func NegotiateEncoding(lines []string, offers []string) (coding string, ok bool) {
	accepted := parseCodings(lines)
	best := 0
	for _, offer := range offers {
		if q := accepted.weight(offer); q > best {
			coding, best = offer, q
		}
	}
	if q := accepted.weight(identity); q > best {
		coding, best = identity, q
	}
	return coding, best > 0
}

// weightedName is a member of Accept-Encoding or Accept-Language. Its weight is
// in thousandths.
type weightedName struct {
	name   string
	weight int
}

type acceptedCodings []weightedName

func parseCodings(lines []string) acceptedCodings {
	var accepted acceptedCodings
	for _, line := range lines {
		for line != "" {
			var member string
			member, line = cutMember(line)
			name, q, ok := cutWeight(member)
			if ok && IsToken(name) {
				accepted = append(accepted, weightedName{canonicalCoding(name), q})
			}
		}
	}
	return accepted
}

// canonicalCoding undoes the two aliases of §8.4.1, so that a client of old that
// asks for x-gzip gets gzip.
func canonicalCoding(name string) string {
	switch lower := strings.ToLower(name); lower {
	case "x-gzip":
		return "gzip"
	case "x-compress":
		return "compress"
	default:
		return lower
	}
}

// weight returns what the field gives to a coding; 0 means that it must not be used.
// Of two members with the same name the heavier counts.
func (a acceptedCodings) weight(coding string) int {
	coding = canonicalCoding(coding)
	exact, rest := -1, -1
	for _, m := range a {
		switch m.name {
		case coding:
			exact = max(exact, m.weight)
		case wildcard:
			rest = max(rest, m.weight)
		}
	}
	switch {
	case exact >= 0:
		return exact
	case rest >= 0:
		return rest
	case coding == identity:
		// Acceptable, but less than anything that the client asked for.
		return 1
	default:
		return 0
	}
}
