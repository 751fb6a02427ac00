package respond_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/statusway/statusway/gateway/internal/exchange"
	"github.com/statusway/statusway/gateway/internal/respond"
	"github.com/statusway/statusway/gateway/policy"
)

func TestFile(t *testing.T) {
	t.Parallel()
	content := strings.Repeat("a document ", 100)
	file := respond.NewFile("text/plain; charset=utf-8", []byte(content))
	tag := askFile(t, filing(t, false), file, nil).Header().Get("Etag")
	coded := strings.TrimSuffix(tag, `"`) + `%gzip"`
	if len(tag) < 10 || askFile(t, filing(t, false), respond.NewFile("text/plain", []byte("other")), nil).Header().Get("Etag") == tag {
		t.Fatalf("the entity-tag is %q", tag)
	}
	for _, test := range []struct {
		name    string
		gzip    bool
		headers map[string]string
		status  int
		etag    string
		coding  string
	}{
		{"as it is", false, nil, 200, tag, ""},
		{"known", false, map[string]string{"If-None-Match": tag}, 304, tag, ""},
		{"any", false, map[string]string{"If-None-Match": "*"}, 304, tag, ""},
		{"another", false, map[string]string{"If-None-Match": `"x"`}, 200, tag, ""},
		{"unreadable", false, map[string]string{"If-None-Match": "x"}, 200, tag, ""},
		{"a date alone says nothing", false, map[string]string{"If-Modified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"}, 200, tag, ""},
		{"not this one", false, map[string]string{"If-Match": `"x"`}, 412, "", ""},
		{"this one", false, map[string]string{"If-Match": tag}, 200, tag, ""},
		{"no coding is offered", false, map[string]string{"Accept-Encoding": "gzip"}, 200, tag, ""},
		{"compressed", true, map[string]string{"Accept-Encoding": "gzip"}, 200, coded, "gzip"},
		{"compressed and known", true, map[string]string{"Accept-Encoding": "gzip", "If-None-Match": coded}, 304, coded, ""},
		{"compressed, and the other known", true, map[string]string{"Accept-Encoding": "gzip", "If-None-Match": tag}, 200, coded, "gzip"},
		{"not compressed", true, nil, 200, tag, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := askFile(t, filing(t, test.gzip), file, test.headers)
			if got.Code != test.status || got.Header().Get("Etag") != test.etag || got.Header().Get("Content-Encoding") != test.coding {
				t.Fatalf("%d %v", got.Code, got.Header())
			}
			if test.gzip != (got.Header().Get("Vary") == "Accept-Encoding") {
				t.Errorf("Vary is %q", got.Header().Get("Vary"))
			}
			body, err := io.ReadAll(got.Body)
			if err == nil && test.coding != "" {
				var plain *gzip.Reader
				if plain, err = gzip.NewReader(bytes.NewReader(body)); err == nil {
					body, err = io.ReadAll(plain)
				}
			}
			switch {
			case err != nil:
				t.Fatal(err)
			case test.status == 200 && (string(body) != content || got.Header().Get("Content-Type") != "text/plain; charset=utf-8"):
				t.Errorf("%s: %q", got.Header().Get("Content-Type"), body)
			case test.status == 304 && (len(body) > 0 || got.Header().Get("Content-Type") != "" || got.Header().Get("Cache-Control") != "no-cache"):
				t.Errorf("%v, %q", got.Header(), body)
			}
		})
	}
}

func filing(t *testing.T, coded bool) *respond.Responder {
	t.Helper()
	responder, err := respond.New(respond.Params{
		Table: builtin(t, policy.Documented), PublicURL: "https://api.example.com", Gzip: coded,
	})
	if err != nil {
		t.Fatal(err)
	}
	return responder
}

// askFile asks for a file as the gateway does.
func askFile(t *testing.T, responder *respond.Responder, file *respond.File, headers map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/file", nil)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	recorder := httptest.NewRecorder()
	request, _ = exchange.Begin(recorder, request)
	if err := responder.File(recorder, request, file); err != nil {
		responder.Error(recorder, request, err)
	}
	return recorder
}

// HEAD gets the fields of GET and nothing more.
func TestFileHead(t *testing.T) {
	t.Parallel()
	recorder := httptest.NewRecorder()
	request, _ := exchange.Begin(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodHead, "/file", nil))
	if err := filing(t, false).File(recorder, request, respond.NewFile("text/plain", []byte("text"))); err != nil {
		t.Fatal(err)
	}
	if recorder.Body.Len() > 0 || recorder.Header().Get("Content-Length") != "4" || recorder.Header().Get("Etag") == "" {
		t.Errorf("%v, %q", recorder.Header(), recorder.Body)
	}
}
