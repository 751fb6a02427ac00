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

// collector finds out which handlers a mux gets. A mux tells nobody, but it hands each handler to
// its middleware when it is registered.
type collector struct{ handlers []collected }

// collected is one handler. Those of a method are in the order of its routes.
type collected struct {
	handler runtime.HandlerFunc
	method  string // "/service/method"
}

// add is the middleware.
func (c *collector) add(next runtime.HandlerFunc) runtime.HandlerFunc {
	c.handlers = append(c.handlers, collected{handler: next, method: methodOf(next)})
	return next
}

type probeKey struct{}

// methodOf returns the method that a generated handler calls. The handler prepares a call, which
// ends in note before anything is called.
func methodOf(handler runtime.HandlerFunc) (method string) { //nolint:nonamedreturns // a deferred call can set the result in no other way.
	probe := &method
	r := (&http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Header: http.Header{}, Body: http.NoBody}).
		WithContext(context.WithValue(context.Background(), probeKey{}, probe))
	defer func() {
		if value := recover(); value != nil && value != any(probe) {
			panic(value) //nolint:forbidigo // it is somebody else's.
		}
	}()
	handler(&call{}, r, nil) //nolint:exhaustruct // nobody reads what is written there.
	return method
}

// note is an annotator of metadata: runtime calls it when it knows the method, before the call.
func (*collector) note(ctx context.Context, _ *http.Request) metadata.MD {
	if probe, ok := ctx.Value(probeKey{}).(*string); ok {
		*probe, _ = runtime.RPCMethod(ctx)
		panic(probe) //nolint:forbidigo // nothing else ends a generated handler here. methodOf recovers.
	}
	return nil
}

// of returns the handlers of a method.
func (c *collector) of(method string) []runtime.HandlerFunc {
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
	errNoMethod   = errors.New("a registered handler calls no gRPC method, so no route leads to it: gateway.Config has Pages and Around for such handlers")
)

// contract reads the contract of all services that have handlers.
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
