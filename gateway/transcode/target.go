package transcode

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/internal/request"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
	"github.com/statusway/statusway/gateway/route"
)

// target is all that a route needs at a request.
type target struct {
	// handler is the generated handler, with the caller's middleware around it.
	handler runtime.HandlerFunc
	input   protoreflect.MessageType
	builder *request.Builder
}

// targets finds the target of each route in a mux, once.
type targets struct {
	backend *Backend
	mux     *runtime.ServeMux
	found   sync.Map // *contract.Binding: *target
}

func (t *targets) of(binding *contract.Binding) (*target, error) {
	if found, ok := t.found.Load(binding); ok {
		return found.(*target), nil //nolint:forcetypeassert // nothing else is stored.
	}
	made, err := t.find(binding)
	if err != nil {
		return nil, err
	}
	t.found.Store(binding, made)
	return made, nil
}

func (t *targets) find(binding *contract.Binding) (*target, error) {
	handler, err := findHandler(t.mux, binding)
	if err != nil {
		return nil, err
	}
	input, err := protoregistry.GlobalTypes.FindMessageByName(binding.Method.Descriptor.Input().FullName())
	if err != nil {
		return nil, respond.Fail(codes.Internal, mapping.ReasonInternal, "the Go type of the request is not linked in").Because(err)
	}
	builder, err := request.New(t.backend.codec, binding, input.Descriptor())
	if err != nil {
		return nil, respond.Fail(codes.Internal, mapping.ReasonInternal, "the contract does not fit the Go type of the request").Because(err)
	}
	return &target{handler: handler, input: input, builder: builder}, nil
}

type probeKey struct{}

// probe is a request that asks a mux for its handler.
type probe struct {
	handler runtime.HandlerFunc
	called  bool // a handler was called, because the mux lacks [Backend.Options]
}

// isProbe reports whether a call comes from a probe, and then must not be made.
func isProbe(ctx context.Context) bool {
	p, ok := ctx.Value(probeKey{}).(*probe)
	if ok {
		p.called = true
	}
	return ok
}

// intercept is around every handler of the mux. A probe takes the handler without calling
// it.
func intercept(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, params map[string]string) {
		if p, ok := r.Context().Value(probeKey{}).(*probe); ok {
			p.handler = next
			return
		}
		next(w, r, params)
	}
}

// wildcardPattern is a wildcard in [contract.Binding].Path.
var wildcardPattern = regexp.MustCompile(`\{[^}]*\}`)

// findHandler asks the mux for the handler of a route, with a path that is like the
// route's and no literal of another.
func findHandler(mux *runtime.ServeMux, binding *contract.Binding) (runtime.HandlerFunc, error) {
	path := wildcardPattern.ReplaceAllLiteralString(binding.Path, "any-value-at-all")
	plain, err := url.PathUnescape(path)
	if err != nil {
		plain = path
	}
	p := &probe{handler: nil, called: false}
	r := (&http.Request{Method: binding.Kind, URL: &url.URL{Path: plain, RawPath: path}, Header: http.Header{}, Body: http.NoBody}).
		WithContext(context.WithValue(context.Background(), probeKey{}, p))
	mux.ServeHTTP(&call{}, r) //nolint:exhaustruct // nobody reads what is written there.
	switch {
	case p.called:
		return nil, noAnswer()
	case p.handler == nil:
		// The route was matched before, so the mux lacks a registration.
		return nil, respond.Fail(codes.Unimplemented, mapping.ReasonHandlerNotRegistered, "no handler is registered for this route")
	}
	return p.handler, nil
}

// pathParams are what generated code takes for the path's variables. Its parsers refuse
// some values that the gateway takes; those are replaced, because the message that
// generated code makes of them is not sent.
func (t *target) pathParams(binding *contract.Binding, params []route.Param) map[string]string {
	values := make(map[string]string, len(params))
	for i, one := range params {
		field := binding.Variables[i][len(binding.Variables[i])-1]
		values[one.Field] = acceptable(field, one.Value)
	}
	return values
}

// acceptable returns value if generated code certainly takes it for field, else a value
// that it takes.
func acceptable(field protoreflect.FieldDescriptor, value string) string {
	switch field.Kind() {
	case protoreflect.StringKind, protoreflect.BoolKind:
		return value
	case protoreflect.BytesKind:
		return "AA=="
	case protoreflect.EnumKind:
		return string(field.Enum().Values().Get(0).Name())
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return acceptableMessage(field.Message())
	default:
		// Generated code takes 010 for octal and refuses 08.
		if canonical, err := strconv.ParseInt(value, 10, 64); err == nil && strconv.FormatInt(canonical, 10) == value {
			return value
		}
		return "0"
	}
}

// acceptableMessage returns a text of a message. Generated code takes no others than these
// in a path.
func acceptableMessage(message protoreflect.MessageDescriptor) string {
	switch message.FullName() {
	case "google.protobuf.Timestamp":
		return "2000-01-01T00:00:00Z"
	case "google.protobuf.Duration":
		return "0s"
	case "google.protobuf.BoolValue":
		return "true"
	case "google.protobuf.BytesValue":
		return "AA=="
	case "google.protobuf.Struct":
		return "{}"
	case "google.protobuf.Value":
		return "null"
	}
	if strings.HasSuffix(string(message.Name()), "Value") && message.Name() != "StringValue" {
		return "0"
	}
	return "a" // a StringValue or a FieldMask
}
