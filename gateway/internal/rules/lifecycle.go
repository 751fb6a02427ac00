package rules

import (
	"strconv"
	"strings"
	"time"

	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rfc9110"
	"github.com/statusway/statusway/gateway/policy"
)

// Retire responds 410 for retired path prefixes. It runs before routing and needs no credentials and
// no valid body, because no request can succeed there.
func Retire(declared *contract.Contract) Rule {
	return func(ex *exchange.Exchange) error {
		if len(declared.Retired) == 0 {
			return nil
		}
		if retired, ok := declared.RetiredBy(ex.Request.URL.Path); ok {
			return gone(ex.Prefix, retired.Successor)
		}
		return nil
	}
}

// Lifecycle sets Deprecation and Sunset on every response of a deprecated method (RFC 9745 §2,
// RFC 8594 §3), and responds 410 after its sunset.
func Lifecycle(now func() time.Time) Rule {
	return func(ex *exchange.Exchange) error {
		life := ex.Binding.Method.Lifecycle
		if !life.Deprecated.IsZero() {
			// A Structured Field Date (RFC 9651 §3.3.7), not an HTTP-date.
			ex.Fields.Set("Deprecation", "@"+strconv.FormatInt(life.Deprecated.Unix(), 10))
		}
		if !life.Sunset.IsZero() {
			ex.Fields.Set("Sunset", rfc9110.FormatDate(life.Sunset))
			if !now().Before(life.Sunset) {
				return gone(ex.Prefix, life.Successor)
			}
		}
		if life.Successor != "" {
			ex.Fields.Add("Link", successor(ex.Prefix, life.Successor))
		}
		return nil
	}
}

func gone(prefix, to string) error {
	failure := respond.Fail(policy.ReasonRetired, "this version of the API is retired; the Link header names its successor")
	if to == "" {
		return failure
	}
	return failure.WithHeader("Link", successor(prefix, to))
}

// successor returns the Link header for a URI reference. An absolute path is a path of this API.
func successor(prefix, uri string) string {
	if strings.HasPrefix(uri, "/") && !strings.HasPrefix(uri, "//") {
		uri = prefix + uri
	}
	return rfc9110.Link(rfc9110.LinkTarget{URI: uri, Rel: "successor-version"})
}
