package gateway

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/statusway/statusway/gateway/idempotency"
	"github.com/statusway/statusway/gateway/identity"
	"github.com/statusway/statusway/gateway/internal/backend"
	"github.com/statusway/statusway/gateway/internal/contract"
	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/internal/rules"
	"github.com/statusway/statusway/gateway/observe"
	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/gateway/ratelimit"
)

// The defaults of a [Config]: what 0 means.
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

// Config is everything that a [Gateway] can be told. Its zero value serves, with the documented
// policy. For a limit, 0 means the default and a negative number means that there is none.
type Config struct {
	// Policy decides which status and body a gRPC result becomes. Nil means the policy
	// "documented".
	Policy *policy.Table
	// PublicURL is the URL under which clients reach the API, such as
	// "https://example.com/api". Problem types begin with it, and Location with its path. If it
	// is empty, both are paths. The Host field is never used: a client chooses it.
	PublicURL string
	// PagesURL is the URL below which another server has the pages that explain the statuses,
	// /statuses/404 and so on. If it is empty and Pages has no such page either, the type of a
	// problem is about:blank.
	PagesURL string
	// Realm is the realm of the Bearer challenge of a 401.
	Realm string
	// Gzip compresses responses for clients that accept it.
	Gzip bool

	// Pages are handlers of your own by their exact path, such as a health check. They are
	// served before any limit, and logged and counted as the routes are.
	Pages map[string]Page
	// Around wraps the whole gateway, for example in a mux that has other handlers beside it. Nil
	// adds nothing. What it responds itself is not logged.
	Around func(gateway http.Handler) http.Handler
	// Intercept wraps the call of each route, after all rules and before the backend. It is called
	// once for a route. A handler may respond itself, as a Page does, or fail. The response of
	// the call is sent when the handler has returned; a ResponseWriter of its own, with which the
	// handler makes the call, gets it before the call returns. Nil adds nothing.
	Intercept func(route Route, call Handler) Handler

	// Logger gets a line for each request (see [observe.Record.Attrs]). Nil discards it.
	Logger *slog.Logger
	// Tracer follows requests, except for those of pages. Nil follows none, and the client's
	// trace context goes on to the backend.
	Tracer observe.Tracer
	// Observer counts requests. Nil counts none.
	Observer observe.Observer

	// Identify finds out which user sent a request. Nil means that only the backend knows users.
	Identify identity.Identify
	// Limiter counts the requests of each caller. Nil means that there is no limit.
	Limiter ratelimit.Limiter
	// Idempotency keeps responses under the Idempotency-Key of their requests. Nil means that a
	// request with such a key is refused.
	Idempotency idempotency.Store
	// TrustedProxies are the networks whose Forwarded, X-Forwarded-For and X-Forwarded-Prefix
	// are used.
	TrustedProxies []netip.Prefix
	// IPv6Prefix is how many bits of an IPv6 address identify a client that is not a known user,
	// 1 to 128. 0 means [ratelimit.DefaultIPv6Prefix].
	IPv6Prefix int
	// CrossOrigin says which web pages of other origins may call. The zero value means none.
	CrossOrigin CrossOrigin

	// RequestHeaders are the header fields that a backend gets as metadata, under the same names
	// in lower case. Authorization, Accept-Language, the trace context and what a method
	// declares always go on; nothing else does.
	RequestHeaders []string
	// ResponseHeaders are the keys of metadata, in lower case, that clients get, and the header
	// fields that they become.
	ResponseHeaders map[string]string
	// GRPCGatewayMetadata also lets pass what grpc-gateway does: Grpc-Metadata-… in both
	// directions, and registered header fields as grpcgateway-…. A client can then set any key
	// of metadata, so no backend may trust a key.
	GRPCGatewayMetadata bool

	// MaxBody is the longest request body in bytes.
	MaxBody int64
	// BodyTimeout is how long a request body may take to arrive, and how long the next message
	// of a client stream may.
	BodyTimeout time.Duration
	// BodyGrace and BodyRate (bytes in a second) are the least rate at which a body must arrive.
	// 0 means [rules.DefaultBodyGrace] and [rules.DefaultBodyRate].
	BodyGrace time.Duration
	BodyRate  int64
	// BodyMemory is how many bytes all request bodies may hold together, decoded.
	BodyMemory int64
	// ResponseMemory is how many bytes all responses may hold together while clients read them.
	ResponseMemory int64
	// SendTimeout is how long a response may make no progress before its client is cut off.
	SendTimeout time.Duration
	// Deadline is how long a call may take that does not stream, unless its backend says
	// otherwise. A client's Grpc-Timeout can shorten it.
	Deadline time.Duration
	// MaxCalls is how many calls run at the same time that do not stream, MaxStreams how many
	// that do. 0 means [DefaultMaxCalls] for each.
	MaxCalls, MaxStreams int
	// Shedder decides in place of MaxCalls.
	Shedder Shedder
	// CallerConcurrency is how many requests each caller may have at the same time. 0 means any
	// number.
	CallerConcurrency int
	// Spare reports whether a route needs no slot: operators need some routes to mend a server
	// that is full. Nil means that every route needs one.
	Spare func(Route) bool
	// Closed returns why a route is not served now, such as maintenance; nil if it is served.
	// Nil means that all are.
	Closed func(Route) error
	// Now is the clock for the sunset of methods. Nil means time.Now.
	Now func() time.Time

	// TLS is the configuration of [Gateway.Serve], with a certificate. Nil means plain text.
	TLS *tls.Config
	// DrainDelay is how long a stop goes on to serve, so that load balancers send their requests
	// elsewhere. Grace is how long running requests may take after that.
	DrainDelay, Grace time.Duration
	// OnDrain is called when a stop begins, OnClose when the listener has been closed. Each may
	// be nil.
	OnDrain, OnClose func()
}

