package config

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/ratelimit"
	"github.com/statusway/statusway/gateway/ratelimit/memory"
	statuswayv1 "github.com/statusway/statusway/gen/go/statusway/v1"
)

// maxBody bounds --max-body, because the server holds each body in memory.
const maxBody = 256 << 20

// Front is the configuration of the HTTP side, of serve and of proxy. Each field has the text form of its
// flag.
type Front struct {
	HTTPAddr        string
	PublicURL       string
	PagesURL        string
	Policy          string
	ErrorFormat     string
	Headers         string
	RateLimit       string
	IPv6Prefix      int
	MaxBody         string
	Concurrency     int
	MaxInFlight     int
	MaxStreams      int
	BodyMemory      string
	ResponseMemory  string
	TrustedProxies  []string
	CORSOrigins     []string
	TLSCert, TLSKey string
	Gzip            bool
	BodyTimeout     time.Duration
	SendTimeout     time.Duration
	DrainDelay      time.Duration
	Grace           time.Duration
	MetricsAddr     string
	LogLevel        string
	LogFormat       string
}

func frontDefaults() Front {
	return Front{
		HTTPAddr:    "127.0.0.1:8080",
		Policy:      "documented",
		RateLimit:   "600/1m",
		MaxBody:     "4MiB",
		IPv6Prefix:  ratelimit.DefaultIPv6Prefix,
		MaxInFlight: 1000,
		BodyTimeout: 30 * time.Second,
		SendTimeout: 30 * time.Second,
		DrainDelay:  5 * time.Second,
		Grace:       15 * time.Second,
		LogLevel:    "info",
		LogFormat:   "text",
	}
}

// Flags declares the flags on set, with the values of c as defaults.
func (c *Front) Flags(set *pflag.FlagSet) {
	set.StringVar(&c.HTTPAddr, "http-addr", c.HTTPAddr, "`address` of the REST server")
	set.StringVar(&c.PublicURL, "public-url", c.PublicURL,
		"`URL` under which clients reach REST, with a path if they reach it below one; problem types and Location begin with it (default paths alone)")
	set.StringVar(&c.PagesURL, "pages-url", c.PagesURL, "`URL` below which another server has the pages of problem types (default this server)")
	set.StringVar(&c.Policy, "policy", c.Policy, "documented, canonical, or the `file` of a policy")
	set.StringVar(&c.ErrorFormat, "error-format", c.ErrorFormat,
		"`shape` of an error's body if the request does not ask for one: problem, status or error (default the policy's)")
	set.StringVar(&c.Headers, "headers", c.Headers,
		"`grpc-gateway` passes metadata as grpc-gateway does, as Grpc-Metadata-… in both directions; without it only documented metadata passes")
	set.StringVar(&c.RateLimit, "rate-limit", c.RateLimit, "`requests/period` for each user, or for each address without a user; or a list of such limits, or off")
	set.IntVar(&c.IPv6Prefix, "ipv6-prefix", c.IPv6Prefix,
		"`bits` of an IPv6 address that identify a client to the limits: all addresses of such a network count as one")
	set.StringVar(&c.MaxBody, "max-body", c.MaxBody, "maximum size of a request body, such as `4MiB`")
	set.IntVar(&c.Concurrency, "concurrency", c.Concurrency, "maximum `requests` at once for each user, or for each address without a user; 0 is no limit")
	set.IntVar(&c.MaxInFlight, "max-in-flight", c.MaxInFlight,
		"maximum `calls` at once, without streams; the actual limit adapts to the load below this maximum; 0 is no limit")
	set.IntVar(&c.MaxStreams, "max-streams", c.MaxStreams, "maximum `streams` at once; 0 means as many as --max-in-flight")
	set.StringVar(&c.BodyMemory, "body-memory", c.BodyMemory,
		"maximum `memory` for all request bodies together; then the slowest are cut off, and new requests get 503 (default a quarter of the memory limit)")
	set.StringVar(&c.ResponseMemory, "response-memory", c.ResponseMemory,
		"maximum `size` of all responses that clients have not read yet; when it is used up, stalled ones are cut off (default an eighth of the memory limit)")
	set.StringSliceVar(&c.TrustedProxies, "trusted-proxies", c.TrustedProxies,
		"`networks`, such as 10.0.0.0/8, whose Forwarded, X-Forwarded-For and X-Forwarded-Prefix are used")
	set.StringSliceVar(&c.CORSOrigins, "cors-origins", c.CORSOrigins, "`origins`, such as https://app.example.com, whose pages may call; * for all")
	set.BoolVar(&c.Gzip, "gzip", c.Gzip, "compress successes of 1 KiB or more for clients that accept it; compressed responses have their own entity-tags")
	set.StringVar(&c.TLSCert, "tls-cert", c.TLSCert, "`file` of the certificate chain; with it the server serves REST over TLS")
	set.StringVar(&c.TLSKey, "tls-key", c.TLSKey, "`file` of the certificate's key")
	set.DurationVar(&c.BodyTimeout, "body-timeout", c.BodyTimeout, "maximum time for a request body, or the next message of a client stream, to arrive")
	set.DurationVar(&c.SendTimeout, "send-timeout", c.SendTimeout, "maximum time for a response without progress, before the server cuts it off")
	set.DurationVar(&c.DrainDelay, "drain-delay", c.DrainDelay,
		"after SIGTERM, how long the server still serves everything while /readyz fails, before the listener closes")
	set.DurationVar(&c.Grace, "grace", c.Grace, "how long running requests may take to finish after the listener has closed")
	set.StringVar(&c.MetricsAddr, "metrics-addr", c.MetricsAddr, "separate `address` of /metrics, or off (default the REST address)")
	set.StringVar(&c.LogLevel, "log-level", c.LogLevel, "lowest `level` that is logged: debug, info, warn or error")
	set.StringVar(&c.LogFormat, "log-format", c.LogFormat, "`format` of the log: text or json")
}

