package dynamic

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/statusway/statusway/gateway/internal/backend"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

const (
	// DefaultRefresh is the default of [Target.Refresh].
	DefaultRefresh = 10 * time.Second
	// reflectionTime is the maximum time for server reflection.
	reflectionTime = 5 * time.Second
	// pendingInterval is how often to try a server that has not been reached yet.
	pendingInterval = time.Second
)

// Target is one gRPC server. Set either Conn or Address. Set neither for a backend that needs no
// connection, for example to generate an OpenAPI document.
type Target struct {
	// Conn is a connection of grpc-go or of package inprocess. The caller makes and closes it.
	Conn grpc.ClientConnInterface
	// Address is the host:port of the server. [Connect] makes the connection and balances calls
	// over all addresses of the host. It retries a call that did not reach the server if the method
	// is idempotent (google.protobuf.MethodOptions.idempotency_level).
	Address string
	// TLS is the TLS configuration of the connection to Address. Nil means plain text.
	TLS *tls.Config
	// KeepAlive is how long the connection to Address may be silent before the gateway probes it.
	// 0 means no probes. A grpc-go server allows one probe in five minutes by default.
	KeepAlive time.Duration
	// Health checks the servers at Address with grpc.health.v1 and skips those that do not serve.
	// A server without that service counts as serving. A server that refuses the check, for
	// example because it needs credentials, does not.
	Health bool

	// Descriptors declare the services, and contain all imported files. If Descriptors and Linked
	// are nil, the server must support server reflection.
	Descriptors *descriptorpb.FileDescriptorSet
	// Linked are services whose Go types are linked into the program. With Linked, leave
	// Descriptors, Services, Except and ServiceConfig nil.
	Linked []protoreflect.ServiceDescriptor
	// Services are the full names of the services to serve. Nil means all services except those
	// that another target names in its Services:
	//   - with server reflection: the services that the server lists;
	//   - with Descriptors: the services in the apis of ServiceConfig. If it has none: every
	//     service except those in imports (as marked by buf).
	// The infrastructure of gRPC (grpc.reflection, grpc.health and grpc.channelz) has to be named.
	Services []string
	// Except are the full names of services not to serve. It has no effect if Services is set.
	Except []string
	// ServiceConfig contains HTTP rules that replace google.api.http. It may be nil.
	ServiceConfig *ServiceConfig
	// Refresh is how often the gateway uses server reflection to look for changes. 0 means
	// [DefaultRefresh], a negative value means never.
	Refresh time.Duration

	// Deadline is the maximum time of a call without streaming. 0 means the gateway's default, a
	// negative value means no limit. A client's Grpc-Timeout can shorten it.
	Deadline time.Duration
	// MaxMessage is the maximum size of a message in either direction, in bytes on the wire. 0
	// means [DefaultMaxMessage], a negative value means no limit. The gateway does not send a
	// larger request.
	MaxMessage int
}

var (
	errLinked   = errors.New("a target with Linked must not set Descriptors, ServiceConfig, Services or Except, and none of its services may be nil")
	errNoTarget = errors.New("a target needs either Conn or Address, and descriptors if it has neither")
)

// Connect returns a backend that calls gRPC servers by their descriptors. If a target has no
// descriptors, Connect reads them with server reflection. Invalid descriptors are an error. ctx
// only limits Connect itself.
//
// If a server cannot be reached, Connect succeeds and tries again in the background. Until then the
// server's routes are missing, and a request without a route gets UNAVAILABLE. Connect also reads
// the descriptors again every [Target.Refresh] and after each reconnect, and updates the routes,
// unless the gateway cannot serve the new ones. [backend.Backend.Close] ends these updates.
func Connect(ctx context.Context, targets ...Target) (*backend.Backend, error) {
	c := &connection{}
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := c.open(ctx, targets); err != nil {
		return nil, errors.Join(err, c.close())
	}
	version, err := c.version()
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	b := backend.New(backend.Params{Version: version, Targets: c.targets, Stop: c.close})
	if err := c.accept(); err != nil {
		return nil, errors.Join(err, c.close())
	}
	c.watch(b)
	return b, nil
}

// FromDescriptors returns a backend for one server that a descriptor set declares. It is [Connect]
// with one [Target]. conn may be nil if the backend is never called, for example to generate an
// OpenAPI document.
func FromDescriptors(conn grpc.ClientConnInterface, set *descriptorpb.FileDescriptorSet) (*backend.Backend, error) {
	return Connect(context.Background(), Target{Conn: conn, Descriptors: cmp.Or(set, &descriptorpb.FileDescriptorSet{})})
}

