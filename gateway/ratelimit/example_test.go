package ratelimit_test

import (
	"fmt"
	"net/http"
	"time"

	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway/ratelimit"
)

// A limiter returns the state of each limit. Clients get it as header fields, and a status when a
// limit is exceeded.
func Example() {
	allowance := ratelimit.Allowance{{
		Policy: "default", Subject: ratelimit.ClientKey("2001:db8::7", 0), Limit: 600, Remaining: 0, Window: time.Minute, Reset: 20 * time.Second, Exceeded: true,
	}}
	header := http.Header{}
	allowance.SetFields(header)
	fmt.Println(allowance[0].Subject)
	fmt.Println(header.Get("RateLimit"), header.Get("X-Rate-Limit-Remaining"))
	fmt.Println(status.Code(allowance.Err()))
	// Output:
	// address:2001:db8::/64
	// "default";r=0;t=20 0
	// ResourceExhausted
}
