package ratelimit

import "net/netip"

const (
	// DefaultIPv6Prefix is the number of bits of an IPv6 address that identify a client. One host
	// usually gets a whole /64 (RFC 4291 §2.5.4, RFC 6177 §2), and can send each request from
	// another address in it.
	DefaultIPv6Prefix = 64
	// MaxIPv6Prefix makes every IPv6 address a separate client.
	MaxIPv6Prefix = 128

	addressPrefix = "address:"
)

// ClientKey returns the key of a client that is not a known user. address has no port. An IPv4
// address is a client of its own, even in IPv6 notation (::ffff:192.0.2.1). IPv6 addresses with the
// same first ipv6Prefix bits are one client; 0 means [DefaultIPv6Prefix]. ClientKey ignores a zone,
// because it names an interface of this machine. An address that is not an IP address, such as the
// path of a socket, is also a client of its own. All limits, over HTTP and gRPC, use this key.
func ClientKey(address string, ipv6Prefix int) string {
	parsed, ok := parseIP(address)
	if !ok {
		return addressPrefix + address
	}
	if ipv6Prefix == 0 {
		ipv6Prefix = DefaultIPv6Prefix
	}
	if parsed.Is4() || ipv6Prefix == MaxIPv6Prefix {
		return addressPrefix + parsed.String()
	}
	network, err := parsed.Prefix(ipv6Prefix)
	if err != nil {
		return addressPrefix + parsed.String() // gateway.New refuses such a setting.
	}
	return addressPrefix + network.String()
}

// parseIP parses an address, removes the zone, and converts IPv6 notation of an IPv4 address to IPv4.
func parseIP(text string) (netip.Addr, bool) {
	parsed, err := netip.ParseAddr(text)
	return parsed.WithZone("").Unmap(), err == nil
}
