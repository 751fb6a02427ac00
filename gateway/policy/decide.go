package policy

import (
	"google.golang.org/grpc/codes"

	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

const (
	statusOK          = 200
	statusRedirect    = 300 // the first status past success
	statusNotModified = 304
	statusError       = 400 // the first status that is an error
)

// Input is everything that the HTTP status of a response depends on.
type Input struct {
	// Code is the gRPC code. It is a plain number, because a backend may send any number.
	Code int32
	// Domain and Reason come from the first ErrorInfo among the details.
	Domain, Reason string
	// Details are the full names of the details' message types, in order.
	Details []string
	// Conditional reports whether the request has a precondition (RFC 9110 §13.1).
	Conditional bool

	// Declared are the success statuses that the method declares, the default first. Used only
	// with code OK.
	Declared []int32
	// Chosen is the success status that the backend chose, or 0 if it chose none.
	Chosen int32
	// NotModified reports whether, by the request's conditions, the client already has the current
	// representation.
	NotModified bool
}

// Decision is the result for an [Input]. Both parts are shared and read-only.
type Decision struct {
	Row  *statuswayv1.Row
	Rule *statuswayv1.Rule
}

// Status returns the HTTP status code. It is always in the catalogue.
func (d Decision) Status() int { return int(d.Row.GetStatus()) }

// IsError reports whether the status is an error, 400 or more.
func (d Decision) IsError() bool { return d.Row.GetStatus() >= statusError }

// Decide returns the decision for an input. Every input has a decision, and the row of every
// decision is in the catalogue.
func (t *Table) Decide(in Input) Decision {
	if in.Code == int32(codes.OK) {
		return t.decideSuccess(in)
	}
	rule := t.ruleFor(in)
	return Decision{Row: t.rows[rule.GetStatus()], Rule: rule}
}

// ruleFor tries the keys from the most specific to the least specific: the reason, then the types of
// the details, then the code, which every error has.
func (t *Table) ruleFor(in Input) *statuswayv1.Rule {
	if in.Reason != "" {
		if rule := t.reasons[reasonKey{in.Domain, in.Reason}].choose(in.Conditional); rule != nil {
			return rule
		}
	}
	number := indexOf(in.Code)
	for _, name := range in.Details {
		if rule := t.details[detailKey{name, number}].choose(in.Conditional); rule != nil {
			return rule
		}
		if rule := t.details[detailKey{name, anyNumber}].choose(in.Conditional); rule != nil {
			return rule
		}
	}
	return t.codes[number].choose(in.Conditional)
}

func (t *Table) decideSuccess(in Input) Decision {
	if in.NotModified {
		if row := t.rows[statusNotModified]; row != nil {
			return Decision{Row: row, Rule: t.notModified}
		}
	}
	status := int32(0)
	if len(in.Declared) > 0 {
		status = in.Declared[0]
	}
	// A backend can only choose a status that its method declares.
	for _, declared := range in.Declared {
		if declared == in.Chosen {
			status = declared
		}
	}
	// A call that succeeded never becomes an error, whatever the method declares.
	if row := t.rows[status]; row != nil && status < statusRedirect {
		return Decision{Row: row, Rule: t.declared}
	}
	rule := t.codes[codes.OK].always
	return Decision{Row: t.rows[rule.GetStatus()], Rule: rule}
}
