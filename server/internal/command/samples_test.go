package command_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/descriptorpb"

	_ "github.com/statusway/statusway/gen/go/statusway/conformance/v1" // what the samples serve
	"github.com/statusway/statusway/server/internal/system"
)

// samplesFolder holds the samples, and the descriptors of the service that they are;
// vectorsFolder what proves a port of the core.
const (
	samplesFolder = "../../../proto/examples"
	vectorsFolder = "../../../proto/vectors"
)

// A sample is a backend in another language.
type sample struct {
	name string
	// command returns what starts it, or why nothing can here.
	command func() ([]string, error)
}

func samples() []sample {
	return []sample{{name: "node", command: nodeSample}, {name: "python", command: pythonSample}}
}

// copySamples copies the samples, so that a checkout stays as it is: without what has
// been installed or generated there, and with all that is, read by this process, which is how
// `go test` knows that a result is stale. The vectors, which one of them reads, come
// along.
var copySamples = sync.OnceValues(func() (string, error) {
	folder, err := programFolder()
	if err != nil {
		return "", err
	}
	return filepath.Join(folder, "examples"), errors.Join(
		copyFolder(samplesFolder, filepath.Join(folder, "examples")), copyFolder(vectorsFolder, filepath.Join(folder, "vectors")),
	)
})

func copyFolder(from, to string) error {
	whole := os.DirFS(from)
	return fs.WalkDir(whole, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case slices.Contains([]string{"node_modules", "__pycache__", "generated", "dist"}, entry.Name()):
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		}
		text, err := fs.ReadFile(whole, name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), text, 0o600)
	})
}

// nodeFolder is the sample in Node with what it needs installed.
var nodeFolder = sync.OnceValues(func() (string, error) { return install(context.Background(), "node") })

// inNode returns the folder of a sample that runs in Node, or why nothing can here.
func inNode(name string, tools ...string) (string, error) {
	for _, tool := range append(tools, "node") {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("the sample %s needs %s: %w", name, tool, err)
		}
	}
	copied, err := copySamples()
	return filepath.Join(copied, name), err
}

// install does so with what a sample in Node needs, and returns its folder.
func install(ctx context.Context, name string) (string, error) {
	folder, err := inNode(name, "npm")
	if err != nil {
		return "", err
	}
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	npm.Dir = folder
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci of the sample %s: %w\n%s", name, err, out)
	}
	return folder, nil
}

func nodeSample() ([]string, error) {
	folder, err := nodeFolder()
	return []string{"node", filepath.Join(folder, "server.js")}, err
}

// pythonSample finds an interpreter with gRPC. Debian's is rarely the first on the path
// of whoever has others as well.
var pythonSample = sync.OnceValues(func() ([]string, error) {
	copied, err := copySamples()
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		out, err := exec.Command(python, "-c", "import grpc.aio, google.protobuf").CombinedOutput()
		if err == nil {
			return []string{python, filepath.Join(copied, "python", "server.py")}, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w: %s", python, err, lastLines(strings.TrimSpace(string(out)), 1)))
	}
	return nil, fmt.Errorf("the sample in Python needs grpc and protobuf, such as Debian's python3-grpcio: %w", errors.Join(errs...))
})

// start starts a sample.
func (s sample) start(t *testing.T, arguments ...string) *process {
	t.Helper()
	system.Test(t)
	command, err := s.command()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, command[0], append(append(command[1:len(command):len(command)], "--address=127.0.0.1:0"), arguments...)...)
	p.grpc = p.await(t, `(?m)^gRPC (\S+)$`)[1]
	return p
}

// served starts a proxy before a running sample.
func served(t *testing.T, backend *process, arguments ...string) *process {
	t.Helper()
	// What a sample is it cannot say itself.
	return backend.before(t, append(arguments, "--rate-limit=off", "--descriptors="+filepath.Join(samplesFolder, "conformance.binpb"))...)
}

// Each sample conforms to either policy, over either transport.
func TestSamplesConform(t *testing.T) {
	t.Parallel()
	for _, one := range samples() {
		for _, policy := range []string{"documented", "canonical"} {
			t.Run(one.name+" "+policy, func(t *testing.T) {
				t.Parallel()
				backend := one.start(t)
				got := conform(t, served(t, backend, "--policy="+policy).rest)
				if got.code != 0 || !strings.Contains(got.out, " conforms to the policy "+policy+", ") || !strings.Contains(got.out, " passed, 0 failed, ") {
					t.Errorf("exit code %d\n%s%s", got.code, got.out, got.err)
				}
				backend.stop(t)
			})
		}
	}
}

// An error means the same, however its backend sends it: its details by a whole
// google.rpc.Status or plainly, in any part of the response that can hold metadata.
func TestSamplesErrors(t *testing.T) {
	t.Parallel()
	const asStatus = `"delivery": "DELIVERY_DETAILS", "status": {"code": %d, "message": "None left.", "details": [
		{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SOLD_OUT", "domain": "shop.v1"},
		{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}
	]}`
	const plainly = `"delivery": "DELIVERY_PLAIN", "status": {"code": %d, "message": "None left."},
		"metadata": {"statusway-reason": "SOLD_OUT", "statusway-domain": "shop.v1", "statusway-retry-after": "7"}`
	placements := []string{"PLACEMENT_UNSPECIFIED", "PLACEMENT_HEADER", "PLACEMENT_TRAILER", "PLACEMENT_TRAILERS_ONLY"}
	for _, one := range samples() {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			proxy := served(t, one.start(t))
			for what, delivery := range map[string]string{"as a status": asStatus, "plainly": plainly} {
				for _, placement := range placements {
					for _, path := range []string{"/conformance/v1/outcomes", "/conformance/v1/items:watch"} {
						outcome := fmt.Sprintf(`{"placement": %q, `+delivery+`}`, placement, 10)
						if strings.HasSuffix(path, ":watch") {
							outcome = `{"outcome": ` + outcome + `}`
						}
						a := proxy.must(t, http.MethodPost, path, "", []byte(outcome))
						if a.status != http.StatusConflict || a.header.Get("Retry-After") != "7" || a.body["reason"] != "SOLD_OUT" ||
							a.body["domain"] != "shop.v1" || a.body["detail"] != "None left." || a.body["code"] != "ABORTED" {
							t.Errorf("%s, %s, %s: %+v", path, what, placement, a)
						}
					}
				}
			}
		})
	}
}

