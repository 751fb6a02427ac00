package contract

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/internal/route"
	"github.com/statusway/statusway/gateway/policy"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// Contract is all that the backends behind one gateway declare. It does not change.
type Contract struct {
	// Methods are the gRPC methods that have at least one HTTP route, in the order
	// of their files.
	Methods []*Method
	// Retired are the path prefixes that are gone.
	Retired []Retired

	routes route.Index[*Binding]
}

// Method is one gRPC method and what it means over HTTP.
type Method struct {
	// FullName is as gRPC has it on the wire: "/entity.v1.EntityService/GetEntity".
	FullName string
	// Descriptor is of the method.
	Descriptor protoreflect.MethodDescriptor
	// ClientStreams and ServerStreams report whether the requests and the responses of a
	// call are many messages.
	ClientStreams, ServerStreams bool
	// Bindings are its HTTP routes, the first one first.
	Bindings []*Binding

	// Success are the statuses that it may answer with, the default first.
	Success []int32
	// Location makes Location of the response's fields; nil if there is none.
	Location *Location
	// ETag and LastModified are the response's fields that hold the validators;
	// nil if none.
	ETag         FieldPath
	LastModified *TimePath
	// CacheControl is that of a success; never empty.
	CacheControl string
	// MaxBody is the longest request body in bytes; 0 means the server's limit.
	MaxBody int64
	// Preconditions says that the backend decides If-Match and If-None-Match.
	Preconditions bool
	// Anonymous says that the method needs no credentials.
	Anonymous bool
	// HonoursReturn and HonoursWait say which preferences of a request the method
	// honours: return, and wait with respond-async (RFC 7240).
	HonoursReturn, HonoursWait bool
	// IdempotencyKey says what the method does with one.
	IdempotencyKey IdempotencyKey
	// Lifecycle is the method's own, with what its service and file say besides.
	Lifecycle Lifecycle
}

// Binding is one HTTP route of a method.
type Binding struct {
	// Method is what the route calls.
	Method *Method
	// Number is the route's place among the routes of its method, from 0.
	Number int
	// Verb is the HTTP method, such as "GET".
	Verb string
	// Kind is the HTTP method as the rule has it: the verb, or "*" if the rule is for any
	// method. A rule for any method is a route for each of GET, PUT, POST, DELETE and PATCH,
	// except those for which another rule has the same path.
	Kind string
	// Template is of the path.
	Template *route.Template
	// Variables are the request's fields that its variables fill, in their order.
	Variables []FieldPath
	// Path is what the path is called wherever it is told of: in the OpenAPI document,
	// a metric, a span and the log. It has the fields' names in JSON, and is the same
	// for all routes of a path, whatever their fields.
	Path string
	// Wildcards are those of the path, in its order.
	Wildcards []Wildcard

	// Body is the name of the request's field that the body fills; "*" means the whole
	// request, empty means that there is no body.
	Body string
	// BodyField is the field of that name; nil if the body fills the whole request, or if
	// there is no body.
	BodyField protoreflect.FieldDescriptor
	// BodyMessage is the type of the message that the body fills; nil if the body fills a
	// list, a map or a scalar, or if there is no body.
	BodyMessage protoreflect.MessageDescriptor
	// RawBody reports whether the body is the data of a google.api.HttpBody, of any media
	// type, and not JSON.
	RawBody bool
	// MediaTypes are the types that the body may have; nil if it may have any, or if there
	// is no body.
	MediaTypes []string
	// Uploads reports whether the body is many messages.
	Uploads bool
	// DiscardsBody reports whether a body that is sent nevertheless means nothing, as it does
	// for GET and HEAD (RFC 9110 §9.3.1). Otherwise it was sent on purpose.
	DiscardsBody bool
	// Mask is the field for the update mask that a PATCH makes of its body; nil if there is
	// none.
	Mask protoreflect.FieldDescriptor

	// ResponseBody is the field of each response message that is sent; nil means that the
	// whole message is.
	ResponseBody protoreflect.FieldDescriptor
	// RawResponse reports whether the response is the data of one google.api.HttpBody, or of
	// a stream of them, and not JSON.
	RawResponse bool
	// Offers are the media types that Accept chooses from; nil if a success has no body, or
	// raw bytes of any type.
	Offers []string

	// Safe reports whether the HTTP method is safe, and so idempotent too (RFC 9110 §9.2.1).
	Safe bool
	// Conditions says what the route does with If-Match and its like.
	Conditions Conditions

	bound []string // the fields that the path and the body set
}

