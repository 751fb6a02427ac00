// Package backend defines the backend of a gateway. The packages dynamic and generated make a
// [Backend], and package gateway uses it. The exported methods of Backend are part of the public API,
// because package gateway has an alias for the type. The functions are not.
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

// Version is the state of a backend's routes at one time. It is immutable.
type Version struct {
	// Contract contains the routes and options that the services declare.
	Contract *contract.Contract
	// Types are the message types that an Any may contain. Nil means the types that are linked
	// into the program.
	Types jsoncodec.Types
	// Deadline returns the maximum time of a call without streaming. 0 means the gateway's
	// default, a negative value means no limit. Nil means the default for all methods.
	Deadline func(*contract.Method) time.Duration
	// Pending is the error for requests without a route while a server has not been reached yet
	// and its routes are unknown. Nil means that all routes are known.
	Pending error
	// Handler returns the handler that calls the backend for requests with a route.
	Handler func(Host) exchange.Handler
}

// Host holds the parts of a gateway that its backend uses.
type Host struct {
	Responder *respond.Responder
	Forward   *forward.Rules
	// Silence is how long the client of a stream may take for its next message; 0 means no limit.
	Silence time.Duration
}

// Target is the state of one gRPC server of a backend.
type Target struct {
	// Address is the address of the server.
	Address string
	// Pending reports whether the server's routes are still unknown.
	Pending bool
	// Connection is the state of the connection. It is Ready if the state is unknown, for example
	// for an in-process connection.
	Connection connectivity.State
	// Problems say why the server cannot be reached, why its routes are unknown or old, and which of
	// its services are not served.
	Problems []error
	// Confirmed is when server reflection last declared the routes that are served, or when the
	// backend was made.
	Confirmed time.Time
	// Refresh is how often server reflection is used. 0 means never.
	Refresh time.Duration
}

// User is a gateway that uses a backend.
type User struct {
	// Change switches the gateway to a new version. If it fails, all gateways keep the old version.
	Change func(*Version) error
	// Report is called when a server has new problems, with those alone, and when all are over.
	Report func(Target)
}

// Backend is one or more gRPC servers, with their routes. It is safe for concurrent use.
type Backend struct {
	current  atomic.Pointer[Version]
	revision atomic.Uint64
	targets  func() []Target
	revise   func(*Backend, error) bool
	stop     func() error

	mu    sync.Mutex // held while a version is replaced
	users []User
	once  sync.Once
	err   error
}

// Params configure a [Backend].
type Params struct {
	// Version is the first version.
	Version *Version
	// Targets returns the state of each server. It may be nil.
	Targets func() []Target
	// Revise replaces the version by one without the services because of which a gateway cannot use
	// it, and reports whether it did. It may be nil.
	Revise func(*Backend, error) bool
	// Stop ends the refresh and closes the connections that the backend has opened. It may be nil.
	Stop func() error
}

// New returns a backend.
func New(p Params) *Backend {
	b := &Backend{targets: p.Targets, revise: p.Revise, stop: p.Stop}
	b.current.Store(p.Version)
	return b
}

// Revision returns a number that changes whenever the routes change.
func (b *Backend) Revision() uint64 { return b.revision.Load() }

// Targets returns the state of each gRPC server, in the order of their configuration.
func (b *Backend) Targets() []Target {
	if b.targets == nil {
		return nil
	}
	return b.targets()
}

// Close ends the refresh and closes the connections that the backend has opened, but not those that
// the caller has made. Running calls fail.
func (b *Backend) Close() error {
	b.once.Do(func() {
		if b.stop != nil {
			b.err = b.stop()
		}
	})
	return b.err
}

// Current returns the current version.
func Current(b *Backend) *Version { return b.current.Load() }

// errZero is the error for the zero value of a Backend.
var errZero = errors.New("a Backend has to be made by package dynamic or package generated")

// Use registers a gateway if it can use the current version, or a revised one.
func Use(b *Backend, user User) error {
	for {
		err := use(b, user)
		if err == nil || b.revise == nil || !b.revise(b, err) {
			return err
		}
	}
}

func use(b *Backend, user User) error {
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

// Replace switches all gateways to a version. If one of them cannot use it, all keep the old version.
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

// Report reports the new problems of a server to every gateway, or that there are none any more.
func Report(b *Backend, target Target) {
	b.mu.Lock()
	users := b.users
	b.mu.Unlock()
	for _, user := range users {
		user.Report(target)
	}
}

// Route is one HTTP route of a gRPC method.
type Route struct {
	// RPC is the full name of the method, "/service/method".
	RPC string
	// Verb is the HTTP method.
	Verb string
	// Path is the path as in the OpenAPI document, the log and the metrics.
	Path string
	// Anonymous reports whether the method needs no credentials.
	Anonymous bool
	// MaxBody is the maximum size of a request body that the method declares, in bytes, or 0.
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
