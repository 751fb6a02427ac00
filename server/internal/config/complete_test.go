package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/server/internal/config"
)

func TestComplete(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	for _, test := range []struct {
		name   string
		change func(*config.Serve)
		// refused are parts of the error, one for each thing that is wrong. None
		// means that the configuration is taken.
		refused []string
	}{
		{name: "the defaults", change: func(*config.Serve) {}},
		{name: "a demo", change: func(c *config.Serve) { c.Demo, c.DataDir = true, "" }},
		{name: "a demo on the other loopback", change: func(c *config.Serve) {
			c.Demo, c.DataDir, c.HTTPAddr, c.GRPCAddr = true, "", "[::1]:0", "127.255.255.254:0"
		}},
		{name: "a demo on localhost", change: func(c *config.Serve) { c.Demo, c.DataDir, c.HTTPAddr = true, "", "localhost:0" }},
		{name: "a demo that keeps its data", change: func(c *config.Serve) { c.Demo = true }, refused: []string{"--demo"}},
		{name: "a demo for everybody", change: func(c *config.Serve) { c.Demo, c.DataDir, c.HTTPAddr = true, "", ":8080" }, refused: []string{"--http-addr"}},
		{
			name:    "a demo on every address",
			change:  func(c *config.Serve) { c.Demo, c.DataDir, c.HTTPAddr = true, "", "0.0.0.0:8080" },
			refused: []string{"--http-addr"},
		},
		{
			name:    "a demo on every address of IPv6",
			change:  func(c *config.Serve) { c.Demo, c.DataDir, c.GRPCAddr = true, "", "[::]:9090" },
			refused: []string{"--grpc-addr"},
		},
		{name: "a demo for the neighbours", change: func(c *config.Serve) {
			c.Demo, c.DataDir, c.HTTPAddr, c.GRPCAddr = true, "", "192.168.1.1:1", "10.0.0.1:1"
		}, refused: []string{"--http-addr", "--grpc-addr"}},
		{
			name:    "a demo on a name",
			change:  func(c *config.Serve) { c.Demo, c.DataDir, c.HTTPAddr = true, "", "localhost.example.com:1" },
			refused: []string{"--http-addr"},
		},
		{name: "no demo for everybody", change: func(c *config.Serve) { c.HTTPAddr, c.GRPCAddr = ":8080", "0.0.0.0:9090" }},
		{
			name:    "an address without a port",
			change:  func(c *config.Serve) { c.HTTPAddr, c.GRPCAddr = "127.0.0.1", "" },
			refused: []string{"--http-addr", "--grpc-addr"},
		},

		{name: "metrics elsewhere", change: func(c *config.Serve) { c.MetricsAddr = "0.0.0.0:9100" }},
		{name: "no metrics", change: func(c *config.Serve) { c.MetricsAddr = "off" }},
		{name: "metrics at no port", change: func(c *config.Serve) { c.MetricsAddr = "on" }, refused: []string{"--metrics-addr"}},
		{
			name:    "a demo's metrics for everybody",
			change:  func(c *config.Serve) { c.Demo, c.DataDir, c.MetricsAddr = true, "", ":9100" },
			refused: []string{"--metrics-addr"},
		},
		{name: "a demo without metrics", change: func(c *config.Serve) { c.Demo, c.DataDir, c.MetricsAddr = true, "", "off" }},
		{name: "each shape", change: func(c *config.Serve) { c.ErrorFormat, c.Headers = "status", "grpc-gateway" }},
		{name: "a shape that is none", change: func(c *config.Serve) { c.ErrorFormat = "unspecified" }, refused: []string{"--error-format"}},
		{name: "a shape in capitals", change: func(c *config.Serve) { c.ErrorFormat = "STATUS" }, refused: []string{"--error-format"}},
		{name: "headers of another", change: func(c *config.Serve) { c.Headers = "envoy" }, refused: []string{"--headers"}},

		{name: "one byte", change: func(c *config.Serve) { c.MaxBody = "1B" }},
		{name: "the largest body", change: func(c *config.Serve) { c.MaxBody = "256MiB" }},
		{name: "a byte more", change: func(c *config.Serve) { c.MaxBody = "268435457" }, refused: []string{"--max-body"}},
		{name: "no body", change: func(c *config.Serve) { c.MaxBody = "0" }, refused: []string{"--max-body"}},
		{name: "less than a byte", change: func(c *config.Serve) { c.MaxBody = "0.5B" }, refused: []string{"--max-body"}},
		{name: "a negative body", change: func(c *config.Serve) { c.MaxBody = "-1MiB" }, refused: []string{"--max-body"}},
		{name: "a body of a strange unit", change: func(c *config.Serve) { c.MaxBody = "4 teapots" }, refused: []string{"--max-body"}},
		{name: "a body past every number", change: func(c *config.Serve) { c.MaxBody = "99999999999EB" }, refused: []string{"--max-body"}},
		{name: "an empty size", change: func(c *config.Serve) { c.MaxBody = "" }, refused: []string{"--max-body"}},

		{name: "no limit", change: func(c *config.Serve) { c.RateLimit = "off" }},
		{name: "two limits", change: func(c *config.Serve) { c.RateLimit = "a=1/1s,b=2/1m:group" }},
		{name: "an empty limit", change: func(c *config.Serve) { c.RateLimit = "" }, refused: []string{"--rate-limit"}},
		{name: "no requests", change: func(c *config.Serve) { c.RateLimit = "0/1m" }, refused: []string{"--rate-limit"}},
		{name: "a period that is none", change: func(c *config.Serve) { c.RateLimit = "600/minute" }, refused: []string{"--rate-limit"}},

		{name: "any number at once", change: func(c *config.Serve) { c.Concurrency, c.MaxInFlight = 0, 0 }},
		{name: "fewer than none of a caller", change: func(c *config.Serve) { c.Concurrency = -1 }, refused: []string{"--concurrency"}},
		{name: "fewer than none of all", change: func(c *config.Serve) { c.MaxInFlight = -1 }, refused: []string{"--max-in-flight"}},

		{name: "the shortest times", change: func(c *config.Serve) { c.SessionTTL, c.BodyTimeout, c.Grace = 1, 1, 1 }},
		{
			name:    "no times",
			change:  func(c *config.Serve) { c.SessionTTL, c.BodyTimeout, c.Grace = 0, 0, 0 },
			refused: []string{"--session-ttl", "--body-timeout", "--grace"},
		},
		{name: "no drain delay", change: func(c *config.Serve) { c.DrainDelay = 0 }},
		{name: "a negative drain delay", change: func(c *config.Serve) { c.DrainDelay = -1 }, refused: []string{"--drain-delay"}},
		{name: "a negative time", change: func(c *config.Serve) { c.Grace = -time.Second }, refused: []string{"--grace"}},

		{name: "TLS", change: func(c *config.Serve) { c.TLSCert, c.TLSKey = cert, key }},
		{name: "a certificate alone", change: func(c *config.Serve) { c.TLSCert = cert }, refused: []string{"--tls-cert and --tls-key go together"}},
		{name: "a key alone", change: func(c *config.Serve) { c.TLSKey = key }, refused: []string{"--tls-cert and --tls-key go together"}},
		{name: "a certificate that is not there", change: func(c *config.Serve) { c.TLSCert, c.TLSKey = cert+"x", key }, refused: []string{"--tls-cert"}},
		{name: "the wrong way round", change: func(c *config.Serve) { c.TLSCert, c.TLSKey = key, cert }, refused: []string{"--tls-cert"}},

		{name: "origins", change: func(c *config.Serve) {
			c.CORSOrigins = []string{"https://app.example.com", "http://localhost:3000", "https://[::1]:8443"}
		}},
		{name: "every origin", change: func(c *config.Serve) { c.CORSOrigins = []string{"*"} }},
		{
			name:    "every origin and one more",
			change:  func(c *config.Serve) { c.CORSOrigins = []string{"*", "https://app.example.com"} },
			refused: []string{"--cors-origins"},
		},
		{
			name:    "one origin and every",
			change:  func(c *config.Serve) { c.CORSOrigins = []string{"https://app.example.com", "*"} },
			refused: []string{"--cors-origins"},
		},
		{name: "an origin with a slash", change: func(c *config.Serve) { c.CORSOrigins = []string{"https://app.example.com/"} }, refused: []string{"--cors-origins"}},
		{name: "an origin with a path", change: func(c *config.Serve) { c.CORSOrigins = []string{"https://app.example.com/x"} }, refused: []string{"--cors-origins"}},
		{name: "an origin without a scheme", change: func(c *config.Serve) { c.CORSOrigins = []string{"app.example.com"} }, refused: []string{"--cors-origins"}},
		{name: "an origin of a user", change: func(c *config.Serve) { c.CORSOrigins = []string{"https://me@app.example.com"} }, refused: []string{"--cors-origins"}},
		{name: "an origin of any name", change: func(c *config.Serve) { c.CORSOrigins = []string{"https://*.example.com"} }, refused: []string{"--cors-origins"}},
		{name: "an origin in capitals", change: func(c *config.Serve) { c.CORSOrigins = []string{"https://App.Example.com"} }, refused: []string{"--cors-origins"}},
		{
			name:    "an origin with the port that it has anyway",
			change:  func(c *config.Serve) { c.CORSOrigins = []string{"https://app.example.com:443"} },
			refused: []string{"--cors-origins"},
		},
		{
			name:    "an origin with an empty port",
			change:  func(c *config.Serve) { c.CORSOrigins = []string{"https://app.example.com:"} },
			refused: []string{"--cors-origins"},
		},
		{name: "an origin with the other's port", change: func(c *config.Serve) { c.CORSOrigins = []string{"https://app.example.com:80"} }},
		{name: "an empty origin", change: func(c *config.Serve) { c.CORSOrigins = []string{""} }, refused: []string{"--cors-origins"}},
		{name: "the null origin", change: func(c *config.Serve) { c.CORSOrigins = []string{"null"} }, refused: []string{"--cors-origins"}},

		{name: "whole IPv6 addresses", change: func(c *config.Serve) { c.IPv6Prefix = 128 }},
		{name: "one bit of IPv6", change: func(c *config.Serve) { c.IPv6Prefix = 1 }},
		{name: "no bit of IPv6", change: func(c *config.Serve) { c.IPv6Prefix = 0 }, refused: []string{"--ipv6-prefix"}},
		{name: "more bits than IPv6 has", change: func(c *config.Serve) { c.IPv6Prefix = 129 }, refused: []string{"--ipv6-prefix"}},
		{name: "proxies", change: func(c *config.Serve) { c.TrustedProxies = []string{"10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1"} }},
		{name: "a proxy by name", change: func(c *config.Serve) { c.TrustedProxies = []string{"proxy.example.com"} }, refused: []string{"--trusted-proxies"}},
		{name: "a network of too many bits", change: func(c *config.Serve) { c.TrustedProxies = []string{"10.0.0.0/33"} }, refused: []string{"--trusted-proxies"}},
		{name: "an empty proxy", change: func(c *config.Serve) { c.TrustedProxies = []string{""} }, refused: []string{"--trusted-proxies"}},

		{name: "a public URL", change: func(c *config.Serve) { c.PublicURL = "https://api.example.com" }},
		{name: "a public URL with a path", change: func(c *config.Serve) { c.PublicURL = "https://api.example.com/v1" }},
		{name: "a public URL with a query", change: func(c *config.Serve) { c.PublicURL = "https://api.example.com/?x" }, refused: []string{"--public-url"}},
		{name: "pages elsewhere", change: func(c *config.Serve) { c.PagesURL = "https://docs.example.com/api" }},
		{name: "pages at a path", change: func(c *config.Serve) { c.PagesURL = "/api" }, refused: []string{"--pages-url"}},

		{name: "everything at once", change: func(c *config.Serve) {
			c.Demo, c.HTTPAddr, c.MaxBody, c.RateLimit, c.Grace, c.TLSKey, c.PublicURL = true, ":80", "big", "often", 0, "key", "here"
			c.PagesURL, c.BodyMemory, c.ResponseMemory = "there", "much", "more"
			c.CORSOrigins, c.TrustedProxies, c.Concurrency = []string{"us"}, []string{"them"}, -1
		}, refused: []string{
			"--demo", "--http-addr", "--max-body", "--rate-limit", "--grace", "--tls-key", "--public-url", "--pages-url", "--body-memory", "--response-memory",
			"--cors-origins", "--trusted-proxies", "--concurrency",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			settings := config.Defaults()
			settings.DataDir = "data"
			test.change(&settings)
			err := settings.Complete()
			if (err != nil) != (len(test.refused) > 0) {
				t.Fatalf("error %v, want one of %q", err, test.refused)
			}
			if err == nil {
				return
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(test.refused) {
				t.Errorf("%d lines, want one for each of %q:\n%v", len(lines), test.refused, err)
			}
			for _, part := range test.refused {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in:\n%v", part, err)
				}
			}
			if again := settings.Complete(); again == nil || again.Error() != err.Error() {
				t.Errorf("asked again it says:\n%v\nand not:\n%v", again, err)
			}
		})
	}
}