// Page is a handler of your own. It may respond with [Error] and [Content].
type Page struct {
	Handler http.Handler
	// Yields reports whether a route of the API at the same path is served instead of the page.
	// Routes of statusway.v1.MappingService are not: they are the same page as JSON.
	Yields bool
}

// Handler serves a request, or returns why it cannot. Then it has written nothing.
type Handler = exchange.Handler

// CrossOrigin says which web pages may call.
type CrossOrigin = rules.CrossOrigin

// Shedder decides how many calls run at the same time.
type Shedder = rules.Shedder

// Route is one HTTP route of a gRPC method.
type Route = backend.Route

// Backend is what a gateway calls. The packages dynamic and generated make it.
type Backend = backend.Backend

// ErrConfig marks a [Config] that cannot be used.
var ErrConfig = errors.New("the gateway's configuration is wrong")

// complete fills in the defaults, or returns what is wrong.
func (c *Config) complete() error {
	var errs []error
	if c.Policy == nil {
		table, err := policy.Builtin(policy.Documented)
		c.Policy, errs = table, append(errs, err)
	}
	if c.IPv6Prefix < 0 || c.IPv6Prefix > ratelimit.MaxIPv6Prefix {
		errs = append(errs, fmt.Errorf("%w: IPv6Prefix is %d, and not 0 to %d", ErrConfig, c.IPv6Prefix, ratelimit.MaxIPv6Prefix))
	}
	for _, one := range []struct{ name, value string }{{"PublicURL", c.PublicURL}, {"PagesURL", c.PagesURL}} {
		if _, _, err := respond.ParsePublicURL(one.value); err != nil {
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
	c.MaxBody, c.MaxStreams = cmp.Or(limit(c.MaxBody, DefaultMaxBody), noLimit), limit(c.MaxStreams, DefaultMaxCalls)
	c.BodyMemory, c.ResponseMemory = limit(c.BodyMemory, DefaultBodyMemory), limit(c.ResponseMemory, DefaultResponseMemory)
	c.BodyTimeout, c.SendTimeout = limit(c.BodyTimeout, DefaultBodyTimeout), limit(c.SendTimeout, DefaultSendTimeout)
	c.Deadline = limit(c.Deadline, DefaultDeadline)
	c.DrainDelay, c.Grace = limit(c.DrainDelay, DefaultDrainDelay), limit(c.Grace, DefaultGrace)
	return errors.Join(errs...)
}

// noLimit is more bytes than any body has. The rule for bodies knows no other way to say it.
const noLimit = 1 << 62

// limit returns what a limit of a Config means: 0 then is that there is none.
func limit[T int | int64 | time.Duration](value, byDefault T) T {
	return max(cmp.Or(value, byDefault), 0)
}

// responder returns what writes the responses.
func (c *Config) responder() (*respond.Responder, error) {
	_, hasPages := c.Pages["/statuses/404"]
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

// publicPath is the path of the public URL.
func (c *Config) publicPath() string {
	_, path, _ := respond.ParsePublicURL(c.PublicURL)
	return path
}

// checkKeys refuses a method that no request can satisfy.
func (c *Config) checkKeys(declared *contract.Contract) error {
	if c.Idempotency != nil {
		return nil
	}
	var errs []error
	for _, method := range declared.Methods {
		if method.IdempotencyKey == contract.KeyRequired {
			errs = append(errs, fmt.Errorf("%s needs an Idempotency-Key, and there is no store for it", method.FullName))
		}
	}
	return errors.Join(errs...)
}
