//go:build !race

// It repeats most cases, and the race detector has seen them in cases_test.go.

package cases_test

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
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	mappingv1 "github.com/statusway/statusway/gen/go/statusway/mapping/v1"
	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/conformance"
)

// TestMapStatusAgrees asks MapStatus, for every error that a case brings about, what
// the gateway would send: it has to be what the gateway has sent.
func TestMapStatusAgrees(t *testing.T) {
	t.Parallel()
	servers := apptest.NewFleet(t)
	rows := map[int]bool{}
	seen := map[string]bool{}
	for _, c := range apptest.LoadCases(t) {
		if c.Describes() || !c.Runs(conformance.OverHTTP1) || c.Response.Status < 400 || c.Race != nil || c.Request.IsHead() || c.Variant() == "busy-store" {
			continue // A store that is busy takes five seconds, and its row has others.
		}
		// A server that no other case uses is started once for each reason.
		if key := c.Variant() + " " + reasonOf(&c); apptest.Variants()[c.Variant()].Own {
			if seen[key] {
				continue
			}
			seen[key] = true
		}
		if apptest.Variants()[c.Variant()].Policy == "" {
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

func agrees(t *testing.T, servers *apptest.Fleet, c conformance.Case) {
	t.Helper()
	s := servers.Server(t, c.Variant())
	c.After = nil
	r, err := s.RunHTTP(t.Context(), c, conformance.OverHTTP1)
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
	mapper := servers.Server(t, "default")
	if s.Params.Table.Name() != mapper.Params.Table.Name() {
		mapper = servers.Server(t, s.Params.Table.Name())
	}
	described, err := describe(t.Context(), mapper, r, c)
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

// describe asks MapStatus about the status that a response was made of.
func describe(ctx context.Context, s *apptest.Server, r *conformance.Run, c conformance.Case) (*mappingv1.MapStatusResponse, error) {
	status, sent, err := statusOf(r.Answer)
	if err != nil {
		return nil, err
	}
	described := &mappingv1.RequestContext{
		Method: c.Request.Method, Path: sent.Instance, Headers: map[string]string{"x-request-id": sent.RequestID},
	}
	mapping := mappingv1.NewMappingServiceClient(s.GRPC)
	m, err := conformance.Prepare(c.Request, r.Vars.As(c.As))
	if err != nil {
		return nil, err
	}
	for _, pair := range m.Headers {
		name := strings.ToLower(pair[0])
		// MapStatus refuses a condition or an Accept that it cannot parse, as the gateway does.
		if slices.Contains([]string{"if-match", "if-none-match", "accept"}, name) && !canMap(ctx, mapping, described, name, pair[1]) {
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
	response, err := mapping.MapStatus(ctx, &mappingv1.MapStatusRequest{Status: status, Context: described})
	if err != nil {
		return nil, fmt.Errorf("MapStatus: %w", err)
	}
	return response, nil
}

// canMap reports whether MapStatus takes a header with this value.
func canMap(ctx context.Context, mapping mappingv1.MappingServiceClient, described *mappingv1.RequestContext, name, value string) bool {
	_, err := mapping.MapStatus(ctx, &mappingv1.MapStatusRequest{Status: &spb.Status{Code: int32(codes.NotFound)}, Context: &mappingv1.RequestContext{
		Method: described.GetMethod(), Path: described.GetPath(), Headers: map[string]string{name: value},
	}})
	return status.Code(err) != codes.InvalidArgument
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
	if err := protojson.Unmarshal(text, status); err != nil {
		return nil, nil, fmt.Errorf("the details: %w", err)
	}
	status.Code, status.Message = code.Code_value[string(sent.Code)], sent.Detail
	if len(sent.Details) == 0 && sent.RetryAfter > 0 {
		// The details were kept from the client, except for what Retry-After says of them.
		wait, err := anypb.New(&errdetails.RetryInfo{RetryDelay: &durationpb.Duration{Seconds: int64(sent.RetryAfter)}})
		if err != nil {
			return nil, nil, fmt.Errorf("the details: %w", err)
		}
		status.Details = append(status.Details, wait)
	}
	return status, sent, nil
}
