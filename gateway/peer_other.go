//go:build !linux

package gateway

import "net"

// hasLeft reports whether the peer has closed a TCP connection. Only Linux can tell that while
// there are unread bytes, so it is always false here.
func hasLeft(net.Conn) bool { return false }
