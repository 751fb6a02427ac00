package app_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"

	"github.com/statusway/statusway/server/internal/app"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/conformance"
)

const (
	entitiesURL = "/v1/entities"
	importURL   = "/v1/entities:import"
)

// keyHeader is the header field with a key.
func keyHeader(key string) [2]string { return [2]string{"Idempotency-Key", strconv.Quote(key)} }

// do sends a request as a user over HTTP/1.1, on a connection of its own, and holds
// the answer to what is true of every answer.
func (s *server) do(t *testing.T, user string, r conformance.Request) *conformance.Answer {
	t.Helper()
	m, err := conformance.Prepare(r, newVariables(s).As(user))
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Send(t.Context(), conformance.OverHTTP1, m)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.Target, err)
	}
	if got.Framing != nil {
		t.Errorf("%s %s: %v", r.Method, r.Target, got.Framing)
	}
	if err := s.invariants().Check(m, got); err != nil {
		t.Errorf("%s %s: %v", r.Method, r.Target, err)
	}
	return got
}

// post is a POST of JSON.
func post(target string, body map[string]any, headers ...[2]string) conformance.Request {
	return conformance.Request{Method: http.MethodPost, Target: target, JSON: asJSON(body), Headers: headers}
}

func asJSON(value any) *conformance.JSON { return &conformance.JSON{Value: value} }

func pot(name string) map[string]any { return map[string]any{"displayName": name} }

// reason is that of a problem, or of its first violation.
func problemReason(t *testing.T, a *conformance.Answer) string {
	t.Helper()
	var problem struct {
		Reason string `json:"reason"`
		Errors []struct {
			Reason string `json:"reason"`
		} `json:"errors"`
	}
	if err := json.Unmarshal(a.Body, &problem); err != nil {
		t.Fatalf("%d %s: %v", a.Status, a.Body, err)
	}
	if len(problem.Errors) > 0 {
		return problem.Errors[0].Reason
	}
	return problem.Reason
}

func wantStatus(t *testing.T, got *conformance.Answer, status int, reason string) {
	t.Helper()
	if got.Status != status {
		t.Fatalf("%d %s, want %d", got.Status, got.Body, status)
	}
	if reason != "" && problemReason(t, got) != reason {
		t.Errorf("reason %q, want %q", problemReason(t, got), reason)
	}
}

func wantReplayed(t *testing.T, got *conformance.Answer, want bool) {
	t.Helper()
	if replayed := got.Header.Get("Idempotency-Replayed"); (replayed == "true") != want || !want && replayed != "" {
		t.Errorf("Idempotency-Replayed is %q, want it %t", replayed, want)
	}
}

// ids are those of the entities of a name that the user can see.
func (s *server) ids(t *testing.T, user, name string) []string {
	t.Helper()
	got := s.do(t, user, conformance.Request{Method: http.MethodGet, Target: entitiesURL + "?pageSize=1000"})
	var list struct {
		Entities []struct {
			ID          string `json:"id"`
			DisplayName string `json:"displayName"`
		} `json:"entities"`
	}
	if err := json.Unmarshal(got.Body, &list); err != nil {
		t.Fatalf("%d %s: %v", got.Status, got.Body, err)
	}
	var ids []string
	for _, one := range list.Entities {
		if one.DisplayName == name {
			ids = append(ids, one.ID)
		}
	}
	return ids
}

