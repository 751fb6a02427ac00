package rules

import (
	"net/http"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/policy"
)

// Accept reads the Accept header early, because errors are negotiated too. [Negotiate] refuses the
// request later. A page says itself whether it depends on Accept.
func Accept(pages PageSet) Rule {
	return func(ex *exchange.Exchange) error {
		if !pages.Has(ex.Request) {
			ex.Fields.Add("Vary", "Accept")
		}
		ex.Accept, ex.Unreadable = ReadAccept(ex.Request)
		return nil
	}
}

// ReadAccept parses the Accept header. An error is a [*respond.Failure].
func ReadAccept(r *http.Request) ([]rfc9110.MediaRange, error) {
	ranges, err := rfc9110.ParseAccept(r.Header["Accept"])
	if err != nil {
		return nil, respond.Invalid("the Accept header cannot be read", &errdetails.BadRequest_FieldViolation{
			Field: "Accept", Description: "the Accept header cannot be read", Reason: "MALFORMED_ACCEPT",
		}).Because(err)
	}
	return ranges, nil
}

// Negotiate refuses a body with an unsupported type or coding, and a request that accepts no media
// type of the resource. A safe request is refused after the call, because it may fail: an error does
// not depend on Accept. The call of any other request must not happen if its response cannot be sent.
func Negotiate() Rule {
	return func(ex *exchange.Exchange) error {
		if err := readable(ex.Binding, ex.Request); err != nil {
			return err
		}
		if ex.Unreadable != nil {
			return ex.Unreadable
		}
		err := acceptable(ex)
		if ex.Binding.Safe && !ex.Binding.Method.ServerStreams {
			ex.Unacceptable, err = err, nil
		}
		return err
	}
}

func readable(binding *contract.Binding, r *http.Request) error {
	// If the route takes no body, the type of a body does not matter (RFC 9110 §9.3.1).
	if binding.Body == "" || r.ContentLength == 0 {
		return nil
	}
	if coding := strings.Join(r.Header["Content-Encoding"], ","); coding != "" && !strings.EqualFold(coding, "identity") {
		return respond.Fail(policy.ReasonUnsupportedCoding, "the server does not support the Content-Encoding of the body; send it without").
			WithHeader("Accept-Encoding", "identity")
	}
	if binding.RawBody {
		return nil
	}
	lines := r.Header["Content-Type"]
	if len(lines) != 1 || lines[0] == "" {
		return unsupported(binding, "Content-Type is missing or repeated")
	}
	mediaType, err := rfc9110.ParseMediaType(lines[0])
	if err != nil || !slices.Contains(binding.MediaTypes, mediaType.Essence()) {
		return unsupported(binding, "the resource does not read a body of this Content-Type")
	}
	if charset, ok := mediaType.Param("charset"); ok && !strings.EqualFold(charset, "utf-8") {
		return unsupported(binding, "the charset of JSON is UTF-8 (RFC 8259 §8.1)")
	}
	return nil
}

// unsupported returns a failure that lists the supported types in its message, and in Accept-Patch for
// PATCH (RFC 5789 §2.2), else in Accept (RFC 9110 §15.5.16).
func unsupported(binding *contract.Binding, message string) error {
	name := "Accept"
	if binding.Verb == http.MethodPatch {
		name = "Accept-Patch"
	}
	return respond.Fail(policy.ReasonUnsupportedMediaType, message+"; send "+strings.Join(binding.MediaTypes, " or ")).
		WithHeader(name, strings.Join(binding.MediaTypes, ", "))
}

func acceptable(ex *exchange.Exchange) error {
	offers := ex.Binding.Offers
	if offers == nil || ex.Accept == nil || acceptsPlainJSON(ex.Accept) {
		return nil
	}
	if _, ok := rfc9110.Negotiate(ex.Accept, offers); ok || acceptsErrors(ex.Accept) {
		return nil
	}
	return NotAcceptable(offers)
}

// NotAcceptable returns the failure of a request that accepts none of the media types offers.
func NotAcceptable(offers []string) *respond.Failure {
	all := strings.Join(offers, ", ")
	return respond.Fail(policy.ReasonNotAcceptable, "the request accepts none of "+all).About("offers", all)
}

// acceptsPlainJSON is a fast path: it reports whether Accept is just application/json or */*, as
// nearly every client sends it.
func acceptsPlainJSON(accept []rfc9110.MediaRange) bool {
	if len(accept) != 1 || accept[0].Q == 0 || len(accept[0].Params) > 0 {
		return false
	}
	is := accept[0].MediaType
	return is.Type == "*" || is.Type == "application" && is.Subtype == "json"
}

// acceptsErrors reports whether Accept has a media type of errors. Such a client wants its errors in that
// format and reads JSON, unless Accept excludes application/json, for example with q=0.
func acceptsErrors(accept []rfc9110.MediaRange) bool {
	if _, ok := rfc9110.Negotiate(accept, []string{respond.ProblemType, respond.StatusType, respond.ErrorType}); !ok {
		return false
	}
	return !slices.ContainsFunc(accept, func(r rfc9110.MediaRange) bool {
		return r.Type+"/"+r.Subtype == respond.JSONType && len(r.Params) == 0
	})
}
