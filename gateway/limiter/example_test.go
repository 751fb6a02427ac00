package limiter_test

import (
	"context"
	"fmt"

	"github.com/statusway/statusway/gateway/limiter"
	"github.com/statusway/statusway/gateway/middleware"
)

// A limiter is what gateway.Params have a field for. Each caller has what the policies
// allow; a method may have a limit of its own besides.
func Example() {
	policies, err := limiter.Parse("100/1m,imports=1/1h@shop.v1.Orders/Import")
	if err != nil {
		fmt.Println(err)
		return
	}
	limits := limiter.New(limiter.Params{Policies: policies, MaxKeys: 0, Logger: nil, Now: nil})
	for _, method := range []string{"/shop.v1.Orders/Get", "/shop.v1.Orders/Import", "/shop.v1.Orders/Import"} {
		allowance, err := limits.Take(context.Background(), middleware.Use{Caller: "192.0.2.7", Groups: nil, Method: method})
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
