package request

import (
	"errors"
	"io"
	"net"
	"net/http"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/jsoncodec"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
)

// CheckTarget refuses path variables and query parameters that cannot be used.
func CheckTarget(req *http.Request) error {
	ex := exchange.From(req.Context())
	if err := ex.Binding.CheckVariables(ex.Params); err != nil {
		return InvalidParameter(err)
	}
	if err := ex.Binding.CheckQuery(req.URL.RawQuery); err != nil {
		return InvalidParameter(err)
	}
	return nil
}

// InvalidParameter is the failure for a path variable or a query parameter.
func InvalidParameter(err *contract.ValueError) error {
	which := "a parameter"
	if err.Parameter != "" {
		which = "the parameter " + err.Parameter
	}
	return respond.Invalid(which+" cannot be used: "+err.Detail, &errdetails.BadRequest_FieldViolation{
		Field: err.Parameter, Description: err.Detail, Reason: err.Reason,
	})
}

// ReadBody reads the whole body of a route that has one; else it returns nil. The
// middleware sets the limit, and its note counts, whatever error the reading ends with.
func ReadBody(req *http.Request) ([]byte, error) {
	ex := exchange.From(req.Context())
	if ex.Binding.Body == "" || req.Body == nil || req.Body == http.NoBody {
		return nil, nil
	}
	data, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, unreadBody(ex, err)
	}
	return data, nil
}

// unreadBody is the failure for a body that was not read to its end because of err.
func unreadBody(ex *exchange.Exchange, err error) error {
	var timeout net.Error
	switch {
	case ex.TooLarge():
		// Before the response has begun, the middleware says how large a body may be.
		return respond.Fail(codes.ResourceExhausted, mapping.ReasonRequestTooLarge, "the body is too large").Because(err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return respond.Invalid("the body did not arrive in time", &errdetails.BadRequest_FieldViolation{
			Description: "the body did not arrive in time", Reason: "BODY_TIMEOUT",
		}).Because(err)
	default:
		return respond.Invalid("the body ended before its end", &errdetails.BadRequest_FieldViolation{
			Description: "the body ended before its end", Reason: "BODY_INCOMPLETE",
		}).Because(err)
	}
}

// invalidBody is the failure for a body that the codec refused with err; nil if err is.
func invalidBody(err error) error {
	if err == nil {
		return nil
	}
	if bad, ok := errors.AsType[*jsoncodec.Error](err); ok {
		return respond.Invalid("the body cannot be read: "+bad.Error(), &errdetails.BadRequest_FieldViolation{
			Field: bad.Pointer, Description: bad.Detail, Reason: bad.Reason,
		})
	}
	return respond.Fail(codes.InvalidArgument, mapping.ReasonInvalidArgument, "the request cannot be read").Because(err)
}
