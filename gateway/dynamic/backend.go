package dynamic

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/internal/backend"
	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/forward"
	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	"github.com/statusway/statusway/gateway/internal/request"
)

// DefaultMaxMessage is the default of [Target.MaxMessage], 4 MiB, as in grpc-go.
const DefaultMaxMessage = 4 << 20

// described is a server with known descriptors.
type described struct {
	schema *schema
	conn   grpc.ClientConnInterface
	// maxMessage is the maximum size of a message in either direction, in bytes on the wire.
	maxMessage int
	// deadline is the maximum time of a call without streaming; 0 means the gateway's default.
	deadline time.Duration
}

// served is one version of the servers that a [backend.Backend] calls.
type served struct {
	backend.Host

	codec    jsoncodec.Codec
	contract *contract.Contract
	methods  map[string][]*method // by the full name of the gRPC method and the number of the route
	owners   map[protoreflect.FullName]described

	codecOption grpc.CallOption // for every call
}

// method holds everything that a request to a binding needs.
type method struct {
	conn    grpc.ClientConnInterface
	carrier carrier
	desc    *grpc.StreamDesc
	builder *request.Builder
	// maxMessage is the maximum size of a message in either direction. limitOption sets it for a call.
	maxMessage  int
	limitOption grpc.CallOption
	// direct means that a request without a query can be encoded without a message; see [isDirect].
	direct bool
}

// newVersion combines servers. Its error joins all problems of their annotations, and services
// that two servers declare.
func newVersion(servers ...described) (*backend.Version, error) {
	var services []protoreflect.ServiceDescriptor
	var errs contract.Errors
	owners := map[protoreflect.FullName]described{}
	schemas := make([]*schema, 0, len(servers))
	for _, server := range servers {
		schemas = append(schemas, server.schema)
		for _, service := range server.schema.services {
			if _, twice := owners[service.FullName()]; twice {
				errs = append(errs, &DescriptorError{File: service.ParentFile().Path(), Name: string(service.FullName()), Reason: "two backends serve it"})
				continue
			}
			owners[service.FullName()] = server
			services = append(services, service)
		}
	}
	declared, err := contract.ReadServices(services...)
	if wrong, ok := errors.AsType[contract.Errors](err); ok {
		errs = append(errs, wrong...)
	}
	if err := errs.Err(); err != nil {
		return nil, fmt.Errorf("reading the contract: %w", err)
	}
	known := typesOf(schemas...)
	s := &served{
		codec: jsoncodec.New(known), contract: declared, methods: map[string][]*method{}, owners: owners,
		codecOption: grpc.ForceCodecV2(frameCodec{}),
	}
	for _, one := range declared.Methods {
		owner := owners[one.Descriptor.Parent().FullName()]
		carrier, err := s.carrierOf(owner, one.Descriptor)
		if err != nil {
			return nil, err
		}
		for _, binding := range one.Bindings {
			made, err := s.newMethod(binding, owner, carrier)
			if err != nil {
				return nil, err
			}
			s.methods[one.FullName] = append(s.methods[one.FullName], made)
		}
	}
	return &backend.Version{Contract: declared, Types: known, Deadline: s.deadline, Pending: nil, Handler: s.handler}, nil
}

func (s *served) deadline(method *contract.Method) time.Duration {
	return s.owners[method.Descriptor.Parent().FullName()].deadline
}

// handler returns the handler that serves the requests of a gateway.
func (s *served) handler(host backend.Host) exchange.Handler {
	bound := *s
	bound.Host = host
	return bound.handle
}

// carrierOf chooses the carrier that the connection accepts. Every connection accepts frames. Only
// an in-process connection without a wrapper is certain to accept linked messages unencoded.
func (s *served) carrierOf(owner described, method protoreflect.MethodDescriptor) (carrier, error) {
	if owner.schema.linked && forward.IsInProcess(owner.conn) {
		return newLinked(method)
	}
	return newFramed(s.codec, method), nil
}

func (s *served) newMethod(binding *contract.Binding, owner described, carrier carrier) (*method, error) {
	descriptor := binding.Method.Descriptor
	builder, err := request.New(s.codec, binding, carrier.new().Descriptor())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", descriptor.FullName(), err)
	}
	m := &method{
		conn: owner.conn, carrier: carrier, builder: builder,
		maxMessage: owner.maxMessage, limitOption: grpc.MaxCallRecvMsgSize(receiveLimit(owner.maxMessage)),
		desc: &grpc.StreamDesc{
			StreamName:    string(descriptor.Name()),
			ServerStreams: binding.Method.ServerStreams,
			ClientStreams: binding.Method.ClientStreams,
		},
	}
	m.direct = m.isDirect(binding)
	return m, nil
}

// handle serves a request that matches a route of the contract.
func (s *served) handle(w http.ResponseWriter, r *http.Request) error {
	binding := exchange.From(r.Context()).Binding
	c := &call{backend: s, method: s.methods[binding.Method.FullName][binding.Number], w: w, r: r}
	if err := request.ReadTarget(r); err != nil {
		return err
	}
	if c.method.desc.ServerStreams || c.method.desc.ClientStreams {
		return c.stream()
	}
	return c.unary()
}
