package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/statusway/statusway/gateway/contract"
	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/middleware"
	"github.com/statusway/statusway/gateway/respond"
)

// Params configure a [Gateway].
type Params struct {
	// Contract is what the backends declare. Needed.
	Contract *contract.Contract
	// Responder writes every answer. Needed.
	Responder *respond.Responder
	// Backend answers a request that has matched a route of the contract. Needed where
	// that has any.
	Backend exchange.Handler
	// Logger gets a line for each request, with nothing of it that could be a secret: see
	// log.go. Nil logs nothing.
	Logger *slog.Logger
	// Now is the clock for lifecycles. Nil means time.Now.
	Now func() time.Time
	// Body bounds what a request may send. Its zero value lets no body through.
	Body middleware.BodyLimits

	// Pages are served by their exact path, before any limit. Each answers by
	// [respond.Responder.Page], or what it answers is not known to the log and the metrics.
	Pages map[string]exchange.Handler
	// Identify says who asks. Nil means that only the backend knows.
	Identify middleware.Identify
	// Limiter counts each caller's requests. Nil means that there is no limit.
	Limiter middleware.Limiter
	// Tracer follows the requests, but for those of pages, which are polled. Nil means
	// that nothing does, and then the client's own trace context goes on to the backend.
	Tracer exchange.Tracer
	// Observer is told of every request. Nil means that nobody is.
	Observer exchange.Observer
	// Proxies may name the client's address, by Forwarded or X-Forwarded-For. None
	// means that nobody may.
	Proxies []netip.Prefix
	// IPv6Prefix is how many bits of an IPv6 address identify a client that is not a
	// known user: 1 to 128. 0 means [middleware.DefaultIPv6Prefix].
	IPv6Prefix int
	// CrossOrigin says which web pages may call. The zero value means none.
	CrossOrigin middleware.CrossOrigin
	// Concurrency is how many requests a caller may have at once. 0 means any number.
	Concurrency int
	// Shedder decides how many calls are served at once that do not stream, and Streams
	// how many that do. Nil means any number. Spare names the routes that neither holds
	// for.
	Shedder middleware.Shedder
	Streams *middleware.Streams
	Spare   func(*contract.Binding) bool
	// Closed says which routes are not served for the moment. Nil means none.
	Closed middleware.Closed
	// Stop says when a stop of the server ends open streams. The zero value means never.
	Stop middleware.Stop
	// Pending is what a request gets that has no route while Contract is not yet
	// complete. Nil means that it is.
	Pending error
	// ClientMetadata lets a request's Grpc-Metadata-… reach the backend, whose rules of
	// package forward then say what becomes of them. Otherwise they are refused.
	ClientMetadata bool
	// Idempotency keeps answers under the Idempotency-Key of their requests. Nil means
	// that every such key is refused, whatever the methods declare.
	Idempotency middleware.IdempotencyStore
}

// ErrIncomplete marks Params without what is needed.
var ErrIncomplete = errors.New("the gateway cannot be made")

// Gateway is the http.Handler in front of a gRPC backend.
type Gateway struct {
	responder *respond.Responder
	limiter   middleware.Limiter
	clients   middleware.ClientKeys
	logger    *slog.Logger
	tracer    exchange.Tracer
	observer  exchange.Observer
	pages     map[string]exchange.Handler
	handler   exchange.Handler
}

var _ http.Handler = (*Gateway)(nil)