// checklist: IDE-05, IDE-08
func TestIdempotentCreate(t *testing.T) {
	t.Parallel()
	s := start(t, "default")
	create := post(entitiesURL, pot("A pot made once"), keyHeader("once"))
	first := s.do(t, "editor", create)
	wantStatus(t, first, http.StatusCreated, "")
	wantReplayed(t, first, false)

	// What becomes of the entity since changes nothing of what its creation came to.
	location := first.Header.Get("Location")
	wantStatus(t, s.do(t, "editor", conformance.Request{Method: http.MethodDelete, Target: location}), http.StatusNoContent, "")

	again := s.do(t, "editor", create)
	wantStatus(t, again, http.StatusCreated, "")
	wantReplayed(t, again, true)
	for _, name := range []string{"Location", "Etag", "Content-Type", "Cache-Control", "Last-Modified", "Content-Location"} {
		if got, want := again.Header.Get(name), first.Header.Get(name); got != want || want == "" {
			t.Errorf("%s is %q, and first %q", name, got, want)
		}
	}
	if string(again.Body) != string(first.Body) {
		t.Errorf("the body is %s, and first %s", again.Body, first.Body)
	}
	if again.Header.Get("X-Request-ID") == first.Header.Get("X-Request-ID") {
		t.Error("two requests have one id")
	}
	remaining := func(a *conformance.Answer) int {
		n, err := strconv.Atoi(a.Header.Get("X-Rate-Limit-Remaining"))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if remaining(again) >= remaining(first) {
		t.Errorf("a replay is not counted: %d, then %d left", remaining(first), remaining(again))
	}
	if ids := s.ids(t, "editor", "A pot made once"); len(ids) != 0 {
		t.Errorf("it was made again: %q", ids)
	}
}

// checklist: IDE-03, IDE-08
func TestIdempotencyKeyIsTheCallers(t *testing.T) {
	t.Parallel()
	s := start(t, "default")
	key := keyHeader("shared")
	first := s.do(t, "editor", post(entitiesURL, pot("Of the editor"), key))
	wantStatus(t, first, http.StatusCreated, "")

	other := s.do(t, "editor", post(entitiesURL, pot("Of the editor, too"), key))
	wantStatus(t, other, http.StatusBadRequest, "IDEMPOTENCY_KEY_REUSED")
	wantReplayed(t, other, false)
	if ids := s.ids(t, "editor", "Of the editor, too"); len(ids) != 0 {
		t.Errorf("it was made all the same: %q", ids)
	}

	foreign := s.do(t, "admin", post(entitiesURL, pot("Of the editor"), key))
	wantStatus(t, foreign, http.StatusCreated, "")
	wantReplayed(t, foreign, false)
	if foreign.Header.Get("Location") == first.Header.Get("Location") {
		t.Error("one caller got the answer of another")
	}
	elsewhere := s.do(t, "editor", post(importURL, map[string]any{"entities": []any{pot("Of the editor")}}, key))
	wantStatus(t, elsewhere, http.StatusAccepted, "")
	wantReplayed(t, elsewhere, false)
}

// checklist: IDE-05, IDE-06, IDE-08
func TestIdempotentFailures(t *testing.T) {
	t.Parallel()
	s := start(t, "default")
	taken := post(entitiesURL, map[string]any{"id": "taken", "displayName": "Taken"}, keyHeader("taken"))
	wantStatus(t, s.do(t, "editor", post(entitiesURL, map[string]any{"id": "taken", "displayName": "First"})), http.StatusCreated, "")
	first := s.do(t, "editor", taken)
	wantStatus(t, first, http.StatusConflict, "ENTITY_EXISTS")
	wantReplayed(t, first, false)
	wantStatus(t, s.do(t, "editor", conformance.Request{Method: http.MethodDelete, Target: "/v1/entities/taken"}), http.StatusNoContent, "")
	again := s.do(t, "editor", taken)
	wantStatus(t, again, http.StatusConflict, "ENTITY_EXISTS")
	wantReplayed(t, again, true)
	if got := s.do(t, "editor", conformance.Request{Method: http.MethodGet, Target: "/v1/entities/taken"}); got.Status != http.StatusNotFound {
		t.Errorf("a failure that is answered again has done something: %d", got.Status)
	}

	malformed := post(entitiesURL, map[string]any{"colour": "red"}, keyHeader("malformed"))
	for _, replayed := range []bool{false, true} {
		got := s.do(t, "editor", malformed)
		wantStatus(t, got, http.StatusBadRequest, "UNKNOWN_FIELD")
		wantReplayed(t, got, replayed)
	}
	forbidden := post(entitiesURL, pot("Not for a viewer"), keyHeader("forbidden"))
	for _, replayed := range []bool{false, true} {
		got := s.do(t, "viewer", forbidden)
		wantStatus(t, got, http.StatusForbidden, "ROLE_NOT_ALLOWED")
		wantReplayed(t, got, replayed)
	}
}

// What stops a request before it is begun leaves its key free.
//
// checklist: IDE-08
func TestPassingFailuresAreNotKept(t *testing.T) {
	t.Parallel()
	s := start(t, "own")
	create := post(entitiesURL, pot("A patient pot"), keyHeader("patient"))
	wantStatus(t, s.do(t, "", create), http.StatusUnauthorized, "TOKEN_MISSING")
	closed := conformance.Request{Method: http.MethodPut, Target: "/v1/maintenance", JSON: asJSON(map[string]any{"enabled": true})}
	wantStatus(t, s.do(t, "admin", closed), http.StatusOK, "")
	wantStatus(t, s.do(t, "editor", create), http.StatusServiceUnavailable, "SERVICE_IN_MAINTENANCE")
	closed.JSON = asJSON(map[string]any{"enabled": false})
	wantStatus(t, s.do(t, "admin", closed), http.StatusOK, "")
	got := s.do(t, "editor", create)
	wantStatus(t, got, http.StatusCreated, "")
	wantReplayed(t, got, false)
}

// checklist: IDE-01, IDE-02
func TestIdempotencyKeysThatAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, "default")
	bad := func(value string) [2]string { return [2]string{"Idempotency-Key", value} }
	keyed := func(method string) conformance.Request {
		return conformance.Request{Method: method, Target: "/v1/entities/cup", JSON: asJSON(pot("x")), Headers: [][2]string{keyHeader("a")}}
	}
	for name, test := range map[string]struct {
		request conformance.Request
		reason  string
	}{
		"unquoted": {post(entitiesURL, pot("x"), bad("8e03978e-40d5-43dd-bc93-6894a57f9324")), "MALFORMED_IDEMPOTENCY_KEY"},
		"empty":    {post(entitiesURL, pot("x"), bad(`""`)), "MALFORMED_IDEMPOTENCY_KEY"},
		"too long": {post(entitiesURL, pot("x"), keyHeader(strings.Repeat("k", 256))), "MALFORMED_IDEMPOTENCY_KEY"},
		"two":      {post(entitiesURL, pot("x"), keyHeader("a"), keyHeader("b")), "MALFORMED_IDEMPOTENCY_KEY"},
		"on PUT":   {keyed(http.MethodPut), "IDEMPOTENCY_KEY_UNSUPPORTED"},
		"on PATCH": {keyed(http.MethodPatch), "IDEMPOTENCY_KEY_UNSUPPORTED"},
		"on DELETE": {
			conformance.Request{Method: http.MethodDelete, Target: "/v1/entities/cup", Headers: [][2]string{keyHeader("a")}}, "IDEMPOTENCY_KEY_UNSUPPORTED",
		},
		"on a login": {
			post("/v1/sessions", map[string]any{"username": "editor", "password": "demo"}, keyHeader("a")), "IDEMPOTENCY_KEY_UNSUPPORTED",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantStatus(t, s.do(t, "editor", test.request), http.StatusBadRequest, test.reason)
		})
	}
	t.Run("ignored on GET", func(t *testing.T) {
		t.Parallel()
		read := conformance.Request{Method: http.MethodGet, Target: "/v1/entities/cup", Headers: [][2]string{bad("anything")}}
		got := s.do(t, "viewer", read)
		wantStatus(t, got, http.StatusOK, "")
		wantReplayed(t, got, false)
	})
}

