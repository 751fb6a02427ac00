package suite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/conformance"
)

// ErrTarget marks a target that no case can be run against.
var ErrTarget = errors.New("the target cannot be tested")

// reach returns why a target cannot be tested at all, or nil.
func (r *run) reach(ctx context.Context) error {
	client := r.client(nil)
	defer client.Close()
	for _, transport := range r.params.Transports {
		got, err := client.Ask(ctx, transport, &conformance.Message{Method: http.MethodGet, Target: "/conformance/v1/items?pageSize=1"}, conformance.Response{})
		if err != nil || got.Status == http.StatusBadRequest { // Servers often respond so to plain HTTP on their TLS port.
			if wrong := conformance.TLSMismatch(ctx, r.params.Target, err); wrong != nil {
				return fmt.Errorf("%w: %w", ErrTarget, wrong)
			}
		}
		switch {
		case errors.Is(err, conformance.ErrTurnedAway):
			return tooFew(err)
		case err != nil && transport == conformance.OverH2C:
			return fmt.Errorf("%w: %s does not speak HTTP/2 (%w): leave that out with --transport http1", ErrTarget, r.params.Target, err)
		case err != nil:
			return fmt.Errorf("%w: %s does not respond (%w): is the server running?", ErrTarget, r.params.Target, err)
		case got.Status == http.StatusNotFound:
			return fmt.Errorf("%w: %s has no /conformance/v1/items: the service %s has to be behind it (statusway serve --demo has it)",
				ErrTarget, r.params.Target, r.suite.Service)
		}
	}
	return nil
}

// tooFew returns the error for a target with a rate limit that is too small for a run.
func tooFew(err error) error {
	return fmt.Errorf("%w: %w: a run takes some hundred requests, so give it a larger allowance", ErrTarget, err)
}

// findPolicy asks the target for an error that the built-in policies have different
// statuses for.
func (r *run) findPolicy(ctx context.Context) (string, error) {
	client := r.client(nil)
	defer client.Close()
	got, err := client.Ask(ctx, r.params.Transports[0], &conformance.Message{
		Method: http.MethodPost, Target: "/conformance/v1/outcomes",
		Headers: [][2]string{{"Content-Type", "application/json"}},
		Body:    []byte(`{"status": {"code": 9}}`),
	}, conformance.Response{})
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrTarget, err)
	}
	for _, name := range []string{policy.Documented, policy.Canonical} {
		table, err := policy.Builtin(name)
		if err != nil {
			return "", err
		}
		if table.Decide(policy.Input{Code: 9}).Status() == got.Status {
			return name, nil
		}
	}
	if got.Status >= http.StatusInternalServerError {
		return "", fmt.Errorf("%w: the response to POST /conformance/v1/outcomes is %d %s: the run begins with the method Respond; the gateway's log has the cause",
			ErrTarget, got.Status, codeOf(got.Body))
	}
	return "", fmt.Errorf("%w: %s maps FAILED_PRECONDITION to %d, as neither policy does: use --policy", ErrTarget, r.params.Target, got.Status)
}

// codeOf is the code that a problem states, if it does.
func codeOf(body []byte) string {
	var problem conformance.ProblemBody
	if json.Unmarshal(body, &problem) != nil {
		return ""
	}
	return string(problem.Code)
}
