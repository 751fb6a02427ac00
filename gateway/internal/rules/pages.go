package rules

import (
	"net/http"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// Pages serves what is no gRPC method, such as a health check, by its exact path. It
// stands before the limits: whoever watches the server must reach it when nobody
// else can.
func Pages(pages map[string]Rule, options Rule) Rule {
	return func(ex *exchange.Exchange) error {
		page, ok := pages[ex.Request.URL.Path]
		if !ok {
			return nil
		}
		ex.Route, ex.IsPage = ex.Request.URL.Path, true
		const methods = "GET, HEAD, OPTIONS"
		switch ex.Request.Method {
		case http.MethodGet, http.MethodHead:
			return page(ex)
		case http.MethodOptions:
			ex.Fields.Set("Allow", methods)
			return options(ex)
		default:
			return respond.Fail(policy.ReasonMethodNotAllowed, "the resource does not support this method").
				WithHeader("Allow", methods)
		}
	}
}
