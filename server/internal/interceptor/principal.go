package interceptor

import (
	"context"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/statusway/statusway/server/internal/entity"
)

type principalKey struct{}

// WithPrincipal returns a context for calls of p.
func WithPrincipal(ctx context.Context, p entity.Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalFrom returns the caller; the zero Principal, which may do nothing, if the
// caller is unknown.
func PrincipalFrom(ctx context.Context) entity.Principal {
	p, _ := ctx.Value(principalKey{}).(entity.Principal)
	return p
}

// Authenticator finds out who a token belongs to.
type Authenticator struct{ sessions entity.SessionStore }

// NewAuthenticator returns an authenticator by the sessions that are stored.
func NewAuthenticator(sessions entity.SessionStore) *Authenticator {
	return &Authenticator{sessions: sessions}
}

// Principal returns who the values of an Authorization field speak for. The session
// is looked up each time, so that a token which was deleted stops working at once.
func (a *Authenticator) Principal(ctx context.Context, authorization []string) (entity.Principal, error) {
	if len(authorization) == 0 {
		return entity.Principal{}, entity.TokenMissing()
	}
	// The scheme is case-insensitive (RFC 9110 §11.1).
	scheme, token, _ := strings.Cut(authorization[0], " ")
	token = strings.TrimLeft(token, " ")
	if len(authorization) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return entity.Principal{}, entity.TokenInvalid()
	}
	session, user, err := a.sessions.SessionByToken(ctx, entity.HashToken(token))
	if err != nil {
		return entity.Principal{}, err
	}
	return entity.NewPrincipal(session, user), nil
}

// Authenticate refuses unknown callers, except for the methods that anonymous reports.
// The gateway already knows the principal, from the rate limit, and passes it in the
// context, which no client can reach.
func (a *Authenticator) Authenticate(anonymous func(fullMethod string) bool) Check {
	return func(ctx context.Context, fullMethod string) (context.Context, error) {
		if anonymous(fullMethod) || PrincipalFrom(ctx).Username != "" {
			return ctx, nil
		}
		md, _ := metadata.FromIncomingContext(ctx)
		principal, err := a.Principal(ctx, md.Get("authorization"))
		if err != nil {
			return nil, err
		}
		return WithPrincipal(ctx, principal), nil
	}
}
