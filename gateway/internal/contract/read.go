package contract

import (
	"cmp"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/internal/route"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// reader reads a contract and collects all problems, so that the author can fix a file in one go.
type reader struct {
	contract *Contract
	// named maps each shape of a path to the first path with that shape.
	named map[string]*path
	errs  Errors
}

func (r *reader) failf(at protoreflect.Descriptor, format string, args ...any) {
	r.errs = append(r.errs, failure(at, format, args...))
}

func (r *reader) service(file protoreflect.FileDescriptor, service protoreflect.ServiceDescriptor) {
	fileOptions, serviceOptions := &descriptorpb.FileOptions{}, &descriptorpb.ServiceOptions{}
	if err := cmp.Or(options(file.Options(), fileOptions), options(service.Options(), serviceOptions)); err != nil {
		r.failf(service, "%v", err)
		return
	}
	ofFile, _ := proto.GetExtension(fileOptions, statuswayv1.E_Lifecycle).(*statuswayv1.Lifecycle)
	ofService, _ := proto.GetExtension(serviceOptions, statuswayv1.E_Service).(*statuswayv1.ServiceSemantics)
	for _, retired := range ofService.GetRetired() {
		r.retired(service, retired)
	}
	for i := range service.Methods().Len() {
		r.method(service.Methods().Get(i), []*statuswayv1.Lifecycle{ofFile, ofService.GetLifecycle()})
	}
}

func (r *reader) retired(service protoreflect.ServiceDescriptor, retired *statuswayv1.RetiredPrefix) {
	prefix := retired.GetPrefix()
	if len(prefix) < 3 || !strings.HasPrefix(prefix, "/") || !strings.HasSuffix(prefix, "/") {
		r.failf(service, "the retired prefix %q must have the form /v0/", prefix)
		return
	}
	if !isReference(retired.GetSuccessor()) {
		r.failf(service, "the successor %q of %s is not a URI reference", retired.GetSuccessor(), prefix)
		return
	}
	r.contract.Retired = append(r.contract.Retired, Retired{Prefix: prefix, Successor: retired.GetSuccessor()})
}

func (r *reader) method(descriptor protoreflect.MethodDescriptor, outer []*statuswayv1.Lifecycle) {
	methodOptions := &descriptorpb.MethodOptions{}
	if err := options(descriptor.Options(), methodOptions); err != nil {
		r.failf(descriptor, "%v", err)
		return
	}
	rule, _ := proto.GetExtension(methodOptions, annotations.E_Http).(*annotations.HttpRule)
	if rule == nil {
		return // A method without a route is only available over gRPC.
	}
	declared := semantics(methodOptions)
	method := &Method{
		FullName:      "/" + string(descriptor.Parent().FullName()) + "/" + string(descriptor.Name()),
		Descriptor:    descriptor,
		ClientStreams: descriptor.IsStreamingClient(),
		ServerStreams: descriptor.IsStreamingServer(),
		Success:       declared.GetSuccess(),
		MaxBody:       declared.GetMaxBodyBytes(),
		Preconditions: declared.GetPreconditions(),
		Anonymous:     declared.GetAnonymous(),
	}
	if len(method.Success) == 0 {
		method.Success = []int32{200}
	}
	r.bindings(method, rule)
	r.success(method, declared)
	r.validators(method, declared)
	r.preferences(method, declared)
	r.idempotencyKey(method, declared)
	r.lifecycle(method, append(slices.Clone(outer), declared.GetLifecycle()))
	if method.MaxBody < 0 {
		r.failf(descriptor, "max_body_bytes is %d, but must not be negative", method.MaxBody)
	}
	r.contract.Methods = append(r.contract.Methods, method)
}

func (r *reader) bindings(method *Method, rule *annotations.HttpRule) {
	for i, one := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
		if i > 0 && len(one.GetAdditionalBindings()) > 0 {
			r.failf(method.Descriptor, "additional_bindings cannot nest (google/api/http.proto)")
		}
		if binding := r.binding(method, one); binding != nil {
			method.Bindings = append(method.Bindings, binding.routes()...)
		}
	}
}

// routes returns the routes of the rule that the binding was read from: one for each HTTP
// method.
func (b *Binding) routes() []*Binding {
	verbs := []string{b.Kind}
	if b.Kind == anyKind {
		verbs = []string{get, "PUT", "POST", "DELETE", "PATCH"}
	}
	all := make([]*Binding, len(verbs))
	for i, verb := range verbs {
		route := *b
		route.Verb = verb
		route.derive()
		all[i] = &route
	}
	return all
}

// binding returns nil if the rule has no path.
func (r *reader) binding(method *Method, rule *annotations.HttpRule) *Binding {
	kind, path := pattern(rule)
	if kind == "" || path == "" {
		r.failf(method.Descriptor, "google.api.http needs an HTTP method and a path")
		return nil
	}
	if kind == "CONNECT" || !rfc9110.IsToken(kind) {
		r.failf(method.Descriptor, "google.api.http: a path cannot have the HTTP method %q (RFC 9110 §9.1, §9.3.6)", kind)
	}
	template, err := route.Parse(path)
	if err != nil {
		r.failf(method.Descriptor, "%v", err)
		return nil
	}
	binding := &Binding{Method: method, Kind: kind, Template: template, Body: rule.GetBody()}
	input, output := method.Descriptor.Input(), method.Descriptor.Output()
	for _, name := range template.Fields() {
		field, err := ParseFieldPath(input, name)
		if err != nil {
			r.failf(method.Descriptor, "%s: %v", path, err)
		} else if field.leaf().IsList() || field.leaf().IsMap() {
			r.failf(method.Descriptor, "%s: %s is a repeated field, but a path variable holds one value", path, name)
		}
		binding.Variables = append(binding.Variables, field)
	}
	r.name(binding)
	if name := binding.Body; name != "" && name != "*" {
		binding.BodyField = r.field(method, "body", input, name)
	}
	if name := rule.GetResponseBody(); name != "" {
		binding.ResponseBody = r.field(method, "response_body", output, name)
	}
	return binding
}

