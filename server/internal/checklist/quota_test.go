package checklist_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dunglas/httpsfv"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	entityv1 "github.com/statusway/statusway/gen/go/entity/v1"
	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/conformance"
)

func limited(limits string) func(*config.Serve) {
	return func(c *config.Serve) { c.RateLimit = limits }
}

// quotaField is RateLimit or RateLimit-Policy: its items' numbers by their names.
type quotaField map[string]map[string]int64

// fieldOf reads a field of draft-ietf-httpapi-ratelimit-headers-10 by the grammar of
// RFC 9651, and holds it to what the draft's sections 3 and 4 ask.
func fieldOf(t *testing.T, header http.Header, name string, required ...string) quotaField {
	t.Helper()
	list, err := httpsfv.UnmarshalList(header.Values(name))
	if err != nil || len(list) == 0 {
		t.Fatalf("%s is %q: %v", name, header.Values(name), err)
	}
	field := quotaField{}
	for _, member := range list {
		item, ok := member.(httpsfv.Item)
		policy, isString := item.Value.(string)
		if !ok || !isString || policy == "" {
			t.Fatalf("%s: %v is no String", name, member)
		}
		if field[policy] != nil {
			t.Errorf("%s names %q twice", name, policy)
		}
		field[policy] = map[string]int64{}
		for _, key := range item.Params.Names() {
			value, _ := item.Params.Get(key)
			number, isInteger := value.(int64)
			if !isInteger || number < 0 || !slices.Contains(required, key) {
				t.Errorf("%s: %s of %q is %v", name, key, policy, value)
			}
			field[policy][key] = number
		}
		for _, key := range required {
			if _, ok := field[policy][key]; !ok {
				t.Errorf("%s: %q has no %s", name, policy, key)
			}
		}
	}
	return field
}

// allowance are both fields, held to each other and to X-Rate-Limit-*.
func allowance(t *testing.T, header http.Header) (policies, states quotaField) {
	t.Helper()
	policies = fieldOf(t, header, "Ratelimit-Policy", "q", "w")
	states = fieldOf(t, header, "Ratelimit", "r", "t")
	number := func(name string) int64 {
		value, err := strconv.ParseInt(header.Get(name), 10, 64)
		if err != nil {
			t.Errorf("%s is %q", name, header.Get(name))
		}
		return value
	}
	limit, remaining, reset := number("X-Rate-Limit-Limit"), number("X-Rate-Limit-Remaining"), number("X-Rate-Limit-Reset")
	matched := false
	for name, state := range states {
		policy := policies[name]
		if policy == nil || state["r"] > policy["q"] || state["t"] > policy["w"] || policy["w"] < 1 {
			t.Errorf("%s: RateLimit %v beside RateLimit-Policy %v", name, state, policy)
		}
		if state["r"] < remaining {
			t.Errorf("X-Rate-Limit-Remaining is %d, and %q has %d left", remaining, name, state["r"])
		}
		matched = matched || policy["q"] == limit && state["r"] == remaining && state["t"] == reset
	}
	if !matched {
		t.Errorf("X-Rate-Limit-* is %d, %d, %d, and none of %v and %v is", limit, remaining, reset, policies, states)
	}
	return policies, states
}

// left are the r of all policies.
func (f quotaField) left() map[string]int64 {
	left := map[string]int64{}
	for name, state := range f {
		left[name] = state["r"]
	}
	return left
}

