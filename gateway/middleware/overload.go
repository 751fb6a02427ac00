package middleware

import (
	"net/http"

	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
)

// Shedder decides how many requests the server takes at once.
type Shedder interface {
	// Admit takes a request, or is false where the server is at its limit. The caller
	// calls done when the request has been answered; measured says that the time it
	// took tells something of the server's load, which that of a stream does not.
	Admit() (done func(measured bool), ok bool)
}

// Overload sheds requests before memory or latency runs away. What spare names is
// served all the same: the way in for whoever has to mend the server.
func Overload(shedder Shedder, spare func(*contract.Binding) bool) Middleware {
	return func(next exchange.Handler) exchange.Handler {
		if shedder == nil {
			return next
		}
		return func(w http.ResponseWriter, r *http.Request) error {
			ex := exchange.From(r.Context())
			binding := ex.Binding
			if spare != nil && spare(binding) {
				return next(w, r)
			}
			done, ok := shedder.Admit()
			if !ok {
				return respond.Fail(codes.Unavailable, mapping.ReasonOverloaded, "the server has more requests than it can serve")
			}
			// A request that asked to wait takes as long as it asked for.
			defer done(!binding.Method.Descriptor.IsStreamingServer() && ex.Prefer.Wait == 0)
			return next(w, r)
		}
	}
}
