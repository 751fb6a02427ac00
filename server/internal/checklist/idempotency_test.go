package checklist_test

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

	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/conformance"
)

func wantReplayed(t *testing.T, got *conformance.Answer, want bool) {
	t.Helper()
	if replayed := got.Header.Get("Idempotency-Replayed"); (replayed == "true") != want || !want && replayed != "" {
		t.Errorf("Idempotency-Replayed is %q, want it %t", replayed, want)
	}
}

// ids are those of the entities of a name that the user can see.
func ids(t *testing.T, s *apptest.Server, user, name string) []string {
	t.Helper()
	got := s.Do(t, user, conformance.Request{Method: http.MethodGet, Target: apptest.EntitiesURL + "?pageSize=1000"})
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

const importURL = "/v1/entities:import"

// checklist: IDE-05, IDE-08
func TestIdempotentCreate(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, "default")
	create := apptest.Post(apptest.EntitiesURL, apptest.Named("A pot made once"), apptest.IdempotencyKey("once"))
	first := s.Do(t, "editor", create)
	apptest.WantStatus(t, first, http.StatusCreated, "")
	wantReplayed(t, first, false)

	// What becomes of the entity since changes nothing of what its creation came to.
	location := first.Header.Get("Location")
	apptest.WantStatus(t, s.Do(t, "editor", conformance.Request{Method: http.MethodDelete, Target: location}), http.StatusNoContent, "")

	again := s.Do(t, "editor", create)
	apptest.WantStatus(t, again, http.StatusCreated, "")
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
	if ids := ids(t, s, "editor", "A pot made once"); len(ids) != 0 {
		t.Errorf("it was made again: %q", ids)
	}
}

// checklist: IDE-03, IDE-08
func TestIdempotencyKeyIsTheCallers(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, "default")
	key := apptest.IdempotencyKey("shared")
	first := s.Do(t, "editor", apptest.Post(apptest.EntitiesURL, apptest.Named("Of the editor"), key))
	apptest.WantStatus(t, first, http.StatusCreated, "")

	other := s.Do(t, "editor", apptest.Post(apptest.EntitiesURL, apptest.Named("Of the editor, too"), key))
	apptest.WantStatus(t, other, http.StatusBadRequest, "IDEMPOTENCY_KEY_REUSED")
	wantReplayed(t, other, false)
	if ids := ids(t, s, "editor", "Of the editor, too"); len(ids) != 0 {
		t.Errorf("it was made all the same: %q", ids)
	}

	foreign := s.Do(t, "admin", apptest.Post(apptest.EntitiesURL, apptest.Named("Of the editor"), key))
	apptest.WantStatus(t, foreign, http.StatusCreated, "")
	wantReplayed(t, foreign, false)
	if foreign.Header.Get("Location") == first.Header.Get("Location") {
		t.Error("one caller got the answer of another")
	}
	elsewhere := s.Do(t, "editor", apptest.Post(importURL, map[string]any{"entities": []any{apptest.Named("Of the editor")}}, key))
	apptest.WantStatus(t, elsewhere, http.StatusAccepted, "")
	wantReplayed(t, elsewhere, false)
}

// checklist: IDE-05, IDE-06, IDE-08
func TestIdempotentFailures(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, "default")
	taken := apptest.Post(apptest.EntitiesURL, map[string]any{"id": "taken", "displayName": "Taken"}, apptest.IdempotencyKey("taken"))
	apptest.WantStatus(t, s.Do(t, "editor", apptest.Post(apptest.EntitiesURL, map[string]any{"id": "taken", "displayName": "First"})), http.StatusCreated, "")
	first := s.Do(t, "editor", taken)
	apptest.WantStatus(t, first, http.StatusConflict, "ENTITY_EXISTS")
	wantReplayed(t, first, false)
	apptest.WantStatus(t, s.Do(t, "editor", conformance.Request{Method: http.MethodDelete, Target: "/v1/entities/taken"}), http.StatusNoContent, "")
	again := s.Do(t, "editor", taken)
	apptest.WantStatus(t, again, http.StatusConflict, "ENTITY_EXISTS")
	wantReplayed(t, again, true)
	if got := s.Do(t, "editor", conformance.Request{Method: http.MethodGet, Target: "/v1/entities/taken"}); got.Status != http.StatusNotFound {
		t.Errorf("a failure that is answered again has done something: %d", got.Status)
	}

	malformed := apptest.Post(apptest.EntitiesURL, map[string]any{"colour": "red"}, apptest.IdempotencyKey("malformed"))
	for _, replayed := range []bool{false, true} {
		got := s.Do(t, "editor", malformed)
		apptest.WantStatus(t, got, http.StatusBadRequest, "UNKNOWN_FIELD")
		wantReplayed(t, got, replayed)
	}
	forbidden := apptest.Post(apptest.EntitiesURL, apptest.Named("Not for a viewer"), apptest.IdempotencyKey("forbidden"))
	for _, replayed := range []bool{false, true} {
		got := s.Do(t, "viewer", forbidden)
		apptest.WantStatus(t, got, http.StatusForbidden, "ROLE_NOT_ALLOWED")
		wantReplayed(t, got, replayed)
	}
}

