package gateway_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/gateway/ratelimit"
	"github.com/statusway/statusway/gateway/ratelimit/memory"
)

// One IPv6 network is one client, however many of its addresses a trusted proxy names, and
// an IPv4 client is one in either notation.
func TestOneClientOfManyAddresses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prefix int
		// address returns the address of the request with this number.
		address func(i int) string
		// clients are as how many clients a thousand requests count.
		clients int
	}{
		"a /64":              {0, func(i int) string { return fmt.Sprintf("2001:db8:0:1:%x:%x::1", i/100, i) }, 1},
		"thousand /64":       {0, func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i) }, 1000},
		"a /48":              {48, func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i) }, 1},
		"whole addresses":    {128, func(i int) string { return fmt.Sprintf("2001:db8::%x", i+1) }, 1000},
		"IPv4 as IPv6":       {0, func(i int) string { return [...]string{"192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"}[i%3] }, 1},
		"IPv4":               {0, func(i int) string { return fmt.Sprintf("192.0.%d.%d", i/250, i%250) }, 1000},
		"zones of one place": {0, func(i int) string { return fmt.Sprintf("fe80::1%%eth%d", i) }, 1},
		"ports and brackets": {0, func(i int) string { return fmt.Sprintf("[2001:db8::%x]:%d", i+1, i+1) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const requests, allowed = 1000, 600
			policies, err := memory.Parse(fmt.Sprintf("%d/1h", allowed))
			if err != nil {
				t.Fatal(err)
			}
			c, f := configure(t, policy.Documented)
			limits := memory.New(memory.Params{Policies: policies})
			c.Limiter, c.IPv6Prefix, c.TrustedProxies = limits, test.prefix, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
			build(t, c, f)
			refused := 0
			for i := range requests {
				request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/nothing", nil)
				request.RemoteAddr = "10.0.0.1:7"
				request.Header.Set("X-Forwarded-For", test.address(i))
				response := httptest.NewRecorder()
				f.gateway.ServeHTTP(response, request)
				if response.Code == http.StatusTooManyRequests {
					refused++
				}
			}
			want := 0
			if test.clients == 1 {
				want = requests - allowed
			}
			if held, _, _ := limits.Keys(); refused != want || held != test.clients {
				t.Errorf("%d of %d requests were refused, want %d; %d keys, want %d", refused, requests, want, held, test.clients)
			}
		})
	}
}

// A prefix that IPv6 does not have is refused.
func TestIPv6PrefixIsChecked(t *testing.T) {
	t.Parallel()
	for prefix, ok := range map[int]bool{-1: false, 0: true, 1: true, 64: true, 128: true, 129: false} {
		c, _ := configure(t, policy.Documented)
		c.IPv6Prefix = prefix
		if _, err := gateway.New(nil, c); (err == nil) != ok {
			t.Errorf("%d: %v", prefix, err)
		}
	}
}

// The key does not depend on how the address came: over gRPC, which has no gateway, it is
// made by the same function.
func TestClientKeys(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		prefix        int
		address, want string
	}{
		{0, "192.0.2.1", "address:192.0.2.1"},
		{0, "::ffff:192.0.2.1", "address:192.0.2.1"},
		{0, "2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::/64"},
		{56, "2001:db8:1:2ff:3:4:5:6", "address:2001:db8:1:200::/56"},
		{1, "2001:db8::1", "address:::/1"},
		{128, "2001:db8::1", "address:2001:db8::1"},
		{128, "fe80::1%eth0", "address:fe80::1"},
		{0, "fe80::1%eth0", "address:fe80::/64"},
		{0, "::1", "address:::/64"},
		{0, "@socket", "address:@socket"},
		{0, "", "address:"},
	} {
		if got := ratelimit.ClientKey(test.address, test.prefix); got != test.want {
			t.Errorf("%s by %d bits is %q, want %q", test.address, test.prefix, got, test.want)
		}
	}
}
