package memory_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/ratelimit"
	"github.com/statusway/statusway/gateway/ratelimit/memory"
)

// A gateway allows each caller one request a minute.
func Example() {
	policies, err := memory.Parse("1/1m")
	if err != nil {
		fmt.Println(err)
		return
	}
	limits := memory.New(memory.Params{Policies: policies, MaxKeys: 0, Logger: nil, Now: nil})
	gw, err := gateway.New(nil, gateway.Config{Limiter: limits}) // A real gateway has a backend.
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		response := httptest.NewRecorder()
		gw.ServeHTTP(response, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/nothing", nil))
		fmt.Println(response.Code, "remaining", response.Header().Get("X-Rate-Limit-Remaining"))
	}
	// Output:
	// 404 remaining 0
	// 429 remaining 0
}

// Each caller has the allowance of the policies. A method can have its own limit.
func ExampleLimiter_Take() {
	policies, err := memory.Parse("100/1m,imports=1/1h@shop.v1.Orders/Import")
	if err != nil {
		fmt.Println(err)
		return
	}
	limits := memory.New(memory.Params{Policies: policies, MaxKeys: 0, Logger: nil, Now: nil})
	for _, method := range []string{"/shop.v1.Orders/Get", "/shop.v1.Orders/Import", "/shop.v1.Orders/Import"} {
		allowance, err := limits.Take(context.Background(), ratelimit.Use{Caller: "192.0.2.7", Groups: nil, Method: method})
		if err != nil {
			fmt.Println(err)
		}
		for _, quota := range allowance {
			fmt.Println(method, quota.Policy, quota.Remaining, quota.Exceeded)
		}
	}
	// Output:
	// /shop.v1.Orders/Get default 99 false
	// /shop.v1.Orders/Import default 98 false
	// /shop.v1.Orders/Import imports 0 false
	// /shop.v1.Orders/Import default 97 false
	// /shop.v1.Orders/Import imports 0 true
}
