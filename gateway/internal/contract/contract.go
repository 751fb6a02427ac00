package contract

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/internal/route"
	"github.com/statusway/statusway/gateway/policy"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// Contract contains all methods and routes of the backends behind one gateway. It is immutable.
type Contract struct {
	// Methods are the gRPC methods that have at least one HTTP route, in the order
	// of their files.
	Methods []*Method
	// Retired are the retired path prefixes.
	Retired []Retired

	routes route.Index[*Binding]
}

// Method is one gRPC method with its HTTP options.
type Method struct {
	// FullName is the name in gRPC's wire form: "/entity.v1.EntityService/GetEntity".
	FullName string
	// Descriptor is the descriptor of the method.
	Descriptor protoreflect.MethodDescriptor
	// ClientStreams and ServerStreams report whether the requests and the responses of a call are
	// streams.
	ClientStreams, ServerStreams bool
	// Bindings are its HTTP routes, the first one first.
	Bindings []*Binding

	// Success are the success statuses that the method declares, the default first.
	Success []int32
	// Location builds the Location header from the response; nil if the method declares none.
	Location *Location
	// ETag and LastModified are the fields of the response with the validators; nil if there are
	// none.
	ETag         FieldPath
	LastModified *TimePath
	// CacheControl is the Cache-Control of a success. It is never empty.
	CacheControl string
	// MaxBody is the maximum size of a request body in bytes; 0 means the server's limit.
	MaxBody int64
	// Preconditions reports whether the backend evaluates If-Match and If-None-Match.
	Preconditions bool
	// Anonymous reports whether the method needs no credentials.
	Anonymous bool
	// HonoursReturn and HonoursWait report which preferences the method honours: return, and wait
	// with respond-async (RFC 7240).
	HonoursReturn, HonoursWait bool
	// IdempotencyKey says whether the method accepts or needs an Idempotency-Key.
	IdempotencyKey IdempotencyKey
	// Lifecycle combines the lifecycles of the method, its service and its file.
	Lifecycle Lifecycle
}

// Binding is one HTTP route of a method.
type Binding struct {
	// Method is the method that the route calls.
	Method *Method
	// Number is the index of the route among the routes of its method.
	Number int
	// Verb is the HTTP method, such as "GET".
	Verb string
	// Kind is the HTTP method of the rule: the verb, or "*" for any method. A rule for any method
	// becomes a route for each of GET, PUT, POST, DELETE and PATCH, except those for which another
	// rule has the same path.
	Kind string
	// Template is the template of the path.
	Template *route.Template
	// Variables are the fields of the request that the path variables fill, in order.
	Variables []FieldPath
	// Path is the path in the OpenAPI document, in metrics, spans and the log. It contains the JSON
	// names of fields. All routes of a path have the same Path, even if their fields differ.
	Path string
	// Wildcards are the wildcards of the path, in order.
	Wildcards []Wildcard

	// Body is the name of the field that the body fills. "*" means the whole request, and empty
	// means that there is no body.
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
	// Uploads reports whether the body is a stream of messages.
	Uploads bool
	// DiscardsBody reports whether a body of a request has no meaning and is ignored, as for GET
	// and HEAD (RFC 9110 §9.3.1). If it is false and the route takes no body, a body is refused.
	DiscardsBody bool
	// Mask is the field for the update mask, which the gateway derives from the body of a PATCH; nil
	// if there is none.
	Mask protoreflect.FieldDescriptor

	// ResponseBody is the field of each response message that is sent; nil means the whole message.
	ResponseBody protoreflect.FieldDescriptor
	// RawResponse reports whether the response is the data of one google.api.HttpBody, or of
	// a stream of them, and not JSON.
	RawResponse bool
	// Offers are the media types that Accept chooses from; nil if a success has no body, or
	// raw bytes of any type.
	Offers []string

	// Safe reports whether the HTTP method is safe, and so idempotent too (RFC 9110 §9.2.1).
	Safe bool
	// Conditions says how the route treats conditional headers.
	Conditions Conditions

	bound []string // the fields that the path sets
}