// The folder of the database is filled in, but not over one that was given, and not
// for a demo, which has its own.
func TestCompleteDataDir(t *testing.T) {
	t.Parallel()
	home, err := os.UserConfigDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		given config.Serve
		want  string
	}{
		{name: "none", want: filepath.Join(home, "statusway")},
		{name: "one", given: config.Serve{DataDir: "here"}, want: "here"},
		{name: "a demo", given: config.Serve{Demo: true}, want: ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			settings := config.Defaults()
			settings.DataDir, settings.Demo = test.given.DataDir, test.given.Demo
			if err := settings.Complete(); err != nil {
				t.Fatal(err)
			}
			if settings.DataDir != test.want {
				t.Errorf("--data-dir is %q, want %q", settings.DataDir, test.want)
			}
		})
	}
}

// What Complete says of a public URL is what the gateway says of it later.
func TestPublicURL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		url string
		ok  bool
	}{
		{"https://api.example.com", true},
		{"https://api.example.com/", true},
		{"http://127.0.0.1:8080", true},
		{"http://[::1]:8080", true},
		{"https://api.example.com/v1", true},
		{"https://api.example.com/v1/", true},
		{"https://api.example.com/v1?x=y", false},
		{"https://api.example.com/v1#x", false},
		{"https://me@api.example.com", false},
		{"/v1", false},
		{"api.example.com", false},
		{"//api.example.com", false},
		{"https://", false},
		{"https:api.example.com", false},
		{"ftp://api.example.com", false},
		{"https://api example.com", false},
		{"\x00", false},
	} {
		settings := config.Defaults()
		settings.DataDir, settings.PublicURL = "data", test.url
		if err := settings.Complete(); (err == nil) != test.ok {
			t.Errorf("Complete with %q: %v", test.url, err)
		}
		for name, c := range map[string]gateway.Config{"PublicURL": {PublicURL: test.url}, "PagesURL": {PagesURL: test.url}} {
			_, err := gateway.New(nil, c)
			if (err == nil) != test.ok || err != nil && (!errors.Is(err, gateway.ErrConfig) || !strings.Contains(err.Error(), name)) {
				t.Errorf("gateway.New with the %s %q: %v", name, test.url, err)
			}
		}
	}
}

