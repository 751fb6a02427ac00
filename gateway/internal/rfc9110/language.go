package rfc9110

import (
	"cmp"
	"slices"
	"strings"
)

// maxLanguageSubtag is the longest subtag of a language range (RFC 4647 §2.1).
const maxLanguageSubtag = 8

const (
	// maxLanguageRanges is the maximum number of ranges of Accept-Language that are read.
	maxLanguageRanges = 64
	// maxLanguageRange is the maximum length of a range. RFC 5646 §4.4.1 asks for 35.
	maxLanguageRange = 128
)

// NegotiateLanguage picks the language tag of the response from all lines of
// Accept-Language (§12.5.4) with the lookup scheme of RFC 4647 §3.4: it takes the
// ranges by weight, then in the order sent, and shortens each from its end until it
// equals an offer. The result has the offer's spelling. ok is false if nothing
// matches; then the caller uses its default, because lookup always has a result.
//
// It reads only the first [maxLanguageRanges] ranges. Browsers send a few, and the work
// is their number times that of the offers.
//
// `*` picks nothing (RFC 4647 §3.4), because it prefers nothing to the default. An offer
// is excluded if the longest range that covers it has weight 0. A malformed member is
// ignored.
func NegotiateLanguage(lines []string, offers []string) (tag string, ok bool) {
	ranges := parseLanguages(lines)
	if len(ranges) == 0 {
		return "", false
	}
	offers = slices.DeleteFunc(slices.Clone(offers), ranges.refuse)
	slices.SortStableFunc(ranges, func(a, b weightedName) int { return cmp.Compare(b.weight, a.weight) })
	for _, r := range ranges {
		if r.weight == 0 {
			break
		}
		for name := r.name; name != ""; name = shortenLanguage(name) {
			i := slices.IndexFunc(offers, func(o string) bool { return strings.EqualFold(o, name) })
			if i >= 0 {
				return offers[i], true
			}
		}
	}
	return "", false
}

type languageRanges []weightedName

func parseLanguages(lines []string) languageRanges {
	var ranges languageRanges
	for _, line := range lines {
		for line != "" {
			var member string
			member, line = cutMember(line)
			name, q, ok := cutWeight(member)
			if ok && len(name) <= maxLanguageRange && isLanguageRange(name) {
				ranges = append(ranges, weightedName{name, q})
			}
			if len(ranges) == maxLanguageRanges {
				return ranges
			}
		}
	}
	return ranges
}

// refuse reports whether the longest range that is the tag or a prefix of it has
// weight 0. `de;q=0, de-CH` refuses de and de-AT, but not de-CH.
func (l languageRanges) refuse(tag string) bool {
	for prefix := tag; prefix != ""; prefix = prefix[:max(strings.LastIndexByte(prefix, '-'), 0)] {
		weight := -1
		for _, r := range l {
			if strings.EqualFold(r.name, prefix) {
				weight = max(weight, r.weight)
			}
		}
		if weight >= 0 {
			return weight == 0
		}
	}
	return false
}

// shortenLanguage drops the last subtag, and a single letter or digit before it,
// because that only introduces the next subtag (RFC 4647 §3.4). The last result is "".
func shortenLanguage(name string) string {
	name = name[:max(strings.LastIndexByte(name, '-'), 0)]
	if i := strings.LastIndexByte(name, '-'); i >= 0 && len(name)-i == len("-x") {
		return name[:i]
	}
	return name
}

// isLanguageRange reports a basic language range (RFC 4647 §2.1) other than `*`.
func isLanguageRange(s string) bool {
	first, rest, more := strings.Cut(s, "-")
	if !isSubtag(first, isAlpha) {
		return false
	}
	for more {
		var subtag string
		subtag, rest, more = strings.Cut(rest, "-")
		if !isSubtag(subtag, isAlphanumeric) {
			return false
		}
	}
	return true
}

func isSubtag(s string, allowed func(byte) bool) bool {
	for i := range len(s) {
		if !allowed(s[i]) {
			return false
		}
	}
	return 0 < len(s) && len(s) <= maxLanguageSubtag
}