// field returns the field that an option names.
func (r *reader) field(method *Method, option string, message protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	field := message.Fields().ByName(protoreflect.Name(name))
	if field == nil {
		r.failf(method.Descriptor, "%s: %s has no field %q", option, message.FullName(), name)
	}
	return field
}

func pattern(rule *annotations.HttpRule) (string, string) {
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return get, p.Get
	case *annotations.HttpRule_Put:
		return "PUT", p.Put
	case *annotations.HttpRule_Post:
		return "POST", p.Post
	case *annotations.HttpRule_Delete:
		return "DELETE", p.Delete
	case *annotations.HttpRule_Patch:
		return "PATCH", p.Patch
	case *annotations.HttpRule_Custom:
		return p.Custom.GetKind(), p.Custom.GetPath()
	default:
		return "", ""
	}
}

func (r *reader) success(method *Method, declared *statuswayv1.MethodSemantics) {
	r.statuses(method, declared)
	if declared.GetLocation() != "" {
		r.location(method, declared.GetLocation())
	}
}

func (r *reader) statuses(method *Method, declared *statuswayv1.MethodSemantics) {
	if method.ServerStreams && !slices.Equal(method.Success, []int32{200}) {
		r.failf(method.Descriptor, "a stream can only have the status 200 and no options of a resource: its body is a stream of messages")
	}
	for i, status := range method.Success {
		switch {
		case !slices.Contains([]int32{200, 201, 202, 204}, status):
			r.failf(method.Descriptor, "%d is not a success status; use 200, 201, 202 or 204", status)
		case slices.Contains(method.Success[:i], status):
			r.failf(method.Descriptor, "success: %d is a duplicate", status)
		case status == 201 && method.safeVerb() != "":
			r.failf(method.Descriptor, "a %s creates nothing, so its status cannot be 201 (RFC 9110 §9.2.1)", method.safeVerb())
		case (status == 201 || status == 202) && declared.GetLocation() == "":
			r.failf(method.Descriptor, "%d needs a location, which tells the client where to go next (RFC 9110 §15.3.2, §15.3.3)", status)
		}
	}
}

func (r *reader) location(method *Method, text string) {
	if !slices.Contains(method.Success, 201) && !slices.Contains(method.Success, 202) {
		r.failf(method.Descriptor, "location needs the status 201 or 202 (RFC 9110 §10.2.2)")
	}
	template, err := route.Parse(text)
	if err != nil {
		r.failf(method.Descriptor, "location: %v", err)
		return
	}
	location := &Location{Template: template, fields: map[string]FieldPath{}}
	for _, name := range template.Fields() {
		field, err := ParseFieldPath(method.Descriptor.Output(), name)
		if err != nil {
			r.failf(method.Descriptor, "location: %v", err)
		} else if !field.hasText() {
			r.failf(method.Descriptor, "location: %s cannot be written in a URL", name)
		}
		location.fields[name] = field
	}
	method.Location = location
}

// safeVerb returns the HTTP method of the first safe route, or "" if there is none.
func (m *Method) safeVerb() string {
	for _, binding := range m.Bindings {
		if binding.Safe {
			return binding.Verb
		}
	}
	return ""
}

func (r *reader) validators(method *Method, declared *statuswayv1.MethodSemantics) {
	output := method.Descriptor.Output()
	if name := declared.GetEtagField(); name != "" {
		field, err := ParseFieldPath(output, name)
		if err != nil {
			r.failf(method.Descriptor, "etag_field: %v", err)
		} else if field.leaf().Kind() != protoreflect.StringKind || field.leaf().IsList() {
			r.failf(method.Descriptor, "etag_field: %s is not a string", name)
		}
		method.ETag = field
	}
	if name := declared.GetLastModifiedField(); name != "" {
		switch field, err := ParseFieldPath(output, name); {
		case err != nil:
			r.failf(method.Descriptor, "last_modified_field: %v", err)
		case !field.isTimestamp():
			r.failf(method.Descriptor, "last_modified_field: %s is not a google.protobuf.Timestamp", name)
		default:
			method.LastModified = field.timePath()
		}
	}
	method.CacheControl = declared.GetCacheControl()
	switch {
	case method.CacheControl != "":
		if strings.ContainsFunc(method.CacheControl, func(c rune) bool { return c < ' ' || c > '~' }) {
			r.failf(method.Descriptor, "cache_control: %q is not a valid header value (RFC 9110 §5.5)", method.CacheControl)
		}
	case method.ETag != nil || method.LastModified != nil:
		method.CacheControl = "no-cache" // Caches store it, and revalidate it each time with If-None-Match.
	default:
		method.CacheControl = "no-store" // Without a validator, caches could not revalidate it.
	}
}
