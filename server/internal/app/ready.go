package app

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"

	"github.com/statusway/statusway/gateway/exchange"
	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/gateway/respond"
	"github.com/statusway/statusway/server/internal/config"
)

// The values of a status in the body of /readyz.
const (
	statusOK = "ok"
	// statusDegraded: something can be served, and something cannot.
	statusDegraded = "degraded"
	// statusPending: the backend has not been reached since the start.
	statusPending = "pending"
	// statusUnreachable: the backend cannot be reached now.
	statusUnreachable = "unreachable"
)

// readiness is the body of /readyz.
type readiness struct {
	Status   string          `json:"status"`
	Backends []backendStatus `json:"backends,omitempty"`
}

type backendStatus struct {
	Address string `json:"address"`
	Status  string `json:"status"`
}

// health is the page /healthz: the process runs.
func (r *rest) health(w http.ResponseWriter, req *http.Request) error {
	return r.showJSON(w, req, readiness{Status: statusOK, Backends: nil})
}

// readiness is the page /readyz: the server can serve something, and is not stopping.
func (r *rest) readiness(of func(context.Context) (readiness, error)) exchange.Handler {
	return func(w http.ResponseWriter, req *http.Request) error {
		if r.stop.draining.Err() != nil {
			return draining()
		}
		state, err := of(req.Context())
		if err != nil {
			return err
		}
		return r.showJSON(w, req, state)
	}
}

// draining is what is refused by a server that is stopping.
func draining() error {
	return respond.Fail(codes.Unavailable, mapping.ReasonDraining, "the server is stopping")
}

func (r *rest) showJSON(w http.ResponseWriter, req *http.Request, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err //nolint:wrapcheck // strings always encode.
	}
	r.responder.Page(w, req, respond.JSONType, body)
	return nil
}

// ready says whether the reference server can serve: it needs its store.
func (a *App) ready(ctx context.Context) (readiness, error) {
	if err := a.store.Ping(ctx); err != nil {
		return readiness{}, failureOf(err)
	}
	return readiness{Status: statusOK, Backends: nil}, nil
}

// ready says whether the proxy can serve: one backend is enough, unless the configuration
// asks for all of them. Otherwise one dead backend would make load balancers take away
// every replica, and the healthy services with it.
func (p *Proxy) ready(context.Context) (readiness, error) {
	state := readiness{Status: statusOK, Backends: make([]backendStatus, 0, len(p.backends))}
	var missing []string
	pending := false
	for _, b := range p.backends {
		one := backendStatus{Address: b.Address, Status: statusOK}
		switch {
		case !b.known.Load():
			one.Status, pending = statusPending, true
		case b.conn.Ping() != nil:
			one.Status = statusUnreachable
		}
		if one.Status != statusOK {
			state.Status = statusDegraded
			missing = append(missing, b.Address)
		}
		state.Backends = append(state.Backends, one)
	}
	if len(missing) == 0 || len(missing) < len(p.backends) && p.params.Config.Ready == config.ReadyAny {
		return state, nil
	}
	reason, message := reasonUnreachable, "backends cannot be reached"
	if pending {
		reason, message = reasonPending, "backends have not been reached yet"
	}
	// Clients of a 5xx read the row's text; the log and the metrics name the backends.
	return readiness{}, respond.Fail(codes.Unavailable, reason, message+": "+strings.Join(missing, ", "))
}
