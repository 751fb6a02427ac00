package dynamic

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/statusway/statusway/gateway/internal/backend"
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
	//     service except those in imports. A file is an import if buf marks it, or if it is in the
	//     packages google or grpc and a file of another package imports it.
	// The infrastructure of gRPC (grpc.reflection, grpc.health and grpc.channelz) has to be named.
	Services []string
	// Except are the full names of services not to serve. It has no effect if Services is set.
	Except []string
	// ServiceConfig contains HTTP rules that replace google.api.http. It may be nil.
	ServiceConfig *ServiceConfig
	// Refresh is how often the gateway uses server reflection to look for changes. A change takes
	// effect when it has been read three times in a row. 0 means [DefaultRefresh], a negative value
	// means never.
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
// descriptors, Connect reads them with server reflection, from all servers at the same time. ctx only
// limits Connect itself.
//
// Problems of the given descriptors are an error. Problems of server reflection are not: the backend
// serves what it can, and [backend.Backend.Targets] and the log name the rest. If a server cannot be
// read, its routes are missing, and a request without a route gets UNAVAILABLE. If a service cannot be
// served, for example because its routes clash, the other services of the server are. It is an error if
// no server has a route, or the server reflection to declare one.
//
// Connect reads the descriptors again every [Target.Refresh] and after each reconnect. It switches to
// others when it has read the same ones three times in a row, so that two versions of a server behind
// one name do not make routes come and go. It does not give up a service that it serves because the new
// version of the service has a problem. [backend.Backend.Close] ends these updates.
func Connect(ctx context.Context, targets ...Target) (*backend.Backend, error) {
	c := &connection{}
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	version, err := c.open(ctx, targets)
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	b := backend.New(backend.Params{Version: version, Targets: c.targets, Revise: c.revise, Stop: c.close})
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
