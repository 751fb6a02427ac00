package config_test

import (
	"strings"
	"testing"

	"github.com/statusway/statusway/server/internal/config"
)

// Every flag with an address refuses what can never work, and takes the rest without asking anybody.
func TestAddresses(t *testing.T) {
	t.Parallel()
	flags := map[string]func(string) error{
		"--http-addr": func(text string) error {
			c := config.Defaults()
			c.DataDir, c.HTTPAddr = "x", text
			return c.Complete()
		},
		"--grpc-addr": func(text string) error {
			c := config.Defaults()
			c.DataDir, c.GRPCAddr = "x", text
			return c.Complete()
		},
		"--metrics-addr": func(text string) error {
			c := config.ProxyDefaults()
			c.Backend, c.MetricsAddr = []string{"h:1"}, text
			return c.Complete()
		},
		"--backend": func(text string) error {
			c := config.ProxyDefaults()
			c.Backend = []string{"a.B=h:1", text}
			return c.Complete()
		},
	}
	for flag, check := range flags {
		for _, text := range []string{
			"localhost:99999", "localhost:65536", "localhost:-1", "localhost:", "localhost", ":", "localhost:no-such-port", "unix:///tmp/x.sock",
			"unix:/tmp/x.sock", "unix:x.sock", "/tmp/x.sock", "http://localhost:80", "dns:///localhost:80", "a b:80", "a/b:80", "a@b:80", "300.1.1.1:80",
			"1.2.3:80", "[::1:80", "::1:80", "[::g]:80", "[localhost]x:80", "-a:80", "a..b:80", "*:80", strings.Repeat("a", 64) + ":80",
		} {
			if err := check(text); err == nil || !strings.Contains(err.Error(), flag) {
				t.Errorf("%s %s: %v", flag, text, err)
			}
		}
		for _, text := range []string{
			"localhost:1", "127.0.0.1:65535", "[::1]:8080", "[fe80::1%eth0]:8080",
			"my_app:9090", "a.example.com.:443", "xn--bcher-kva.example:http",
		} {
			if err := check(text); err != nil {
				t.Errorf("%s %s: %v", flag, text, err)
			}
		}
		for _, text := range []string{":8080", "localhost:0", ":0"} {
			if err := check(text); (err == nil) != (flag != "--backend") {
				t.Errorf("%s %s: %v", flag, text, err)
			}
		}
	}
}
