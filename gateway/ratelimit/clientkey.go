package ratelimit

import "net/netip"

const (
	// DefaultIPv6Prefix is how many bits of an IPv6 address identify a client. One host
	// usually gets a whole /64 (RFC 4291 §2.5.4, RFC 6177 §2) and can send each request from
	// another address of it.
	DefaultIPv6Prefix = 64
	// MaxIPv6Prefix counts every IPv6 address separately.
	MaxIPv6Prefix = 128

	addressPrefix = "address:"
)

// ClientKey returns the key of a client that is not a known user. address has no port. IPv4
// counts by address, also if it is written as IPv6 (::ffff:192.0.2.1); IPv6 counts by network of
// so many bits, 0 for [DefaultIPv6Prefix]. A zone is ignored, because it names an interface of
// this machine. A text that is no IP address, such as the path of a socket, is its own key. All
// limits use this key, over HTTP and over gRPC, so that a client is the same client to each.
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

// parseIP reads an address. The result has no zone, and is IPv4 if the text is an IPv4 address in
// IPv6 notation.
func parseIP(text string) (netip.Addr, bool) {
	parsed, err := netip.ParseAddr(text)
	return parsed.WithZone("").Unmap(), err == nil
}