func TestBodyBytes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"1": 1, "1B": 1, "1KB": 1000, "1KiB": 1 << 10, "4MiB": 4 << 20, "4 MiB": 4 << 20, "0.5KiB": 512, "256MiB": 256 << 20,
	} {
		settings := config.Defaults()
		settings.MaxBody = text
		if got, err := settings.Gateway(); got.MaxBody != want || err != nil {
			t.Errorf("%q is %d bytes, %v; want %d", text, got.MaxBody, err, want)
		}
	}
}

func TestProxies(t *testing.T) {
	t.Parallel()
	settings := config.Defaults()
	settings.TrustedProxies = []string{"10.1.2.3/8", "192.0.2.1", "2001:db8::1"}
	got, err := settings.Gateway()
	if err != nil {
		t.Fatal(err)
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::1/128")}
	if diff := cmp.Diff(want, got.TrustedProxies, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	settings.TrustedProxies = nil
	if got, err := settings.Gateway(); len(got.TrustedProxies) != 0 || err != nil {
		t.Errorf("of none: %v, %v", got.TrustedProxies, err)
	}
}

// A flag's 0 is no limit, while a gateway's 0 is the default.
func TestZeroFlags(t *testing.T) {
	t.Parallel()
	settings := config.Defaults()
	settings.MaxInFlight, settings.MaxStreams, settings.Concurrency, settings.DrainDelay = 0, 0, 0, 0
	got, err := settings.Gateway()
	if err != nil || got.MaxCalls >= 0 || got.MaxStreams >= 0 || got.CallerConcurrency != 0 || got.DrainDelay >= 0 {
		t.Errorf("%d calls, %d streams, %d of a caller, %s: %v", got.MaxCalls, got.MaxStreams, got.CallerConcurrency, got.DrainDelay, err)
	}
	settings.MaxInFlight = 7
	if got, err := settings.Gateway(); err != nil || got.MaxCalls != 7 || got.MaxStreams != 7 {
		t.Errorf("%d calls, %d streams: %v", got.MaxCalls, got.MaxStreams, err)
	}
}

// certificate writes one and its key, and returns the two files.
func certificate(t *testing.T) (string, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	chain, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", chain), write("key.pem", "PRIVATE KEY", secret)
}
