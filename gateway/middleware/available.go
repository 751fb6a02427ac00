package middleware

import (
	"net/http"

	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/exchange"
)

// Closed says why a route is not served for the moment, such as maintenance. Nil means
// that it is served.
type Closed func(binding *contract.Binding) error

// Available stops requests to what is closed.
func Available(closed Closed) Middleware {
	return func(next exchange.Handler) exchange.Handler {
		if closed == nil {
			return next
		}
		return func(w http.ResponseWriter, r *http.Request) error {
			if err := closed(exchange.From(r.Context()).Binding); err != nil {
				return err
			}
			return next(w, r)
		}
	}
}

// Pending answers what has no route while not all routes are known: a gateway that
// has not reached every backend cannot say that a resource does not exist. Why is nil
// once all are known.
func Pending(why error) Middleware {
	return func(next exchange.Handler) exchange.Handler {
		if why == nil {
			return next
		}
		return func(w http.ResponseWriter, r *http.Request) error {
			if exchange.From(r.Context()).Unrouted != nil {
				return why
			}
			return next(w, r)
		}
	}
}