// check checks all fields except the address, which each command checks in its own way.
func (c *Front) check() error {
	_, err := c.Gateway()
	_, limitsErr := c.Limits()
	return errors.Join(
		err, wrap("--rate-limit", limitsErr),
		atLeast(duration{"--body-timeout", c.BodyTimeout}, duration{"--send-timeout", c.SendTimeout}, duration{"--grace", c.Grace}),
		notNegative(duration{"--drain-delay", c.DrainDelay}), c.checkOrigins(), c.checkMigration(), c.checkLog(),
	)
}

func wrap(flag string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	return nil
}

// checkLog checks the level and the format of the log.
func (c *Front) checkLog() error {
	var errs []error
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, strings.ToLower(c.LogLevel)) {
		errs = append(errs, fmt.Errorf("--log-level: %q is none of debug, info, warn and error", c.LogLevel))
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		errs = append(errs, fmt.Errorf("--log-format: %q is neither text nor json", c.LogFormat))
	}
	return errors.Join(errs...)
}

// HeadersGRPCGateway is the only value of Headers other than the empty one.
const HeadersGRPCGateway = "grpc-gateway"

func (c *Front) checkMigration() error {
	var errs []error
	if _, err := c.Format(); err != nil {
		errs = append(errs, fmt.Errorf("--error-format: %w", err))
	}
	if c.Headers != "" && c.Headers != HeadersGRPCGateway {
		errs = append(errs, fmt.Errorf("--headers: %q is not %s", c.Headers, HeadersGRPCGateway))
	}
	return errors.Join(errs...)
}

// Format returns ErrorFormat as the enum of a policy; unspecified means the policy's own format.
func (c *Front) Format() (statuswayv1.ErrorFormat, error) {
	if c.ErrorFormat == "" {
		return statuswayv1.ErrorFormat_ERROR_FORMAT_UNSPECIFIED, nil
	}
	number, ok := statuswayv1.ErrorFormat_value["ERROR_FORMAT_"+strings.ToUpper(c.ErrorFormat)]
	if !ok || number == 0 || c.ErrorFormat != strings.ToLower(c.ErrorFormat) {
		return 0, fmt.Errorf("%q is none of problem, status and error", c.ErrorFormat)
	}
	return statuswayv1.ErrorFormat(number), nil
}

type duration struct {
	flag  string
	value time.Duration
}

// atLeast refuses durations that are not more than 0.
func atLeast(all ...duration) error {
	var errs []error
	for _, one := range all {
		if one.value <= 0 {
			errs = append(errs, fmt.Errorf("%s is %s and has to be more than 0", one.flag, one.value))
		}
	}
	return errors.Join(errs...)
}

// notNegative refuses durations below 0.
func notNegative(all ...duration) error {
	var errs []error
	for _, one := range all {
		if one.value < 0 {
			errs = append(errs, fmt.Errorf("%s is %s and cannot be negative", one.flag, one.value))
		}
	}
	return errors.Join(errs...)
}

// preflightAge is how long a browser may remember the response to a preflight.
const preflightAge = 10 * time.Minute