// A backend counts its own callers, and tells them before it refuses them.
func TestSamplesAllowance(t *testing.T) {
	t.Parallel()
	for _, one := range samples() {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			proxy := served(t, one.start(t, "--allowance=3/60"))
			want := map[int][2]string{1: {"200", "2"}, 2: {"404", "1"}, 3: {"200", "0"}, 4: {"429", "0"}}
			paths := map[int]string{1: "/conformance/v1/items", 2: "/conformance/v1/items/none", 3: "/conformance/v1/items", 4: "/conformance/v1/items"}
			for i := 1; i <= len(want); i++ {
				a := proxy.must(t, http.MethodGet, paths[i], "", nil)
				got := [2]string{strconv.Itoa(a.status), a.header.Get("X-Rate-Limit-Remaining")}
				if got != want[i] || a.header.Get("X-Rate-Limit-Limit") != "3" || a.header.Get("X-Rate-Limit-Reset") == "" {
					t.Errorf("request %d: %v, want %v: %v", i, got, want[i], a.header)
				}
				if a.status == http.StatusTooManyRequests && (a.header.Get("Retry-After") == "" || a.body["reason"] != "RATE_LIMITED") {
					t.Errorf("request %d: %+v", i, a)
				}
			}
		})
	}
}

// Header fields and errors arrive that are longer than most of gRPC takes unasked.
func TestSamplesLongMetadata(t *testing.T) {
	t.Parallel()
	for _, one := range samples() {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			proxy := served(t, one.start(t))
			if a := proxy.must(t, http.MethodGet, "/conformance/v1/echo", strings.Repeat("t", 40<<10), nil); a.status != http.StatusOK {
				t.Errorf("a long token: %+v", a)
			}
			message := strings.Repeat("No. ", 20<<10)
			a := proxy.must(t, http.MethodPost, "/conformance/v1/outcomes", "", fmt.Appendf(nil, `{"status": {"code": 5, "message": %q}}`, message))
			if a.status != http.StatusNotFound || a.body["detail"] != message {
				t.Errorf("a long message: %d, %.100s", a.status, a.text)
			}
		})
	}
}

// TestSamplesStop: a backend ends well when it is asked to.
func TestSamplesStop(t *testing.T) {
	t.Parallel()
	for _, one := range samples() {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			one.start(t).stop(t)
		})
	}
}

// The samples' own tests pass: of the modules that are there to be copied, and of the
// port of the core to JavaScript, which passes every vector.
func TestSamplesOwnTests(t *testing.T) {
	t.Parallel()
	system.Test(t)
	for _, test := range []struct {
		sample    sample
		arguments []string
		passes    string
	}{
		{samples()[0], []string{"--test"}, `(?m)^# pass \d{3,}$`},
		{samples()[1], []string{"-m", "unittest"}, `(?m)^Ran \d+ tests in .*\n\nOK$`},
	} {
		t.Run(test.sample.name, func(t *testing.T) {
			t.Parallel()
			command, err := test.sample.command()
			if err != nil {
				t.Fatal(err)
			}
			tests := exec.CommandContext(t.Context(), command[0], test.arguments...)
			tests.Dir = filepath.Dir(command[1])
			out, err := tests.CombinedOutput()
			if err != nil || !regexp.MustCompile(test.passes).Match(out) {
				t.Errorf("%v: %v\n%s", tests.Args, err, lastLines(string(out), 60))
			}
		})
	}
}

// The samples' descriptors are those of the protos, with all that is imported.
func TestSamplesDescriptors(t *testing.T) {
	t.Parallel()
	wire, err := os.ReadFile(filepath.Join(samplesFolder, "conformance.binpb"))
	if err != nil {
		t.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(wire, set); err != nil {
		t.Fatal(err)
	}
	for _, file := range set.GetFile() {
		// What buf brings of google/protobuf may be newer than what is linked in.
		if strings.HasPrefix(file.GetName(), "google/protobuf/") {
			continue
		}
		linked, err := protoregistry.GlobalFiles.FindFileByPath(file.GetName())
		if err != nil {
			t.Fatal(err)
		}
		want := protodesc.ToFileDescriptorProto(linked)
		// gen/imports prints the imports of a file in an order of its own.
		slices.Sort(want.GetDependency())
		slices.Sort(file.GetDependency())
		if diff := cmp.Diff(want, file, protocmp.Transform()); diff != "" {
			t.Errorf("%s is stale: run `make generate` (-linked +file):\n%s", file.GetName(), diff)
		}
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err) // such as an import that is missing
	}
	for _, name := range []protoreflect.FullName{"statusway.conformance.v1.ConformanceService", "statusway.v1.Problem", "google.rpc.ErrorInfo"} {
		if _, err := files.FindDescriptorByName(name); err != nil {
			t.Error(err)
		}
	}
}
