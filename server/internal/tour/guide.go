package tour

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
)

// longestAnswer bounds how much of a response is read.
const longestAnswer = 4 << 20

// Guide walks through steps on one server. It is safe for concurrent use, as far as the
// steps do not change the same things.
type Guide struct {
	client *http.Client
	target string
}

// NewGuide returns a guide through the server whose URL is target, such as
// "http://127.0.0.1:8080". The client should have a time limit.
func NewGuide(client *http.Client, target string) *Guide {
	own := *client
	// Redirects are shown, not followed.
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Guide{client: &own, target: strings.TrimSuffix(target, "/")}
}

// RefusedError is a request around a step's own that did not succeed.
type RefusedError struct {
	Exchange

	// Step is the step's name, and When "before" or "after".
	Step, When string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s: %s it, the response to %s %s is %s", e.Step, e.When, e.Request.Method, e.Request.Path, e.Status)
}

// Walk does a step. An error means that it could not be done or not be put back, which
// may be a [*RefusedError], and not that it ended in another row than its own.
func (g *Guide) Walk(ctx context.Context, step Step) (visit Visit, err error) {
	values := map[string]string{runName: strings.ToLower(rand.Text()[:8]), longName: strings.Repeat("x", LongLength)}
	defer func() {
		// Undo the changes after every outcome, also if ctx is done.
		after, undone := g.undo(context.WithoutCancel(ctx), step, values)
		visit.After, err = after, errors.Join(err, undone)
	}()
	for _, request := range step.Before {
		one, err := g.send(ctx, request, values)
		if err != nil {
			return visit, err
		}
		if one.Code >= http.StatusBadRequest {
			return visit, &RefusedError{Exchange: one, Step: step.Name, When: "before"}
		}
		visit.Before = append(visit.Before, one)
	}
	for visit.Sent == 0 || visit.Sent < step.Request.Burst && visit.Code < http.StatusBadRequest {
		if visit.Exchange, err = g.send(ctx, step.Request, values); err != nil {
			return visit, err
		}
		visit.Sent++
	}
	visit.Row = visit.Code
	if step.Mapped {
		visit.Row, err = mapped(visit.Body)
	}
	return visit, err
}

// undo sends the requests that undo the changes, except for those that need a missing
// value.
func (g *Guide) undo(ctx context.Context, step Step, values map[string]string) (done []Exchange, err error) {
	for _, request := range step.After {
		if strings.HasPrefix(request.fill(values).Path, "{") {
			continue
		}
		one, lost := g.send(ctx, request, values)
		switch {
		case lost != nil:
			err = errors.Join(err, lost)
			continue
		case one.Code >= http.StatusBadRequest:
			err = errors.Join(err, &RefusedError{Exchange: one, Step: step.Name, When: "after"})
		}
		done = append(done, one)
	}
	return done, err
}

// send sends one request, and adds the values of its response that later requests use.
func (g *Guide) send(ctx context.Context, request Request, values map[string]string) (Exchange, error) {
	filled, shown := request.fill(values), maps.Clone(values)
	delete(shown, longName)
	exchange := Exchange{Request: request.fill(shown)}
	sent, err := http.NewRequestWithContext(ctx, filled.Method, g.target+filled.Path, strings.NewReader(filled.Body))
	if err != nil {
		return exchange, fmt.Errorf("making a request: %w", err)
	}
	for _, field := range filled.Fields {
		sent.Header.Add(field.Name, field.Value)
	}
	response, err := g.client.Do(sent)
	if err != nil {
		return exchange, fmt.Errorf("sending a request: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	exchange.Status, exchange.Code, exchange.Header = response.Status, response.StatusCode, response.Header
	if exchange.Body, err = io.ReadAll(io.LimitReader(response.Body, longestAnswer)); err != nil {
		return exchange, fmt.Errorf("reading the response to %s %s: %w", request.Method, request.Path, err)
	}
	for name, of := range request.Keep {
		if value := exchange.value(of); value != "" {
			values[name] = value
		}
	}
	return exchange, nil
}

// value returns the value that [Request].Keep names; empty if the response has none.
func (e Exchange) value(of string) string {
	if name, ok := strings.CutPrefix(of, "header:"); ok {
		return e.Header.Get(name)
	}
	members := map[string]json.RawMessage{}
	text := ""
	if json.Unmarshal(e.Body, &members) != nil || json.Unmarshal(members[strings.TrimPrefix(of, "/")], &text) != nil {
		return ""
	}
	return text
}

// mapped returns the status in a response of statuses:map.
func mapped(body []byte) (int, error) {
	var answer struct {
		HTTPStatus int `json:"httpStatus"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, fmt.Errorf("reading the simulated response: %w", err)
	}
	return answer.HTTPStatus, nil
}
