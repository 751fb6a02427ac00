package middleware

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
)

// userPrefix begins the name of a caller that is a known user.
const userPrefix = "user:"

// IsUser says whether the name of a caller is that of a known user, rather than the
// address of somebody unknown.
func IsUser(caller string) bool { return strings.HasPrefix(caller, userPrefix) }

// Identity is a caller that is known.
type Identity struct {
	// Name is unique among the callers.
	Name string
	// Groups are those that the caller belongs to.
	Groups []string
}

// Identify says who a request comes from, and returns the context for the rest of
// it, or an error: that the credentials are missing or wrong, which counts only where the
// method needs them. That is a gRPC status, UNAUTHENTICATED for 401; any other error is a
// fault of the server's.
type Identify func(r *http.Request) (context.Context, Identity, error)

// CallerParams configure [Caller].
type CallerParams struct {
	// Identify finds the known user. Nil means that no caller is one.
	Identify Identify
	// Proxies are trusted to name the client's address.
	Proxies []netip.Prefix
	// Keys makes the key of a caller that is not a known user.
	Keys ClientKeys
}

// Caller finds out who sent the request: a known user, else a client by its address.
func Caller(p CallerParams) Middleware {
	return func(next exchange.Handler) exchange.Handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			ex := exchange.From(r.Context())
			ex.Client = clientAddress(r.RemoteAddr, r.Header.Values, p.Proxies)
			ex.Caller = p.Keys.Key(ex.Client)
			if p.Identify == nil {
				return next(w, r)
			}
			ctx, identity, err := p.Identify(r)
			if err != nil {
				ex.Unidentified = err
				return next(w, r)
			}
			ex.Caller, ex.Groups = userPrefix+identity.Name, identity.Groups
			return next(w, r.WithContext(ctx))
		}
	}
}

// Credentials stops a caller that is nobody known, before anything of the resource
// shows (RFC 9110 §15.5.2).
func Credentials() Middleware {
	return func(next exchange.Handler) exchange.Handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			ex := exchange.From(r.Context())
			if len(r.Header.Values("Authorization")) > 1 {
				return respond.Fail(codes.Unauthenticated, mapping.ReasonAuthorizationRepeated, "the request carries credentials more than once")
			}
			if ex.Unidentified != nil && !ex.Binding.Method.Anonymous {
				return ex.Unidentified
			}
			return next(w, r)
		}
	}
}
