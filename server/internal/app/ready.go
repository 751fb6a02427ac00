package app

import (
	"encoding/json"
	"net/http"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"

	"github.com/statusway/statusway/gateway"
	"github.com/statusway/statusway/gateway/policy"
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
	// statusNotWritable: the storage takes no writes now. Reads go on.
	statusNotWritable = "not writable"
)

// readiness is the body of /readyz.
type readiness struct {
	Status   string          `json:"status"`
	Storage  string          `json:"storage,omitempty"`
	Backends []backendStatus `json:"backends,omitempty"`
}

type backendStatus struct {
	Address string `json:"address"`
	Status  string `json:"status"`
}

// alive is the page /healthz: the process runs.
func alive(w http.ResponseWriter, r *http.Request) {
	showJSON(w, r, readiness{Status: statusOK})
}

// readiness is the page /readyz: the server can serve something, and is not stopping.
func (r *rest) readiness(ready http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.front.Draining() {
			gateway.Error(w, req, draining())
			return
		}
		ready(w, req)
	})
}

// draining returns the error of a server that is stopping.
func draining() error { return unavailable(policy.ReasonDraining, "the server is stopping") }

// unavailable is a failure of the program's own.
func unavailable(reason, message string) error {
	failure := status.New(codes.Unavailable, message)
	full, err := failure.WithDetails(&errdetails.ErrorInfo{Domain: policy.Domain, Reason: reason})
	if err != nil {
		return failure.Err()
	}
	return full.Err()
}

func showJSON(w http.ResponseWriter, r *http.Request, value readiness) {
	body, err := json.Marshal(value)
	if err != nil {
		gateway.Error(w, r, err)
		return
	}
	gateway.Content(w, r, "application/json", body)
}

// ready reports whether the reference server can serve: it needs to read from its store. Without
// writes it is degraded: otherwise a full disk would take the reads away too.
func (a *App) ready(w http.ResponseWriter, r *http.Request) {
	if err := a.store.Ping(r.Context()); err != nil {
		gateway.Error(w, r, failureOf(err))
		return
	}
	state := readiness{Status: statusOK}
	if a.store.WriteFailure() != nil {
		state.Status, state.Storage = statusDegraded, statusNotWritable
	}
	showJSON(w, r, state)
}

// ready reports whether the proxy can serve: one backend is enough, unless the configuration
// requires all of them. Otherwise one dead backend would make load balancers remove
// every replica, and with them the healthy services.
func (p *Proxy) ready(w http.ResponseWriter, r *http.Request) {
	targets := p.backend.Targets()
	state := readiness{Status: statusOK, Backends: make([]backendStatus, 0, len(targets))}
	var missing []string
	pending := false
	for _, target := range targets {
		one := backendStatus{Address: target.Address, Status: statusOK}
		switch {
		case target.Pending:
			one.Status, pending = statusPending, true
		case target.Connection == connectivity.TransientFailure:
			one.Status = statusUnreachable
		}
		if one.Status != statusOK {
			state.Status = statusDegraded
			missing = append(missing, target.Address)
		}
		state.Backends = append(state.Backends, one)
	}
	if len(missing) == 0 || len(missing) < len(targets) && p.params.Config.Ready == config.ReadyAny {
		showJSON(w, r, state)
		return
	}
	reason, message := policy.ReasonBackendUnreachable, "backends cannot be reached"
	if pending {
		reason, message = policy.ReasonBackendPending, "backends have not been reached yet"
	}
	// Clients of a 5xx read the row's text; the log and the metrics name the backends.
	gateway.Error(w, r, unavailable(reason, message+": "+strings.Join(missing, ", ")))
}