// Gateway returns the gateway's configuration, as far as the flags say it. Its error names every
// flag that is wrong.
func (c *Front) Gateway() (gateway.Config, error) {
	var errs []error
	add := func(flag string, err error) { errs = append(errs, wrap(flag, err)) }
	bytes, err := parseSize(c.MaxBody, maxBody)
	add("--max-body", err)
	proxies, err := c.proxies()
	add("--trusted-proxies", err)
	bodies, err := readMemory(c.BodyMemory, bodyShare, gateway.DefaultBodyMemory)
	add("--body-memory", err)
	responses, err := readMemory(c.ResponseMemory, responseShare, gateway.DefaultResponseMemory)
	add("--response-memory", err)
	secret, err := c.tls()
	errs = append(errs, err, CheckURL("--public-url", c.PublicURL), CheckURL("--pages-url", c.PagesURL))
	if c.Concurrency < 0 || c.MaxInFlight < 0 || c.MaxStreams < 0 {
		errs = append(errs, errors.New("--concurrency, --max-in-flight and --max-streams cannot be negative"))
	}
	if c.IPv6Prefix < 1 || c.IPv6Prefix > ratelimit.MaxIPv6Prefix {
		errs = append(errs, fmt.Errorf("--ipv6-prefix is %d and has to be 1 to %d", c.IPv6Prefix, ratelimit.MaxIPv6Prefix))
	}
	return gateway.Config{
		PublicURL: c.PublicURL, PagesURL: c.PagesURL, Realm: "statusway", Gzip: c.Gzip,
		TrustedProxies: proxies, IPv6Prefix: c.IPv6Prefix, CrossOrigin: gateway.CrossOrigin{Origins: c.CORSOrigins, MaxAge: preflightAge},
		GRPCGatewayMetadata: c.Headers == HeadersGRPCGateway,
		MaxBody:             bytes, BodyTimeout: c.BodyTimeout, SendTimeout: c.SendTimeout, BodyMemory: bodies, ResponseMemory: responses,
		MaxCalls: orNone(c.MaxInFlight), MaxStreams: orNone(cmp.Or(c.MaxStreams, c.MaxInFlight)), CallerConcurrency: c.Concurrency,
		TLS: secret, DrainDelay: orNone(c.DrainDelay), Grace: c.Grace,
	}, errors.Join(errs...)
}

// orNone turns a limit whose 0 means none into one whose 0 means the default.
func orNone[T int | time.Duration](limit T) T {
	if limit == 0 {
		return -1
	}
	return limit
}

// CheckURL checks the value of a flag that must be empty or a base URL.
func CheckURL(flag, text string) error {
	return wrap(flag, gateway.CheckPublicURL(text))
}

// tls reads the certificate; nil for plain text.
func (c *Front) tls() (*tls.Config, error) {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return nil, errors.New("--tls-cert and --tls-key go together")
	}
	if c.TLSCert == "" {
		return nil, nil //nolint:nilnil // plain text needs no configuration.
	}
	pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}, nil
}

// Off is the MetricsAddr of a program that counts nothing.
const Off = "off"

// address is one on which something is served.
type address struct{ flag, value string }

// addresses are those of the HTTP side.
func (c *Front) addresses() []address {
	all := []address{{"--http-addr", c.HTTPAddr}}
	if c.MetricsAddr != "" && c.MetricsAddr != Off {
		all = append(all, address{"--metrics-addr", c.MetricsAddr})
	}
	return all
}

// Limits is RateLimit as policies.
func (c *Front) Limits() ([]memory.Policy, error) {
	return memory.Parse(c.RateLimit)
}

// parseSize parses a size such as 4MiB.
func parseSize(text string, limit uint64) (int64, error) {
	bytes, err := humanize.ParseBytes(text)
	if err != nil || bytes == 0 || bytes > limit {
		return 0, fmt.Errorf("%q is not a size from 1B to %s", text, strings.ReplaceAll(humanize.IBytes(limit), " ", ""))
	}
	return int64(bytes), nil //nolint:gosec // no limit is over 1<<63 - 1.
}

// proxies is TrustedProxies as networks. A single address is a network of its own.
func (c *Front) proxies() ([]netip.Prefix, error) {
	var proxies []netip.Prefix
	for _, text := range c.TrustedProxies {
		if address, err := netip.ParseAddr(text); err == nil {
			proxies = append(proxies, netip.PrefixFrom(address, address.BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network", text)
		}
		proxies = append(proxies, prefix.Masked())
	}
	return proxies, nil
}

// checkOrigins refuses what no browser sends as an Origin: an allow-list that never
// matches looks like a bug in the page.
func (c *Front) checkOrigins() error {
	for _, origin := range c.CORSOrigins {
		if !isOrigin(origin) && (origin != "*" || len(c.CORSOrigins) > 1) {
			return fmt.Errorf("--cors-origins: %q is not of the form https://app.example.com, nor * alone", origin)
		}
	}
	return nil
}

// isOrigin reports whether text is an origin as browsers write it: in lower case, and
// without the port that the scheme has anyway (RFC 6454 §6.2).
func isOrigin(text string) bool {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme == "" || parsed.Hostname() == "" || strings.Contains(text, "*") {
		return false
	}
	usual := map[string]string{"http": "80", "https": "443"}[parsed.Scheme]
	return text == strings.ToLower(parsed.Scheme+"://"+parsed.Host) && !strings.HasSuffix(text, ":") && !strings.HasSuffix(text, ":"+usual)
}
