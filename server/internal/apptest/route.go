package apptest

import (
	"net/http"
	"regexp"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// A Route is one google.api.http binding of a method.
type Route struct {
	Method protoreflect.MethodDescriptor
	// Verb is the HTTP method, and Path the template, such as /v1/{name=operations/*}.
	Verb, Path string
	// IsAdditional reports that it is not the first binding of the method.
	IsAdditional bool
}

// Routes returns the routes of the reference services, as their descriptors declare them.
func Routes() []Route {
	return RoutesOf(
		mappingv1.File_statusway_mapping_v1_mapping_service_proto,
		entityv1.File_entity_v1_entity_service_proto,
		entityv1.File_entity_v1_session_service_proto,
		entityv1.File_entity_v1_maintenance_service_proto,
	)
}

// RoutesOf returns the routes of all services in files.
func RoutesOf(files ...protoreflect.FileDescriptor) []Route {
	var routes []Route
	for _, file := range files {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				routes = append(routes, routesOf(methods.Get(j))...)
			}
		}
	}
	return routes
}

func routesOf(method protoreflect.MethodDescriptor) []Route {
	rule, ok := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	if !ok || rule == nil {
		return nil
	}
	var routes []Route
	for i, binding := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
		r := Route{Method: method, IsAdditional: i > 0}
		switch pattern := binding.GetPattern().(type) {
		case *annotations.HttpRule_Get:
			r.Verb, r.Path = http.MethodGet, pattern.Get
		case *annotations.HttpRule_Put:
			r.Verb, r.Path = http.MethodPut, pattern.Put
		case *annotations.HttpRule_Post:
			r.Verb, r.Path = http.MethodPost, pattern.Post
		case *annotations.HttpRule_Delete:
			r.Verb, r.Path = http.MethodDelete, pattern.Delete
		case *annotations.HttpRule_Patch:
			r.Verb, r.Path = http.MethodPatch, pattern.Patch
		case *annotations.HttpRule_Custom:
			r.Verb, r.Path = pattern.Custom.GetKind(), pattern.Custom.GetPath()
		}
		routes = append(routes, r)
	}
	return routes
}

// Name is the full name of the method, as gRPC has it.
func (r Route) Name() string {
	return "/" + string(r.Method.Parent().FullName()) + "/" + string(r.Method.Name())
}

// Successes returns the statuses of success that the method declares.
func (r Route) Successes() []int32 {
	semantics, _ := proto.GetExtension(r.Method.Options(), statuswayv1.E_Method).(*statuswayv1.MethodSemantics)
	return semantics.GetSuccess()
}

// String is the HTTP method and the template.
func (r Route) String() string { return r.Verb + " " + r.Path }

// wildcard is a variable of a template: its name, and what it has to match, if not *.
var wildcard = regexp.MustCompile(`\{([^=}]*)(?:=([^}]*))?\}`)

// Matches reports whether a request is for this route.
func (r Route) Matches(verb, path string) bool {
	return (r.Verb == verb || r.Verb == "*") && pattern(r.Path).MatchString(path)
}

// FindRoute returns the route of a request. A route without variables comes first, and one for any
// HTTP method last.
func FindRoute(routes []Route, verb, path string) (Route, bool) {
	var found Route
	for _, r := range routes {
		if r.Matches(verb, path) && (found.Path == "" || found.Verb == "*" || !strings.Contains(r.Path, "{")) {
			found = r
		}
	}
	return found, found.Path != ""
}

// pattern matches the paths of a template. A segment with a verb, such as x:cancel, is
// not a value of a variable.
func pattern(template string) *regexp.Regexp {
	const segment = `[^/:]+`
	var text strings.Builder
	last := 0
	for _, at := range wildcard.FindAllStringSubmatchIndex(template, -1) {
		text.WriteString(regexp.QuoteMeta(template[last:at[0]]))
		inner := "*"
		if at[4] >= 0 {
			inner = template[at[4]:at[5]]
		}
		text.WriteString(strings.ReplaceAll(regexp.QuoteMeta(inner), `\*`, segment))
		last = at[1]
	}
	text.WriteString(regexp.QuoteMeta(template[last:]))
	return regexp.MustCompile("^" + text.String() + "$")
}

// Target returns a path of the route. values has the value of each variable; all others
// get the value of "".
func (r Route) Target(values map[string]string) string {
	return wildcard.ReplaceAllStringFunc(r.Path, func(variable string) string {
		parts := wildcard.FindStringSubmatch(variable)
		value, ok := values[parts[1][strings.LastIndex(parts[1], ".")+1:]]
		if !ok {
			value = values[""]
		}
		if parts[2] == "" {
			return value
		}
		return strings.ReplaceAll(parts[2], "*", value)
	})
}

// FillPath puts a value in the place of each variable of a path of the document.
func FillPath(path, value string) string {
	return wildcard.ReplaceAllString(path, value)
}
