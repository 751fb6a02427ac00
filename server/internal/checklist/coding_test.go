package checklist_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/statusway/statusway/server/internal/apptest"
	"github.com/statusway/statusway/server/internal/config"
	"github.com/statusway/statusway/server/internal/conformance"
)

func compressing(c *config.Serve) { c.Gzip = true }

func accepting(coding string) [2]string { return [2]string{"Accept-Encoding", coding} }

// book is an entity that is large enough to be compressed.
func book(name string) map[string]any {
	return map[string]any{"displayName": name, "attributes": map[string]any{"text": strings.Repeat("text ", 300)}}
}

// addBook creates the entity "book".
func addBook(t *testing.T, s *apptest.Server) {
	t.Helper()
	one := conformance.Request{Method: http.MethodPut, Target: "/v1/entities/book", JSON: apptest.JSON(book("A book"))}
	apptest.WantStatus(t, s.Do(t, "editor", one), http.StatusCreated, "")
}

// versionOf is the entity-tag of the identity representation, without its quotes.
func versionOf(t *testing.T, s *apptest.Server, id string) string {
	t.Helper()
	got := s.Do(t, "admin", apptest.Get("/v1/entities/"+id))
	apptest.WantStatus(t, got, http.StatusOK, "")
	return strings.Trim(got.Header.Get("ETag"), `"`)
}

// checklist: 406-08, 200-04, 200-06
func TestCodingIsNegotiated(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, compressing, nil, time.Now)
	addBook(t, s)
	identity := s.Do(t, "viewer", apptest.Get("/v1/entities/book"))
	for accept, want := range map[string]string{
		"gzip": "gzip", "GZip": "gzip", "gzip;q=0.001": "gzip", "br, gzip;q=0.1": "gzip", "*": "gzip", "identity;q=0": "", "identity;q=0, gzip;q=0.1": "gzip",
		"identity;q=0.5, gzip": "gzip", "gzip , ,": "gzip", "gzip;q=0": "", "gzip;q=0, *": "", "": "", "br": "", "identity": "", "br, zstd": "",
		"*;q=0, identity": "", "identity, gzip;q=0.5": "", "*;q=0": "", "gzip;q=0, identity;q=0": "",
	} {
		t.Run(accept, func(t *testing.T) {
			t.Parallel()
			got := s.Do(t, "viewer", apptest.Get("/v1/entities/book", accepting(accept)))
			apptest.WantStatus(t, got, http.StatusOK, "")
			tag := identity.Header.Get("ETag")
			if want == "gzip" {
				tag = strings.TrimSuffix(tag, `"`) + `%gzip"`
			}
			apptest.WantHeaders(t, got, map[string]string{"Content-Encoding": want, "Etag": tag})
			if vary := strings.Join(got.Header.Values("Vary"), ", "); !strings.Contains(vary, "Accept-Encoding") {
				t.Errorf("Vary is %q", vary)
			}
			if diff := cmp.Diff(string(identity.Body), string(got.Body)); diff != "" {
				t.Errorf("the content (-identity +decoded):\n%s", diff)
			}
		})
	}
}

// checklist: ALL-09, ALL-10, 200-03
func TestCodingOfHead(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, compressing, nil, time.Now)
	addBook(t, s)
	for _, target := range []string{"/v1/entities/teapot", "/v1/entities/book", "/v1/entities", "/v1/statuses", "/v1/policy", "/v1/entities/none"} {
		for _, coding := range []string{"gzip", "identity"} {
			one := apptest.Get(target, accepting(coding))
			first, second := s.Do(t, "viewer", one), s.Do(t, "viewer", one)
			one.Method = http.MethodHead
			head := s.Do(t, "viewer", one)
			if first.Status != head.Status || string(first.Body) != string(second.Body) && first.Status == 200 {
				t.Errorf("%s: %d, and HEAD %d", target, first.Status, head.Status)
			}
			for _, own := range []string{"Date", "X-Request-Id", "X-Rate-Limit-Remaining", "Ratelimit", "X-Rate-Limit-Reset"} {
				first.Header.Del(own)
				head.Header.Del(own)
			}
			if diff := cmp.Diff(first.Header, head.Header); diff != "" {
				t.Errorf("%s by %s (-GET +HEAD):\n%s", target, coding, diff)
			}
		}
	}
}

// checklist: 304-25, 304-02, 304-04, 304-05
func TestTagOfACodingOnReads(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, compressing, nil, time.Now)
	addBook(t, s)
	version := versionOf(t, s, "book")
	plain, packed := `"`+version+`"`, `"`+version+`%gzip"`
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, test := range []struct {
			field, tag, coding string
			status             int
		}{
			{"If-None-Match", plain, "", 304},
			{"If-None-Match", packed, "gzip", 304},
			{"If-None-Match", "W/" + packed, "gzip", 304},
			{"If-None-Match", plain + ", " + packed, "gzip", 304},
			{"If-None-Match", plain + ", " + packed, "", 304},
			{"If-None-Match", "*", "gzip", 304},
			{"If-None-Match", plain, "gzip", 200},
			{"If-None-Match", packed, "", 200},
			{"If-None-Match", packed, "gzip;q=0", 200},
			{"If-None-Match", `"` + version + `%gzip%gzip"`, "gzip", 200},
			{"If-Match", plain, "", 200},
			{"If-Match", packed, "gzip", 200},
			{"If-Match", "W/" + packed, "gzip", 412},
			{"If-Match", plain, "gzip", 412},
			{"If-Match", packed, "", 412},
		} {
			one := conformance.Request{Method: method, Target: "/v1/entities/book", Headers: [][2]string{{test.field, test.tag}, accepting(test.coding)}}
			got := s.Do(t, "viewer", one)
			if got.Status != test.status {
				t.Errorf("%s, %s: %s, %q: %d, want %d", method, test.field, test.tag, test.coding, got.Status, test.status)
			}
			if got.Status == 304 {
				tag := map[string]string{"gzip": packed, "": plain}[test.coding]
				apptest.WantHeaders(t, got, map[string]string{"Etag": tag, "Content-Encoding": "", "Cache-Control": "no-cache"})
			}
		}
	}
}

