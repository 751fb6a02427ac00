package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/statusway/statusway/gateway/jsoncodec"
	"github.com/statusway/statusway/gateway/rfc9110"
	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
	"github.com/statusway/statusway/server/internal/conformance"
)

// TestMapStatusAgrees asks MapStatus, for every error that a case brings about, what
// the gateway would send: it has to be what the gateway has sent.
func TestMapStatusAgrees(t *testing.T) {
	t.Parallel()
	servers := newFleet(t)
	rows := map[int]bool{}
	seen := map[string]bool{}
	for _, c := range loadCases(t) {
		if c.Describes() || !c.Runs(conformance.OverHTTP1) || c.Response.Status < 400 || c.Race != nil || c.Request.IsHead() || c.Variant() == "busy-store" {
			continue // A store that is busy takes five seconds, and its row has others.
		}
		// A server that no other case uses is started once for each reason.
		if key := c.Variant() + " " + reasonOf(&c); variants()[c.Variant()].own {
			if seen[key] {
				continue
			}
			seen[key] = true
		}
		if variants()[c.Variant()].policy == "" {
			rows[c.Row] = true
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			agrees(t, servers, c)
		})
	}
	for _, row := range conformance.DocumentedRows() {
		if row >= 400 && !rows[row] {
			t.Errorf("no case compares the row %d", row)
		}
	}
}

func reasonOf(c *conformance.Case) string {
	covered := map[string]bool{}
	reasonsOf(c.Response, covered)
	return strings.Join(slices.Sorted(maps.Keys(covered)), " ")
}

func agrees(t *testing.T, servers *fleet, c conformance.Case) {
	t.Helper()
	s := servers.server(t, c.Variant())
	c.After = nil
	r, err := s.runHTTP(t.Context(), c, conformance.OverHTTP1)
	if err != nil {
		t.Fatal(err)
	}
	if r.Answer.Header.Get("Content-Type") != "application/problem+json" {
		return // From the other shapes the status cannot be taken apart again.
	}
	var sent map[string]any
	if err := json.Unmarshal(r.Answer.Body, &sent); err != nil {
		t.Fatal(err)
	}
	// The mapping of a server in maintenance is closed; that of one with the same
	// policy says the same.
	mapper := servers.server(t, "default")
	if s.params.Table.Name() != mapper.params.Table.Name() {
		mapper = servers.server(t, s.params.Table.Name())
	}
	described, err := mapper.describe(t.Context(), r, c)
	if err != nil {
		t.Fatal(err)
	}
	if got := int(described.GetHttpStatus()); got != r.Answer.Status {
		t.Errorf("MapStatus describes %d, the gateway sent %d: %s", got, r.Answer.Status, r.Answer.Body)
	}
	if diff := cmp.Diff(followingFields(r.Answer.Header), describedFields(described.GetHeaders())); diff != "" {
		t.Errorf("the headers (-sent +described):\n%s", diff)
	}
	if diff := cmp.Diff(sent, described.GetBody().AsInterface()); diff != "" {
		t.Errorf("the body (-sent +described):\n%s", diff)
	}
}

// following are the header fields that follow from an error itself; all others tell
// of the request, the route or the server.
func following() []string {
	return []string{"Cache-Control", "Content-Language", "Content-Type", "Retry-After", "Www-Authenticate"}
}

func followingFields(header http.Header) map[string]string {
	fields := map[string]string{}
	for _, name := range following() {
		if values := header[name]; len(values) > 0 {
			fields[name] = strings.Join(values, ", ")
		}
	}
	return fields
}

func describedFields(headers map[string]string) map[string]string {
	fields := map[string]string{}
	for _, name := range following() {
		if value, ok := headers[name]; ok {
			fields[name] = value
		}
	}
	return fields
}

// describe asks MapStatus about the status that an answer was made of.
func (s *server) describe(ctx context.Context, r *conformance.Run, c conformance.Case) (*mappingv1.MapStatusResponse, error) {
	status, sent, err := statusOf(r.Answer)
	if err != nil {
		return nil, err
	}
	described := &mappingv1.RequestContext{
		Method: c.Request.Method, Path: sent.Instance, Headers: map[string]string{"x-request-id": sent.RequestID},
	}
	m, err := conformance.Prepare(c.Request, r.Vars.As(c.As))
	if err != nil {
		return nil, err
	}
	for _, pair := range m.Headers {
		name := strings.ToLower(pair[0])
		// MapStatus refuses what cannot be read, as the gateway does where it comes to it.
		if _, err := rfc9110.ParseCondition([]string{pair[1]}); err != nil && (name == "if-match" || name == "if-none-match") {
			continue
		}
		if _, err := rfc9110.ParseAccept([]string{pair[1]}); err != nil && name == "accept" {
			continue
		}
		if known, ok := described.GetHeaders()[name]; ok && name != "x-request-id" {
			pair[1] = known + ", " + pair[1]
		}
		if name != "x-request-id" {
			described.Headers[name] = pair[1]
		}
	}
	if wasCredentialed(m) {
		described.Headers["authorization"] = "Bearer x"
	}
	response, err := mappingv1.NewMappingServiceClient(s.grpc).MapStatus(ctx, &mappingv1.MapStatusRequest{Status: status, Context: described})
	if err != nil {
		return nil, fmt.Errorf("MapStatus: %w", err)
	}
	return response, nil
}

func wasCredentialed(m *conformance.Message) bool {
	return slices.ContainsFunc(m.Headers, func(pair [2]string) bool { return strings.EqualFold(pair[0], "Authorization") })
}

// statusOf takes a problem apart into the google.rpc.Status that it was made of.
func statusOf(got *conformance.Answer) (*spb.Status, *conformance.ProblemBody, error) {
	sent := &conformance.ProblemBody{}
	if err := json.Unmarshal(got.Body, sent); err != nil {
		return nil, nil, fmt.Errorf("the problem: %w", err)
	}
	text, err := json.Marshal(map[string]any{"details": sent.Details})
	if err != nil {
		return nil, nil, fmt.Errorf("the details: %w", err)
	}
	status := &spb.Status{}
	if err := jsoncodec.Unmarshal(text, status); err != nil {
		return nil, nil, fmt.Errorf("the details: %w", err)
	}
	status.Code, status.Message = code.Code_value[string(sent.Code)], sent.Detail
	if len(sent.Details) == 0 && sent.RetryAfter > 0 {
		// The details were kept from the client, but for what Retry-After says of them.
		wait, err := anypb.New(&errdetails.RetryInfo{RetryDelay: &durationpb.Duration{Seconds: int64(sent.RetryAfter)}})
		if err != nil {
			return nil, nil, fmt.Errorf("the details: %w", err)
		}
		status.Details = append(status.Details, wait)
	}
	return status, sent, nil
}