// Location is a URL template with fields of a response.
type Location struct {
	*route.Template

	fields map[string]FieldPath
}

// Of returns the URL for a response. An error is a [*route.ExpandError].
func (l *Location) Of(response proto.Message) (string, error) {
	return l.Expand(func(name string) (string, bool) { return l.fields[name].Text(response) })
}

// Retired is a retired path prefix, with the URI of its successor.
type Retired struct{ Prefix, Successor string }

// AnnotationError is one invalid annotation in a proto file.
type AnnotationError struct {
	// File is the proto file. Line is the line number from 1, or 0 if the descriptor contains no
	// source info.
	File string
	Line int
	// Name is the full name of the annotated declaration.
	Name string
	// Reason describes the problem.
	Reason string

	services []protoreflect.FullName
}

// Services returns the service with the problem. If two routes clash, the service of the other route
// follows.
func (e *AnnotationError) Services() []protoreflect.FullName { return e.services }

func (e *AnnotationError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s: %s", e.File, e.Name, e.Reason)
	}
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Name, e.Reason)
}

// Errors are all problems of a contract. The text has a line for each of them, up to a limit.
type Errors []error

func (e Errors) Error() string {
	const limit = 20
	var text strings.Builder
	for i, one := range e {
		if i == limit {
			fmt.Fprintf(&text, "\nand %d more problems", len(e)-limit)
			break
		}
		if i > 0 {
			text.WriteByte('\n')
		}
		text.WriteString(one.Error())
	}
	return text.String()
}

// Unwrap returns all problems.
func (e Errors) Unwrap() []error { return e }

// Err returns e, or nil if there are no problems.
func (e Errors) Err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// Read reads the contract of every service in files. Its error is [Errors], with an [*AnnotationError] for each
// problem. Two routes that match the same paths are a problem too.
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
	return r.contract, r.errs.Err()
}

// Index returns the index of all routes.
func (c *Contract) Index() *route.Index[*Binding] { return &c.routes }

// Check returns an error if a method declares a status that is not in the policy's catalogue.
func (c *Contract) Check(table *policy.Table) error {
	var errs Errors
	for _, method := range c.Methods {
		for _, status := range method.Success {
			if table.Row(int(status)) == nil {
				errs = append(errs, failure(method.Descriptor, "declares %d, which the policy %s has no row for", status, table.Name()))
			}
		}
	}
	return errs.Err()
}

// RefuseKeys returns an error with this reason for each method that needs an Idempotency-Key.
func (c *Contract) RefuseKeys(reason string) error {
	var errs Errors
	for _, method := range c.Methods {
		if method.IdempotencyKey == KeyRequired {
			errs = append(errs, failure(method.Descriptor, "%s %s", method.FullName, reason))
		}
	}
	return errs.Err()
}

// RetiredBy returns the retired prefix of a path, if there is one.
func (c *Contract) RetiredBy(path string) (Retired, bool) {
	for _, retired := range c.Retired {
		if strings.HasPrefix(path, retired.Prefix) || path == strings.TrimSuffix(retired.Prefix, "/") {
			return retired, true
		}
	}
	return Retired{}, false
}

// options copies options by their wire form. Options from the network contain extensions as unknown
// bytes, and options from another resolver contain another Go type, on which proto.GetExtension
// panics. The wire form is the same for all.
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
	return &AnnotationError{
		File: file.Path(), Line: line, Name: string(at.FullName()), Reason: fmt.Sprintf(format, args...), services: []protoreflect.FullName{service(at)},
	}
}

// semantics returns the annotations of a method.
func semantics(of proto.Message) *statuswayv1.MethodSemantics {
	value, _ := proto.GetExtension(of, statuswayv1.E_Method).(*statuswayv1.MethodSemantics)
	return value
}
