package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/statusway/statusway/server/internal/conformance"
)

func prefer(value string) [2]string { return [2]string{"Prefer", value} }

// wantHeader compares fields; an empty value means that the field is absent.
func wantHeader(t *testing.T, got *conformance.Answer, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if has := got.Header.Get(name); has != value {
			t.Errorf("%s is %q, want %q", name, has, value)
		}
	}
}

// varies says whether Vary names Prefer.
func varies(got *conformance.Answer) bool {
	return strings.Contains(strings.Join(got.Header.Values("Vary"), ","), "Prefer")
}

// checklist: PRE-03, PRE-04, PRE-05, PRE-07, 204-03, 204-05
func TestPreferReturn(t *testing.T) {
	t.Parallel()
	s := start(t, "default")
	put := func(name, value string) conformance.Request {
		return conformance.Request{Method: http.MethodPut, Target: "/v1/entities/" + name, JSON: asJSON(pot("x")), Headers: [][2]string{prefer(value)}}
	}

	created := s.do(t, "editor", post(entitiesURL, map[string]any{"id": "bare", "displayName": "Bare"}, prefer("return=minimal")))
	wantStatus(t, created, http.StatusCreated, "")
	if len(created.Body) > 0 {
		t.Errorf("a body: %s", created.Body)
	}
	wantHeader(t, created, map[string]string{
		"Location": "/v1/entities/bare", "Preference-Applied": "return=minimal", "Content-Length": "0", "Content-Type": "", "Content-Location": "",
	})
	read := s.do(t, "editor", conformance.Request{Method: http.MethodGet, Target: "/v1/entities/bare"})
	if etag := created.Header.Get("ETag"); etag == "" || etag != read.Header.Get("ETag") {
		t.Errorf("ETag is %q, and that of GET %q", etag, read.Header.Get("ETag"))
	}

	patched := s.do(t, "editor", conformance.Request{
		Method: http.MethodPatch, Target: "/v1/entities/bare", JSON: asJSON(pot("Barer")),
		Headers: [][2]string{prefer(`foo, RETURN="minimal"; x=1`), {"If-Match", read.Header.Get("ETag")}},
	})
	wantStatus(t, patched, http.StatusNoContent, "")
	read = s.do(t, "editor", conformance.Request{Method: http.MethodGet, Target: "/v1/entities/bare"})
	wantHeader(t, patched, map[string]string{"Etag": read.Header.Get("ETag"), "Preference-Applied": "return=minimal"})
	if !strings.Contains(string(read.Body), "Barer") {
		t.Errorf("nothing was changed: %s", read.Body)
	}

	wantStatus(t, s.do(t, "editor", put("bare", "return=minimal")), http.StatusNoContent, "")
	put201 := s.do(t, "editor", put("bare-put", "return=minimal"))
	wantStatus(t, put201, http.StatusCreated, "")
	wantHeader(t, put201, map[string]string{"Location": "/v1/entities/bare-put", "Preference-Applied": "return=minimal", "Content-Type": ""})

	confirmed := s.do(t, "editor", post(entitiesURL, map[string]any{"id": "whole", "displayName": "Whole"}, prefer("return=representation")))
	wantStatus(t, confirmed, http.StatusCreated, "")
	wantHeader(t, confirmed, map[string]string{
		"Preference-Applied": "return=representation", "Content-Location": "/v1/entities/whole", "Content-Type": "application/json",
	})
	read = s.do(t, "editor", conformance.Request{Method: http.MethodGet, Target: "/v1/entities/whole"})
	if string(read.Body) != string(confirmed.Body) {
		t.Errorf("Content-Location promises %s, and GET has %s", confirmed.Body, read.Body)
	}

	for _, ignored := range []string{
		"return=minimal, return=representation", "return=Minimal", "return", "handling=strict", "=", "respond-async, wait=1",
	} {
		got := s.do(t, "editor", put("bare", ignored))
		wantStatus(t, got, http.StatusOK, "")
		wantHeader(t, got, map[string]string{"Preference-Applied": ""})
		if len(got.Body) == 0 || !varies(got) {
			t.Errorf("%s: body %q, Vary %q", ignored, got.Body, got.Header.Values("Vary"))
		}
	}
}

