package interceptor

import (
	"context"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// Take counts one call of a caller. It returns the metadata with the caller's
// allowance, and an error if the call exceeds it.
type Take func(ctx context.Context, fullMethod, caller string) (metadata.MD, error)

// ClientKey returns the key under which a client at an address without a port is counted.
type ClientKey func(address string) string

// QuotaParams configure [Quota]. All of them are needed.
type QuotaParams struct {
	Take          Take
	Authenticator *Authenticator
	// ClientKey is the gateway's, so that a client has one allowance over HTTP and gRPC.
	ClientKey ClientKey
}

// Quota counts calls that come over the network, by user, else by address. The
// gateway counts its own before they get here, from the same allowance.
func Quota(p QuotaParams) Check {
	return func(ctx context.Context, fullMethod string) (context.Context, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		caller := p.ClientKey(address(ctx))
		if principal, err := p.Authenticator.Principal(ctx, md.Get("authorization")); err == nil {
			caller = "user:" + principal.Username
			ctx = WithPrincipal(ctx, principal)
			noteUser(ctx)
		}
		allowance, err := p.Take(ctx, fullMethod, caller)
		// A header that cannot be set must not cost the call; there is none on a stream
		// that has begun, and this one has not.
		_ = grpc.SetHeader(ctx, allowance)
		return ctx, err
	}
}

func address(ctx context.Context) string {
	from, ok := peer.FromContext(ctx)
	if !ok {
		return ""
	}
	if host, _, err := net.SplitHostPort(from.Addr.String()); err == nil {
		return host
	}
	return from.Addr.String()
}
