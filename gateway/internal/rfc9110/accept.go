package rfc9110

import (
	"fmt"
	"slices"
	"strings"
)

// charset is the only parameter with the same meaning for every type.
const charset = "charset"

// MediaRange is one member of Accept (§12.5.1). Type and Subtype may be `*`.
type MediaRange struct {
	// MediaType does not contain the parameter q, which is the weight.
	MediaType

	// Q is the weight in thousandths, 0 to 1000. Zero means "not acceptable".
	Q int
}

// ParseAccept reads all lines of Accept. Without members it returns nil, which
// [Negotiate] takes as no preference. One malformed member makes the whole field an
// error, [ErrMediaType], because the rest alone may mean the opposite.
//
// A parameter q is the weight in any position (§12.5.1). Parameters after it are
// ordinary ones, because RFC 9110 dropped accept-ext.
func ParseAccept(lines []string) ([]MediaRange, error) {
	var ranges []MediaRange
	for _, line := range lines {
		for line != "" {
			var member string
			member, line = cutMember(line)
			if member == "" {
				continue
			}
			r, err := parseMediaRange(member)
			if err != nil {
				return nil, err
			}
			ranges = append(ranges, r)
		}
	}
	return ranges, nil
}

func parseMediaRange(member string) (MediaRange, error) {
	m, rest, err := cutRange(member)
	if err != nil {
		return MediaRange{}, err
	}
	r := MediaRange{MediaType: m, Q: weightScale}
	for weighted := false; ; {
		var p Param
		p, rest, err = cutParam(rest)
		if err != nil {
			return MediaRange{}, err
		}
		switch p.Name {
		case "":
			return r, nil
		case "q":
			q, ok := parseWeight(p.Value)
			if !ok || weighted {
				return MediaRange{}, fmt.Errorf("%w: a malformed or second weight", ErrMediaType)
			}
			r.Q, weighted = q, true
		default:
			if r.Params, err = appendParam(r.Params, p); err != nil {
				return MediaRange{}, err
			}
		}
	}
}

// cutRange reads the range at the start of member, without its parameters.
func cutRange(member string) (m MediaType, rest string, err error) {
	// A lone `*` is malformed, but its senders mean `*/*`; see parseWeight.
	token, rest := cutToken(member)
	if token == wildcard && !strings.HasPrefix(rest, "/") {
		return MediaType{Type: wildcard, Subtype: wildcard}, rest, nil
	}
	m, rest, err = cutType(member)
	if err != nil {
		return MediaType{}, "", err
	}
	if m.Type == wildcard && m.Subtype != wildcard {
		return MediaType{}, "", fmt.Errorf("%w: a subtype of any type", ErrMediaType)
	}
	return m, rest, nil
}

// Negotiate picks the offer to send. Offers are media types in the server's order
// of preference. The most specific range that matches an offer gives its weight
// (§12.5.1), whatever the order of the ranges; of two equally specific ranges, the
// one with the greater weight. The offer with the greatest weight wins; on a tie,
// the earlier one. ok is false if no offer is acceptable.
//
// Without ranges there is no preference, and the first offer wins. With ranges, an
// offer that is not a media type is never chosen.
func Negotiate(ranges []MediaRange, offers []string) (offer string, ok bool) {
	if len(offers) == 0 {
		return "", false
	}
	if len(ranges) == 0 {
		return offers[0], true
	}
	best := 0
	for _, candidate := range offers {
		m, err := ParseMediaType(candidate)
		if err != nil {
			continue
		}
		if q := offerWeight(ranges, m); q > best {
			offer, best = candidate, q
		}
	}
	return offer, best > 0
}

// offerWeight returns the weight of the most specific range that matches, or 0.
func offerWeight(ranges []MediaRange, offer MediaType) int {
	weight, best := 0, 0
	for _, r := range ranges {
		s := r.specificity(offer)
		if s > best || s == best && s > 0 && r.Q > weight {
			weight, best = r.Q, s
		}
	}
	return weight
}

// specificity orders the ranges that match an offer: */*, type/*, type/subtype,
// and within each by the number of parameters. It is 0 if the range does not match.
func (r MediaRange) specificity(offer MediaType) int {
	const step = maxParams + 1
	if !r.paramsMatch(offer) {
		return 0
	}
	switch {
	case r.Type == wildcard:
		return 1*step + len(r.Params)
	case r.Type != offer.Type:
		return 0
	case r.Subtype == wildcard:
		return 2*step + len(r.Params)
	case r.Subtype != offer.Subtype:
		return 0
	default:
		return 3*step + len(r.Params)
	}
}

// paramsMatch reports whether the offer has every parameter of the range. Values
// must be equal; only charset is case-insensitive (§8.3.2).
func (r MediaRange) paramsMatch(offer MediaType) bool {
	return !slices.ContainsFunc(r.Params, func(p Param) bool {
		value, ok := offer.Param(p.Name)
		if p.Name != charset {
			return !ok || value != p.Value
		}
		if !ok && offer.isJSON() {
			// JSON is always UTF-8 (RFC 8259 §8.1), and many clients ask for that.
			value, ok = "utf-8", true
		}
		return !ok || !strings.EqualFold(value, p.Value)
	})
}
