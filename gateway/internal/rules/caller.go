package rules

import (
	"net/netip"

	"github.com/statusway/statusway/gateway/identity"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/gateway/ratelimit"
)

// userPrefix begins the name of a caller that is a known user.
const userPrefix = "user:"

// CallerParams configure [Caller].
type CallerParams struct {
	// Identify returns the known user. Nil means that there are no known users.
	Identify identity.Identify
	// Proxies are the networks of trusted proxies, which report the client's address.
	Proxies []netip.Prefix
	// IPv6Prefix is for [ratelimit.ClientKey].
	IPv6Prefix int
}

// Caller identifies the caller: a known user, else a client by its address.
func Caller(p CallerParams) Rule {
	return func(ex *exchange.Exchange) error {
		ex.Client = clientAddress(ex.Request.RemoteAddr, ex.Request.Header.Values, p.Proxies)
		ex.Caller = ratelimit.ClientKey(ex.Client, p.IPv6Prefix)
		if p.Identify == nil {
			return nil
		}
		ctx, user, err := p.Identify(ex.Request)
		if err != nil {
			ex.Unidentified = err
			return nil //nolint:nilerr // it counts only for methods that need credentials: see Credentials.
		}
		ex.Caller, ex.Groups = userPrefix+user.Name, user.Groups
		ex.Request, ex.Context = ex.Request.WithContext(ctx), ctx
		return nil
	}
}

// Credentials refuses a request without valid credentials if the method needs them, before the
// response can reveal anything about the resource (RFC 9110 §15.5.2).
func Credentials() Rule {
	return func(ex *exchange.Exchange) error {
		if len(ex.Request.Header.Values("Authorization")) > 1 {
			return respond.Fail(policy.ReasonAuthorizationRepeated, "the request contains credentials more than once")
		}
		if ex.Unidentified != nil && !ex.Binding.Method.Anonymous {
			return ex.Unidentified
		}
		return nil
	}
}
