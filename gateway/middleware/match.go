package middleware

import (
	"net/http"
	"slices"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
	"github.com/statusway/statusway/gateway/rfc9110"
	"github.com/statusway/statusway/gateway/route"
)

// Match finds the route of a request. HEAD is served from GET (RFC 9110 §9.1). It
// turns nobody away yet: see [Routed].
func Match(index *route.Index[*contract.Binding]) Middleware {
	return func(next exchange.Handler) exchange.Handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			ex := exchange.From(r.Context())
			found, outcome, err := lookup(index, r)
			switch {
			case err != nil:
				ex.Unrouted = malformedPath(err)
			case outcome == route.NotFound:
				ex.Unrouted = notFound()
			case outcome == route.MethodNotAllowed:
				ex.Unrouted = respond.Fail(codes.Unimplemented, mapping.ReasonMethodNotAllowed, "the resource does not support this method").
					WithHeader("Allow", allow(found.Allow))
			case !ex.Preflight:
				ex.Binding, ex.Params = found.Value, found.Params
			}
			return next(w, r)
		}
	}
}

// Routed turns away what has no route, and answers OPTIONS for every path that has
// one (RFC 9110 §9.3.7), except where a route is declared for OPTIONS.
func Routed(index *route.Index[*contract.Binding], options exchange.Handler) Middleware {
	return func(next exchange.Handler) exchange.Handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			ex := exchange.From(r.Context())
			if r.Method == http.MethodOptions && ex.Binding == nil {
				allow, err := allowed(index, r)
				if err != nil {
					return err
				}
				ex.Fields.Set("Allow", allow)
				return options(w, r)
			}
			if ex.Unrouted != nil {
				return ex.Unrouted
			}
			return next(w, r)
		}
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

// allowed is the Allow of an OPTIONS answer; an error if the path has no route.
func allowed(index *route.Index[*contract.Binding], r *http.Request) (string, error) {
	if r.URL.Path == "*" {
		// The server as a whole (RFC 9110 §9.3.7), so the methods that google.api.http has words for.
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
	return allow(methods), nil
}

// allow adds what the gateway serves of itself to the methods that a path has.
func allow(methods []string) string {
	all := append(slices.Clone(methods), http.MethodOptions)
	if slices.Contains(methods, http.MethodGet) {
		all = append(all, http.MethodHead)
	}
	return rfc9110.Allow(all)
}

func notFound() error {
	return respond.Fail(codes.NotFound, mapping.ReasonRouteNotFound, "no resource has this URL")
}

func malformedPath(cause error) error {
	const detail = "the path is not percent-encoded UTF-8 without control characters"
	return respond.Invalid(detail, &errdetails.BadRequest_FieldViolation{Description: detail, Reason: "MALFORMED_PATH"}).Because(cause)
}
