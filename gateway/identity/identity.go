// Package identity defines the function with which a gateway identifies the user of a request.
package identity

import (
	"context"
	"net/http"
)

// Identity is a known user.
type Identity struct {
	// Name identifies the user. It is unique.
	Name string
	// Groups are the groups of the user.
	Groups []string
}

// Identify returns the user that sent a request, and the context for the rest of the request. If the
// credentials are missing or invalid, it returns the gRPC status UNAUTHENTICATED; the client gets
// 401 if the method needs credentials. Any other error is a fault of the server.
type Identify func(r *http.Request) (context.Context, Identity, error)
