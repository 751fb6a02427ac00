package app

import (
	"encoding/json"
	"net/http"
	"strconv"

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
	// Problems say why a backend cannot be reached, and which of its services are not served.
	Problems []backendProblem `json:"problems,omitempty"`
}

type backendStatus struct {
	Address string `json:"address"`
	Status  string `json:"status"`
}

type backendProblem struct {
	Backend string `json:"backend"`
	Problem string `json:"problem"`
}

// unready is the body of /readyz if the proxy cannot serve: a problem (RFC 9457) that lists the backends.
type unready struct {
	Title    string           `json:"title"`
	Status   int              `json:"status"`
	Detail   string           `json:"detail"`
	Code     string           `json:"code"`
	Domain   string           `json:"domain"`
	Reason   string           `json:"reason"`
	Backends []backendStatus  `json:"backends"`
	Problems []backendProblem `json:"problems,omitempty"`
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
	state := readiness{Status: statusOK, Backends: make([]backendStatus, 0, len(targets)), Problems: nil}
	missing, pending := 0, false
	for _, target := range targets {
		one := backendStatus{Address: target.Address, Status: statusOK}
		for _, problem := range target.Problems {
			state.Problems = append(state.Problems, backendProblem{Backend: target.Address, Problem: problem.Error()})
		}
		switch {
		case target.Pending:
			one.Status, pending = statusPending, true
			missing++
		case target.Connection == connectivity.TransientFailure:
			one.Status = statusUnreachable
			missing++
		case len(target.Problems) > 0:
			one.Status = statusDegraded
		}
		if one.Status != statusOK {
			state.Status = statusDegraded
		}
		state.Backends = append(state.Backends, one)
	}
	if missing == 0 || missing < len(targets) && p.params.Config.Ready == config.ReadyAny {
		showJSON(w, r, state)
		return
	}
	p.unready(w, r, pending, state)
}

// unready responds with 503 and the backends. The text of a policy's row would not say what is wrong.
func (p *Proxy) unready(w http.ResponseWriter, r *http.Request, pending bool, state readiness) {
	const retryAfter = "5"
	problem := unready{
		Title: http.StatusText(http.StatusServiceUnavailable), Status: http.StatusServiceUnavailable, Detail: "backends cannot be reached",
		Code: "UNAVAILABLE", Domain: policy.Domain, Reason: policy.ReasonBackendUnreachable,
		Backends: state.Backends, Problems: state.Problems,
	}
	if pending {
		problem.Detail, problem.Reason = "the routes of backends are not known yet", policy.ReasonBackendPending
	}
	body, err := json.Marshal(problem)
	if err != nil {
		gateway.Error(w, r, err)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	header.Set("Retry-After", retryAfter)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusServiceUnavailable) //nolint:forbidigo // No other way shows the problems of a 5xx to operators.
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}
