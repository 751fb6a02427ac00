package apptest

import (
	"sync"
	"testing"

	"github.com/statusway/statusway/server/internal/conformance"
)

// A Fleet starts the server of each variant when a test first asks for it. All of its
// servers run until the test that made the fleet, and its subtests, are over.
type Fleet struct {
	t       *testing.T
	secure  *Certificate
	check   Check
	servers once[string]
	proxies once[*Server]
}

// NewFleet returns a fleet whose servers do not use TLS.
func NewFleet(t *testing.T) *Fleet {
	t.Helper()
	return &Fleet{t: t}
}

// NewSecureFleet returns a fleet whose servers use TLS.
func NewSecureFleet(t *testing.T) *Fleet {
	t.Helper()
	return &Fleet{t: t, secure: NewCertificate(t)}
}

// NewCheckedFleet returns a fleet whose servers and proxies have every exchange checked.
func NewCheckedFleet(t *testing.T, check Check) *Fleet {
	t.Helper()
	return &Fleet{t: t, check: check}
}

// Server returns the server of a variant: a new one for t if the variant asks for that.
func (f *Fleet) Server(t *testing.T, name string) *Server {
	t.Helper()
	if Variants()[name].Own {
		return start(t, name, f.secure, f.check)
	}
	return f.servers.get(name, func() *Server { return start(f.t, name, f.secure, f.check) })
}

// Proxy returns a proxy in front of a server of the fleet.
func (f *Fleet) Proxy(t *testing.T, s *Server) *Server {
	t.Helper()
	if Variants()[s.name].Own {
		return StartProxy(t, s)
	}
	return f.proxies.get(s, func() *Server { return StartProxy(f.t, s) })
}

// once makes one server for each key.
type once[K comparable] struct {
	mu    sync.Mutex
	byKey map[K]func() *Server
}

func (o *once[K]) get(key K, start func() *Server) *Server {
	o.mu.Lock()
	if o.byKey == nil {
		o.byKey = map[K]func() *Server{}
	}
	made, ok := o.byKey[key]
	if !ok {
		made = sync.OnceValue(start)
		o.byKey[key] = made
	}
	o.mu.Unlock()
	return made()
}

// NotProxied returns why a case cannot run through the proxy, or nothing if it can.
func NotProxied(c conformance.Case) string {
	switch c.Variant() {
	case "rate-limited":
		return "the proxy does not know the users, so it counts by address"
	case "maintenance":
		return "the program decides which paths maintenance closes; over gRPC it refuses them too, but after it has looked at the token"
	case "draining", "one-at-once", "one-in-flight":
		return "the proxy itself would have to stop or to be busy"
	}
	switch c.Name {
	case "401-before-400", "401-before-415", "401-before-continue", "401-slow-body", "401-token-in-query":
		return "the proxy does not check tokens: it first reports what is wrong with the request itself, and the backend checks the token later"
	case "400-hundred-violations":
		return "over gRPC the program sends only as many violations as fit into the headers of any client"
	case "201-key-again", "201-key-of-another", "202-key-again", "400-key-malformed", "400-key-reused", "409-key-again":
		return "a stored response belongs to a user, and the proxy does not know the users: it refuses every Idempotency-Key"
	case "200-status-page", "200-status-page-other-tag", "200-status-pages":
		return "a page offers requests that its server can handle, and the proxy does not know them"
	}
	return ""
}
