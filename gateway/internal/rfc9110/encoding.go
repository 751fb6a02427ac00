package rfc9110

import "strings"

// identity is the coding that changes nothing. Only Accept-Encoding uses it; it is
// never sent in Content-Encoding (§8.4.1, §12.5.3).
const identity = "identity"

// NegotiateEncoding picks a content coding from all lines of Accept-Encoding
// (§12.5.3). Offers are codings in the server's order of preference; "identity" is
// added at the end if it is missing. The coding with the greatest weight wins; on a
// tie, the earlier one. A coding that matches neither a name nor `*` in the field is
// never chosen, except identity, which is acceptable unless its name or `*;q=0`
// excludes it. ok is false if identity is excluded and no other coding is acceptable.
//
// Without the field the result is identity. §12.5.3 allows any coding then, but
// clients without the field often cannot decode one. A malformed member is ignored:
// at worst, the response is not compressed.
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

// canonicalCoding replaces the two aliases of §8.4.1, so that an old client that
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

// weight returns the weight of a coding in the field; 0 means that it must not be
// used. If two members have the same name, the greater weight counts.
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
