// Package backend is what a gateway calls. The packages dynamic and generated make a [Backend];
// package gateway uses it. Its exported methods are part of the API, because package gateway
// names the type; its functions are not.
package backend

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/connectivity"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/forward"
	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	"github.com/statusway/statusway/gateway/internal/respond"
)

// Version is what is known of a backend at one time. It does not change.
type Version struct {
	// Contract is what the services declare over HTTP.
	Contract *contract.Contract
	// Types are the message types that an Any may hold. Nil means the types that are linked
	// into the program.
	Types jsoncodec.Types
	// Deadline returns how long a call of a method may take that does not stream; 0 means the
	// gateway's default, and less than 0 for ever. Nil means the default for all.
	Deadline func(*contract.Method) time.Duration
	// Pending is why routes may be missing: a server has not been reached yet. Nil means that
	// all routes are known.
	Pending error
	// Handler returns what calls the backend for a request that has matched a route.
	Handler func(Host) exchange.Handler
}

// Host is what a gateway has for its backend.
type Host struct {
	Responder *respond.Responder
	Forward   *forward.Rules
	// Silence is how long the client of a stream may take for its next message; 0 means for
	// ever.
	Silence time.Duration
}

// Target is the state of one gRPC server of a backend.
type Target struct {
	// Address names the server.
	Address string
	// Pending reports whether its routes are not known yet.
	Pending bool
	// Connection is the state of the connection. It is Ready if the state is not known, as of a
	// connection that the caller made.
	Connection connectivity.State
}

// User is a gateway that uses a backend.
type User struct {
	// Change is called before a new version is used. If it fails, the version before stays.
	Change func(*Version) error
	// Report is called when the routes of a server cannot be read, with the reason, and with
	// nil when they can be read again.
	Report func(address string, err error)
}

// Backend is one gRPC server or several, with what they declare. It is safe for concurrent use.
type Backend struct {
	current  atomic.Pointer[Version]
	revision atomic.Uint64
	targets  func() []Target
	stop     func() error

	mu    sync.Mutex // held while a version is replaced
	users []User
	once  sync.Once
	err   error
}

// Params are what a [Backend] is made of.
type Params struct {
	// Version is the first one.
	Version *Version
	// Targets returns the state of each server. Nil means that there is nothing to tell.
	Targets func() []Target
	// Stop ends the refresh and closes what was opened. Nil means that there is nothing to do.
	Stop func() error
}

// New returns a backend.
func New(p Params) *Backend {
	b := &Backend{targets: p.Targets, stop: p.Stop}
	b.current.Store(p.Version)
	return b
}

// Revision is a number that changes whenever the routes change.
func (b *Backend) Revision() uint64 { return b.revision.Load() }

// Targets returns the state of each gRPC server, in the order in which they were given.
func (b *Backend) Targets() []Target {
	if b.targets == nil {
		return nil
	}
	return b.targets()
}

// Close ends the refresh and closes the connections that the backend has opened. Connections
// that the caller made stay open. Calls that are running fail.
func (b *Backend) Close() error {
	b.once.Do(func() {
		if b.stop != nil {
			b.err = b.stop()
		}
	})
	return b.err
}

// Current returns the version in use.
func Current(b *Backend) *Version { return b.current.Load() }

// errZero is for the zero value of a Backend.
var errZero = errors.New("a Backend has to be made by package dynamic or package generated")

// Use registers a gateway, once it can use the current version. No other version comes between.
func Use(b *Backend, user User) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	current := b.current.Load()
	if current == nil {
		return errZero
	}
	if err := user.Change(current); err != nil {
		return err
	}
	b.users = append(b.users, user)
	return nil
}

// Replace puts a version into use, unless a gateway cannot use it. Then its error says why.
func Replace(b *Backend, next *Version) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.current.Load()
	for i, user := range b.users {
		if err := user.Change(next); err != nil {
			for _, changed := range b.users[:i] {
				err = errors.Join(err, changed.Change(before))
			}
			return err
		}
	}
	b.current.Store(next)
	b.revision.Add(1)
	return nil
}

// Report hands a fault of a server to every gateway.
func Report(b *Backend, address string, err error) {
	b.mu.Lock()
	users := b.users
	b.mu.Unlock()
	for _, user := range users {
		user.Report(address, err)
	}
}

// Route is one HTTP route of a gRPC method.
type Route struct {
	// RPC is the full name of the method, "/service/method".
	RPC string
	// Verb is the HTTP method.
	Verb string
	// Path is the path as the OpenAPI document, the log and the metrics show it.
	Path string
	// Anonymous reports whether the method needs no credentials.
	Anonymous bool
	// MaxBody is the longest request body that the method declares, in bytes; 0 if it declares
	// none.
	MaxBody int64
}

// RouteOf returns the route of a binding.
func RouteOf(binding *contract.Binding) Route {
	method := binding.Method
	return Route{RPC: method.FullName, Verb: binding.Verb, Path: binding.Path, Anonymous: method.Anonymous, MaxBody: method.MaxBody}
}

// Routes returns all routes, in the order of their declaration.
func (b *Backend) Routes() []Route {
	var routes []Route
	for _, method := range Current(b).Contract.Methods {
		for _, binding := range method.Bindings {
			routes = append(routes, RouteOf(binding))
		}
	}
	return routes
}