// checklist: 429-05, 429-06, 429-09, 429-12
func TestQuotasOfSeveralPolicies(t *testing.T) {
	t.Parallel()
	const imports = "imports=1/1h@entity.v1.EntityService/ImportEntities"
	s := apptest.Serve(t, limited("burst=6/1m, daily=1000/24h, team=9/1h:group, "+imports), nil, time.Now)
	want := quotaField{"burst": {"q": 6, "w": 60}, "daily": {"q": 1000, "w": 86400}, "team": {"q": 9, "w": 3600}}

	first := s.Do(t, "viewer", apptest.Get("/v1/entities/cup"))
	policies, states := allowance(t, first.Header)
	if diff := cmp.Diff(want, policies); diff != "" {
		t.Errorf("RateLimit-Policy (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int64{"burst": 5, "daily": 999, "team": 8}, states.left()); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}

	// Another user of the group has a burst of its own, and counts from the team's.
	_, states = allowance(t, s.Do(t, "editor", apptest.Get("/v1/entities/cup")).Header)
	if diff := cmp.Diff(map[string]int64{"burst": 5, "daily": 999, "team": 7}, states.left()); diff != "" {
		t.Errorf("what is left to another (-want +got):\n%s", diff)
	}

	// Nobody has no group; three logins came before this.
	policies, _ = allowance(t, s.Do(t, "", apptest.Get("/v1/statuses")).Header)
	if policies["team"] != nil || policies["burst"] == nil {
		t.Errorf("nobody is counted by %v", policies)
	}

	// A limit of one method is on its answers alone, and ends there alone.
	one := apptest.Post(importURL, map[string]any{"entities": []any{apptest.Named("Imported")}})
	accepted := s.Do(t, "editor", one)
	apptest.WantStatus(t, accepted, http.StatusAccepted, "")
	if policies, states = allowance(t, accepted.Header); policies["imports"]["q"] != 1 || states["imports"]["r"] != 0 {
		t.Errorf("an import is counted by %v: %v", policies, states)
	}
	refused := s.Do(t, "editor", one)
	apptest.WantStatus(t, refused, http.StatusTooManyRequests, "RATE_LIMITED")
	if diff := cmp.Diff([]string{"imports"}, violatedBy(t, refused)); diff != "" {
		t.Errorf("violated-policies (-want +got):\n%s", diff)
	}
	served := s.Do(t, "editor", apptest.Get("/v1/entities/cup"))
	apptest.WantStatus(t, served, http.StatusOK, "")
	if policies, _ = allowance(t, served.Header); policies["imports"] != nil {
		t.Errorf("a read is counted by %v", policies)
	}
}

func violatedBy(t *testing.T, got *conformance.Answer) []string {
	t.Helper()
	var body struct {
		Violated []string `json:"violated-policies"`
	}
	if err := json.Unmarshal(got.Body, &body); err != nil {
		t.Fatal(err)
	}
	return body.Violated
}

// The policy stays the same from the first response to the last, what is left falls by
// one each, and coming back at Retry-After is never too early.
//
// checklist: 429-03, 429-08, 429-09, 429-10, 429-12
func TestQuotaToItsEnd(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, limited("short=6/1h,long=8/24h"), nil, time.Now)
	entity := conformance.Request{Method: http.MethodPost, Target: apptest.EntitiesURL, JSON: apptest.JSON(apptest.Named("One"))}
	steps := []struct {
		request conformance.Request
		status  int
	}{
		{apptest.Get("/v1/entities/cup"), 200},
		{apptest.Get("/v1/entities/cup", [2]string{"If-None-Match", "*"}), 304},
		{entity, 403},
		{apptest.Get("/v1/entities?pageSize=x"), 400},
		{apptest.Get("/nothing"), 404},
		{conformance.Request{Method: "BREW", Target: apptest.EntitiesURL}, 405},
		{apptest.Get("/v1/entities/cup"), 429},
		{apptest.Get("/v1/entities/cup", [2]string{"If-Match", `"stale"`}), 429},
		{apptest.Get("/v0/x"), 429},
	}
	policy := ""
	for i, step := range steps {
		got := s.Do(t, "viewer", step.request)
		apptest.WantStatus(t, got, step.status, "")
		if text := got.Header.Get("Ratelimit-Policy"); policy != "" && text != policy {
			t.Errorf("RateLimit-Policy was %q and is %q", policy, text)
		}
		policy = got.Header.Get("Ratelimit-Policy")
		_, states := allowance(t, got.Header)
		if want := int64(max(0, 5-i)); states["short"]["r"] != want {
			t.Errorf("after %d requests %d are left, want %d", i+1, states["short"]["r"], want)
		}
		if want := int64(max(0, 7-i)); states["long"]["r"] != want {
			t.Errorf("after %d requests %d are left of the long one, want %d", i+1, states["long"]["r"], want)
		}
		if step.status != 429 {
			continue
		}
		wait, err := strconv.ParseInt(got.Header.Get("Retry-After"), 10, 64)
		exceeded := violatedBy(t, got)
		for _, name := range exceeded {
			if err != nil || wait < states[name]["t"] {
				t.Errorf("Retry-After is %q, and %s needs %d", got.Header.Get("Retry-After"), name, states[name]["t"])
			}
		}
		if want := i - 5; len(exceeded) == 0 || len(exceeded) != min(2, 1+max(0, want-2)) {
			t.Errorf("request %d exceeds %v", i+1, exceeded)
		}
	}
}

// checklist: 429-04
func TestRetryAfterIsEnough(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, limited("3/1s"), nil, time.Now)
	refused := 0
	for refused == 0 {
		got := s.Do(t, "viewer", apptest.Get("/v1/entities/cup"))
		if got.Status != http.StatusTooManyRequests {
			continue
		}
		refused++
		wait, err := time.ParseDuration(got.Header.Get("Retry-After") + "s")
		if err != nil || wait <= 0 {
			t.Fatalf("Retry-After is %q", got.Header.Get("Retry-After"))
		}
		<-time.After(wait) // What the client is told to do.
		apptest.WantStatus(t, s.Do(t, "viewer", apptest.Get("/v1/entities/cup")), http.StatusOK, "")
	}
}

