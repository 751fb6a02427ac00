package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// largestMessage is what grpc-go can have of a message at all.
const largestMessage = 1<<31 - 1

// Proxy is the configuration of the command proxy. The text form of each field is that
// of its flag.
type Proxy struct {
	Front

	Backend            []string
	Descriptors        string
	ServiceConfig      string
	ReflectionInterval time.Duration
	BackendTLS         bool
	BackendCA          string
	BackendCert        string
	BackendKey         string
	BackendMaxMessage  string
	BackendKeepAlive   time.Duration
	BackendHealth      bool
	Deadline           time.Duration
	Ready              string
}

// The values of Ready.
const (
	// ReadyAny: the proxy is ready if a backend can be reached.
	ReadyAny = "any"
	// ReadyAll: the proxy is ready if every backend can be reached.
	ReadyAll = "all"
)

// ProxyDefaults are what holds where neither a flag nor a variable says otherwise.
func ProxyDefaults() Proxy {
	return Proxy{
		Front:              frontDefaults(),
		ReflectionInterval: 10 * time.Second,
		BackendMaxMessage:  "4MiB",
		BackendKeepAlive:   6 * time.Minute,
		Deadline:           time.Minute,
		Ready:              ReadyAny,
	}
}

// Flags declares the flags of proxy on set, with what c holds as their defaults.
func (c *Proxy) Flags(set *pflag.FlagSet) {
	c.Front.Flags(set)
	set.StringSliceVar(&c.Backend, "backend", c.Backend, "`[service=]host:port` of a gRPC server; several, or one for each service by its full name")
	set.StringVar(&c.Descriptors, "descriptors", c.Descriptors, "`file` of a FileDescriptorSet with all imports, from buf or protoc (default server reflection)")
	set.StringVar(&c.ServiceConfig, "service-config", c.ServiceConfig, "`file` of a google.api.Service in YAML, whose http rules replace those of the protos")
	set.DurationVar(&c.ReflectionInterval, "reflection-interval", c.ReflectionInterval, "how often server reflection is asked for what has changed")
	set.BoolVar(&c.BackendTLS, "backend-tls", c.BackendTLS, "call the backends over TLS")
	set.StringVar(&c.BackendCA, "backend-ca", c.BackendCA,
		"`file` of the authorities that sign the backends' certificates (default the system's); implies --backend-tls")
	set.StringVar(&c.BackendCert, "backend-cert", c.BackendCert,
		"`file` of the certificate that the backends are shown; implies --backend-tls")
	set.StringVar(&c.BackendKey, "backend-key", c.BackendKey, "`file` of that certificate's key")
	set.StringVar(&c.BackendMaxMessage, "backend-max-message", c.BackendMaxMessage, "largest message to and from a backend, such as `4MiB`")
	set.DurationVar(&c.BackendKeepAlive, "backend-keep-alive", c.BackendKeepAlive,
		"silence after which a backend's connection is probed; servers may forbid less than 5m, and 0 is never")
	set.BoolVar(&c.BackendHealth, "backend-health", c.BackendHealth, "ask the backends by grpc.health.v1 whether they serve, and pass over those that do not")
	set.DurationVar(&c.Deadline, "deadline", c.Deadline,
		"how long a call may take that is no stream; a client's Grpc-Timeout can shorten it, and 0 is for ever")
	set.StringVar(&c.Ready, "ready", c.Ready, "how many backends /readyz needs: `any` or all of them")
}

// Complete checks c. The error names every flag that is wrong.
func (c *Proxy) Complete() error {
	errs := []error{c.check(), atLeast(duration{"--reflection-interval", c.ReflectionInterval})}
	for _, one := range c.addresses() {
		if _, _, err := net.SplitHostPort(one.value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", one.flag, err))
		}
	}
	if _, err := c.Backends(); err != nil {
		errs = append(errs, fmt.Errorf("--backend: %w", err))
	}
	if _, err := c.MessageBytes(); err != nil {
		errs = append(errs, fmt.Errorf("--backend-max-message: %w", err))
	}
	if _, err := c.TLS(); err != nil {
		errs = append(errs, err)
	}
	if c.Ready != ReadyAny && c.Ready != ReadyAll {
		errs = append(errs, fmt.Errorf("--ready: %q is neither %s nor %s", c.Ready, ReadyAny, ReadyAll))
	}
	if c.Deadline < 0 || c.BackendKeepAlive < 0 {
		errs = append(errs, errors.New("--deadline and --backend-keep-alive cannot be negative"))
	}
	return errors.Join(errs...)
}

// Backend is one gRPC server.
type Backend struct {
	// Address is host:port.
	Address string
	// Services are the full names of those that it serves; nil if the flags name none.
	Services []string
}

// Backends is Backend by address. One of them may come without services: it then
// serves what the others do not.
func (c *Proxy) Backends() ([]Backend, error) {
	if len(c.Backend) == 0 {
		return nil, errors.New("at least one is needed")
	}
	var backends []Backend
	byAddress := map[string]int{}
	owners := map[string]string{}
	for _, text := range c.Backend {
		service, address, named := strings.Cut(text, "=")
		if !named {
			service, address = "", text
		}
		if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
			return nil, fmt.Errorf("%q is not of the form host:port or service=host:port", text)
		}
		if named && !protoreflect.FullName(service).IsValid() {
			return nil, fmt.Errorf("%q: %q is no full name of a service", text, service)
		}
		if other, ok := owners[service]; ok {
			return nil, fmt.Errorf("%q: %s serves that already", text, other)
		}
		owners[service] = address
		at, ok := byAddress[address]
		if !ok {
			at = len(backends)
			byAddress[address] = at
			backends = append(backends, Backend{Address: address})
		} else if (service == "") != (backends[at].Services == nil) {
			return nil, fmt.Errorf("%s is named both for all services and for one", address)
		}
		if named {
			backends[at].Services = append(backends[at].Services, service)
		}
	}
	return backends, nil
}

// MessageBytes is BackendMaxMessage as a number.
func (c *Proxy) MessageBytes() (int, error) {
	bytes, err := humanize.ParseBytes(c.BackendMaxMessage)
	if err != nil || bytes == 0 || bytes > largestMessage {
		return 0, fmt.Errorf("%q is no size from 1B to 2GiB less one", c.BackendMaxMessage)
	}
	return int(bytes), nil
}

// TLS is the client's configuration for the backends; nil for plain text.
func (c *Proxy) TLS() (*tls.Config, error) {
	if (c.BackendCert == "") != (c.BackendKey == "") {
		return nil, errors.New("--backend-cert and --backend-key go together")
	}
	if !c.BackendTLS && c.BackendCA == "" && c.BackendCert == "" {
		return nil, nil //nolint:nilnil // plain text is no configuration.
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.BackendCA != "" {
		authorities, err := os.ReadFile(c.BackendCA)
		if err != nil {
			return nil, fmt.Errorf("--backend-ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(authorities) {
			return nil, fmt.Errorf("--backend-ca: %s holds no certificate in PEM", c.BackendCA)
		}
	}
	if c.BackendCert != "" {
		own, err := tls.LoadX509KeyPair(c.BackendCert, c.BackendKey)
		if err != nil {
			return nil, fmt.Errorf("--backend-cert and --backend-key: %w", err)
		}
		config.Certificates = []tls.Certificate{own}
	}
	return config, nil
}
