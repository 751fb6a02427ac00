package command_test

import (
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/statusway/statusway/server/internal/system"
)

// The demo conforms, and so does a proxy before it, which knows no more of it than
// server reflection says: by either policy, over either transport.
func TestConformance(t *testing.T) {
	t.Parallel()
	system.Test(t) // It runs the whole suite eight times.
	for _, policy := range []string{"documented", "canonical"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			demo := serve(t, "--demo", "--policy="+policy, "--rate-limit=off")
			proxy := demo.before(t, "--policy="+policy, "--rate-limit=off")
			for name, target := range map[string]string{"demo": demo.rest, "proxy": proxy.rest} {
				got := conform(t, target)
				if got.code != 0 || !strings.Contains(got.out, " conforms to the policy "+policy+", ") || !strings.Contains(got.out, " passed, 0 failed, ") {
					t.Errorf("%s: exit code %d\n%s%s", name, got.code, got.out, got.err)
				}
				if got.err != "" {
					t.Errorf("%s: %s", name, got.err)
				}
			}
			demo.stop(t)
			proxy.stop(t)
		})
	}
}

// One thing is broken in an otherwise good server: the cases that are about it fail.
func TestConformanceOfBrokenServers(t *testing.T) {
	t.Parallel()
	system.Test(t) // It runs the whole suite 22 times.
	demo := serve(t, "--demo", "--rate-limit=off")
	// What a reverse proxy in between changes by itself is not what this is about.
	untouched := failing(t, broken(t, demo.rest, func(*sent) {}))
	lacking := func(name string) func(*sent) {
		return func(s *sent) { s.header.Del(name) }
	}
	status := func(from, to int) func(*sent) {
		return func(s *sent) {
			if s.status == from {
				s.status = to
			}
		}
	}
	replace := func(old, text string) func(*sent) {
		return func(s *sent) { s.content = strings.ReplaceAll(s.content, old, text) }
	}
	var lines []string
	for _, one := range []struct {
		name   string
		change func(*sent)
	}{
		{"200 for 201", status(201, 200)},
		{"200 for 202", status(202, 200)},
		{"304 for 412", status(412, 304)},
		{"409 for 412", status(412, 409)},
		{"400 for 413", status(413, 400)},
		{"404 for 410", status(410, 404)},
		{"501 for 405", status(405, 501)},
		{"no Allow", lacking("Allow")},
		{"no ETag", lacking("ETag")},
		{"no Last-Modified", lacking("Last-Modified")},
		{"no Link", lacking("Link")},
		{"no Location", lacking("Location")},
		{"no Preference-Applied", lacking("Preference-Applied")},
		{"no Retry-After", lacking("Retry-After")},
		{"no Sunset", lacking("Sunset")},
		{"no Vary", lacking("Vary")},
		{"weak tags", func(s *sent) {
			if tag := s.header.Get("ETag"); tag != "" {
				s.header.Set("ETag", "W/"+tag)
			}
		}},
		{"no details", replace(`,"details":[`, `,"parts":[`)},
		{"no reason", replace(`"reason":`, `"cause":`)},
		{"no pointers", replace(`"pointer":`, `"field":`)},
		{"the number of the code", replace(`"code":"NOT_FOUND"`, `"code":"5"`)},
	} {
		failed := failing(t, broken(t, demo.rest, one.change))
		maps.DeleteFunc(failed, func(name, _ string) bool { return untouched[name] != "" })
		if len(failed) == 0 {
			t.Errorf("%s: nobody notices", one.name)
		}
		lines = append(lines, one.name+":")
		for _, name := range slices.Sorted(maps.Keys(failed)) {
			lines = append(lines, "  "+name)
		}
	}
	demo.stop(t)
	compare(t, "conformance-broken.txt", lines)
}

// sent is a response on its way.
type sent struct {
	status  int
	header  http.Header
	content string
}

// broken puts a server before target that changes its answers.
func broken(t *testing.T, target string, change func(*sent)) string {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			content, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			s := sent{status: r.StatusCode, header: r.Header, content: string(content)}
			change(&s)
			if len(content) > 0 && s.header.Get("Content-Length") != "" {
				s.header.Set("Content-Length", strconv.Itoa(len(s.content)))
				r.ContentLength = int64(len(s.content))
			}
			r.StatusCode, r.Body = s.status, io.NopCloser(strings.NewReader(s.content))
			return nil
		},
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0),
	})
	t.Cleanup(server.Close)
	return server.URL
}
