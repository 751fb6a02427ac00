package rules

import (
	"net/http"
	"slices"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

// Page is a page, such as a health check. It serves GET and HEAD.
type Page struct {
	Serve Rule
	// Methods are the methods except GET of the routes at the same path.
	Methods []string
}

// PageSet holds pages by their exact path.
type PageSet map[string]Page

// Has reports whether a page responds to the request.
func (s PageSet) Has(r *http.Request) bool {
	page, ok := s[r.URL.Path]
	switch {
	case !ok || r.Method == http.MethodGet:
		return ok
	case r.Method == http.MethodHead:
		return !slices.Contains(page.Methods, http.MethodHead)
	default:
		return len(page.Methods) == 0
	}
}

// allow returns the Allow header of a path whose routes have those methods.
func (s PageSet) allow(path string, methods []string) string {
	if _, ok := s[path]; ok {
		methods = append(slices.Clip(methods), http.MethodGet)
	}
	return allow(methods)
}

// Pages serves pages. It runs before the limits, so that health checks work while the server is
// overloaded.
func Pages(pages PageSet, options Rule) Rule {
	return func(ex *exchange.Exchange) error {
		if ex.Malformed != nil || !pages.Has(ex.Request) {
			return nil //nolint:nilerr // WellFormed returns the failure, after the limits.
		}
		ex.Route, ex.IsPage = ex.Request.URL.Path, true
		switch ex.Request.Method {
		case http.MethodGet, http.MethodHead:
			return pages[ex.Route].Serve(ex)
		case http.MethodOptions:
			ex.Fields.Set("Allow", pages.allow(ex.Route, nil))
			return options(ex)
		default:
			return respond.Fail(policy.ReasonMethodNotAllowed, "the resource does not support this method").
				WithHeader("Allow", pages.allow(ex.Route, nil))
		}
	}
}
