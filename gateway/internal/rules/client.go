package rules

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

// clientAddress is where a request comes from: the peer, or, where the peer is a
// trusted proxy, whom that proxy names. A proxy writes one of Forwarded (RFC 7239) and
// X-Forwarded-For, and may leave the other as the client wrote it: where the two name
// different clients, neither is believed.
func clientAddress(remote string, header func(string) []string, trusted []netip.Prefix) string {
	peer := HostOf(remote)
	if parsed, ok := parseIP(peer); ok {
		peer = parsed.String()
	}
	if len(trusted) == 0 {
		return peer
	}
	forwarded, listed := forwardedFor(header("Forwarded")), rfc9110.List(header("X-Forwarded-For"))
	first, second := farthest(peer, forwarded, trusted), farthest(peer, listed, trusted)
	switch {
	case len(forwarded) == 0:
		return second
	case len(listed) == 0 || first == second:
		return first
	default:
		return peer
	}
}

// farthest goes from the nearest hop backwards: each address counts only if all after
// it are trusted, because a client may send the same fields with anything in them.
func farthest(peer string, hops []string, trusted []netip.Prefix) string {
	for _, hop := range slices.Backward(hops) {
		if !isTrusted(peer, trusted) {
			return peer
		}
		address, ok := parseAddress(hop)
		if !ok {
			return peer // An obfuscated or unknown hop hides all before it (RFC 7239 §6.3).
		}
		peer = address
	}
	return peer
}

func isTrusted(address string, trusted []netip.Prefix) bool {
	parsed, ok := parseIP(address)
	return ok && slices.ContainsFunc(trusted, func(prefix netip.Prefix) bool { return prefix.Contains(parsed) })
}

// forwardedFor is the for parameter of each hop, the nearest last. A hop without one
// is an empty string, which no address is.
func forwardedFor(lines []string) []string {
	var hops []string
	for _, element := range rfc9110.List(lines) {
		hop := ""
		for pair := range strings.SplitSeq(element, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			if strings.EqualFold(name, "for") {
				hop = strings.Trim(value, `"`)
			}
		}
		hops = append(hops, hop)
	}
	return hops
}

// parseAddress reads an address, with or without a port, an IPv6 one in brackets or not.
func parseAddress(text string) (string, bool) {
	parsed, ok := parseIP(strings.Trim(HostOf(text), "[]"))
	if !ok {
		return "", false
	}
	return parsed.String(), true
}

// HostOf returns the host of an address with a port, and any other address unchanged.
func HostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// parseIP reads an address. The result has no zone, and is IPv4 if the text is an IPv4 address in
// IPv6 notation.
func parseIP(text string) (netip.Addr, bool) {
	parsed, err := netip.ParseAddr(text)
	return parsed.WithZone("").Unmap(), err == nil
}
