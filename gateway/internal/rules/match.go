package rules

import (
	"net/http"
	"slices"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/internal/route"
	"github.com/statusway/statusway/gateway/policy"
)

// Match finds the route of a request. A GET route also serves HEAD (RFC 9110 §9.1). Match only
// records that there is no route; [Routed] refuses the request later. Allow also lists the methods
// of a page at the same path.
func Match(index *route.Index[*contract.Binding], pages PageSet) Rule {
	return func(ex *exchange.Exchange) error {
		found, outcome, err := lookup(index, ex.Request)
		switch {
		case err != nil:
			ex.Unrouted = malformedPath(err)
		case outcome == route.NotFound:
			ex.Unrouted = notFound()
		case outcome == route.MethodNotAllowed:
			ex.Unrouted = respond.Fail(policy.ReasonMethodNotAllowed, "the resource does not support this method").
				WithHeader("Allow", pages.allow(ex.Request.URL.Path, found.Allow))
		case !ex.Preflight:
			ex.Binding, ex.Params = found.Value, found.Params
			ex.Route, ex.RPC = found.Value.Path, found.Value.Method.FullName
		}
		return nil
	}
}

// Routed refuses requests without a route, and responds to OPTIONS on every path with a route
// (RFC 9110 §9.3.7).
func Routed(index *route.Index[*contract.Binding], pages PageSet, options Rule) Rule {
	return func(ex *exchange.Exchange) error {
		if ex.Request.Method == http.MethodOptions && ex.Binding == nil {
			allow, err := allowed(index, pages, ex.Request)
			if err != nil {
				return err
			}
			ex.Fields.Set("Allow", allow)
			return options(ex)
		}
		if ex.Unrouted != nil {
			return ex.Unrouted
		}
		return nil
	}
}

func lookup(index *route.Index[*contract.Binding], r *http.Request) (route.Result[*contract.Binding], route.Outcome, error) {
	path := r.URL.EscapedPath()
	found, outcome, err := index.Lookup(r.Method, path)
	if r.Method == http.MethodHead && slices.Contains(found.Allow, http.MethodGet) {
		return index.Lookup(http.MethodGet, path)
	}
	return found, outcome, err
}

// allowed returns the Allow header of the response to OPTIONS, or an error if the path has no route.
func allowed(index *route.Index[*contract.Binding], pages PageSet, r *http.Request) (string, error) {
	if r.URL.Path == "*" {
		// "*" means the whole server (RFC 9110 §9.3.7), so list the methods of google.api.http.
		return allow([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}), nil
	}
	path := r.URL.EscapedPath()
	if _, _, err := index.Lookup(r.Method, path); err != nil {
		return "", malformedPath(err)
	}
	methods := index.Allow(path)
	if methods == nil {
		return "", notFound()
	}
	return pages.allow(r.URL.Path, methods), nil
}

// allow returns an Allow header for the methods of a path, with the methods that the gateway adds.
func allow(methods []string) string {
	all := append(slices.Clone(methods), http.MethodOptions)
	if slices.Contains(methods, http.MethodGet) {
		all = append(all, http.MethodHead)
	}
	return rfc9110.Allow(all)
}

func notFound() error {
	return respond.Fail(policy.ReasonRouteNotFound, "no resource has this URL")
}

func malformedPath(cause error) error {
	const detail = "the path is not percent-encoded UTF-8 without control characters"
	return respond.Invalid(detail, &errdetails.BadRequest_FieldViolation{Description: detail, Reason: "MALFORMED_PATH"}).Because(cause)
}
