package gateway

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/statusway/statusway/gateway/idempotency"
	"github.com/statusway/statusway/gateway/identity"
	"github.com/statusway/statusway/gateway/internal/address"
	"github.com/statusway/statusway/gateway/internal/backend"
	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rules"
	"github.com/statusway/statusway/gateway/observe"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/gateway/ratelimit"
)

// The defaults of a [Config]. A limit of 0 means its default.
const (
	DefaultMaxBody        = 4 << 20
	DefaultBodyMemory     = rules.DefaultBodyMemory
	DefaultResponseMemory = respond.DefaultResponseMemory
	DefaultMaxCalls       = 1000
	DefaultBodyTimeout    = 30 * time.Second
	DefaultSendTimeout    = respond.DefaultSendTimeout
	DefaultDeadline       = time.Minute
	DefaultDrainDelay     = 5 * time.Second
	DefaultGrace          = 15 * time.Second
)

// Config configures a [Gateway]. The zero value is ready to use, with the documented policy. For a
// limit, 0 means the default and a negative number means no limit.
type Config struct {
	// Policy maps gRPC results to HTTP statuses and bodies. Nil means the policy "documented".
	Policy *policy.Table
	// PublicURL is the URL under which clients reach the API, such as
	// "https://example.com/api". Problem types begin with it, and Location with its path. If it
	// is empty, both are paths. The gateway never uses Host, because the client chooses it.
	PublicURL string
	// PagesURL is the base URL of another server's pages that explain the statuses, such as
	// /statuses/404. If it is empty and Pages has no such page either, the type of a problem is
	// about:blank.
	PagesURL string
	// Realm is the realm of the Bearer challenge of a 401.
	Realm string
	// Gzip compresses successes of 1 KiB or more for clients that accept it. It does not compress
	// problems, streams and media types that are already compressed.
	Gzip bool

	// Pages are your own handlers by exact path, such as a health check. The gateway serves them
	// before any limit, and logs and counts their requests.
	Pages map[string]Page
	// Around wraps the whole gateway, for example in a mux with other handlers beside it. Nil
	// adds nothing. The gateway does not log the responses of those other handlers.
	Around func(gateway http.Handler) http.Handler
	// Intercept wraps the call of each route, after all rules and before the backend. The gateway
	// calls Intercept once for each route. A handler may respond itself, as a Page does, or fail.
	// The gateway sends the response of the call when the handler has returned; if the handler
	// makes the call with a ResponseWriter of its own, that gets it before the call returns. A
	// request that repeats an Idempotency-Key gets the stored response of the call, and no handler
	// runs. Nil adds nothing.
	Intercept func(route Route, call Handler) Handler

	// Logger logs a line for each request (see [observe.Record.Attrs]). Nil logs nothing.
	Logger *slog.Logger
	// Tracer traces requests, except requests for pages. With nil, the gateway passes the
	// client's trace context on to the backend.
	Tracer observe.Tracer
	// Observer counts requests. Nil counts none.
	Observer observe.Observer

	// Identify returns the user that sent a request. Nil means that only the backend knows users.
	Identify identity.Identify
	// Limiter limits the requests of each caller. Nil means no limit.
	Limiter ratelimit.Limiter
	// Idempotency stores responses by the Idempotency-Key of their requests. With nil, the
	// gateway refuses a request with such a key.
	Idempotency idempotency.Store
	// TrustedProxies are the networks of proxies whose Forwarded, X-Forwarded-For and
	// X-Forwarded-Prefix headers the gateway uses.
	TrustedProxies []netip.Prefix
	// IPv6Prefix is the number of bits of an IPv6 address, 1 to 128, that identify a client
	// without a known user. 0 means [ratelimit.DefaultIPv6Prefix].
	IPv6Prefix int
	// CrossOrigin lists the web pages of other origins that may call. The zero value means none.
	CrossOrigin CrossOrigin

	// RequestHeaders are the headers that the gateway passes to a backend as metadata, under the
	// same names in lower case. It always passes Authorization, Accept-Language, the trace context
	// and the headers that a method declares, and no others.
	RequestHeaders []string
	// ResponseHeaders maps keys of response metadata, in lower case, to the headers that clients
	// get.
	ResponseHeaders map[string]string
	// GRPCGatewayMetadata also passes the headers that grpc-gateway passes: Grpc-Metadata-… in
	// both directions, and registered headers as grpcgateway-…. A client can then set any
	// metadata key, so a backend must not trust any key.
	GRPCGatewayMetadata bool

	// MaxBody is the longest request body in bytes.
	MaxBody int64
	// BodyTimeout is the maximum time for a request body to arrive, or for the next message of a
	// client stream.
	BodyTimeout time.Duration
	// BodyRate is the minimum rate of a body, in bytes per second; it applies after BodyGrace.
	// 0 means 512 bytes per second and 10 seconds.
	BodyGrace time.Duration
	BodyRate  int64
	// BodyMemory is the maximum memory of all request bodies together, in bytes.
	BodyMemory int64
	// ResponseMemory is the maximum memory of all responses together, in bytes, while clients
	// read them.
	ResponseMemory int64
	// SendTimeout is how long a response may make no progress. After that the gateway closes the
	// client's connection.
	SendTimeout time.Duration
	// Deadline is the maximum time of a call without streaming. A backend can set another one for
	// its methods, and a client's Grpc-Timeout can shorten it.
	Deadline time.Duration
	// MaxCalls is the maximum number of concurrent calls without streaming, MaxStreams of calls
	// with streaming. 0 means [DefaultMaxCalls] for each.
	MaxCalls, MaxStreams int
	// Shedder replaces MaxCalls.
	Shedder Shedder
	// CallerConcurrency is the maximum number of concurrent requests of each caller. 0 means no
	// limit.
	CallerConcurrency int
	// Spare reports whether the calls of a route ignore MaxCalls, so that operators can still
	// reach a full server. With nil, no route ignores it.
	Spare func(Route) bool
	// Closed returns an error, such as maintenance, if a route is closed now, and nil if it is
	// open. With a nil function, all routes are open.
	Closed func(Route) error
	// Now is the clock for the sunset of methods. Nil means time.Now.
	Now func() time.Time

	// TLS is the TLS configuration of [Gateway.Serve], with a certificate. Nil means plain text.
	TLS *tls.Config
	// DrainDelay is how long the gateway serves normally after a stop begins, so that load
	// balancers can send requests elsewhere; negative is no delay. Grace is how long running
	// requests may take after that.
	DrainDelay, Grace time.Duration
	// OnDrain is called when a stop begins, OnClose after the listener was closed. Each may be
	// nil.
	OnDrain, OnClose func()
}

