package contract

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/statusway/statusway/gateway/internal/route"
)

// anyKind is the kind of a rule for any HTTP method (google/api/http.proto).
const anyKind = "*"

// index numbers all routes and adds them to the index of the contract. Two routes that match the same
// paths are an error, unless one of them comes from a rule for any HTTP method: then the more specific
// rule gets its method.
func (r *reader) index() {
	x := indexer{reader: r, owners: map[*route.Template]*Binding{}, reported: map[[2]*route.Template]bool{}}
	for _, isAny := range []bool{false, true} {
		for _, method := range r.contract.Methods {
			method.Bindings = slices.DeleteFunc(method.Bindings, func(binding *Binding) bool {
				return (binding.Kind == anyKind) == isAny && x.add(binding)
			})
		}
	}
	for _, method := range r.contract.Methods {
		for i, binding := range method.Bindings {
			binding.Number = i
		}
	}
}

type indexer struct {
	*reader

	owners   map[*route.Template]*Binding // by the template of a rule
	reported map[[2]*route.Template]bool  // two rules for any HTTP method clash once for each method
}

// add adds a route. It returns true if a more specific rule has the method.
func (x *indexer) add(binding *Binding) (isTaken bool) {
	if x.owners[binding.Template] == nil {
		x.owners[binding.Template] = binding
	}
	err := x.contract.routes.Add(binding.Verb, binding.Template, binding)
	clash, isClash := errors.AsType[*route.ClashError](err)
	if !isClash {
		return false
	}
	first := x.owners[clash.First]
	if binding.Kind == anyKind && first.Kind != anyKind {
		return true
	}
	if pair := [2]*route.Template{clash.First, clash.Second}; !x.reported[pair] {
		x.reported[pair] = true
		x.clash(first, binding)
	}
	return false
}

// clash records that two routes match the same paths. The error is that of the second one.
func (r *reader) clash(first, second *Binding) {
	at := failure(first.Method.Descriptor, "")
	place := at.File
	if at.Line > 0 {
		place = fmt.Sprintf("%s:%d", at.File, at.Line)
	}
	failed := failure(second.Method.Descriptor, "%s %s matches exactly the paths of %s, a route of %s (%s)",
		second.Kind, second.Template, first.Template, at.Name, place)
	failed.services = append(failed.services, first.Method.Descriptor.Parent().FullName())
	r.errs = append(r.errs, failed)
}

// service returns the full name of the service that a declaration belongs to.
func service(of protoreflect.Descriptor) protoreflect.FullName {
	if method, isMethod := of.(protoreflect.MethodDescriptor); isMethod {
		return method.Parent().FullName()
	}
	return of.FullName()
}