// What stops a request before it is begun leaves its key free.
//
// checklist: IDE-08
func TestPassingFailuresAreNotKept(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, "own")
	create := apptest.Post(apptest.EntitiesURL, apptest.Named("A patient pot"), apptest.IdempotencyKey("patient"))
	apptest.WantStatus(t, s.Do(t, "", create), http.StatusUnauthorized, "TOKEN_MISSING")
	closed := conformance.Request{Method: http.MethodPut, Target: "/v1/maintenance", JSON: apptest.JSON(map[string]any{"enabled": true})}
	apptest.WantStatus(t, s.Do(t, "admin", closed), http.StatusOK, "")
	apptest.WantStatus(t, s.Do(t, "editor", create), http.StatusServiceUnavailable, "SERVICE_IN_MAINTENANCE")
	closed.JSON = apptest.JSON(map[string]any{"enabled": false})
	apptest.WantStatus(t, s.Do(t, "admin", closed), http.StatusOK, "")
	got := s.Do(t, "editor", create)
	apptest.WantStatus(t, got, http.StatusCreated, "")
	wantReplayed(t, got, false)
}

// checklist: IDE-01, IDE-02
func TestIdempotencyKeysThatAreRefused(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, "default")
	bad := func(value string) [2]string { return [2]string{"Idempotency-Key", value} }
	keyed := func(method string) conformance.Request {
		return conformance.Request{
			Method: method, Target: "/v1/entities/cup", JSON: apptest.JSON(apptest.Named("x")), Headers: [][2]string{apptest.IdempotencyKey("a")},
		}
	}
	for name, test := range map[string]struct {
		request conformance.Request
		reason  string
	}{
		"unquoted": {apptest.Post(apptest.EntitiesURL, apptest.Named("x"), bad("8e03978e-40d5-43dd-bc93-6894a57f9324")), "MALFORMED_IDEMPOTENCY_KEY"},
		"empty":    {apptest.Post(apptest.EntitiesURL, apptest.Named("x"), bad(`""`)), "MALFORMED_IDEMPOTENCY_KEY"},
		"too long": {apptest.Post(apptest.EntitiesURL, apptest.Named("x"), apptest.IdempotencyKey(strings.Repeat("k", 256))), "MALFORMED_IDEMPOTENCY_KEY"},
		"two":      {apptest.Post(apptest.EntitiesURL, apptest.Named("x"), apptest.IdempotencyKey("a"), apptest.IdempotencyKey("b")), "MALFORMED_IDEMPOTENCY_KEY"},
		"on PUT":   {keyed(http.MethodPut), "IDEMPOTENCY_KEY_UNSUPPORTED"},
		"on PATCH": {keyed(http.MethodPatch), "IDEMPOTENCY_KEY_UNSUPPORTED"},
		"on DELETE": {
			conformance.Request{Method: http.MethodDelete, Target: "/v1/entities/cup", Headers: [][2]string{apptest.IdempotencyKey("a")}}, "IDEMPOTENCY_KEY_UNSUPPORTED",
		},
		"on a login": {
			apptest.Post("/v1/sessions", map[string]any{"username": "editor", "password": "demo"}, apptest.IdempotencyKey("a")), "IDEMPOTENCY_KEY_UNSUPPORTED",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			apptest.WantStatus(t, s.Do(t, "editor", test.request), http.StatusBadRequest, test.reason)
		})
	}
	t.Run("ignored on GET", func(t *testing.T) {
		t.Parallel()
		read := conformance.Request{Method: http.MethodGet, Target: "/v1/entities/cup", Headers: [][2]string{bad("anything")}}
		got := s.Do(t, "viewer", read)
		apptest.WantStatus(t, got, http.StatusOK, "")
		wantReplayed(t, got, false)
	})
}

