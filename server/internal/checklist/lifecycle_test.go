package checklist_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dunglas/httpsfv"

	"github.com/statusway/statusway/gateway/policy"
	"github.com/statusway/statusway/server/internal/app"
	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/conformance"
)

// retirementText is a policy that retires the reading of one entity.
func retirementText(t *testing.T, retirement string) []byte {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(moduleRoot, "gateway/policy/documented.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return append(source, []byte("\nretirements:\n  - "+retirement+"\n")...)
}

func retiring(t *testing.T, retirement string) *policy.Table {
	t.Helper()
	table, err := policy.Load("retiring.yaml", retirementText(t, retirement))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

const (
	deprecatedAt = "2030-01-01T00:00:00Z"
	sunsetAt     = "2030-07-01T00:00:00Z"
)

// dateOf reads Deprecation, a Structured Field Date.
func dateOf(t *testing.T, got *conformance.Answer) time.Time {
	t.Helper()
	item, err := httpsfv.UnmarshalItem(got.Header.Values("Deprecation"))
	moment, isDate := item.Value.(time.Time)
	if err != nil || !isDate || !regexp.MustCompile(`^@-?[0-9]+$`).MatchString(got.Header.Get("Deprecation")) {
		t.Fatalf("Deprecation is %q: %v", got.Header.Values("Deprecation"), err)
	}
	return moment
}

// checklist: 410-02, 410-03, 410-05, 410-06, 410-07, 410-08
func TestRetirement(t *testing.T) {
	t.Parallel()
	table := retiring(t, `{selector: entity.v1.EntityService.GetEntity, deprecated: "`+deprecatedAt+`", sunset: "`+sunsetAt+`", successor: "/v2/entities"}`)
	sunset, err := time.Parse(time.RFC3339, sunsetAt)
	if err != nil {
		t.Fatal(err)
	}
	var clock atomic.Pointer[time.Time]
	at := func(moment time.Time) { clock.Store(&moment) }
	at(sunset.AddDate(0, -9, 0)) // Before it is deprecated: the field may lie in the future.
	s := apptest.Serve(t, func(c *config.Serve) { c.SessionTTL = 10 * 365 * 24 * time.Hour }, table, func() time.Time { return *clock.Load() })

	announced := func(got *conformance.Answer, status int) {
		t.Helper()
		apptest.WantStatus(t, got, status, "")
		deprecation := dateOf(t, got)
		ends, err := http.ParseTime(got.Header.Get("Sunset"))
		if err != nil || !strings.HasSuffix(got.Header.Get("Sunset"), " GMT") || !ends.Equal(sunset) || ends.Before(deprecation) {
			t.Errorf("Deprecation is %s and Sunset %q: %v", deprecation, got.Header.Get("Sunset"), err)
		}
		if deprecation.UTC().Format(time.RFC3339) != deprecatedAt {
			t.Errorf("Deprecation is %s", deprecation)
		}
		if link := `</v2/entities>; rel="successor-version"`; !slices.Contains(got.Header.Values("Link"), link) {
			t.Errorf("Link is %q, want %q among it", got.Header.Values("Link"), link)
		}
	}
	type step struct {
		user    string
		request conformance.Request
		status  int
	}
	steps := []step{
		{"viewer", apptest.Get("/v1/entities/cup"), 200},
		{"viewer", conformance.Request{Method: http.MethodHead, Target: "/v1/entities/cup"}, 200},
		{"viewer", apptest.Get("/v1/entities/cup", [2]string{"If-None-Match", "*"}), 304},
		{"viewer", apptest.Get("/v1/entities/cup", [2]string{"If-Match", `"stale"`}), 412},
		{"viewer", apptest.Get("/v1/entities/none"), 404},
		{"viewer", apptest.Get("/v1/entities/ledger"), 403},
		{"viewer", apptest.Get("/v1/entities/cup?x=1"), 400},
		{"", apptest.Get("/v1/entities/cup"), 401},
		{"viewer", apptest.Get("/v1/entities/cup", [2]string{"Accept", "text/html"}), 415},
	}
	for _, moment := range []time.Time{sunset.AddDate(0, -9, 0), sunset.AddDate(0, -1, 0), sunset.Add(-time.Nanosecond)} {
		at(moment)
		for _, one := range steps {
			announced(s.Do(t, one.user, one.request), one.status)
		}
	}
	unannounced := func() {
		t.Helper()
		for _, other := range []conformance.Request{apptest.Get(apptest.EntitiesURL), {Method: http.MethodDelete, Target: "/v1/entities/none"}} {
			apptest.WantHeaders(t, s.Do(t, "editor", other), map[string]string{"Deprecation": "", "Sunset": "", "Link": ""})
		}
	}
	unannounced()
	for _, moment := range []time.Time{sunset, sunset.AddDate(1, 0, 0)} {
		at(moment)
		for _, one := range steps {
			got := s.Do(t, one.user, one.request)
			announced(got, http.StatusGone)
			if got.Header.Get("Cache-Control") != "max-age=86400" || len(got.Header.Values("Link")) != 1 {
				t.Errorf("Cache-Control is %q and Link %q", got.Header.Get("Cache-Control"), got.Header.Values("Link"))
			}
		}
		unannounced()
	}
}

// checklist: 410-07
func TestRetirementRefused(t *testing.T) {
	t.Parallel()
	for name, retirement := range map[string]string{
		"sunset before deprecated": `{selector: entity.v1, deprecated: "2030-01-02", sunset: "2030-01-01"}`,
		"a sunset that is none":    `{selector: entity.v1, sunset: "soon"}`,
		"a selector of nothing":    `{selector: entity.v9, sunset: "2030-01-01"}`,
		"a successor that is none": `{selector: entity.v1, sunset: "2030-01-01", successor: "a b"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, err := policy.Load("retiring.yaml", retirementText(t, retirement))
			if err != nil {
				return // refused by the policy's own rules
			}
			program, err := app.New(t.Context(), apptest.New(t, nil, table, time.Now).Params)
			if err == nil {
				t.Error("the program accepts it")
				_ = program.Close()
			}
		})
	}
}
