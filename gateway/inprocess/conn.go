// Package inprocess calls gRPC services in the same process. [Conn] is server and
// client at the same time: services register on it as on a grpc.Server, and
// generated clients call it as a grpc.ClientConn. There is no socket between them,
// but interceptors run, all four kinds of streams work, and metadata, deadlines,
// limits and errors behave as over a network.
//
// # The same as over a network
//
//   - Outgoing metadata arrives as incoming metadata; nothing else of the
//     caller's own metadata, peer or transport stream is visible to the handler.
//     Header, trailer and peer come back through grpc.Header, grpc.Trailer and
//     grpc.Peer, on failure too.
//   - Errors arrive as a status: code, message and details. The handler's own
//     error values never cross. A context error becomes CANCELLED or
//     DEADLINE_EXCEEDED, any other error UNKNOWN.
//   - The handler's context ends with the caller's, and when the call ends.
//   - Messages on a stream are copied when they are sent, so both sides can reuse
//     theirs immediately. A fast sender waits for a slow receiver.
//
// # Different from a network
//
//   - Context values pass through. This is intended: the HTTP side of a program can
//     pass an authenticated user to its interceptors.
//   - A unary call runs on the caller's goroutine. It returns when its handler
//     returns, even if the deadline has passed. The error is then DEADLINE_EXCEEDED
//     if the handler returned the context's error or any error without a status,
//     because drivers often wrap the context's error. If the handler returned a
//     status or a reply despite the deadline, the caller gets it.
//   - Nothing is encoded, so problems that only an encoder finds go unnoticed: text
//     that is not UTF-8, or a missing required field of proto2.
//   - The messages of a unary call are shared; see below.
//   - A panic only fails the call, with a [PanicError]. In a grpc.Server it ends
//     the process.
//   - A unary handler that returns neither a reply nor an error fails with
//     INTERNAL. A grpc.Server would send an empty message, which hides the bug.
//   - Metadata that only a transport adds (content-type, user-agent, :authority,
//     grpc-status-details-bin) is absent. Credentials and compressors given as
//     call options have no effect, nor have stats handlers. A codec given as a call
//     option (grpc.ForceCodecV2) is used only for values that are not protobuf
//     messages.
//
// # Ownership of messages
//
// A unary call passes messages without a deep copy. Each side has its own message
// struct, so the other side does not see it when a field is set. But the values
// that the fields point to are shared: nested messages, lists, maps and bytes.
//
// This is safe if the caller does not change a request after the call, as in a
// gateway that decodes one for each HTTP request, and if the handler does not
// change a reply after returning it, which grpc-go requires anyway. A handler that
// keeps a part of its request or reply and changes it later must clone it first
// (proto.Clone), and so must a caller that edits a reply.
//
// Messages without plain struct fields (the opaque API of protobuf, dynamicpb,
// proto2 extensions) are copied in full instead, and messages of two different
// Go types pass through their wire form.
package inprocess

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/grpclog"
	"google.golang.org/grpc/status"
)

// DefaultMaxBytes is the default maximum size of a message: 4 MiB, as in grpc-go.
const DefaultMaxBytes = 4 << 20

// Params configure a [Conn]. The zero value is usable.
type Params struct {
	// UnaryInterceptors run around every unary call, the first one outermost.
	UnaryInterceptors []grpc.UnaryServerInterceptor
	// StreamInterceptors run around every streaming call, the first one outermost.
	StreamInterceptors []grpc.StreamServerInterceptor
	// MaxRequestBytes is the maximum size of a request message, in bytes on the wire.
	// A larger one fails with RESOURCE_EXHAUSTED and [ReasonRequestTooLarge]. 0 means
	// [DefaultMaxBytes], a negative value means no limit.
	MaxRequestBytes int
	// MaxResponseBytes is the same for a response message, with
	// [ReasonResponseTooLarge]. grpc.MaxCallRecvMsgSize replaces it for a call.
	//
	// A limit costs time, because each message is measured field by field. For a
	// reply with a long list this is nearly all of the call's time, and it saves no
	// memory, so a program that trusts its own handlers may set a negative value.
	MaxResponseBytes int
}

