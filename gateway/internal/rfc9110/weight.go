package rfc9110

import "strings"

// Weights are in thousandths, the finest step that §12.4.2 allows, so that
// comparisons are exact.
const (
	weightScale  = 1000
	weightDigits = 3
)

// wildcard means "any" in Accept, Accept-Encoding, Accept-Language, If-Match and If-None-Match.
const wildcard = "*"

// parseWeight reads a qvalue (§12.4.2). It also accepts one without its leading
// zero: Java's HttpURLConnection sent `*; q=.2` by default for two decades, and a
// client that sets no Accept of its own should not get an error.
func parseWeight(s string) (thousandths int, ok bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	if whole+fraction == "" || len(fraction) > weightDigits {
		return 0, false
	}
	step := weightScale
	for i := range len(fraction) {
		if !isDigit(fraction[i]) {
			return 0, false
		}
		step /= 10
		thousandths += int(fraction[i]-'0') * step
	}
	switch whole {
	case "", "0":
		return thousandths, true
	case "1":
		return weightScale, thousandths == 0
	default:
		return 0, false
	}
}

// cutWeight splits a member of Accept-Encoding or Accept-Language into its name and
// its weight, which is 1 by default. ok is false if anything but a weight follows the
// name.
func cutWeight(member string) (name string, thousandths int, ok bool) {
	name, weight, weighted := strings.Cut(member, ";")
	name = strings.TrimRight(name, ows)
	if !weighted {
		return name, weightScale, true
	}
	weight = strings.TrimLeft(weight, ows)
	if len(weight) < len("q=") || !strings.EqualFold(weight[:len("q=")], "q=") {
		return "", 0, false
	}
	thousandths, ok = parseWeight(weight[len("q="):])
	return name, thousandths, ok
}
