package contract

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/statusway/statusway/gateway/policy"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// Lifecycle says when a method is deprecated and removed. A zero time means never.
type Lifecycle struct {
	Deprecated, Sunset time.Time
	// Successor is a URI reference to the replacement. It may be empty.
	Successor string
}

// Retire returns the contract with the policy's retirements, which have precedence over the
// annotations. A retirement that matches no method is an error.
func (c *Contract) Retire(table *policy.Table) (*Contract, error) {
	if len(table.Policy().GetRetirements()) == 0 {
		return c, nil
	}
	r := reader{contract: c.clone()}
	for _, one := range table.Policy().GetRetirements() {
		declared := &statuswayv1.Lifecycle{Deprecated: one.GetDeprecated(), Sunset: one.GetSunset(), Successor: one.GetSuccessor()}
		found := false
		for _, method := range r.contract.Methods {
			if name := string(method.Descriptor.FullName()); name == one.GetSelector() || strings.HasPrefix(name, one.GetSelector()+".") {
				found = true
				r.lifecycle(method, []*statuswayv1.Lifecycle{declared})
			}
		}
		if !found {
			r.errs = append(r.errs, fmt.Errorf("the policy %s retires %q, and no method has that name", table.Name(), one.GetSelector()))
		}
	}
	return r.contract, r.errs.Err()
}

// clone returns a contract whose methods and routes can be changed.
func (c *Contract) clone() *Contract {
	r := reader{contract: &Contract{Methods: slices.Clone(c.Methods), Retired: c.Retired}}
	for i, method := range r.contract.Methods {
		changed := *method
		changed.Bindings = slices.Clone(method.Bindings)
		for i, binding := range changed.Bindings {
			route := *binding
			route.Method, changed.Bindings[i] = &changed, &route
		}
		r.contract.Methods[i] = &changed
	}
	r.index() // It cannot fail, because it did not fail for c.
	return r.contract
}

// lifecycle combines the lifecycles of file, service and method. The last one has precedence.
func (r *reader) lifecycle(method *Method, declared []*statuswayv1.Lifecycle) {
	for _, one := range declared {
		if one.GetDeprecated() != "" {
			method.Lifecycle.Deprecated = r.moment(method, one.GetDeprecated())
		}
		if one.GetSunset() != "" {
			method.Lifecycle.Sunset = r.moment(method, one.GetSunset())
		}
		if one.GetSuccessor() != "" {
			method.Lifecycle.Successor = one.GetSuccessor()
		}
	}
	l := method.Lifecycle
	if !l.Sunset.IsZero() && l.Sunset.Before(l.Deprecated) {
		r.failf(method.Descriptor, "the sunset is before the deprecation (RFC 9745 §4)")
	}
	if l.Successor != "" && !isReference(l.Successor) {
		r.failf(method.Descriptor, "the successor %q is not a URI reference", l.Successor)
	}
}

func (r *reader) moment(method *Method, text string) time.Time {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if moment, err := time.Parse(layout, text); err == nil {
			return moment.UTC()
		}
	}
	r.failf(method.Descriptor, "%q is not an RFC 3339 date or date-time", text)
	return time.Time{}
}

func isReference(text string) bool {
	if text == "" {
		return false
	}
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' || c == '<' || c == '>' || c == '"' {
			return false
		}
	}
	_, err := url.Parse(text)
	return err == nil
}
