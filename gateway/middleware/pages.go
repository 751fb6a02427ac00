package middleware

import (
	"net/http"

	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
)

// Pages serves what is no gRPC method, such as a health check, by its exact path. It
// stands before the limits: whoever watches the server must reach it when nobody
// else can.
func Pages(pages map[string]exchange.Handler, options exchange.Handler) Middleware {
	return func(next exchange.Handler) exchange.Handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			page, ok := pages[r.URL.Path]
			if !ok {
				return next(w, r)
			}
			ex := exchange.From(r.Context())
			ex.Page = r.URL.Path
			const methods = "GET, HEAD, OPTIONS"
			switch r.Method {
			case http.MethodGet, http.MethodHead:
				return page(w, r)
			case http.MethodOptions:
				ex.Fields.Set("Allow", methods)
				return options(w, r)
			default:
				return respond.Fail(codes.Unimplemented, mapping.ReasonMethodNotAllowed, "the resource does not support this method").
					WithHeader("Allow", methods)
			}
		}
	}
}
