package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxMessage is the size of the largest message that grpc-go supports.
const maxMessage = 1<<31 - 1

// Proxy is the configuration of the command proxy. Each field has the text form of its
// flag.
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

// ProxyDefaults returns the configuration without any flag or variable.
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

// Flags declares the flags of proxy on set, with the values of c as defaults.
func (c *Proxy) Flags(set *pflag.FlagSet) {
	c.Front.Flags(set)
	set.StringSliceVar(&c.Backend, "backend", c.Backend,
		"`[service=]host:port` of a gRPC server; repeat it for several servers, or give each service its own by its full name")
	set.StringVar(&c.Descriptors, "descriptors", c.Descriptors, "`file` of a FileDescriptorSet with all imports, from buf or protoc (default server reflection)")
	set.StringVar(&c.ServiceConfig, "service-config", c.ServiceConfig, "`file` of a google.api.Service in YAML, whose http rules replace those of the protos")
	set.DurationVar(&c.ReflectionInterval, "reflection-interval", c.ReflectionInterval,
		"how often the proxy asks server reflection for changes; a change takes effect when it has been read three times in a row")
	set.BoolVar(&c.BackendTLS, "backend-tls", c.BackendTLS, "call the backends over TLS")
	set.StringVar(&c.BackendCA, "backend-ca", c.BackendCA,
		"`file` of the certificate authorities of the backends (default the system's); implies --backend-tls")
	set.StringVar(&c.BackendCert, "backend-cert", c.BackendCert,
		"`file` of the certificate that the proxy presents to the backends; implies --backend-tls")
	set.StringVar(&c.BackendKey, "backend-key", c.BackendKey, "`file` of that certificate's key")
	set.StringVar(&c.BackendMaxMessage, "backend-max-message", c.BackendMaxMessage, "maximum size of a message to and from a backend, such as `4MiB`")
	set.DurationVar(&c.BackendKeepAlive, "backend-keep-alive", c.BackendKeepAlive,
		"how long a backend's connection may be silent before the proxy probes it; servers may forbid less than 5m; 0 is never")
	set.BoolVar(&c.BackendHealth, "backend-health", c.BackendHealth, "ask the backends with grpc.health.v1 whether they serve, and skip those that do not")
	set.DurationVar(&c.Deadline, "deadline", c.Deadline,
		"maximum time of a call that is not a stream; a client's Grpc-Timeout can shorten it; 0 is no limit")
	set.StringVar(&c.Ready, "ready", c.Ready, "how many backends /readyz needs: `any` or all of them")
}

// Complete checks c. The error names every flag that is wrong.
func (c *Proxy) Complete() error {
	errs := []error{c.check(), atLeast(duration{"--reflection-interval", c.ReflectionInterval})}
	for _, one := range c.addresses() {
		errs = append(errs, wrap(one.flag, CheckListenAddress(one.value)))
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
	errs = append(errs, notNegative(duration{"--deadline", c.Deadline}, duration{"--backend-keep-alive", c.BackendKeepAlive}))
	return errors.Join(errs...)
}

// Backend is one gRPC server.
type Backend struct {
	// Address is host:port.
	Address string
	// Services are the full names of its services; nil if the flags name none.
	Services []string
}

// Backends returns Backend grouped by address. One of them may have no services: it then
// serves all services that the others do not.
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
		if err := checkDialAddress(address); err != nil {
			return nil, err
		}
		if named && !protoreflect.FullName(service).IsValid() {
			return nil, fmt.Errorf("%q: %q is not the full name of a service", text, service)
		}
		if other, ok := owners[service]; ok {
			return nil, fmt.Errorf("%q: %s serves this service already", text, other)
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

// MessageBytes returns BackendMaxMessage as a number.
func (c *Proxy) MessageBytes() (int, error) {
	bytes, err := parseSize(c.BackendMaxMessage, maxMessage)
	return int(bytes), err
}

// TLS returns the client's configuration for the backends; nil for plain text.
func (c *Proxy) TLS() (*tls.Config, error) {
	if (c.BackendCert == "") != (c.BackendKey == "") {
		return nil, errors.New("--backend-cert and --backend-key go together")
	}
	if !c.BackendTLS && c.BackendCA == "" && c.BackendCert == "" {
		return nil, nil //nolint:nilnil // plain text needs no configuration.
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.BackendCA != "" {
		authorities, err := os.ReadFile(c.BackendCA)
		if err != nil {
			return nil, fmt.Errorf("--backend-ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(authorities) {
			return nil, fmt.Errorf("--backend-ca: %s has no certificate in PEM", c.BackendCA)
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
