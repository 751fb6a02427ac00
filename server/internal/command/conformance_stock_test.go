package command_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
// what every response has to have.
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

// polite gives every response the fields that every response has, and takes one away that
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
// wrong beyond what is wrong with every response.
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
	// It compares Content-Length, which differs from build to build: protojson adds spaces by the
	// hash of the program.
	delete(failed, "200-report-head")
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		lines = append(lines, name+": "+failed[name])
	}
	compare(t, "conformance-stock.txt", lines)
}
