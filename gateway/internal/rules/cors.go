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

// CrossOrigin lists the web pages of other origins that may call the API (the Fetch standard, §3.3).
type CrossOrigin struct {
	// Origins are the allowed origins, such as "https://app.example.com". "*" alone allows all
	// origins. Without origins, no page of another origin can read a response.
	Origins []string
	// MaxAge is how long a browser may cache the response to a preflight.
	MaxAge time.Duration
}

const (
	// corsRequest lists the request headers that the gateway uses and a page needs permission for.
	corsRequest = "Accept, Accept-Language, Authorization, Content-Type, Idempotency-Key, If-Match, If-Modified-Since, " +
		"If-None-Match, If-Unmodified-Since, Prefer, Traceparent, Tracestate, X-Request-Id"
	// corsResponse lists the response headers that a browser would hide from a page by default.
	corsResponse = "Allow, Content-Language, Content-Location, Deprecation, ETag, Idempotency-Replayed, Link, Location, " +
		"Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, Sunset, WWW-Authenticate, " +
		"X-Concurrency-Limit-Limit, X-Concurrency-Limit-Remaining, X-Rate-Limit-Limit, X-Rate-Limit-Remaining, X-Rate-Limit-Reset, X-Request-Id"
)

// CORS lets pages of the allowed origins read every response, including errors. It never allows
// credentials that a browser sends by itself: a page must send its token in Authorization.
//
// It allows every HTTP method that any route of the index uses. Allow lists the methods of the
// resource.
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
		// A preflight gets the same response as any other OPTIONS request, but it never matches a
		// route that is declared for OPTIONS.
		if ex.Request.Method == http.MethodOptions && ex.Request.Header.Get("Access-Control-Request-Method") != "" {
			ex.Preflight = true
			fields.Set("Access-Control-Allow-Methods", methods)
			fields.Set("Access-Control-Allow-Headers", corsRequest)
			fields.Set("Access-Control-Max-Age", maxAge)
		}
		return nil
	}
}