// New returns the gateway, or an error that names what is needed and not there, or every
// declared status that the policy has no row for, every retirement of nothing, and every
// method that needs an Idempotency-Key where nothing keeps one. It serves the contract with
// the policy's retirements, and changes nothing that it is given.
func New(p Params) (*Gateway, error) {
	if err := p.complete(); err != nil {
		return nil, err
	}
	served, err := p.Contract.Retire(p.Responder.Table())
	if err := errors.Join(err, p.Contract.Check(p.Responder.Table()), p.checkKeys()); err != nil {
		return nil, fmt.Errorf("reading the contract: %w", err)
	}
	index := served.Index()
	// From the outside in. Package doc says why each stands where it does.
	chain := []middleware.Middleware{
		middleware.Recover(),
		middleware.Framing(),
		middleware.Pages(p.Pages, p.options),
		middleware.Accept(),
		middleware.CORS(p.CrossOrigin, index),
		middleware.Caller(middleware.CallerParams{Identify: p.Identify, Proxies: p.Proxies, Keys: p.clientKeys()}),
		middleware.Match(index),
		middleware.Prefer(),
		middleware.Limit(p.Limiter, p.Logger),
		middleware.Concurrency(p.Concurrency),
		middleware.Expect(),
		middleware.Pending(p.Pending),
		middleware.Retire(served),
		middleware.Routed(index, p.options),
		middleware.Lifecycle(p.Now),
		middleware.Available(p.Closed),
		middleware.Credentials(),
		middleware.Reserved(p.ClientMetadata),
		middleware.Negotiate(),
		middleware.Preconditions(),
		middleware.Body(p.Body),
		middleware.Overload(middleware.OverloadParams{Shedder: p.Shedder, Streams: p.Streams, Spare: p.Spare}),
		middleware.Drain(p.Stop),
		middleware.Idempotency(middleware.IdempotencyParams{Store: p.Idempotency, Responder: p.Responder, Logger: p.Logger}),
	}
	handler := p.Backend
	for _, wrap := range slices.Backward(chain) {
		handler = wrap(handler)
	}
	return &Gateway{
		responder: p.Responder, limiter: p.Limiter, clients: p.clientKeys(), logger: p.Logger,
		tracer: p.Tracer, observer: p.Observer, pages: p.Pages, handler: handler,
	}, nil
}

// complete says what is needed and not there, and fills in the defaults.
func (p *Params) complete() error {
	var errs []error
	needs := func(name string, isThere bool) {
		if !isThere {
			errs = append(errs, fmt.Errorf("%w: Params.%s is nil", ErrIncomplete, name))
		}
	}
	needs("Contract", p.Contract != nil)
	needs("Responder", p.Responder != nil)
	needs("Backend", p.Backend != nil || p.Contract != nil && len(p.Contract.Methods) == 0)
	if p.IPv6Prefix < 0 || p.IPv6Prefix > middleware.MaxIPv6Prefix {
		errs = append(errs, fmt.Errorf("%w: Params.IPv6Prefix is %d, and not 0 to %d", ErrIncomplete, p.IPv6Prefix, middleware.MaxIPv6Prefix))
	}
	if p.Logger == nil {
		p.Logger = slog.New(slog.DiscardHandler)
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	return errors.Join(errs...)
}

func (p *Params) clientKeys() middleware.ClientKeys {
	return middleware.ClientKeys{IPv6Prefix: p.IPv6Prefix}
}

// checkKeys refuses a method that no request could satisfy.
func (p *Params) checkKeys() error {
	if p.Idempotency != nil {
		return nil
	}
	var errs []error
	for _, method := range p.Contract.Methods {
		if method.IdempotencyKey == contract.KeyRequired {
			errs = append(errs, fmt.Errorf("%s needs an Idempotency-Key, and there is no store for it", method.FullName))
		}
	}
	return errors.Join(errs...)
}

// options answers OPTIONS once Allow is known.
func (p *Params) options(w http.ResponseWriter, r *http.Request) error {
	return p.Responder.Empty(w, r)
}

// ServeHTTP answers a request. Whatever fails on the way is answered here.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r, ex := exchange.Begin(w, r)
	ex.Outgoing.Later = true
	if g.observer != nil {
		g.observer.Begin()
	}
	if g.tracer != nil {
		r = g.trace(r, ex)
	}
	defer g.over(r.Context(), r.Method, ex) // also where a panic goes on to net/http
	if err := g.handler(w, r); err != nil {
		g.responder.Error(w, r, err)
	}
	g.responder.Send(w, r)
}

// trace begins to follow a request.
func (g *Gateway) trace(r *http.Request, ex *exchange.Exchange) *http.Request {
	if _, ok := g.pages[r.URL.Path]; ok {
		return r
	}
	ctx, trace := g.tracer.Trace(r)
	ex.Trace = trace
	if id := trace.ID(); id != "" {
		ex.TraceID = id
	}
	return r.WithContext(ctx)
}

// over is the end of every exchange.
func (g *Gateway) over(ctx context.Context, method string, ex *exchange.Exchange) {
	ex.ClientClosed = ex.Outgoing.Stalled || ex.Failure != nil &&
		(errors.Is(ctx.Err(), context.Canceled) || ex.Domain == mapping.Domain && ex.Reason == mapping.ReasonClientClosed)
	if ex.ClientClosed {
		ex.Fault = false // Whatever failed, it failed because the client left.
	}
	if ex.Trace != nil {
		ex.Trace.End(ex)
	}
	if g.observer != nil {
		g.observer.End(method, ex)
	}
	g.log(ctx, method, ex)
}
