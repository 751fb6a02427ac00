package command_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
	"github.com/statusway/statusway/server/internal/conformance/suite"
	"github.com/statusway/statusway/server/internal/conformancesvc"
)

// stockGateway is grpc-gateway as it comes, before the service that the demo has, with
// what every answer has to have.
func stockGateway(t *testing.T) string {
	t.Helper()
	mux := stockMux(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { mux.ServeHTTP(&polite{ResponseWriter: w}, r) }))
	t.Cleanup(server.Close)
	return server.URL
}

// stockMux is grpc-gateway as it comes, before the service that the demo has.
func stockMux(t *testing.T, options ...runtime.ServeMuxOption) *runtime.ServeMux {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	services := grpc.NewServer()
	conformancev1.RegisterConformanceServiceServer(services, conformancesvc.New(time.Now))
	conformancev1.RegisterStreamServiceServer(services, conformancesvc.NewStreams())
	conformancev1.RegisterBindingServiceServer(services, &conformancesvc.Bindings{})
	go func() { _ = services.Serve(listener) }()
	t.Cleanup(services.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	mux := runtime.NewServeMux(options...)
	if err := errors.Join(
		conformancev1.RegisterConformanceServiceHandler(t.Context(), mux, conn),
		conformancev1.RegisterStreamServiceHandler(t.Context(), mux, conn),
		conformancev1.RegisterBindingServiceHandler(t.Context(), mux, conn),
	); err != nil {
		t.Fatal(err)
	}
	return mux
}

// polite gives every answer the fields that every answer has, and takes one away that
// none has: what fails then is what a case is about.
type polite struct {
	http.ResponseWriter

	begun bool
}

func (p *polite) WriteHeader(status int) {
	p.begun = true
	for name, value := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Request-Id": "r-1", "Cache-Control": "no-store"} {
		p.Header().Set(name, value)
	}
	p.Header().Del("Grpc-Metadata-Content-Type")
	p.ResponseWriter.WriteHeader(status)
}

func (p *polite) Write(content []byte) (int, error) {
	if !p.begun {
		p.WriteHeader(http.StatusOK)
	}
	return p.ResponseWriter.Write(content)
}

func (p *polite) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *polite) Flush() { _ = http.NewResponseController(p.ResponseWriter).Flush() }

// failing are the cases that fail against a target, each with the first thing that is
// wrong beyond what is wrong with every answer.
func failing(t *testing.T, target string, arguments ...string) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.json")
	conform(t, target, append(arguments, "--cases="+withoutSteps(t), "--transport=http1", "--json="+file)...)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var report suite.Report
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	failed := map[string]string{}
	for _, one := range report.Results {
		if one.Failure == nil {
			continue
		}
		slices.Sort(one.Failure.Faults) // Those of fields come in any order.
		at := slices.IndexFunc(one.Failure.Faults, func(fault string) bool { return !strings.HasPrefix(fault, "invariant: ") })
		failed[one.Name] = plainly(one.Failure.Faults[max(0, at)])
		if one.Failure.Where != "" {
			failed[one.Name] = one.Failure.Where + ": " + failed[one.Name]
		}
	}
	return failed
}

// withoutSteps writes out the cases but for those whose client does something while the
// response arrives: a server in between that reads each response to its end first, or
// that cancels no call, makes such a case wait for as long as it may.
func withoutSteps(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "cases")
	if err := suite.Write(folder); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "cases", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		// A reverse proxy of Go now and then fails while it still writes a large body to a
		// connection that the response closes.
		if err == nil && (strings.Contains(string(text), "steps:") || filepath.Base(file) == "200-upload-large.yaml") {
			err = os.Remove(file)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// plainly cuts a fault to what is the same each time.
func plainly(fault string) string {
	const longest = 100
	fault, _, _ = strings.Cut(fault, "\n")
	fault = regexp.MustCompile(`is ".*", want none$`).ReplaceAllString(fault, "is there, want none")
	fault = regexp.MustCompile(`: ([{\["].*)?$`).ReplaceAllString(fault, "")
	if len(fault) > longest {
		fault = fault[:longest] + "…"
	}
	return regexp.MustCompile(`"?\bc[a-z2-7]{12}\b"?|\bof [0-9]{2,}$|[a-z2-7]{8}-[0-9]+|127\.0\.0\.1:[0-9]+`).ReplaceAllString(fault, "…")
}

// compare holds what fails to a file in testdata; -update writes it.
func compare(t *testing.T, file string, got []string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	text := strings.Join(got, "\n") + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(text, "\n")); diff != "" {
		t.Errorf("%s; run with -update (-want +got):\n%s", path, diff)
	}
}

// What is wrong with grpc-gateway as it comes is what the cases find, and why.
func TestConformanceOfStockGateway(t *testing.T) {
	t.Parallel()
	failed := failing(t, stockGateway(t), "--policy=canonical")
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		lines = append(lines, name+": "+failed[name])
	}
	compare(t, "conformance-stock.txt", lines)
}

// One thing is broken in an otherwise good server: the cases that are about it fail.
func TestConformanceOfBrokenServers(t *testing.T) {
	t.Parallel()
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

// sent is an answer on its way.
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
