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

// Input is all that an answer's status may depend on.
type Input struct {
	// Code is the gRPC code, as a number: a backend may send any.
	Code int32
	// Domain and Reason are those of the first ErrorInfo among the details.
	Domain, Reason string
	// Details are the full names of the details' message types, in order.
	Details []string
	// Conditional says that the request carried a precondition (RFC 9110 §13.1).
	Conditional bool

	// Declared are the statuses of success that the method declares, the default
	// first. Used only with code OK.
	Declared []int32
	// Chosen is the status of success that the backend chose; 0 if it chose none.
	Chosen int32
	// NotModified says that the request's conditions show that the client has the
	// current representation.
	NotModified bool
}

// Decision is what an [Input] becomes. Both parts are shared and read-only.
type Decision struct {
	Row  *statuswayv1.Row
	Rule *statuswayv1.Rule
}

// Status is the HTTP status code, always one of the catalogue.
func (d Decision) Status() int { return int(d.Row.GetStatus()) }

// IsError says whether the answer is an error.
func (d Decision) IsError() bool { return d.Row.GetStatus() >= statusError }

// Decide returns the answer to in. It is total: every input has an answer, and
// every answer is a row of the catalogue.
func (t *Table) Decide(in Input) Decision {
	if in.Code == int32(codes.OK) {
		return t.decideSuccess(in)
	}
	rule := t.ruleFor(in)
	return Decision{Row: t.rows[rule.GetStatus()], Rule: rule}
}

// ruleFor goes from the most exact key to the least: a reason is what the backend
// said on purpose, a detail's type is what it said on the way, and a code is what
// every error has.
func (t *Table) ruleFor(in Input) *statuswayv1.Rule {
	if in.Reason != "" {
		if rule := t.reasons[reasonKey{in.Domain, in.Reason}].choose(in.Conditional); rule != nil {
			return rule
		}
	}
	number := place(in.Code)
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
	// A backend chooses only among what its method declares.
	for _, declared := range in.Declared {
		if declared == in.Chosen {
			status = declared
		}
	}
	// A call that succeeded is never reported as an error, whatever is declared.
	if row := t.rows[status]; row != nil && status < statusRedirect {
		return Decision{Row: row, Rule: t.declared}
	}
	rule := t.codes[codes.OK].always
	return Decision{Row: t.rows[rule.GetStatus()], Rule: rule}
}
