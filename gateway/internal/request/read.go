package request

import (
	"errors"
	"net/http"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/jsoncodec"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// ReadTarget finds the query parameters and stores them in the exchange. If the route has a body, it also
// checks the values of the path variables and of the query, because an invalid one must be refused before
// the body is read. Without a body, [Builder.Fill] is soon enough.
func ReadTarget(req *http.Request) error {
	ex := exchange.From(req.Context())
	var bad *contract.ValueError
	ex.Query, bad = ex.Binding.ParseQuery(req.URL.RawQuery)
	if bad == nil && ex.Binding.Body != "" {
		bad = checkVariables(ex.Binding.Variables, ex.Params)
		if bad == nil {
			bad = checkQuery(ex.Query)
		}
	}
	if bad != nil {
		return InvalidParameter(bad)
	}
	return nil
}

// InvalidParameter returns the failure for an invalid path variable or query parameter.
func InvalidParameter(err *contract.ValueError) error {
	which := "a parameter"
	if err.Parameter != "" {
		which = "the parameter " + err.Parameter
	}
	field := err.Parameter
	if err.Bound {
		field = respond.Pointer(field) // Otherwise a path through the body's field would point into the body.
	}
	return respond.Invalid(which+" cannot be used: "+err.Detail, &errdetails.BadRequest_FieldViolation{
		Field: field, Description: err.Detail, Reason: err.Reason,
	})
}

// ReadBody returns the whole body, or nil if the route has none. Inside a gateway, the rules have already
// read the body.
func ReadBody(req *http.Request) ([]byte, error) {
	ex := exchange.From(req.Context())
	if ex.Binding.Body == "" {
		return nil, nil
	}
	data, err := ex.ReadBody(req)
	if err != nil {
		return nil, unreadBody(err)
	}
	return data, nil
}

// unreadBody returns the failure for a body that could not be read to its end because of err.
func unreadBody(err error) error {
	if failure, ok := errors.AsType[*respond.Failure](err); ok {
		return failure
	}
	return respond.BrokenBody(err)
}

// invalidBody returns the failure for a body that the codec refused with err, or nil if err is nil.
func invalidBody(err error) error {
	if err == nil {
		return nil
	}
	if bad, ok := errors.AsType[*jsoncodec.Error](err); ok {
		return respond.Invalid("the body cannot be read: "+bad.Error(), &errdetails.BadRequest_FieldViolation{
			Field: bad.Pointer, Description: bad.Detail, Reason: bad.Reason,
		})
	}
	return respond.Fail(policy.ReasonInvalidArgument, "the request cannot be read").Because(err)
}