// Conn is an in-process connection. Register all services before the first
// call; after that it is safe for concurrent use.
type Conn struct {
	unary    grpc.UnaryServerInterceptor  // nil: none
	stream   grpc.StreamServerInterceptor // nil: none
	limits   limits
	boundary context.Context             //nolint:containedctx // holds values only; see boundary
	services map[string]grpc.ServiceInfo // by name
	methods  map[string]*method          // by full name, "/package.Service/Method"
	messages *handover
}

// method is one registered method: either unary or stream is set.
type method struct {
	impl   any
	unary  *grpc.MethodDesc
	stream *grpc.StreamDesc
}

var (
	_ grpc.ClientConnInterface = (*Conn)(nil)
	_ grpc.ServiceRegistrar    = (*Conn)(nil)
)

// New returns a connection without services.
func New(p Params) *Conn {
	return &Conn{
		unary:    chainUnary(p.UnaryInterceptors),
		stream:   chainStream(p.StreamInterceptors),
		limits:   limits{request: limitOr(p.MaxRequestBytes), response: limitOr(p.MaxResponseBytes)},
		boundary: boundary(),
		services: map[string]grpc.ServiceInfo{},
		methods:  map[string]*method{},
		messages: &handover{codec: encoding.GetCodecV2(proto.Name)},
	}
}

// RegisterService adds a service, like [grpc.Server]. If impl does not implement
// the service, or the name is already registered, it logs that and ends the
// process, because the interface has no error result. It does not check a nil
// impl. Do not call it while calls are running.
func (c *Conn) RegisterService(desc *grpc.ServiceDesc, impl any) {
	if impl != nil && desc.HandlerType != nil { // a nil pointer to the interface
		want := reflect.TypeOf(desc.HandlerType).Elem()
		if got := reflect.TypeOf(impl); !got.Implements(want) {
			refusef("the handler of type %v does not implement %v", got, want)
		}
	}
	if _, taken := c.services[desc.ServiceName]; taken {
		refusef("the service %q is registered twice", desc.ServiceName)
	}

	info := grpc.ServiceInfo{Metadata: desc.Metadata}
	for i := range desc.Methods {
		m := &desc.Methods[i]
		info.Methods = append(info.Methods, grpc.MethodInfo{Name: m.MethodName})
		c.methods[fullName(desc.ServiceName, m.MethodName)] = &method{impl: impl, unary: m}
	}
	for i := range desc.Streams {
		s := &desc.Streams[i]
		info.Methods = append(info.Methods, grpc.MethodInfo{
			Name: s.StreamName, IsClientStream: s.ClientStreams, IsServerStream: s.ServerStreams,
		})
		c.methods[fullName(desc.ServiceName, s.StreamName)] = &method{impl: impl, stream: s}
	}
	c.services[desc.ServiceName] = info
}

// GetServiceInfo returns the registered services by name, for server reflection.
// Their methods are in the order of the descriptors, unary ones first.
func (c *Conn) GetServiceInfo() map[string]grpc.ServiceInfo {
	infos := make(map[string]grpc.ServiceInfo, len(c.services))
	for name, info := range c.services {
		info.Methods = append([]grpc.MethodInfo(nil), info.Methods...)
		infos[name] = info
	}

	return infos
}

// unimplemented returns the error for a method that is not registered.
func (c *Conn) unimplemented(name string) error {
	path, rooted := strings.CutPrefix(name, "/")
	slash := strings.LastIndexByte(path, '/')
	if !rooted || slash < 0 {
		return status.Errorf(codes.Unimplemented, "malformed method name: %q", name)
	}
	service, base := path[:slash], path[slash+1:]
	if _, known := c.services[service]; !known {
		return status.Errorf(codes.Unimplemented, "unknown service %v", service)
	}

	return status.Errorf(codes.Unimplemented, "unknown method %v for service %v", base, service)
}

func fullName(service, method string) string {
	return fmt.Sprintf("/%s/%s", service, method)
}

// refusef logs a message and ends the process. Fatalf of grpclog ends it with any
// logger.
func refusef(format string, args ...any) {
	grpclog.Component("inprocess").Fatalf("RegisterService: "+format, args...)
}

func limitOr(n int) int {
	if n == 0 {
		return DefaultMaxBytes
	}

	return n
}
