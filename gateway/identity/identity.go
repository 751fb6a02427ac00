// Package identity is the interface by which a gateway learns who sent a request.
package identity

import (
	"context"
	"net/http"
)

// Identity is a known user.
type Identity struct {
	// Name identifies the user. No two users have the same.
	Name string
	// Groups are the groups of the user.
	Groups []string
}

// Identify returns the user that sent a request, and the context for the rest of the request.
// An error means that the credentials are missing or wrong; it is sent only if the method needs
// credentials. It is a gRPC status: UNAUTHENTICATED becomes 401. Any other error is a fault of
// the server.
type Identify func(r *http.Request) (context.Context, Identity, error)
