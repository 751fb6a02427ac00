package rules

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

// clientAddress returns the client's address: the address of the peer or, if the peer is a trusted
// proxy, the address that the proxy reports. A proxy writes either Forwarded (RFC 7239) or
// X-Forwarded-For, and may pass the other on as the client sent it. If the two headers disagree,
// clientAddress uses neither.
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

// farthest returns the farthest hop that can be trusted. It starts at the nearest hop. An address
// counts only if all hops after it are trusted, because a client can send any value in these headers.
func farthest(peer string, hops []string, trusted []netip.Prefix) string {
	for _, hop := range slices.Backward(hops) {
		if !isTrusted(peer, trusted) {
			return peer
		}
		address, ok := parseAddress(hop)
		if !ok {
			return peer // An obfuscated or unknown hop hides all hops before it (RFC 7239 §6.3).
		}
		peer = address
	}
	return peer
}

func isTrusted(address string, trusted []netip.Prefix) bool {
	parsed, ok := parseIP(address)
	return ok && slices.ContainsFunc(trusted, func(prefix netip.Prefix) bool { return prefix.Contains(parsed) })
}

// forwardedFor returns the for parameter of each hop, the nearest last. It is empty for a hop without
// the parameter.
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

// parseAddress parses an IP address with or without a port. IPv6 may be in brackets.
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

// parseIP parses an address, removes the zone, and converts IPv6 notation of an IPv4 address to IPv4.
func parseIP(text string) (netip.Addr, bool) {
	parsed, err := netip.ParseAddr(text)
	return parsed.WithZone("").Unmap(), err == nil
}
