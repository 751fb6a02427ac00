package rules

import (
	"net/http"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// Pages serves pages, such as a health check, by their exact path. It runs before the limits, so that
// health checks work while the server is overloaded.
func Pages(pages map[string]Rule, options Rule) Rule {
	return func(ex *exchange.Exchange) error {
		page, ok := pages[ex.Request.URL.Path]
		if !ok || ex.Malformed != nil {
			return nil //nolint:nilerr // WellFormed returns it, after the limits.
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
