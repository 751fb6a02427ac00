package respond

import (
	"net/http"
	"slices"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// The media types of an error. If Accept names one of them, the client gets it; else the client gets the
// policy's default, as RFC 9457 §3 allows.
const (
	// ProblemType is RFC 9457's.
	ProblemType = contract.ProblemType
	// StatusType is google.rpc.Status as JSON; its code is the gRPC number.
	StatusType = contract.StatusType
	// ErrorType is AIP-193's {"error": {…}}; its code is the HTTP status.
	ErrorType = contract.ErrorType
	// HTMLType is a page for people.
	HTMLType = "text/html; charset=utf-8"
)

// format is the format of an error's body and its media type.
type format struct {
	shape       statuswayv1.ErrorFormat
	contentType string
}

// prefersPage reports whether the client wants an error as a page: it reads, and it names HTML and
// accepts all other formats less.
func prefersPage(request Request) bool {
	isText := func(one rfc9110.MediaRange) bool { return one.Type == "text" }
	if request.Method != http.MethodGet && request.Method != http.MethodHead || !slices.ContainsFunc(request.Accept, isText) {
		return false
	}
	offer, _ := rfc9110.Negotiate(request.Accept, []string{ProblemType, JSONType, StatusType, ErrorType, HTMLType})
	return offer == HTMLType
}

// choose returns the format that Accept names, else the policy's default.
func (r *Responder) choose(accept []rfc9110.MediaRange) format {
	var named []rfc9110.MediaRange
	for _, one := range accept {
		if one.Type != "*" && one.Subtype != "*" {
			named = append(named, one)
		}
	}
	if len(named) > 0 {
		offer, ok := rfc9110.Negotiate(named, []string{ProblemType, StatusType, ErrorType})
		switch {
		case ok && offer == ProblemType:
			return format{statuswayv1.ErrorFormat_ERROR_FORMAT_PROBLEM, ProblemType}
		case ok && offer == StatusType:
			return format{statuswayv1.ErrorFormat_ERROR_FORMAT_STATUS, StatusType}
		case ok:
			return format{statuswayv1.ErrorFormat_ERROR_FORMAT_ERROR, ErrorType}
		}
	}
	switch r.format {
	case statuswayv1.ErrorFormat_ERROR_FORMAT_STATUS, statuswayv1.ErrorFormat_ERROR_FORMAT_ERROR:
		// As the policy's default, these formats are sent as application/json, which their clients expect.
		return format{r.format, JSONType}
	default:
		return format{statuswayv1.ErrorFormat_ERROR_FORMAT_PROBLEM, ProblemType}
	}
}