// Page is your own handler for GET and HEAD. It may respond with [Error] and [Content]. Other methods
// of its path are those of the API.
type Page struct {
	Handler http.Handler
	// Yields gives a GET route of the API at the same path precedence over the page, except a route
	// of statusway.mapping.v1.MappingService, which serves the same page as JSON.
	Yields bool
}

// Handler serves a request. If it returns an error, it has written nothing.
type Handler = exchange.Handler

// CrossOrigin lists the web pages that may call.
type CrossOrigin = rules.CrossOrigin

// Shedder decides how many calls run at the same time.
type Shedder = rules.Shedder

// Route is one HTTP route of a gRPC method.
type Route = backend.Route

// Backend is the gRPC server, or the servers, that a gateway calls. The packages dynamic and
// generated make backends.
type Backend = backend.Backend

// ErrConfig marks a [Config] that cannot be used.
var ErrConfig = errors.New("invalid gateway configuration")

// CheckPublicURL returns an error if text can be neither [Config].PublicURL nor PagesURL: it must be empty, or an
// http or https URL without query and fragment.
func CheckPublicURL(text string) error {
	_, _, err := address.Split(text)
	return err
}

// complete fills in the defaults, or returns an error that lists every problem.
func (c *Config) complete() error {
	var errs []error
	if c.Policy == nil {
		table, err := policy.Builtin(policy.Documented)
		c.Policy, errs = table, append(errs, err)
	}
	if c.IPv6Prefix < 0 || c.IPv6Prefix > ratelimit.MaxIPv6Prefix {
		errs = append(errs, fmt.Errorf("%w: IPv6Prefix is %d; use 0 to %d", ErrConfig, c.IPv6Prefix, ratelimit.MaxIPv6Prefix))
	}
	for _, one := range []struct{ name, value string }{{"PublicURL", c.PublicURL}, {"PagesURL", c.PagesURL}} {
		if err := CheckPublicURL(one.value); err != nil {
			errs = append(errs, fmt.Errorf("%w: %s: %w", ErrConfig, one.name, err))
		}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Shedder == nil {
		c.Shedder = rules.NewSlots(limit(c.MaxCalls, DefaultMaxCalls))
	}
	c.MaxBody, c.MaxStreams = limit(c.MaxBody, DefaultMaxBody), limit(c.MaxStreams, DefaultMaxCalls)
	c.BodyMemory, c.ResponseMemory = limit(c.BodyMemory, DefaultBodyMemory), limit(c.ResponseMemory, DefaultResponseMemory)
	c.BodyTimeout, c.SendTimeout = limit(c.BodyTimeout, DefaultBodyTimeout), limit(c.SendTimeout, DefaultSendTimeout)
	c.Deadline = limit(c.Deadline, DefaultDeadline)
	c.DrainDelay, c.Grace = limit(c.DrainDelay, DefaultDrainDelay), limit(c.Grace, DefaultGrace)
	return errors.Join(errs...)
}

// limit returns the effective value of a limit. In the result, 0 means no limit.
func limit[T int | int64 | time.Duration](value, byDefault T) T {
	return max(cmp.Or(value, byDefault), 0)
}

// responder returns the responder for this configuration.
func (c *Config) responder() (*respond.Responder, error) {
	_, hasPages := c.Pages[address.StatusPage(http.StatusNotFound)]
	responder, err := respond.New(respond.Params{
		Table: c.Policy, PublicURL: c.PublicURL, PagesURL: c.PagesURL, NoPages: c.PagesURL == "" && !hasPages,
		Realm: c.Realm, Gzip: c.Gzip, OpenDelay: 0, CommentInterval: 0,
		SendTimeout: cmp.Or(c.SendTimeout, -1), ResponseMemory: cmp.Or(c.ResponseMemory, -1),
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return responder, nil
}

// publicPath returns the path of the public URL.
func (c *Config) publicPath() string {
	_, path, _ := address.Split(c.PublicURL)
	return path
}

// checkPages refuses pages that cannot be served. A [Mapper] needs only their paths.
func (c *Config) checkPages() error {
	var errs []error
	for path, page := range c.Pages {
		if page.Handler == nil || !strings.HasPrefix(path, "/") {
			errs = append(errs, fmt.Errorf("%w: the page %q needs a handler, and a path that begins with a slash", ErrConfig, path))
		}
	}
	return errors.Join(errs...)
}

// checkKeys returns an error if a method needs an Idempotency-Key and there is no store.
func (c *Config) checkKeys(declared *contract.Contract) error {
	if c.Idempotency != nil {
		return nil
	}
	return declared.RefuseKeys("needs an Idempotency-Key, but Config.Idempotency is nil")
}
