package config_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/statusway/statusway/server/internal/config"
)

// Every field of the proxy has a flag of its own name, its default is what
// ProxyDefaults says, and each variable reaches its field.
func TestProxyFlags(t *testing.T) {
	t.Parallel()
	settings := config.ProxyDefaults()
	set := pflag.NewFlagSet("proxy", pflag.ContinueOnError)
	settings.Flags(set)
	var want, got []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[config.Proxy]()) {
		if !field.Anonymous {
			want = append(want, flagOf(field.Name))
		}
	}
	variables := map[string]string{}
	set.VisitAll(func(flag *pflag.Flag) {
		got = append(got, flag.Name)
		text, err := sample(flag)
		if err != nil {
			t.Fatal(err)
		}
		variables[config.EnvName(flag.Name)] = text
	})
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-) and flags (+):\n%s", diff)
	}
	if diff := cmp.Diff(config.ProxyDefaults(), settings); diff != "" {
		t.Errorf("declaring the flags changes the defaults:\n%s", diff)
	}
	if err := config.FromEnvironment(set, lookup(variables)); err != nil {
		t.Fatal(err)
	}
	value, before := reflect.ValueOf(settings), reflect.ValueOf(config.ProxyDefaults())
	for _, field := range reflect.VisibleFields(reflect.TypeFor[config.Proxy]()) {
		if !field.Anonymous && reflect.DeepEqual(value.FieldByIndex(field.Index).Interface(), before.FieldByIndex(field.Index).Interface()) {
			t.Errorf("no variable reached %s", field.Name)
		}
	}
}

func TestProxyComplete(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	for _, test := range []struct {
		name    string
		change  func(*config.Proxy)
		refused string
	}{
		{name: "one backend", change: func(*config.Proxy) {}},
		{name: "no backend", change: func(c *config.Proxy) { c.Backend = nil }, refused: "--backend: at least one"},
		{name: "no port", change: func(c *config.Proxy) { c.Backend = []string{"host"} }, refused: "--backend"},
		{name: "no host", change: func(c *config.Proxy) { c.Backend = []string{":1"} }, refused: "--backend"},
		{name: "one for a service and one for the rest", change: func(c *config.Proxy) { c.Backend = []string{"a.B=h:1", "h:2"} }},
		{name: "two for the rest", change: func(c *config.Proxy) { c.Backend = []string{"h:1", "h:2"} }, refused: "serves this service already"},
		{name: "two for one service", change: func(c *config.Proxy) { c.Backend = []string{"a.B=h:1", "a.B=h:2"} }, refused: "serves this service already"},
		{
			name: "one for a service and the rest", change: func(c *config.Proxy) { c.Backend = []string{"a.B=h:1", "h:1"} },
			refused: "both for all services and for one",
		},
		{name: "no service's name", change: func(c *config.Proxy) { c.Backend = []string{"a/b=h:1"} }, refused: "not the full name"},
		{name: "the smallest message", change: func(c *config.Proxy) { c.BackendMaxMessage = "1B" }},
		{name: "no message", change: func(c *config.Proxy) { c.BackendMaxMessage = "0" }, refused: "--backend-max-message"},
		{name: "the largest message", change: func(c *config.Proxy) { c.BackendMaxMessage = "2147483647" }},
		{name: "a byte more", change: func(c *config.Proxy) { c.BackendMaxMessage = "2GiB" }, refused: "--backend-max-message"},
		{name: "mutual TLS", change: func(c *config.Proxy) { c.BackendCA, c.BackendCert, c.BackendKey = cert, cert, key }},
		{name: "a certificate alone", change: func(c *config.Proxy) { c.BackendCert = cert }, refused: "go together"},
		{name: "no authority", change: func(c *config.Proxy) { c.BackendCA = key }, refused: "--backend-ca"},
		{name: "a missing authority", change: func(c *config.Proxy) { c.BackendCA = cert + "x" }, refused: "--backend-ca"},
		{name: "the wrong way round", change: func(c *config.Proxy) { c.BackendCert, c.BackendKey = key, cert }, refused: "--backend-cert"},
		{name: "no deadline", change: func(c *config.Proxy) { c.Deadline, c.BackendKeepAlive = 0, 0 }},
		{name: "a negative deadline", change: func(c *config.Proxy) { c.Deadline = -1 }, refused: "--deadline"},
		{name: "no interval", change: func(c *config.Proxy) { c.ReflectionInterval = 0 }, refused: "--reflection-interval"},
		{name: "ready with all", change: func(c *config.Proxy) { c.Ready = config.ReadyAll }},
		{name: "ready with some", change: func(c *config.Proxy) { c.Ready = "some" }, refused: "--ready"},
		{name: "what serve checks too", change: func(c *config.Proxy) { c.HTTPAddr, c.RateLimit = "x", "y" }, refused: "--rate-limit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			settings := config.ProxyDefaults()
			settings.Backend = []string{"127.0.0.1:9090"}
			test.change(&settings)
			err := settings.Complete()
			switch {
			case test.refused == "" && err != nil:
				t.Errorf("%v", err)
			case test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused)):
				t.Errorf("%v, want %q", err, test.refused)
			}
		})
	}
}

func TestProxyBackends(t *testing.T) {
	t.Parallel()
	settings := config.Proxy{Backend: []string{"a.v1.A=h:1", "b.v1.B=h:1", "rest:443", "c.C=[::1]:2"}, Deadline: time.Second}
	got, err := settings.Backends()
	if err != nil {
		t.Fatal(err)
	}
	want := []config.Backend{{Address: "h:1", Services: []string{"a.v1.A", "b.v1.B"}}, {Address: "rest:443"}, {Address: "[::1]:2", Services: []string{"c.C"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if secret, err := settings.TLS(); secret != nil || err != nil {
		t.Errorf("plain text is %v, %v", secret, err)
	}
}
