package identity_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/identity"
)

// A program says who sent a request by a function in gateway.Config. This one knows one user.
func ExampleIdentify() {
	var identify identity.Identify = func(r *http.Request) (context.Context, identity.Identity, error) {
		if name, password, ok := r.BasicAuth(); ok && name == "editor" && password == "demo" {
			return r.Context(), identity.Identity{Name: name, Groups: []string{"kitchen"}}, nil
		}
		return nil, identity.Identity{}, status.Error(codes.Unauthenticated, "the name or the password is wrong")
	}
	request := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/v1/entities", nil)
	_, _, err := identify(request)
	fmt.Println(err)
	request.SetBasicAuth("editor", "demo")
	_, user, err := identify(request)
	fmt.Println(user.Name, user.Groups, err)
	// Output:
	// rpc error: code = Unauthenticated desc = the name or the password is wrong
	// editor [kitchen] <nil>
}
