package problem_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/gateway/problem"
)

// shop responds to every request through the gateway's responder: nothing is in stock.
func shop() http.Handler {
	table, err := policy.Builtin(policy.Documented)
	if err != nil {
		panic(err)
	}
	responder, err := respond.New(respond.Params{Table: table, PublicURL: "https://api.example.com", Realm: "shop"})
	if err != nil {
		panic(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		failed := status.New(codes.NotFound, "There is no such cup.")
		failed, _ = failed.WithDetails(&errdetails.ErrorInfo{Reason: "CUP_NOT_FOUND", Domain: "shop.example.com"})
		r, _ = exchange.Begin(w, r)
		responder.Error(w, r, failed.Err())
	})
}

// An error over HTTP is handled as it would be over gRPC.
func ExampleFromResponse() {
	server := httptest.NewServer(shop())
	defer server.Close()

	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, server.URL+"/v1/cups/1", http.NoBody)
	if err != nil {
		panic(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	defer func() { _ = response.Body.Close() }()
	err = problem.FromResponse(response)

	fmt.Println(status.Code(err))
	if failed, ok := errors.AsType[*problem.Error](err); ok {
		fmt.Println(failed.Info().GetReason(), "of", failed.Info().GetDomain())
		fmt.Println(failed.Title, failed.Type)
	}
	// Output:
	// NotFound
	// CUP_NOT_FOUND of shop.example.com
	// Resource Not Found https://api.example.com/statuses/404
}
