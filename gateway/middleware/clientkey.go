package middleware

import (
	"net"
	"net/netip"
)

const (
	// addressPrefix begins the key of a client that is not a known user.
	addressPrefix = "address:"
	// DefaultIPv6Prefix is the length in bits of the networks by which IPv6 clients are
	// counted. One host usually gets a whole /64 (RFC 4291 §2.5.4, RFC 6177 §2), and can
	// send each request from another address of it.
	DefaultIPv6Prefix = 64
	// MaxIPv6Prefix counts every IPv6 address by itself.
	MaxIPv6Prefix = 128
)

// ClientKeys makes the key of a client that is not a known user. The rate limit, the
// concurrency limit and the idempotency keys all use it, over HTTP and over gRPC, so that
// one client is one client to each of them.
type ClientKeys struct {
	// IPv6Prefix is how many bits of an IPv6 address are counted: 1 to
	// [MaxIPv6Prefix]. 0 means [DefaultIPv6Prefix].
	IPv6Prefix int
}

// Key returns the key of the client at address, which has no port. IPv4 counts by the
// address, also where it is written as IPv6 (::ffff:192.0.2.1), and IPv6 by the network
// that the address is in. A zone is ignored: it is the name of an interface of this
// machine. A text that is not an IP address, such as the path of a socket, is its own key.
func (k ClientKeys) Key(address string) string {
	parsed, ok := parseIP(address)
	if !ok {
		return addressPrefix + address
	}
	bits := k.IPv6Prefix
	if bits == 0 {
		bits = DefaultIPv6Prefix
	}
	if parsed.Is4() || bits == MaxIPv6Prefix {
		return addressPrefix + parsed.String()
	}
	network, err := parsed.Prefix(bits)
	if err != nil {
		return addressPrefix + parsed.String() // The gateway refuses such a setting.
	}
	return addressPrefix + network.String()
}

// HostOf returns the host of an address with a port, and any other address unchanged.
func HostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// parseIP reads an address. The result has no zone, and is IPv4 where the address is an
// IPv4 one in IPv6's notation.
func parseIP(text string) (netip.Addr, bool) {
	parsed, err := netip.ParseAddr(text)
	return parsed.WithZone("").Unmap(), err == nil
}
