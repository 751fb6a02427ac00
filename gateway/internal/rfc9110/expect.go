package rfc9110

import "strings"

// Expectation is a parsed Expect field (§10.1.1). The zero value is an absent or empty field.
type Expectation struct {
	// Continue is true if 100-continue was listed.
	Continue bool
	// Unknown contains all other members as they were sent, even malformed ones. The
	// server cannot meet them and may respond 417.
	Unknown []string
}

// ParseExpect reads all lines of Expect. 100-continue is case-insensitive; with a
// value, such as 100-continue=1, it is an unknown expectation.
func ParseExpect(lines []string) Expectation {
	var e Expectation
	for _, member := range List(lines) {
		if strings.EqualFold(member, "100-continue") {
			e.Continue = true
			continue
		}
		e.Unknown = append(e.Unknown, member)
	}
	return e
}
