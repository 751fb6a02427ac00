package generated

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/statusway/statusway/gateway/internal/contract"
)

// collector collects the handlers that are registered with a mux. A mux has no list of them, but it
// passes each handler to its middleware at registration.
type collector struct{ handlers []collected }

// collected is one handler. The handlers of a method are in the order of its HTTP rules.
type collected struct {
	handler runtime.HandlerFunc
	method  string // "/service/method"
}

// add is a middleware that collects the handler and changes nothing.
func (c *collector) add(next runtime.HandlerFunc) runtime.HandlerFunc {
	c.handlers = append(c.handlers, collected{handler: next, method: methodOf(next)})
	return next
}

type probeKey struct{}

// methodOf returns the method that a generated handler calls. It runs the handler until the handler
// asks for metadata, just before the call. stopProbe ends it there.
func methodOf(handler runtime.HandlerFunc) (method string) { //nolint:nonamedreturns // a deferred call can set the result in no other way.
	probe := &method
	r := (&http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Header: http.Header{}, Body: http.NoBody}).
		WithContext(context.WithValue(context.Background(), probeKey{}, probe))
	defer func() {
		if value := recover(); value != nil && value != any(probe) {
			panic(value) //nolint:forbidigo // the panic of the handler itself.
		}
	}()
	handler(&call{}, r, nil) //nolint:exhaustruct // call discards the response.
	return method
}

// stopProbe is a metadata annotator. runtime calls it before the call, when it knows the method. It
// reports the method to methodOf and ends the handler.
func (*collector) stopProbe(ctx context.Context, _ *http.Request) metadata.MD {
	if probe, ok := ctx.Value(probeKey{}).(*string); ok {
		*probe, _ = runtime.RPCMethod(ctx)
		panic(probe) //nolint:forbidigo // only a panic ends a generated handler here. methodOf recovers.
	}
	return nil
}

// handlersOf returns the handlers of a method.
func (c *collector) handlersOf(method string) []runtime.HandlerFunc {
	var handlers []runtime.HandlerFunc
	for _, one := range c.handlers {
		if one.method == method {
			handlers = append(handlers, one.handler)
		}
	}
	return handlers
}

var (
	errNoHandlers = errors.New("no generated handler was registered with the mux")
	errNoMethod   = errors.New("a registered handler calls no gRPC method: use Pages or Around of gateway.Config for such handlers")
)

// contract returns the contract of all services that have handlers.
func (c *collector) contract() (*contract.Contract, error) {
	if len(c.handlers) == 0 {
		return nil, errNoHandlers
	}
	var services []protoreflect.ServiceDescriptor
	seen := map[string]bool{}
	for _, one := range c.handlers {
		name, _, _ := strings.Cut(strings.TrimPrefix(one.method, "/"), "/")
		if name == "" {
			return nil, errNoMethod
		}
		if seen[name] {
			continue
		}
		seen[name] = true
		found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		service, ok := found.(protoreflect.ServiceDescriptor)
		if err != nil || !ok {
			return nil, fmt.Errorf("the descriptor of %s is not linked into the program", name)
		}
		services = append(services, service)
	}
	declared, err := contract.ReadServices(services...)
	if err != nil {
		return nil, fmt.Errorf("reading the contract: %w", err)
	}
	return declared, nil
}