// A tag that a client has from a compressed answer guards its writes as well.
//
// checklist: 304-16, 304-18, 304-19, 201-04
func TestTagOfACodingOnWrites(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, compressing, nil, time.Now)
	mug := book("A mug")
	mug["id"] = "mug"
	created := s.Do(t, "editor", apptest.Post(apptest.EntitiesURL, mug, accepting("gzip")))
	apptest.WantStatus(t, created, http.StatusCreated, "")
	packed := created.Header.Get("ETag")
	read := s.Do(t, "editor", apptest.Get("/v1/entities/mug", accepting("gzip")))
	if !strings.HasSuffix(packed, `%gzip"`) || read.Header.Get("ETag") != packed {
		t.Fatalf("ETag is %q, and that of GET %q", packed, read.Header.Get("ETag"))
	}
	write := func(method, field, tag string) conformance.Request {
		one := conformance.Request{Method: method, Target: "/v1/entities/mug", Headers: [][2]string{{field, tag}, accepting("gzip")}}
		if method != http.MethodDelete {
			one.JSON = apptest.JSON(book("Another mug"))
		}
		return one
	}
	for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete} {
		version := strings.TrimSuffix(packed, `%gzip"`)
		for _, refused := range []conformance.Request{
			write(method, "If-Match", `"stale%gzip"`), write(method, "If-Match", "W/"+packed), write(method, "If-Match", version+`%gzip%gzip"`),
			write(method, "If-None-Match", packed), write(method, "If-None-Match", `"x", `+packed), write(method, "If-None-Match", "W/"+packed),
		} {
			apptest.WantStatus(t, s.Do(t, "editor", refused), http.StatusPreconditionFailed, "PRECONDITION_FAILED")
		}
		if now := versionOf(t, s, "mug"); `"`+now+`%gzip"` != packed {
			t.Fatalf("%s was refused and done: %s", method, now)
		}
		done := s.Do(t, "editor", write(method, "If-Match", `"x", `+packed))
		if done.Status != 200 && done.Status != 204 {
			t.Fatalf("%s by %s: %d %s", method, packed, done.Status, done.Body)
		}
		if method != http.MethodDelete {
			packed = `"` + versionOf(t, s, "mug") + `%gzip"`
		}
	}
	apptest.WantStatus(t, s.Do(t, "editor", apptest.Get("/v1/entities/mug")), http.StatusNotFound, "")
}

// Errors, streams and small bodies are sent as they are; so is all where the flag is not set, and
// then a tag of a server that did compress still guards a write.
//
// checklist: 406-08
func TestWhatIsNotCompressed(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, compressing, nil, time.Now)
	for target, status := range map[string]int{
		"/v1/entities/none": 404, "/v1/entities/teapot": 200, "/v1/entities:export": 200, "/healthz": 200, "/nothing": 404, "/v0/x": 410,
	} {
		got := s.Do(t, "viewer", apptest.Get(target, accepting("gzip")))
		apptest.WantStatus(t, got, status, "")
		apptest.WantHeaders(t, got, map[string]string{"Content-Encoding": ""})
	}
	plain := apptest.Serve(t, nil, nil, time.Now)
	got := plain.Do(t, "viewer", apptest.Get("/v1/entities/teapot", accepting("gzip")))
	apptest.WantHeaders(t, got, map[string]string{"Content-Encoding": "", "Vary": "Accept"})
	if strings.Contains(got.Header.Get("ETag"), "%") {
		t.Errorf("ETag is %q", got.Header.Get("ETag"))
	}
}

// A tag may have bytes beyond ASCII, which gRPC metadata cannot carry. The condition
// holds all the same.
//
// checklist: 304-16, 304-19
func TestTagsBeyondASCII(t *testing.T) {
	t.Parallel()
	s := apptest.Serve(t, nil, nil, time.Now)
	current := s.Do(t, "editor", apptest.Get("/v1/entities/cup")).Header.Get("ETag")
	for _, condition := range [][2]string{
		{"If-Match", `"é"`}, {"If-Match", "\"\xff\""}, {"If-Match", `"é", "x"`}, {"If-None-Match", `"é", ` + current}, {"If-None-Match", current + `, "é"`},
	} {
		for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete} {
			one := conformance.Request{Method: method, Target: "/v1/entities/cup", Headers: [][2]string{condition}}
			if method != http.MethodDelete {
				one.JSON = apptest.JSON(apptest.Named("Overwritten"))
			}
			apptest.WantStatus(t, s.Do(t, "editor", one), http.StatusPreconditionFailed, "PRECONDITION_FAILED")
		}
	}
	one := conformance.Request{
		Method: http.MethodPut, Target: "/v1/entities/cup", JSON: apptest.JSON(apptest.Named("A cup")), Headers: [][2]string{{"If-Match", `"é", ` + current}},
	}
	apptest.WantStatus(t, s.Do(t, "editor", one), http.StatusOK, "")
}