// checklist: 429-14, 429-16
func TestQuotaInParallel(t *testing.T) {
	t.Parallel()
	const limit, crowd = 20, 60
	s := apptest.Serve(t, limited(fmt.Sprintf("%d/1h", limit)), nil, time.Now)
	client := entityv1.NewEntityServiceClient(s.GRPC)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+s.Tokens["viewer"])
	var mu sync.Mutex
	served, refused := 0, 0
	count := func(ok, limited bool) {
		mu.Lock()
		defer mu.Unlock()
		if ok {
			served++
		}
		if limited {
			refused++
		}
	}
	var group sync.WaitGroup
	for i := range crowd {
		group.Go(func() {
			if i%2 == 0 {
				got := s.Do(t, "viewer", apptest.Get("/v1/entities/cup"))
				count(got.Status == 200, got.Status == 429)
				return
			}
			_, err := client.GetEntity(ctx, &entityv1.GetEntityRequest{Id: "cup"})
			count(err == nil, status.Code(err) == codes.ResourceExhausted)
		})
	}
	group.Wait()
	if served != limit || refused != crowd-limit {
		t.Errorf("%d served and %d refused of %d, want %d served", served, refused, crowd, limit)
	}
}

// The same bucket, told in the same words, whichever way a call comes.
//
// checklist: 429-07, 429-13, 429-16, 403-03, GRPC-09
func TestQuotaOverGRPC(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, limited("burst=3/1h,team=9/24h:group"), nil, time.Now)
	method, err := apptest.FindMethod("entity.v1.EntityService/GetEntity")
	if err != nil {
		t.Fatal(err)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+s.Tokens["viewer"])
	_, states := allowance(t, s.Do(t, "viewer", apptest.Get("/v1/entities/cup")).Header)
	if states["burst"]["r"] != 2 {
		t.Fatalf("%v", states)
	}
	for i, code := range []codes.Code{codes.OK, codes.OK, codes.ResourceExhausted} {
		got, err := s.Invoke(ctx, method, &entityv1.GetEntityRequest{Id: "cup"})
		if err != nil || got.Status.Code() != code {
			t.Fatalf("call %d: %v: %v", i+1, got, err)
		}
		header := http.Header{}
		for name, values := range got.Header {
			header[http.CanonicalHeaderKey(name)] = values
		}
		if _, states = allowance(t, header); states["burst"]["r"] != int64(max(0, 1-i)) || states["team"]["r"] != int64(7-i) {
			t.Errorf("call %d leaves %v", i+1, states)
		}
		for name := range got.Trailer {
			if strings.Contains(strings.ToLower(name), "rate") {
				t.Errorf("%s is a trailer", name)
			}
		}
		if code == codes.OK {
			continue
		}
		sameRefusal(t, got.Status, s.Do(t, "viewer", apptest.Get("/v1/entities/cup")))
	}
}

// sameRefusal compares the refusal over gRPC with that over HTTP.
func sameRefusal(t *testing.T, over *status.Status, http *conformance.Answer) {
	t.Helper()
	apptest.WantStatus(t, http, 429, "RATE_LIMITED")
	var retry *errdetails.RetryInfo
	var quota *errdetails.QuotaFailure
	for _, detail := range over.Details() {
		switch detail := detail.(type) {
		case *errdetails.RetryInfo:
			retry = detail
		case *errdetails.QuotaFailure:
			quota = detail
		}
	}
	if info := apptest.ErrorInfo(over); info.GetReason() != "RATE_LIMITED" || info.GetDomain() != "statusway.v1" {
		t.Errorf("ErrorInfo is %v", info)
	}
	wait, err := strconv.Atoi(http.Header.Get("Retry-After"))
	told := int(retry.GetRetryDelay().AsDuration().Seconds())
	if err != nil || retry == nil || told < wait-2 || told > wait+2 {
		t.Errorf("RetryInfo says %v and Retry-After %q", retry, http.Header.Get("Retry-After"))
	}
	one := quota.GetViolations()
	if len(one) != 1 || one[0].GetSubject() != "user:viewer" || one[0].GetQuotaId() != "burst" || one[0].GetQuotaValue() != 3 {
		t.Errorf("QuotaFailure is %v", quota)
	}
	if diff := cmp.Diff([]string{"burst"}, violatedBy(t, http)); diff != "" {
		t.Errorf("violated-policies (-want +got):\n%s", diff)
	}
}