// Location is a template over a response's fields.
type Location struct {
	*route.Template

	fields map[string]FieldPath
}

// Of is the URL of what a response describes. An error is a [*route.ExpandError].
func (l *Location) Of(response proto.Message) (string, error) {
	return l.Expand(func(name string) (string, bool) { return l.fields[name].Text(response) })
}

// Retired is a path prefix that is gone, and what replaces it.
type Retired struct{ Prefix, Successor string }

// AnnotationError is one thing that a proto file declares wrongly.
type AnnotationError struct {
	// File is the proto file; Line counts from 1, and is 0 where the descriptor
	// carries no source.
	File string
	Line int
	// Name is the full name of what is annotated.
	Name string
	// Reason says what is wrong.
	Reason string
}

func (e *AnnotationError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s: %s", e.File, e.Name, e.Reason)
	}
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Name, e.Reason)
}

// Read reads the contract of every service in files. Its error joins one
// [*AnnotationError] for each fault; two routes that no path can tell apart are one.
func Read(files ...protoreflect.FileDescriptor) (*Contract, error) {
	var services []protoreflect.ServiceDescriptor
	for _, file := range files {
		for i := range file.Services().Len() {
			services = append(services, file.Services().Get(i))
		}
	}
	return ReadServices(services...)
}

// ReadServices reads the contract of these services alone, as [Read] does.
func ReadServices(services ...protoreflect.ServiceDescriptor) (*Contract, error) {
	r := reader{contract: &Contract{}, named: map[string]*path{}}
	for _, service := range services {
		r.service(service.ParentFile(), service)
	}
	r.index()
	return r.contract, errors.Join(r.errs...)
}

// Index is the index of all routes.
func (c *Contract) Index() *route.Index[*Binding] { return &c.routes }

// Check refuses a method that declares a status which the policy's catalogue lacks.
func (c *Contract) Check(table *policy.Table) error {
	var errs []error
	for _, method := range c.Methods {
		for _, status := range method.Success {
			if table.Row(int(status)) == nil {
				errs = append(errs, failure(method.Descriptor, "declares %d, which the policy %s has no row for", status, table.Name()))
			}
		}
	}
	return errors.Join(errs...)
}

// RetiredBy returns the retired prefix that path lies below, if any.
func (c *Contract) RetiredBy(path string) (Retired, bool) {
	for _, retired := range c.Retired {
		if strings.HasPrefix(path, retired.Prefix) || path == strings.TrimSuffix(retired.Prefix, "/") {
			return retired, true
		}
	}
	return Retired{}, false
}

// options reads a message of options whatever it was made of. Options that came
// over the network hold extensions as unknown bytes, and those of another resolver
// hold another type, on which proto.GetExtension panics; their bytes are the same.
func options(of, into proto.Message) error {
	wire, err := proto.Marshal(of)
	if err != nil {
		return fmt.Errorf("marshalling options: %w", err)
	}
	if err := proto.Unmarshal(wire, into); err != nil {
		return fmt.Errorf("reading options: %w", err)
	}
	return nil
}

func failure(at protoreflect.Descriptor, format string, args ...any) *AnnotationError {
	file := at.ParentFile()
	line := 0
	if location := file.SourceLocations().ByDescriptor(at); location.EndLine > 0 || location.EndColumn > 0 {
		line = location.StartLine + 1
	}
	return &AnnotationError{File: file.Path(), Line: line, Name: string(at.FullName()), Reason: fmt.Sprintf(format, args...)}
}

// semantics are a method's annotations as its author wrote them.
func semantics(of proto.Message) *statuswayv1.MethodSemantics {
	value, _ := proto.GetExtension(of, statuswayv1.E_Method).(*statuswayv1.MethodSemantics)
	return value
}
