package tour_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/tour"
)

// A place answers as it is told, and notes what it was asked.
type place struct {
	mu    sync.Mutex
	asked []string
	guide *tour.Guide
}

func newPlace(t *testing.T, answer http.HandlerFunc) *place {
	t.Helper()
	p := &place{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		p.mu.Lock()
		p.asked = append(p.asked, strings.TrimSpace(fmt.Sprint(r.Method, " ", r.RequestURI, " ", r.Header.Get("If-Match"), string(body))))
		p.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	p.guide = tour.NewGuide(server.Client(), server.URL+"/")
	return p
}

// The guide puts values from earlier responses into paths, header fields and bodies.
func TestKeep(t *testing.T) {
	t.Parallel()
	p := newPlace(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"7"`)
		_, _ = io.WriteString(w, `{"id": "teapot", "size": 3}`)
	})
	visit, err := p.guide.Walk(t.Context(), tour.Step{
		Before: []tour.Request{{Method: "GET", Path: "/a", Keep: map[string]string{"id": "/id", "etag": "header:ETag", "size": "/size", "none": "/none"}}},
		Request: tour.Request{
			Method: "PUT", Path: "/{id}", Fields: []tour.Field{{Name: "If-Match", Value: "{etag}"}}, Body: `{"id": "{id}", "size": "{size}", "of": "{}"}`,
		},
		After: []tour.Request{{Method: "DELETE", Path: "{none}"}, {Method: "DELETE", Path: "/{id}?{none}"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"GET /a", `PUT /teapot "7"{"id": "teapot", "size": "{size}", "of": "{}"}`, "DELETE /teapot?{none}"}
	if diff := cmp.Diff(want, p.asked); diff != "" {
		t.Errorf("-want +asked:\n%s", diff)
	}
	if visit.Status != "200 OK" || visit.Row != 200 || visit.Sent != 1 || len(visit.Before) != 1 || len(visit.After) != 1 || visit.Request.Path != "/teapot" {
		t.Errorf("%+v", visit)
	}
}

// No two walks have the same {run}.
func TestRun(t *testing.T) {
	t.Parallel()
	p := newPlace(t, func(http.ResponseWriter, *http.Request) {})
	for range 20 {
		if _, err := p.guide.Walk(t.Context(), tour.Step{Request: tour.Request{Method: "POST", Path: "/{run}", Body: "{long}"}}); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(p.asked)
	if len(slices.Compact(p.asked)) != 20 || len(p.asked[0]) < tour.LongLength {
		t.Errorf("%d different requests of %d bytes", len(slices.Compact(p.asked)), len(p.asked[0]))
	}
}

// A burst ends with the first refusal, and before that after so many requests.
func TestBurst(t *testing.T) {
	t.Parallel()
	for most, want := range map[int]int{0: 1, 3: 3, 100: 6} {
		left := 5
		p := newPlace(t, func(w http.ResponseWriter, _ *http.Request) {
			if left--; left < 0 {
				w.WriteHeader(http.StatusTooManyRequests)
			}
		})
		visit, err := p.guide.Walk(t.Context(), tour.Step{Request: tour.Request{Method: "GET", Path: "/", Burst: most}})
		if err != nil || visit.Sent != want || len(p.asked) != want || (visit.Row == http.StatusTooManyRequests) != (want == 6) {
			t.Errorf("at most %d: %d, %d, %v", most, visit.Sent, visit.Row, err)
		}
	}
}

// Whatever goes wrong, what was changed is put back.
func TestUndo(t *testing.T) {
	t.Parallel()
	var cancel context.CancelFunc
	p := newPlace(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/refused":
			w.WriteHeader(http.StatusForbidden)
		case "/cancelled":
			cancel()
			<-r.Context().Done()
		}
	})
	undo := []tour.Request{{Method: "PUT", Path: "/undo"}}
	for name, test := range map[string]struct {
		step tour.Step
		err  string
	}{
		"refused": {
			tour.Step{Name: "first", Before: []tour.Request{{Method: "GET", Path: "/refused"}}, Request: tour.Request{Method: "GET", Path: "/never"}, After: undo},
			"first: before it, the response to GET /refused is 403 Forbidden",
		},
		"not put back": {
			tour.Step{Name: "last", Request: tour.Request{Method: "GET", Path: "/"}, After: []tour.Request{{Method: "GET", Path: "/refused"}, undo[0]}},
			"last: after it, the response to GET /refused is 403 Forbidden",
		},
		"cancelled": {tour.Step{Request: tour.Request{Method: "GET", Path: "/cancelled"}, After: undo}, "context canceled"},
		"not told":  {tour.Step{Request: tour.Request{Method: "GET", Path: "/"}, Mapped: true, After: undo}, "reading the simulated response"},
		"no request": {
			tour.Step{Request: tour.Request{Method: "GET IT", Path: "/"}, After: undo}, "making a request",
		},
	} {
		p.asked = nil
		var ctx context.Context
		ctx, cancel = context.WithCancel(t.Context())
		_, err := p.guide.Walk(ctx, test.step)
		cancel()
		isUndone := len(p.asked) > 0 && p.asked[len(p.asked)-1] == "PUT /undo" && !slices.Contains(p.asked, "GET /never")
		if err == nil || !strings.Contains(err.Error(), test.err) || !isUndone {
			t.Errorf("%s: %v, %q", name, err, p.asked)
		}
	}
}

// Redirects are shown, not followed.
func TestRedirection(t *testing.T) {
	t.Parallel()
	p := newPlace(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusSeeOther)
	})
	visit, err := p.guide.Walk(t.Context(), tour.Step{Request: tour.Request{Method: "GET", Path: "/"}})
	if err != nil || visit.Row != http.StatusSeeOther || len(p.asked) != 1 {
		t.Errorf("%d, %q, %v", visit.Row, p.asked, err)
	}
}

// A server that has gone is an error, also of what should be put back.
func TestGone(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	guide := tour.NewGuide(&http.Client{Timeout: time.Minute}, server.URL)
	_, err := guide.Walk(t.Context(), tour.Step{Request: tour.Request{Method: "GET", Path: "/"}, After: []tour.Request{{Method: "PUT", Path: "/undo"}}})
	if err == nil || strings.Count(err.Error(), "sending a request") != 2 {
		t.Error(err)
	}
}
