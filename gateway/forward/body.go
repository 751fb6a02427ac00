package forward

import (
	"errors"
	"io"
	"net"
	"net/http"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

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
		return BadValue(err)
	}
	if err := ex.Binding.CheckQuery(req.URL.RawQuery); err != nil {
		return BadValue(err)
	}
	return nil
}

// BadValue is what is said of a path variable or a query parameter.
func BadValue(err *contract.ValueError) error {
	which := "a parameter"
	if err.Parameter != "" {
		which = "the parameter " + err.Parameter
	}
	return respond.Invalid(which+" cannot be used: "+err.Detail, &errdetails.BadRequest_FieldViolation{
		Field: err.Parameter, Description: err.Detail, Reason: err.Reason,
	})
}

// ReadBody reads the whole body where the route has one; nil else. The limit is the
// middleware's; what it noted counts, whatever error the reading ends with.
func ReadBody(req *http.Request) ([]byte, error) {
	ex := exchange.From(req.Context())
	if ex.Binding.Body == "" || req.Body == nil || req.Body == http.NoBody {
		return nil, nil
	}
	data, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, BadRead(ex, err)
	}
	return data, nil
}

// BadRead is what is said of a body that could not be read to its end.
func BadRead(ex *exchange.Exchange, err error) error {
	var timeout net.Error
	switch {
	case ex.TooLarge():
		return err // It is the failure that says so.
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

// Unreadable is what is said of a request that never reached the backend because of
// cause. Where a decoder has printed its typed error into text, as generated code does,
// the body is looked at once more; that costs only the request that failed.
func Unreadable(binding *contract.Binding, body []byte, cause error) error {
	if failure, ok := errors.AsType[*respond.Failure](cause); ok {
		return failure
	}
	var bad *jsoncodec.Error
	if errors.As(cause, &bad) || len(body) > 0 && errors.As(redecode(binding, body), &bad) {
		return BadJSON(bad)
	}
	return respond.Fail(codes.InvalidArgument, mapping.ReasonInvalidArgument, "the request cannot be read").Because(cause)
}

// BadJSON is what is said of a body that is not the JSON of its message.
func BadJSON(bad *jsoncodec.Error) error {
	return respond.Invalid("the body cannot be read: "+bad.Error(), &errdetails.BadRequest_FieldViolation{
		Field: bad.Pointer, Description: bad.Detail, Reason: bad.Reason,
	})
}

func redecode(binding *contract.Binding, data []byte) error {
	into := dynamicpb.NewMessage(binding.Method.Descriptor.Input())
	if binding.Body == "*" {
		return jsoncodec.Unmarshal(data, into)
	}
	field := into.Descriptor().Fields().ByName(protoreflect.Name(binding.Body))
	if field.Message() != nil && !field.IsList() && !field.IsMap() {
		// As it is read: a message, so that null is none.
		return jsoncodec.Unmarshal(data, dynamicpb.NewMessage(field.Message()))
	}
	return jsoncodec.UnmarshalField(data, into, field)
}
