package checklist_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/conformance"
)

func prefer(value string) [2]string { return [2]string{"Prefer", value} }

// varies reports whether Vary names Prefer.
func varies(got *conformance.Answer) bool {
	return strings.Contains(strings.Join(got.Header.Values("Vary"), ","), "Prefer")
}

// checklist: PRE-03, PRE-04, PRE-05, PRE-07, 204-03, 204-05
func TestPreferReturn(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, "default")
	put := func(name, value string) conformance.Request {
		return conformance.Request{
			Method: http.MethodPut, Target: "/v1/entities/" + name, JSON: apptest.JSON(apptest.Named("x")), Headers: [][2]string{prefer(value)},
		}
	}

	created := s.Do(t, "editor", apptest.Post(apptest.EntitiesURL, map[string]any{"id": "bare", "displayName": "Bare"}, prefer("return=minimal")))
	apptest.WantStatus(t, created, http.StatusCreated, "")
	if len(created.Body) > 0 {
		t.Errorf("a body: %s", created.Body)
	}
	apptest.WantHeaders(t, created, map[string]string{
		"Location": "/v1/entities/bare", "Preference-Applied": "return=minimal", "Content-Length": "0", "Content-Type": "", "Content-Location": "",
	})
	read := s.Do(t, "editor", conformance.Request{Method: http.MethodGet, Target: "/v1/entities/bare"})
	if etag := created.Header.Get("ETag"); etag == "" || etag != read.Header.Get("ETag") {
		t.Errorf("ETag is %q, and that of GET %q", etag, read.Header.Get("ETag"))
	}

	patched := s.Do(t, "editor", conformance.Request{
		Method: http.MethodPatch, Target: "/v1/entities/bare", JSON: apptest.JSON(apptest.Named("Barer")),
		Headers: [][2]string{prefer(`foo, RETURN="minimal"; x=1`), {"If-Match", read.Header.Get("ETag")}},
	})
	apptest.WantStatus(t, patched, http.StatusNoContent, "")
	read = s.Do(t, "editor", conformance.Request{Method: http.MethodGet, Target: "/v1/entities/bare"})
	apptest.WantHeaders(t, patched, map[string]string{"Etag": read.Header.Get("ETag"), "Preference-Applied": "return=minimal"})
	if !strings.Contains(string(read.Body), "Barer") {
		t.Errorf("nothing was changed: %s", read.Body)
	}

	apptest.WantStatus(t, s.Do(t, "editor", put("bare", "return=minimal")), http.StatusNoContent, "")
	put201 := s.Do(t, "editor", put("bare-put", "return=minimal"))
	apptest.WantStatus(t, put201, http.StatusCreated, "")
	apptest.WantHeaders(t, put201, map[string]string{"Location": "/v1/entities/bare-put", "Preference-Applied": "return=minimal", "Content-Type": ""})

	confirmed := s.Do(t, "editor", apptest.Post(apptest.EntitiesURL, map[string]any{"id": "whole", "displayName": "Whole"}, prefer("return=representation")))
	apptest.WantStatus(t, confirmed, http.StatusCreated, "")
	apptest.WantHeaders(t, confirmed, map[string]string{
		"Preference-Applied": "return=representation", "Content-Location": "/v1/entities/whole", "Content-Type": "application/json",
	})
	read = s.Do(t, "editor", conformance.Request{Method: http.MethodGet, Target: "/v1/entities/whole"})
	if string(read.Body) != string(confirmed.Body) {
		t.Errorf("Content-Location promises %s, and GET has %s", confirmed.Body, read.Body)
	}

	for _, ignored := range []string{
		"return=minimal, return=representation", "return=Minimal", "return", "handling=strict", "=", "respond-async, wait=1",
	} {
		got := s.Do(t, "editor", put("bare", ignored))
		apptest.WantStatus(t, got, http.StatusOK, "")
		apptest.WantHeaders(t, got, map[string]string{"Preference-Applied": ""})
		if len(got.Body) == 0 || !varies(got) {
			t.Errorf("%s: body %q, Vary %q", ignored, got.Body, got.Header.Values("Vary"))
		}
	}
}

