package middleware

import (
	"net/http"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
	"github.com/statusway/statusway/gateway/rfc9110"
)

// Retire answers for the path prefixes that are gone. It stands before routing and
// asks for neither credentials nor a valid body: nothing can make them come back.
func Retire(declared *contract.Contract) Middleware {
	return func(next exchange.Handler) exchange.Handler {
		if len(declared.Retired) == 0 {
			return next
		}
		return func(w http.ResponseWriter, r *http.Request) error {
			if retired, ok := declared.RetiredBy(r.URL.Path); ok {
				return gone(retired.Successor)
			}
			return next(w, r)
		}
	}
}

// Lifecycle announces the end of a deprecated method on every answer of it (RFC 9745
// §2, RFC 8594 §3), and answers 410 from its sunset on.
func Lifecycle(now func() time.Time) Middleware {
	return func(next exchange.Handler) exchange.Handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			ex := exchange.From(r.Context())
			life := ex.Binding.Method.Lifecycle
			if !life.Deprecated.IsZero() {
				// A Structured Field Date (RFC 9651 §3.3.7), not an HTTP-date.
				ex.Fields.Set("Deprecation", "@"+strconv.FormatInt(life.Deprecated.Unix(), 10))
			}
			if !life.Sunset.IsZero() {
				ex.Fields.Set("Sunset", rfc9110.FormatDate(life.Sunset))
				if !now().Before(life.Sunset) {
					return gone(life.Successor)
				}
			}
			if life.Successor != "" {
				ex.Fields.Add("Link", successor(life.Successor))
			}
			return next(w, r)
		}
	}
}

func gone(to string) error {
	failure := respond.Fail(codes.FailedPrecondition, mapping.ReasonRetired, "this version of the API is retired; the Link header names its successor")
	if to == "" {
		return failure
	}
	return failure.WithHeader("Link", successor(to))
}

func successor(uri string) string {
	return rfc9110.Link(rfc9110.LinkTarget{URI: uri, Rel: "successor-version"})
}