// Linked returns a backend for one server whose Go types are linked into the program. It is
// [Connect] with one [Target]. conn may be nil as for [FromDescriptors].
func Linked(conn grpc.ClientConnInterface, services ...protoreflect.ServiceDescriptor) (*backend.Backend, error) {
	return Connect(context.Background(), Target{Conn: conn, Linked: append([]protoreflect.ServiceDescriptor{}, services...)})
}

// noConn is the connection of a target without one. Every call fails.
type noConn struct{}

func (noConn) Invoke(context.Context, string, any, any, ...grpc.CallOption) error {
	return status.Error(codes.Unimplemented, "the backend has no connection")
}

func (noConn) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.Unimplemented, "the backend has no connection")
}

// connection keeps the routes of a backend up to date.
type connection struct {
	servers []*server

	ctx     context.Context //nolint:containedctx // it lasts as long as the refresh.
	cancel  context.CancelFunc
	running sync.WaitGroup
	mu      sync.Mutex // held while a schema changes
}

// server is one gRPC server.
type server struct {
	Target

	conn   grpc.ClientConnInterface
	dialed *serverConn // nil for the caller's own connection
	schema *schema     // nil while it is unknown
	known  atomic.Bool
	fault  string // the last reported error
}

// open makes the connections and reads the descriptors of all servers that can be reached.
func (c *connection) open(ctx context.Context, targets []Target) error {
	for i, target := range targets {
		if err := target.check(); err != nil {
			return err
		}
		s := &server{Target: target, conn: target.Conn}
		s.Except = slices.Clone(target.Except)
		if target.Conn == nil {
			s.conn = noConn{}
		}
		for j, other := range targets {
			if i != j {
				s.Except = append(s.Except, other.Services...)
			}
		}
		c.servers = append(c.servers, s)
		if target.Address == "" {
			continue
		}
		dialed, err := dial(target)
		if err != nil {
			return err
		}
		s.conn, s.dialed = dialed, dialed
	}
	for _, s := range c.servers {
		if err := s.learn(ctx); err != nil {
			return err
		}
	}
	return nil
}

// learn gets the declarations of the server, unless it is unreachable.
func (s *server) learn(ctx context.Context) error {
	schema, err := s.describe(ctx)
	switch {
	case err == nil:
		s.schema = schema
		return nil
	case !s.reflects():
		return err
	case isUnreachable(err):
		s.fault = err.Error()
		return nil
	case status.Code(err) == codes.Unimplemented:
		return fmt.Errorf("the server %s has no server reflection, so its descriptors are needed: %w", s.name(), err)
	default:
		return fmt.Errorf("the server %s: %w", s.name(), err)
	}
}

// check returns an error if a target is invalid.
func (t *Target) check() error {
	more := t.Descriptors != nil || t.ServiceConfig != nil || t.Services != nil || t.Except != nil
	switch {
	case t.Conn != nil && t.Address != "", t.Conn == nil && t.Address == "" && t.reflects():
		return errNoTarget
	case t.Linked != nil && (more || slices.Contains(t.Linked, nil)):
		return errLinked
	default:
		return nil
	}
}

// reflects reports whether server reflection declares the services.
func (t *Target) reflects() bool { return t.Descriptors == nil && t.Linked == nil }

// isUnreachable reports whether a server did not respond.
func isUnreachable(err error) bool {
	code := status.Code(err)
	return code == codes.Unavailable || code == codes.DeadlineExceeded
}

func (s *server) name() string {
	if s.Address != "" {
		return s.Address
	}
	if named, ok := s.conn.(interface{ Target() string }); ok {
		return named.Target()
	}
	return "of the connection"
}

// describe returns the schema of the server.
func (s *server) describe(ctx context.Context) (*schema, error) {
	if s.Linked != nil {
		return linkedSchema(s.Linked...), nil
	}
	p := s.Target
	if s.reflects() {
		ctx, cancel := context.WithTimeout(ctx, reflectionTime)
		defer cancel()
		set, services, err := fetchDescriptors(ctx, s.conn, p.Services)
		if err != nil {
			return nil, err
		}
		p.Descriptors = set
		if p.Services == nil {
			p.Services = slices.DeleteFunc(services, func(name string) bool { return slices.Contains(p.Except, name) })
		}
	}
	return newSchema(p)
}

