package catalogue

import (
	"net/http"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/middleware"
	"github.com/statusway/statusway/gateway/respond"
	"github.com/statusway/statusway/gateway/rfc9110"
)

// choose returns htmlType or [respond.JSONType], or why the request can have neither. A
// client that names a type of errors wants its errors so, and reads JSON.
func choose(r *http.Request) (string, error) {
	ex := exchange.From(r.Context())
	ex.Fields.Add("Vary", "Accept")
	var err error
	if ex.Accept, err = middleware.ReadAccept(r); err != nil {
		return "", err
	}
	kind, ok := rfc9110.Negotiate(ex.Accept, []string{respond.JSONType, htmlType, respond.ProblemType, respond.StatusType, respond.ErrorType})
	switch {
	case !ok:
		return "", middleware.NotAcceptable([]string{respond.JSONType, "text/html"})
	case kind == htmlType:
		return htmlType, nil
	default:
		return respond.JSONType, nil
	}
}