// checklist: IDE-04, IDE-05
func TestIdempotentRace(t *testing.T) {
	t.Parallel()
	s := start(t, "default")
	const crowd = 50
	create := post(entitiesURL, pot("Made in a crowd"), keyHeader("crowd"))
	answers := make([]*conformance.Answer, crowd)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i] = s.do(t, "editor", create) })
	}
	group.Wait()
	if t.Failed() {
		return
	}
	ids := s.ids(t, "editor", "Made in a crowd")
	if len(ids) != 1 {
		t.Fatalf("made %d times", len(ids))
	}
	first := 0
	for _, got := range answers {
		if got.Status == http.StatusConflict {
			wantStatus(t, got, http.StatusConflict, "IDEMPOTENCY_KEY_IN_USE")
			if got.Header.Get("Retry-After") != "1" {
				t.Errorf("Retry-After is %q", got.Header.Get("Retry-After"))
			}
			continue
		}
		wantStatus(t, got, http.StatusCreated, "")
		if got.Header.Get("Location") != entitiesURL+"/"+ids[0] {
			t.Errorf("Location %q", got.Header.Get("Location"))
		}
		if got.Header.Get("Idempotency-Replayed") == "" {
			first++
		}
	}
	if first != 1 {
		t.Errorf("%d answers were no replay", first)
	}
	wantReplayed(t, s.do(t, "editor", create), true)
}

