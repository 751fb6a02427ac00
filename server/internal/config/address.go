package config

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// hostPattern matches a host name in ASCII. Names of containers may have underscores.
var hostPattern = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?$`)

// CheckListenAddress refuses an address that nothing can ever listen on. Without a host, it means all
// addresses of the machine; the port 0 means any free port.
func CheckListenAddress(text string) error {
	_, _, err := splitAddress(text)
	return err
}

// checkDialAddress refuses an address that nothing can ever be reached at.
func checkDialAddress(text string) error {
	host, port, err := splitAddress(text)
	if err == nil && (host == "" || port == 0) {
		err = fmt.Errorf("%q needs a host and a port other than 0", text)
	}
	return err
}

// splitAddress splits an address of the form host:port. It does not resolve the host's name.
func splitAddress(text string) (host string, port int, err error) {
	if strings.HasPrefix(text, "unix:") || strings.HasPrefix(text, "/") {
		return "", 0, fmt.Errorf("%q is a Unix socket, which is not supported; use host:port", text)
	}
	host, name, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not of the form host:port", text)
	}
	if port, err = net.LookupPort("tcp", name); err != nil || name == "" { //nolint:noctx // it reads a table of this machine.
		return "", 0, fmt.Errorf("%q: %q is not a port; use a number up to 65535", text, name)
	}
	if _, err := netip.ParseAddr(host); host != "" && err != nil && !isHostName(host) {
		return "", 0, fmt.Errorf("%q: %q is neither an IP address nor the name of a host", text, host)
	}
	return host, port, nil
}

// isHostName reports whether text can be the name of a host. A name that ends in a number would be an IPv4
// address (RFC 1123 §2.1).
func isHostName(text string) bool {
	const longest = 253
	last := text[strings.LastIndexByte(text, '.')+1:]
	_, err := strconv.Atoi(last)
	return len(text) <= longest && hostPattern.MatchString(text) && (err != nil || !strings.Contains(text, "."))
}
