package rules

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/route"
)

// CrossOrigin says which web pages of other origins may call this API
// (the Fetch standard, §3.3).
type CrossOrigin struct {
	// Origins are allowed, such as "https://app.example.com"; "*" alone allows all.
	// None means that no page of another origin may read an answer.
	Origins []string
	// MaxAge is how long a browser may remember a preflight's answer.
	MaxAge time.Duration
}

const (
	// corsRequest are the fields that mean something here and need permission.
	corsRequest = "Accept, Accept-Language, Authorization, Content-Type, Idempotency-Key, If-Match, If-Modified-Since, " +
		"If-None-Match, If-Unmodified-Since, Prefer, Traceparent, Tracestate, X-Request-Id"
	// corsResponse are the fields that a browser hides from a page unless told.
	corsResponse = "Allow, Content-Language, Content-Location, Deprecation, ETag, Idempotency-Replayed, Link, Location, " +
		"Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, Sunset, WWW-Authenticate, " +
		"X-Concurrency-Limit-Limit, X-Concurrency-Limit-Remaining, X-Rate-Limit-Limit, X-Rate-Limit-Remaining, X-Rate-Limit-Reset, X-Request-Id"
)

// CORS lets pages of the allowed origins read every answer, errors included. It never
// allows credentials that a browser sends by itself: tokens travel in Authorization,
// which a page has to know and to send on purpose.
//
// It allows every method that any route of the index has; Allow says which of them the
// resource has.
func CORS(settings CrossOrigin, index *route.Index[*contract.Binding]) Rule {
	methods := allow(index.Methods())
	anyone := slices.Equal(settings.Origins, []string{"*"})
	maxAge := strconv.FormatInt(int64(settings.MaxAge/time.Second), 10)
	return func(ex *exchange.Exchange) error {
		if len(settings.Origins) == 0 {
			return nil
		}
		fields := ex.Fields
		if !anyone {
			fields.Add("Vary", "Origin")
		}
		origin := ex.Request.Header.Get("Origin")
		if origin == "" || !anyone && !slices.Contains(settings.Origins, origin) {
			return nil
		}
		if anyone {
			origin = "*"
		}
		fields.Set("Access-Control-Allow-Origin", origin)
		fields.Set("Access-Control-Expose-Headers", corsResponse)
		// The response to a preflight is that to any other OPTIONS, except where a route is
		// declared for OPTIONS: a browser does not mean that one.
		if ex.Request.Method == http.MethodOptions && ex.Request.Header.Get("Access-Control-Request-Method") != "" {
			ex.Preflight = true
			fields.Set("Access-Control-Allow-Methods", methods)
			fields.Set("Access-Control-Allow-Headers", corsRequest)
			fields.Set("Access-Control-Max-Age", maxAge)
		}
		return nil
	}
}