// checklist: IDE-04, IDE-05
func TestIdempotentRace(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, "default")
	const crowd = 50
	create := apptest.Post(apptest.EntitiesURL, apptest.Named("Made in a crowd"), apptest.IdempotencyKey("crowd"))
	answers := make([]*conformance.Answer, crowd)
	var group sync.WaitGroup
	for i := range answers {
		group.Go(func() { answers[i] = s.Do(t, "editor", create) })
	}
	group.Wait()
	if t.Failed() {
		return
	}
	ids := ids(t, s, "editor", "Made in a crowd")
	if len(ids) != 1 {
		t.Fatalf("made %d times", len(ids))
	}
	first := 0
	for _, got := range answers {
		if got.Status == http.StatusConflict {
			apptest.WantStatus(t, got, http.StatusConflict, "IDEMPOTENCY_KEY_IN_USE")
			if got.Header.Get("Retry-After") != "1" {
				t.Errorf("Retry-After is %q", got.Header.Get("Retry-After"))
			}
			continue
		}
		apptest.WantStatus(t, got, http.StatusCreated, "")
		if got.Header.Get("Location") != apptest.EntitiesURL+"/"+ids[0] {
			t.Errorf("Location %q", got.Header.Get("Location"))
		}
		if got.Header.Get("Idempotency-Replayed") == "" {
			first++
		}
	}
	if first != 1 {
		t.Errorf("%d answers were no replay", first)
	}
	wantReplayed(t, s.Do(t, "editor", create), true)
}

// Requests with the same key start one import, and all get its operation.
//
// checklist: IDE-05
func TestIdempotentImport(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, "default")
	body := map[string]any{"entities": []any{apptest.Named("Imported once"), apptest.Named("Imported once")}}
	first := s.Do(t, "editor", apptest.Post(importURL, body, apptest.IdempotencyKey("import")))
	apptest.WantStatus(t, first, http.StatusAccepted, "")
	again := s.Do(t, "editor", apptest.Post(importURL, body, apptest.IdempotencyKey("import"), [2]string{"Prefer", "wait=10"}))
	apptest.WantStatus(t, again, http.StatusAccepted, "")
	wantReplayed(t, again, true)
	if diff := cmp.Diff(first.Header.Get("Location"), again.Header.Get("Location")); diff != "" {
		t.Errorf("Location (-first +again):\n%s", diff)
	}
	ended := conformance.Exchange{
		As: "editor", Eventually: true,
		Request:  conformance.Request{Method: http.MethodGet, Target: first.Header.Get("Location")},
		Response: conformance.Response{Status: http.StatusOK, Capture: map[string]string{"created": "/response/created"}},
	}
	v := s.Variables()
	if _, err := s.Perform(t.Context(), conformance.OverHTTP1, v, ended); err != nil {
		t.Fatal(err)
	}
	if ids := ids(t, s, "editor", "Imported once"); len(ids) != 2 || v["created"] != "2" {
		t.Errorf("imported %d of 2, and created %s", len(ids), v["created"])
	}
}

// Keys are in the database, so that another server on the same data knows them.
//
// checklist: IDE-05
func TestIdempotencyKeysAreStored(t *testing.T) {
	t.Parallel()
	s := apptest.Persistent(t, time.Now)
	create := apptest.Post(apptest.EntitiesURL, apptest.Named("Made by one server"), apptest.IdempotencyKey("stored"))
	first := s.Do(t, "admin", create)
	apptest.WantStatus(t, first, http.StatusCreated, "")

	other := s.StartAgain(t)
	again := other.Do(t, "admin", create)
	apptest.WantStatus(t, again, http.StatusCreated, "")
	wantReplayed(t, again, true)
	if again.Header.Get("Location") != first.Header.Get("Location") {
		t.Errorf("Location %q, and first %q", again.Header.Get("Location"), first.Header.Get("Location"))
	}
	if made := len(ids(t, s, "admin", "Made by one server")); made != 1 {
		t.Errorf("made %d times", made)
	}
}

// checklist: IDE-06
func TestIdempotencyKeysExpire(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	var later atomic.Int64
	s := apptest.Persistent(t, func() time.Time { return begin.Add(time.Duration(later.Load())) })
	create := apptest.Post(apptest.EntitiesURL, apptest.Named("Made twice"), apptest.IdempotencyKey("expires"))
	first := s.Do(t, "admin", create)
	for _, step := range []struct {
		later    time.Duration
		replayed bool
	}{{0, true}, {24*time.Hour - time.Microsecond, true}, {24 * time.Hour, false}, {25 * time.Hour, true}} {
		later.Store(int64(step.later))
		got := s.Do(t, "admin", create)
		apptest.WantStatus(t, got, http.StatusCreated, "")
		wantReplayed(t, got, step.replayed)
	}
	if ids := ids(t, s, "admin", "Made twice"); len(ids) != 2 || !slices.Contains(ids, strings.TrimPrefix(first.Header.Get("Location"), apptest.EntitiesURL+"/")) {
		t.Errorf("made %q", ids)
	}
}