// checklist: PRE-02
func TestVaryPrefer(t *testing.T) {
	t.Parallel()
	s := start(t, "default")
	login := map[string]any{"username": "editor", "password": "demo"}
	for name, test := range map[string]struct {
		user    string
		request conformance.Request
		status  int
		vary    bool
	}{
		"success, not asked": {"editor", post(entitiesURL, pot("Varied")), 201, true},
		"no credentials":     {"", post(entitiesURL, pot("x")), 401, true},
		"not allowed":        {"viewer", post(entitiesURL, pot("x")), 403, true},
		"malformed":          {"editor", post(entitiesURL, map[string]any{"x": 1}), 400, true},
		"not found":          {"editor", conformance.Request{Method: http.MethodPatch, Target: "/v1/entities/none", JSON: asJSON(pot("x"))}, 404, true},
		"wrong media type":   {"editor", post(entitiesURL, pot("x"), [2]string{"Content-Type", "text/plain"}), 415, true},
		"bad Accept":         {"editor", post(entitiesURL, pot("x"), [2]string{"Accept", "application/"}), 400, true},
		"condition failed": {"editor", conformance.Request{
			Method: http.MethodPut, Target: "/v1/entities/cup", JSON: asJSON(pot("x")), Headers: [][2]string{{"If-Match", `"x"`}},
		}, 412, true},
		"import":             {"editor", post(importURL, map[string]any{"entities": []any{pot("Varied")}}), 202, true},
		"a method with none": {"", post("/v1/sessions", login, prefer("return=minimal")), 201, false},
		"reading":            {"editor", get("/v1/entities/cup", prefer("return=minimal")), 200, false},
		"a method that is not": {"editor", conformance.Request{
			Method: http.MethodDelete, Target: entitiesURL, Headers: [][2]string{prefer("return=minimal")},
		}, 405, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := s.do(t, test.user, test.request)
			if got.Status != test.status || varies(got) != test.vary {
				t.Errorf("%d with Vary %q, want %d, with Prefer: %t", got.Status, got.Header.Values("Vary"), test.status, test.vary)
			}
			wantHeader(t, got, map[string]string{"Preference-Applied": ""})
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
	s := start(t, "default")
	two := map[string]any{"entities": []any{pot("Waited for"), pot("Waited for")}}
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
			send := post(importURL, two)
			for _, line := range test.prefer {
				send.Headers = append(send.Headers, prefer(line))
			}
			got := s.do(t, "editor", send)
			wantStatus(t, got, test.status, "")
			wantHeader(t, got, map[string]string{"Preference-Applied": test.applied})
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
	s := start(t, "default")
	one := map[string]any{"entities": []any{pot("Forged")}}
	got := s.do(t, "editor", post(importURL, one, [2]string{"Prefer-Wait", "20"}))
	wantStatus(t, got, http.StatusAccepted, "")
	got = s.do(t, "editor", post(importURL, one, [2]string{"Grpc-Metadata-Prefer-Wait", "20"}))
	wantStatus(t, got, http.StatusBadRequest, "RESERVED_HEADER")
}

// An import that does not end in time is answered as it is, and goes on.
//
// checklist: PRE-06
func TestPreferWaitRunsOut(t *testing.T) {
	t.Parallel()
	s := start(t, "default")
	many := make([]any, 10000)
	for i := range many {
		many[i] = pot("One of very many")
	}
	send := post(importURL, map[string]any{"entities": many}, prefer("wait=1"))
	begin := time.Now()
	got := s.do(t, "editor", send)
	if got.Status == http.StatusOK {
		t.Logf("10 000 entities were imported in %s", time.Since(begin))
		return // A machine that is fast enough has kept the promise too.
	}
	wantStatus(t, got, http.StatusAccepted, "")
	wantHeader(t, got, map[string]string{"Preference-Applied": "wait=1"})
	if o := operationOf(t, got); o.Done || time.Since(begin) < time.Second {
		t.Errorf("%+v after %s", o, time.Since(begin))
	}
}
