// Package inprocess reaches gRPC services that live in the same process as
// their caller. [Conn] is both sides at once: services register on it as on a
// grpc.Server, and generated clients call it as a grpc.ClientConn. There is no
// socket between them, but interceptors run, all four kinds of streams work,
// and metadata, deadlines, limits and errors behave as over a network.
//
// # What is as over a network
//
//   - Outgoing metadata arrives as incoming metadata; nothing else of the
//     caller's own metadata, peer or transport stream is visible to the handler.
//     Header, trailer and peer come back through grpc.Header, grpc.Trailer and
//     grpc.Peer, on failure too.
//   - Errors arrive as a status: code, message and details. The handler's own
//     error values never cross. A context error becomes CANCELLED or
//     DEADLINE_EXCEEDED, any other error UNKNOWN.
//   - The handler's context ends with the caller's, and when the call ends.
//   - Messages on a stream are copied when they are sent, so both sides may use
//     theirs again at once. A fast sender waits for a slow receiver.
//
// # What is not
//
//   - Context values pass through. This is on purpose: it is how a program's
//     HTTP side hands an authenticated principal to its interceptors.
//   - A unary call runs on the caller's goroutine. It returns when its handler
//     does, even if the deadline passed meanwhile. The error is then
//     DEADLINE_EXCEEDED if the handler returned the context's error, or any error
//     without a status: drivers tend to hide the one in the other. A status or a
//     reply that the handler came to in spite of the deadline is delivered.
//   - Nothing is encoded, so nobody notices what only an encoder would: text that
//     is not UTF-8, a required field of proto2 that is not set.
//   - The messages of a unary call are shared; see below.
//   - A panic fails the call alone, with a [PanicError]. In a grpc.Server it
//     ends the process.
//   - A unary handler that returns neither a reply nor an error fails with
//     INTERNAL. A grpc.Server would send an empty message, which hides the bug.
//   - Metadata that only a transport adds (content-type, user-agent, :authority,
//     grpc-status-details-bin) is absent. Credentials and compressors given as
//     call options have no effect, nor have stats handlers. A codec given as a call
//     option (grpc.ForceCodecV2) is used for what is not a protobuf message.
//
// # Who owns a message
//
// A unary call hands messages over without a deep copy. The handler gets a
// request of its own, and the caller keeps its own reply, so setting a field of
// either is never seen by the other. But what these fields point to is shared:
// nested messages, lists, maps and bytes.
//
// This is safe where each call has a request of its own that nobody changes
// afterwards, as in a gateway that decodes one for each HTTP request, and where
// nobody changes what a reply points to once it was returned, which grpc-go asks
// of every handler anyway. A handler that keeps a part of its request or reply
// and changes it later must clone it first (proto.Clone), and so must a caller
// that edits a reply.
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

// DefaultMaxBytes is the limit of a message where none is given: 4 MiB, what
// grpc-go allows a server and a client to receive.
const DefaultMaxBytes = 4 << 20

// Params are the settings of a [Conn]. The zero value is usable.
type Params struct {
	// UnaryInterceptors run around every unary call, the first one outermost.
	UnaryInterceptors []grpc.UnaryServerInterceptor
	// StreamInterceptors run around every streaming call, the first one outermost.
	StreamInterceptors []grpc.StreamServerInterceptor
	// MaxRequestBytes is the largest request message, in bytes of its wire form.
	// A larger one fails with RESOURCE_EXHAUSTED and [ReasonRequestTooLarge].
	// 0 is [DefaultMaxBytes]; below 0 there is no limit.
	MaxRequestBytes int
	// MaxResponseBytes is the same for a response message, with
	// [ReasonResponseTooLarge]. grpc.MaxCallRecvMsgSize replaces it for a call.
	//
	// A limit is not free: each message is walked, field by field. For a reply with
	// a long list this is nearly all of the call's time, and it saves no memory any
	// more, so a program that trusts its own handlers may set it below 0.
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

// RegisterService adds a service, under the contract of [grpc.Server]: an impl
// that does not implement the service, or a name that is taken, is a bug of the
// program. It is logged and ends the process; the interface has no error result,
// and a service that is silently missing would be worse. A nil impl is not
// checked. It must not run while calls do.
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

// GetServiceInfo returns the registered services by name, with their methods in
// the order of their descriptors, unary ones first. Server reflection reads it.
func (c *Conn) GetServiceInfo() map[string]grpc.ServiceInfo {
	infos := make(map[string]grpc.ServiceInfo, len(c.services))
	for name, info := range c.services {
		info.Methods = append([]grpc.MethodInfo(nil), info.Methods...)
		infos[name] = info
	}

	return infos
}

// unimplemented is the error of a method that is not registered.
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

// refusef ends the process. Fatalf of grpclog does so whatever logger is set.
func refusef(format string, args ...any) {
	grpclog.Component("inprocess").Fatalf("RegisterService: "+format, args...)
}

func limitOr(n int) int {
	if n == 0 {
		return DefaultMaxBytes
	}

	return n
}
