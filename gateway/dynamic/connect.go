package dynamic

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"slices"
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
	// DefaultRefresh is how often a server is asked for its declarations.
	DefaultRefresh = 10 * time.Second
	// reflectionTime is how long server reflection may take.
	reflectionTime = 5 * time.Second
	// pendingInterval is how often a server is asked that has not been reached yet.
	pendingInterval = time.Second
)

// Target is one gRPC server. It needs Conn or Address, unless it is only described, as for an
// OpenAPI document.
type Target struct {
	// Conn is a connection that the caller has made and closes: of grpc-go, or of package
	// inprocess.
	Conn grpc.ClientConnInterface
	// Address is host:port of the server, for a connection that [Connect] makes. It is balanced
	// over all addresses of the name, and it tries an idempotent call again if the server was not
	// reached (google.protobuf.MethodOptions.idempotency_level).
	Address string
	// TLS is the configuration for such a connection. Nil means plain text.
	TLS *tls.Config
	// KeepAlive is how long such a connection may be silent before it is probed; 0 means that it
	// is not. A server of grpc-go allows one probe in five minutes unless it is told otherwise.
	KeepAlive time.Duration
	// Health asks each server by grpc.health.v1 whether it serves, and passes over those that do
	// not. A server without that service counts as one that serves. A server that refuses the
	// question, because it needs credentials, counts as one that does not.
	Health bool

	// Descriptors declare the services, with all files that they import. Nil means that Linked
	// or server reflection does.
	Descriptors *descriptorpb.FileDescriptorSet
	// Linked are services whose Go types are linked into the program. Then Descriptors, Services,
	// Except and ServiceConfig are nil.
	Linked []protoreflect.ServiceDescriptor
	// Services are the full names of the services to serve. Nil means all that no other target
	// names: of server reflection, those that the server lists, without those of package grpc;
	// of Descriptors, those that the apis of ServiceConfig name or, if it names none, every
	// service without those of imports, as buf marks them, and of the packages google and grpc.
	Services []string
	// Except are the full names of services that are not served. It counts only if Services is nil.
	Except []string
	// ServiceConfig has rules that replace google.api.http. May be nil.
	ServiceConfig *ServiceConfig
	// Refresh is how often server reflection is asked for what has changed. 0 means
	// [DefaultRefresh], and less than 0 never.
	Refresh time.Duration

	// Deadline is how long a call may take that does not stream. 0 means the gateway's default,
	// and less than 0 for ever. A client's Grpc-Timeout can shorten it.
	Deadline time.Duration
	// MaxMessage is the largest message in either direction, in bytes of its wire form. 0 means
	// [DefaultMaxMessage], and less than 0 that there is no limit. A larger request is not sent.
	MaxMessage int
}

var (
	errLinked   = errors.New("a target with Linked must not set Descriptors, ServiceConfig, Services or Except, and none of its services may be nil")
	errNoTarget = errors.New("a target needs either Conn or Address, and descriptors if it has neither")
	errNoRoutes = errors.New("no method has an HTTP route: neither google.api.http nor a service configuration declares one")
)

// Connect returns a backend that calls gRPC servers by their descriptors. It asks each server
// for them by reflection, unless the target has them. ctx bounds Connect alone. A server that
// cannot be reached is waited for afterwards; until then its routes are missing, and a request
// without a route gets UNAVAILABLE. Descriptors that are wrong are an error. A server is asked
// again every [Target.Refresh] and when it was reached anew; the routes then change with it,
// unless the gateway cannot serve the new ones. [backend.Backend.Close] ends that.
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

// FromDescriptors returns a backend for one server that a descriptor set declares: [Connect] with
// one [Target]. A nil conn is for a backend that is only described, as for an OpenAPI document.
func FromDescriptors(conn grpc.ClientConnInterface, set *descriptorpb.FileDescriptorSet) (*backend.Backend, error) {
	return Connect(context.Background(), Target{Conn: conn, Descriptors: cmp.Or(set, &descriptorpb.FileDescriptorSet{})})
}

// Linked returns a backend for one server whose Go types are linked into the program: [Connect]
// with one [Target]. A nil conn is as for [FromDescriptors].
func Linked(conn grpc.ClientConnInterface, services ...protoreflect.ServiceDescriptor) (*backend.Backend, error) {
	return Connect(context.Background(), Target{Conn: conn, Linked: append([]protoreflect.ServiceDescriptor{}, services...)})
}

// noConn is for a backend that is only described.
type noConn struct{}

func (noConn) Invoke(context.Context, string, any, any, ...grpc.CallOption) error {
	return status.Error(codes.Unimplemented, "the backend has no connection")
}

func (noConn) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.Unimplemented, "the backend has no connection")
}

// connection is what keeps the versions of a backend up to date.
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
	dialed *serverConn // nil for a connection of the caller's
	schema *schema     // nil while it is not known
	known  atomic.Bool
	fault  string // the last one that was reported
}

// open makes the connections and finds out what the servers declare, as far as they can be
// reached.
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

// learn finds out what the server declares, unless it is away.
func (s *server) learn(ctx context.Context) error {
	schema, err := s.describe(ctx)
	switch {
	case err == nil:
		s.schema = schema
		return nil
	case !s.reflects():
		return err
	case isAway(err):
		s.fault = err.Error()
		return nil
	case status.Code(err) == codes.Unimplemented:
		return fmt.Errorf("the server %s has no server reflection, so its descriptors are needed: %w", s.name(), err)
	default:
		return fmt.Errorf("the server %s: %w", s.name(), err)
	}
}

// check returns what is wrong with a target.
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

// isAway reports whether a server did not answer, rather than something wrong.
func isAway(err error) bool {
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

// describe returns what the server declares.
func (s *server) describe(ctx context.Context) (*schema, error) {
	if s.Linked != nil {
		return linkedSchema(s.Linked...), nil
	}
	p := s.Target
	if s.reflects() {
		ctx, cancel := context.WithTimeout(ctx, reflectionTime)
		defer cancel()
		set, services, err := fetchDescriptors(ctx, s.conn)
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

// version puts together what is known.
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
		errs = append(errs, errNoRoutes)
	}
	return version, errors.Join(errs...)
}

// accept notes that the servers' declarations are served.
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

// watch keeps the declarations of every server that has reflection up to date.
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

// await waits until the server is to be asked again. It is false when the refresh ends.
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

// refresh asks a server what it declares, and serves what has changed.
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
		s.schema = before // What is served stays until the server is mended.
		return err
	}
	return c.accept()
}

// report hands a fault to the gateways, once for as long as it lasts.
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

// close ends the refresh and closes the connections that were made here.
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