// checklist: PRE-02
func TestVaryPrefer(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, "default")
	login := map[string]any{"username": "editor", "password": "demo"}
	for name, test := range map[string]struct {
		user    string
		request conformance.Request
		status  int
		vary    bool
	}{
		"success, not asked": {"editor", apptest.Post(apptest.EntitiesURL, apptest.Named("Varied")), 201, true},
		"no credentials":     {"", apptest.Post(apptest.EntitiesURL, apptest.Named("x")), 401, true},
		"not allowed":        {"viewer", apptest.Post(apptest.EntitiesURL, apptest.Named("x")), 403, true},
		"malformed":          {"editor", apptest.Post(apptest.EntitiesURL, map[string]any{"x": 1}), 400, true},
		"not found": {"editor", conformance.Request{
			Method: http.MethodPatch, Target: "/v1/entities/none", JSON: apptest.JSON(apptest.Named("x")),
		}, 404, true},
		"wrong media type": {"editor", apptest.Post(apptest.EntitiesURL, apptest.Named("x"), [2]string{"Content-Type", "text/plain"}), 415, true},
		"bad Accept":       {"editor", apptest.Post(apptest.EntitiesURL, apptest.Named("x"), [2]string{"Accept", "application/"}), 400, true},
		"condition failed": {"editor", conformance.Request{
			Method: http.MethodPut, Target: "/v1/entities/cup", JSON: apptest.JSON(apptest.Named("x")), Headers: [][2]string{{"If-Match", `"x"`}},
		}, 412, true},
		"import":             {"editor", apptest.Post(importURL, map[string]any{"entities": []any{apptest.Named("Varied")}}), 202, true},
		"a method with none": {"", apptest.Post("/v1/sessions", login, prefer("return=minimal")), 201, false},
		"reading":            {"editor", apptest.Get("/v1/entities/cup", prefer("return=minimal")), 200, false},
		"a method that is not": {"editor", conformance.Request{
			Method: http.MethodDelete, Target: apptest.EntitiesURL, Headers: [][2]string{prefer("return=minimal")},
		}, 405, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := s.Do(t, test.user, test.request)
			if got.Status != test.status || varies(got) != test.vary {
				t.Errorf("%d with Vary %q, want %d, with Prefer: %t", got.Status, got.Header.Values("Vary"), test.status, test.vary)
			}
			apptest.WantHeaders(t, got, map[string]string{"Preference-Applied": ""})
		})
	}
}

// operation is the body of an import's answer.
type operation struct {
	Name     string `json:"name"`
	Done     bool   `json:"done"`
	Response *struct {
		Created int `json:"created"`
	} `json:"response"`
}

func operationOf(t *testing.T, got *conformance.Answer) operation {
	t.Helper()
	var o operation
	if err := json.Unmarshal(got.Body, &o); err != nil {
		t.Fatalf("%d %s: %v", got.Status, got.Body, err)
	}
	return o
}

// checklist: PRE-06, 202-10
func TestPreferWait(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, "default")
	two := map[string]any{"entities": []any{apptest.Named("Waited for"), apptest.Named("Waited for")}}
	for name, test := range map[string]struct {
		prefer  []string
		status  int
		applied string
	}{
		"nothing":               {nil, 202, ""},
		"respond-async":         {[]string{"respond-async"}, 202, "respond-async"},
		"wait":                  {[]string{"wait=20"}, 200, "wait=20"},
		"both":                  {[]string{"respond-async, wait=20"}, 200, "wait=20"},
		"two lines":             {[]string{"wait=20", "respond-async"}, 200, "wait=20"},
		"the first counts":      {[]string{"wait=20, wait=0"}, 200, "wait=20"},
		"at most half a minute": {[]string{"wait=86400"}, 200, "wait=30"},
		"wait of nothing":       {[]string{"wait=0"}, 202, "wait=0"},
		"malformed":             {[]string{"wait=soon"}, 202, ""},
		"not honoured":          {[]string{"return=minimal"}, 202, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			send := apptest.Post(importURL, two)
			for _, line := range test.prefer {
				send.Headers = append(send.Headers, prefer(line))
			}
			got := s.Do(t, "editor", send)
			apptest.WantStatus(t, got, test.status, "")
			apptest.WantHeaders(t, got, map[string]string{"Preference-Applied": test.applied})
			o := operationOf(t, got)
			if o.Name == "" || !varies(got) {
				t.Errorf("operation %+v, Vary %q", o, got.Header.Values("Vary"))
			}
			if test.status == http.StatusOK {
				if !o.Done || o.Response == nil || o.Response.Created != 2 || got.Header.Get("Location") != "" {
					t.Errorf("it has not ended: %s, Location %q", got.Body, got.Header.Get("Location"))
				}
				return
			}
			if got.Header.Get("Location") != "/v1/"+o.Name {
				t.Errorf("Location is %q of %s", got.Header.Get("Location"), o.Name)
			}
		})
	}
}

// A client cannot hand the backend a wait in another way.
//
// checklist: PRE-06, GRPC-08
func TestPreferWaitCannotBeForged(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, "default")
	one := map[string]any{"entities": []any{apptest.Named("Forged")}}
	got := s.Do(t, "editor", apptest.Post(importURL, one, [2]string{"Prefer-Wait", "20"}))
	apptest.WantStatus(t, got, http.StatusAccepted, "")
	got = s.Do(t, "editor", apptest.Post(importURL, one, [2]string{"Grpc-Metadata-Prefer-Wait", "20"}))
	apptest.WantStatus(t, got, http.StatusBadRequest, "RESERVED_HEADER")
}

// An import that does not end in time is answered as it is, and goes on.
//
// checklist: PRE-06
func TestPreferWaitRunsOut(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, "default")
	many := make([]any, 10000)
	for i := range many {
		many[i] = apptest.Named("One of very many")
	}
	send := apptest.Post(importURL, map[string]any{"entities": many}, prefer("wait=1"))
	begin := time.Now()
	got := s.Do(t, "editor", send)
	if got.Status == http.StatusOK {
		t.Logf("10 000 entities were imported in %s", time.Since(begin))
		return // A machine that is fast enough has kept the promise too.
	}
	apptest.WantStatus(t, got, http.StatusAccepted, "")
	apptest.WantHeaders(t, got, map[string]string{"Preference-Applied": "wait=1"})
	if o := operationOf(t, got); o.Done || time.Since(begin) < time.Second {
		t.Errorf("%+v after %s", o, time.Since(begin))
	}
}
