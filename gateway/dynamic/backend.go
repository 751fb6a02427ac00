package dynamic

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/forward"
	"github.com/statusway/statusway/gateway/internal/request"
	"github.com/statusway/statusway/gateway/jsoncodec"
	"github.com/statusway/statusway/gateway/respond"
)

// DefaultMaxMessage is 4 MiB, what gRPC servers take unless they are told otherwise.
const DefaultMaxMessage = 4 << 20

// Params configure a [Backend].
type Params struct {
	// Responder writes the answers. See [Backend.Responder].
	Responder *respond.Responder
	// Forward says what passes in either direction. Nil means no more than always does.
	Forward *forward.Rules
	// Deadline is how long a call may take that is no stream; 0 means for ever. A
	// client's Grpc-Timeout can only shorten it.
	Deadline time.Duration
	// Silence is how long the client of a stream may take for its next message; 0 keeps
	// the deadline that the gateway sets for the whole body.
	Silence time.Duration
	// MaxMessage is the largest message in either direction, in bytes of its wire
	// form; 0 means [DefaultMaxMessage]. A larger request is refused before it is sent.
	MaxMessage int
}

// Target is a server and what it declares.
type Target struct {
	Schema *Schema
	// Conn leads to the server. A [*Conn] tells a response that is too large from a
	// quota; over any other connection of gRPC both are RESOURCE_EXHAUSTED. Any schema
	// works with any connection, one of gateway/inprocess too.
	Conn grpc.ClientConnInterface
}

// Backend answers requests by calling gRPC servers of which only descriptors are
// known. It is safe for concurrent use.
type Backend struct {
	params   Params
	codec    jsoncodec.Codec
	contract *contract.Contract
	methods  map[string][]*method // by the full name of the gRPC method and the number of the route

	// codecOption and limitOption are those of every call, made once.
	codecOption, limitOption grpc.CallOption
}

// method is all that a binding needs at a request.
type method struct {
	conn    grpc.ClientConnInterface
	carrier carrier
	desc    *grpc.StreamDesc
	builder *request.Builder
	// direct says that a request without a query may need no message; see [isDirect].
	direct bool
}

// New returns the backend for all targets. Its error joins all that is wrong with
// their annotations, and a service that two targets have.
func New(p Params, targets ...Target) (*Backend, error) {
	if p.MaxMessage == 0 {
		p.MaxMessage = DefaultMaxMessage
	}
	if p.Forward == nil {
		p.Forward = forward.New(forward.Params{RequestHeaders: nil, ResponseHeaders: nil, GRPCGateway: false, Logger: nil})
	}
	var services []protoreflect.ServiceDescriptor
	var errs []error
	owners := map[protoreflect.FullName]Target{}
	schemas := make([]*Schema, 0, len(targets))
	for _, target := range targets {
		schemas = append(schemas, target.Schema)
		for _, service := range target.Schema.services {
			if _, twice := owners[service.FullName()]; twice {
				errs = append(errs, &DescriptorError{File: service.ParentFile().Path(), Name: string(service.FullName()), Reason: "two backends serve it"})
				continue
			}
			owners[service.FullName()] = target
			services = append(services, service)
		}
	}
	declared, err := contract.ReadServices(services...)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, fmt.Errorf("reading the contract: %w", err)
	}
	known := typesOf(schemas...)
	if p.Responder != nil {
		p.Responder = p.Responder.WithTypes(known)
	}
	b := &Backend{
		params: p, codec: jsoncodec.New(known), contract: declared, methods: map[string][]*method{},
		codecOption: grpc.ForceCodecV2(frameCodec{}), limitOption: grpc.MaxCallRecvMsgSize(receiveLimit(p.MaxMessage)),
	}
	for _, one := range declared.Methods {
		owner := owners[one.Descriptor.Parent().FullName()]
		carrier, err := b.carrierOf(owner, one.Descriptor)
		if err != nil {
			return nil, err
		}
		for _, binding := range one.Bindings {
			made, err := b.newMethod(binding, owner.Conn, carrier)
			if err != nil {
				return nil, err
			}
			b.methods[one.FullName] = append(b.methods[one.FullName], made)
		}
	}
	return b, nil
}

// carrierOf chooses by what the connection takes. All take frames; only one in this process, if nothing hides it, is sure to
// take linked messages as they are.
func (b *Backend) carrierOf(target Target, method protoreflect.MethodDescriptor) (carrier, error) {
	if target.Schema.linked && forward.IsInProcess(target.Conn) {
		return newLinked(method)
	}
	return newFramed(b.codec, method), nil
}

func (b *Backend) newMethod(binding *contract.Binding, conn grpc.ClientConnInterface, carrier carrier) (*method, error) {
	descriptor := binding.Method.Descriptor
	builder, err := request.New(b.codec, binding, carrier.new().Descriptor())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", descriptor.FullName(), err)
	}
	m := &method{
		conn: conn, carrier: carrier, builder: builder,
		desc: &grpc.StreamDesc{
			StreamName:    string(descriptor.Name()),
			ServerStreams: binding.Method.ServerStreams,
			ClientStreams: binding.Method.ClientStreams,
		},
	}
	m.direct = m.isDirect(binding)
	return m, nil
}

// Responder is the one that this backend was made with, and knows the targets' types
// as well. The gateway is made with it, so that errors show them too.
func (b *Backend) Responder() *respond.Responder { return b.params.Responder }

// Contract is what the targets declare.
func (b *Backend) Contract() *contract.Contract { return b.contract }

// Handle answers a request that has matched a route of the contract.
func (b *Backend) Handle(w http.ResponseWriter, r *http.Request) error {
	binding := exchange.From(r.Context()).Binding
	c := &call{backend: b, method: b.methods[binding.Method.FullName][binding.Number], w: w, r: r}
	if err := request.CheckTarget(r); err != nil {
		return err
	}
	if c.method.desc.ServerStreams || c.method.desc.ClientStreams {
		return c.stream()
	}
	return c.unary()
}

var _ exchange.Handler = (*Backend)(nil).Handle