// version combines the servers whose schemas are known.
func (c *connection) version() (*backend.Version, error) {
	var known []described
	var schemas []*schema
	var configs []*ServiceConfig
	var pending error
	for _, s := range c.servers {
		if s.ServiceConfig != nil && !slices.Contains(configs, s.ServiceConfig) {
			configs = append(configs, s.ServiceConfig)
		}
		if s.schema == nil {
			pending = respond.Fail(policy.ReasonBackendPending, "a backend has not been reached yet")
			continue
		}
		limit := cmp.Or(s.MaxMessage, DefaultMaxMessage)
		if limit < 0 {
			limit = math.MaxInt32
		}
		known = append(known, described{schema: s.schema, conn: s.conn, maxMessage: limit, deadline: s.Deadline})
		schemas = append(schemas, s.schema)
	}
	version, err := newVersion(known...)
	if err != nil {
		return nil, err
	}
	if pending != nil {
		version.Pending = pending
		return version, nil //nolint:nilerr // why routes are missing is part of the version.
	}
	var errs []error
	for _, config := range configs {
		errs = append(errs, config.check(schemas...))
	}
	if len(version.Contract.Methods) == 0 {
		errs = append(errs, noRoutes(schemas))
	}
	return version, errors.Join(errs...)
}

// noRoutes returns the error for servers without routes. It names the services that are served and those
// that are not, because a route may be in one of the latter.
func noRoutes(schemas []*schema) error {
	var names, leftOut []string
	for _, schema := range schemas {
		for _, service := range schema.services {
			names = append(names, string(service.FullName()))
		}
		leftOut = append(leftOut, schema.leftOut...)
	}
	text := "no method has an HTTP route: there is no service to serve"
	if len(names) > 0 {
		text = "no method has an HTTP route: neither google.api.http nor a service configuration declares one in " + list(names)
	}
	if len(leftOut) > 0 {
		text += "; not served, unless you name them: " + list(leftOut)
	}
	return errors.New(text)
}

// list joins names, at most 20 of them.
func list(names []string) string {
	const limit = 20
	if more := len(names) - limit; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:limit], ", "), more)
	}
	return strings.Join(names, ", ")
}

// accept marks the known schemas as served, and enables retries for their idempotent methods.
func (c *connection) accept() error {
	for _, s := range c.servers {
		if s.schema == nil {
			continue
		}
		if s.dialed != nil {
			if err := s.dialed.retryIdempotent(s.schema.services); err != nil {
				return err
			}
		}
		s.known.Store(true)
	}
	return nil
}

// watch keeps the schema of every server with reflection up to date.
func (c *connection) watch(b *backend.Backend) {
	for _, s := range c.servers {
		if !s.reflects() {
			continue
		}
		c.running.Go(func() {
			for s.await(c.ctx) {
				err := c.refresh(b, s)
				if c.ctx.Err() == nil {
					s.report(b, err)
				}
			}
		})
	}
}

// await waits until it is time to read the server's descriptors again. It returns false when ctx
// is done.
func (s *server) await(ctx context.Context) bool {
	interval := s.Refresh
	if interval == 0 {
		interval = DefaultRefresh
	}
	if !s.known.Load() && (interval < 0 || interval > pendingInterval) {
		interval = pendingInterval
	}
	wait := ctx
	if interval > 0 {
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeout(ctx, interval)
		defer cancel()
	}
	watched, ok := s.conn.(stateful)
	if !ok || interval < 0 {
		<-wait.Done()
		return ctx.Err() == nil
	}
	awaitReady(wait, watched)
	return ctx.Err() == nil
}

// refresh reads the descriptors of a server again, and updates the routes if they have changed.
func (c *connection) refresh(b *backend.Backend, s *server) error {
	schema, err := s.describe(c.ctx)
	if err != nil || schema.equal(s.schema) {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	before := s.schema
	s.schema = schema
	version, err := c.version()
	if err == nil {
		err = backend.Replace(b, version)
	}
	if err != nil {
		s.schema = before // Keep the old routes until the server's descriptors are valid again.
		return err
	}
	return c.accept()
}

// report reports an error to the gateways, but not the same error twice in a row.
func (s *server) report(b *backend.Backend, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != s.fault {
		s.fault = text
		backend.Report(b, s.name(), err)
	}
}

// targets returns the state of every server.
func (c *connection) targets() []backend.Target {
	states := make([]backend.Target, len(c.servers))
	for i, s := range c.servers {
		states[i] = backend.Target{Address: s.name(), Pending: !s.known.Load(), Connection: connectivity.Ready}
		if watched, ok := s.conn.(stateful); ok {
			states[i].Connection = watched.GetState()
		}
	}
	return states
}

// close ends the refresh and closes the connections that [Connect] has made.
func (c *connection) close() error {
	c.cancel()
	c.running.Wait()
	var errs []error
	for _, s := range c.servers {
		if s.dialed != nil {
			errs = append(errs, s.dialed.Close())
		}
	}
	return errors.Join(errs...)
}
