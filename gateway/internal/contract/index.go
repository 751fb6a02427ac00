package contract

import (
	"errors"
	"slices"

	"github.com/statusway/statusway/gateway/internal/route"
)

// anyKind is the kind of a rule for any HTTP method (google/api/http.proto).
const anyKind = "*"

// index numbers all routes and adds them to the index of the contract. Two routes that match the same
// paths are an error, unless one of them comes from a rule for any HTTP method: then the more specific
// rule gets its method.
func (r *reader) index() {
	exact := map[*route.Template]bool{}
	add := func(method *Method, binding *Binding) (isTaken bool) {
		err := r.contract.routes.Add(binding.Verb, binding.Template, binding)
		clash, isClash := errors.AsType[*route.ClashError](err)
		if isClash && binding.Kind == anyKind && exact[clash.First] {
			return true
		}
		if err != nil {
			r.failf(method.Descriptor, "%v", err)
		}
		return false
	}
	for _, method := range r.contract.Methods {
		for _, binding := range method.Bindings {
			if binding.Kind != anyKind {
				exact[binding.Template] = true
				add(method, binding)
			}
		}
	}
	for _, method := range r.contract.Methods {
		method.Bindings = slices.DeleteFunc(method.Bindings, func(binding *Binding) bool {
			return binding.Kind == anyKind && add(method, binding)
		})
		for i, binding := range method.Bindings {
			binding.Number = i
		}
	}
}