// An import is begun once, and followed by whoever asks.
//
// checklist: IDE-05
func TestIdempotentImport(t *testing.T) {
	t.Parallel()
	s := start(t, "default")
	body := map[string]any{"entities": []any{pot("Imported once"), pot("Imported once")}}
	first := s.do(t, "editor", post(importURL, body, keyHeader("import")))
	wantStatus(t, first, http.StatusAccepted, "")
	again := s.do(t, "editor", post(importURL, body, keyHeader("import"), [2]string{"Prefer", "wait=10"}))
	wantStatus(t, again, http.StatusAccepted, "")
	wantReplayed(t, again, true)
	if diff := cmp.Diff(first.Header.Get("Location"), again.Header.Get("Location")); diff != "" {
		t.Errorf("Location (-first +again):\n%s", diff)
	}
	ended := conformance.Exchange{
		As: "editor", Eventually: true,
		Request:  conformance.Request{Method: http.MethodGet, Target: first.Header.Get("Location")},
		Response: conformance.Response{Status: http.StatusOK, Capture: map[string]string{"created": "/response/created"}},
	}
	v := newVariables(s)
	if _, err := s.Perform(t.Context(), conformance.OverHTTP1, v, ended); err != nil {
		t.Fatal(err)
	}
	if ids := s.ids(t, "editor", "Imported once"); len(ids) != 2 || v["created"] != "2" {
		t.Errorf("imported %d of 2, and created %s", len(ids), v["created"])
	}
}

// persistent runs a server whose data outlives it, by a clock of the test's. There is
// the user admin alone.
func persistent(t *testing.T, now func() time.Time) *server {
	t.Helper()
	settings := config.Defaults()
	settings.DrainDelay = 0 // No load balancer watches a test.
	settings.HTTPAddr, settings.GRPCAddr, settings.PublicURL, settings.DataDir = "127.0.0.1:0", "127.0.0.1:0", publicURL, t.TempDir()
	settings.SessionTTL = 48 * time.Hour
	if err := settings.Complete(); err != nil {
		t.Fatal(err)
	}
	s := &server{name: "persistent", log: &lockedBuffer{}, done: make(chan error, 1)}
	s.params = app.Params{
		Config: settings, Table: policyOf(t, variant{}), Logger: newLogger(s.log),
		Now: now, HashCost: bcrypt.MinCost, Build: app.Build{Version: "test"},
	}
	s.run(t)
	s.login(t)
	return s
}

// Keys are in the database, so that another server on the same data knows them.
//
// checklist: IDE-05
func TestIdempotencyKeysAreStored(t *testing.T) {
	t.Parallel()
	s := persistent(t, time.Now)
	create := post(entitiesURL, pot("Made by one server"), keyHeader("stored"))
	first := s.do(t, "admin", create)
	wantStatus(t, first, http.StatusCreated, "")

	other := &server{name: "other", params: s.params, tokens: s.tokens, log: s.log, done: make(chan error, 1)}
	other.run(t)
	again := other.do(t, "admin", create)
	wantStatus(t, again, http.StatusCreated, "")
	wantReplayed(t, again, true)
	if again.Header.Get("Location") != first.Header.Get("Location") {
		t.Errorf("Location %q, and first %q", again.Header.Get("Location"), first.Header.Get("Location"))
	}
	if made := len(s.ids(t, "admin", "Made by one server")); made != 1 {
		t.Errorf("made %d times", made)
	}
}

// checklist: IDE-06
func TestIdempotencyKeysExpire(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	var later atomic.Int64
	s := persistent(t, func() time.Time { return begin.Add(time.Duration(later.Load())) })
	create := post(entitiesURL, pot("Made twice"), keyHeader("expires"))
	first := s.do(t, "admin", create)
	for _, step := range []struct {
		later    time.Duration
		replayed bool
	}{{0, true}, {24*time.Hour - time.Microsecond, true}, {24 * time.Hour, false}, {25 * time.Hour, true}} {
		later.Store(int64(step.later))
		got := s.do(t, "admin", create)
		wantStatus(t, got, http.StatusCreated, "")
		wantReplayed(t, got, step.replayed)
	}
	if ids := s.ids(t, "admin", "Made twice"); len(ids) != 2 || !slices.Contains(ids, strings.TrimPrefix(first.Header.Get("Location"), entitiesURL+"/")) {
		t.Errorf("made %q", ids)
	}
}
