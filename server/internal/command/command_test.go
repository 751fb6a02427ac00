package command_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a script sees of each way to call the program: the exit code, and which of the
// two streams says something.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, []byte("name: mine\nrows: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var config net.ListenConfig
	busy, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() })
	for _, test := range []struct {
		name      string
		arguments []string
		stdin     string
		code      int
		// out and err are parts of what is printed; "" means nothing at all.
		out, err string
	}{
		{name: "version", arguments: []string{"--version"}, out: "statusway version "},
		{name: "version as a command", arguments: []string{"version"}, out: "statusway version "},
		{name: "help", arguments: []string{"--help"}, out: "statusway serve --demo"},
		{name: "help as a command", arguments: []string{"help", "map"}, out: "echo '{\"code\": 5"},
		{name: "help of serve", arguments: []string{"serve", "--help"}, out: "--demo"},
		{name: "help of map", arguments: []string{"map", "-h"}, out: "--json"},
		{name: "help of openapi", arguments: []string{"openapi", "--help"}, out: "buf build -o api.binpb && statusway openapi"},
		{name: "policy alone", arguments: []string{"policy"}, out: "check"},
		{name: "help of tour", arguments: []string{"tour", "--help"}, out: "--row 412"},
		{name: "completion alone", arguments: []string{"completion"}, out: "bash"},

		{name: "no such command", arguments: []string{"brew"}, code: 2, err: `"brew"`},
		{name: "nearly a command", arguments: []string{"tuor"}, code: 2, err: "did you mean tour?\nstatusway --help"},
		{name: "nearly a command of policy", arguments: []string{"policy", "chek"}, code: 2, err: "did you mean check?\nstatusway policy --help"},
		{name: "an argument for a reader", arguments: []string{"map", "status.json"}, code: 2, err: `map takes no arguments, but got "status.json"`},
		{name: "an argument for a shell", arguments: []string{"completion", "bash", "brew"}, code: 2, err: `"brew"`},
		{name: "no such topic", arguments: []string{"help", "brew"}, code: 2, err: `there is no command "brew"`},
		{name: "no such topic below another", arguments: []string{"help", "policy", "brew"}, code: 2, err: `there is no command "policy brew"`},
		{name: "help of a command below another", arguments: []string{"help", "policy", "check"}, out: "problems"},
		{name: "no case", arguments: []string{"conformance", "--target=http://x", "--filter=^zzz"}, code: 2, err: "--list"},
		{name: "descriptors that are none", arguments: []string{"openapi", "--descriptors=" + file}, code: 1, err: "buf build"},
		{name: "no descriptors", arguments: []string{"openapi", "--descriptors=" + folder + "/none"}, code: 1, err: "protoc"},
		{name: "a policy that is a folder", arguments: []string{"policy", "check", folder}, code: 1, err: "policy show --json"},
		{
			name: "a port of a proxy that is taken", arguments: []string{"proxy", "--backend=127.0.0.1:1", "--http-addr=" + busy.Addr().String()},
			code: 1, err: "Choose another with --http-addr;",
		},
		{name: "no such shell", arguments: []string{"completion", "brew"}, code: 2, err: `"brew"`},
		{name: "no such command of policy", arguments: []string{"policy", "brew"}, code: 2, err: `"brew"`},
		{name: "no such flag", arguments: []string{"--brew"}, code: 2, err: "--brew"},
		{name: "no such flag of serve", arguments: []string{"serve", "--brew"}, code: 2, err: "--brew"},
		{name: "no such flag of map", arguments: []string{"map", "--brew"}, code: 2, err: "--brew"},
		{name: "no such flag of policy show", arguments: []string{"policy", "show", "--brew"}, code: 2, err: "--brew"},
		{name: "a flag without its value", arguments: []string{"serve", "--policy"}, code: 2, err: "--policy"},
		{name: "a value that is none", arguments: []string{"serve", "--grace=soon"}, code: 2, err: "--grace"},
		{name: "an argument too many", arguments: []string{"serve", "coffee"}, code: 2, err: `"coffee"`},
		{name: "an argument too many for map", arguments: []string{"map", "coffee"}, code: 2, err: `"coffee"`},
		{name: "an argument too many for policy show", arguments: []string{"policy", "show", "coffee"}, code: 2, err: `"coffee"`},
		{name: "an argument too many for proxy", arguments: []string{"proxy", "coffee"}, code: 2, err: `"coffee"`},
		{name: "an argument too many for openapi", arguments: []string{"openapi", "coffee"}, code: 2, err: `"coffee"`},
		{name: "a format that is none", arguments: []string{"openapi", "--format=xml"}, code: 2, err: `"xml"`},
		{name: "rules for no descriptors", arguments: []string{"openapi", "--service-config=" + file}, code: 2, err: "--descriptors"},
		{name: "a document for no URL", arguments: []string{"openapi", "--public-url=here"}, code: 2, err: `"here"`},
		{name: "a proxy for nothing", arguments: []string{"proxy"}, code: 2, err: "--backend"},
		{name: "conformance of nothing", arguments: []string{"conformance"}, code: 2, err: "--target"},
		{name: "conformance of no URL", arguments: []string{"conformance", "--target=here"}, code: 2, err: "--target"},
		{name: "conformance of a path", arguments: []string{"conformance", "--target=http://x/api"}, code: 2, err: "--target"},
		{name: "conformance to no policy", arguments: []string{"conformance", "--target=http://x", "--policy=mine"}, code: 2, err: "--policy"},
		{name: "conformance over no transport", arguments: []string{"conformance", "--target=http://x", "--transport=h3"}, code: 2, err: "--transport"},
		{name: "conformance by no expression", arguments: []string{"conformance", "--target=http://x", "--filter=("}, code: 2, err: "--filter"},
		{name: "conformance one at no time", arguments: []string{"conformance", "--target=http://x", "--parallel=0"}, code: 2, err: "--parallel"},
		{name: "conformance in two forms at once", arguments: []string{"conformance", "--target=http://x", "--json=-", "--junit=-"}, code: 2, err: "--json"},
		{name: "conformance by no cases", arguments: []string{"conformance", "--target=http://x", "--cases=" + folder}, code: 2, err: "manifest.yaml"},
		{name: "an argument too many for conformance", arguments: []string{"conformance", "coffee"}, code: 2, err: `"coffee"`},
		{name: "help of conformance", arguments: []string{"conformance", "--help"}, out: "--known-failures"},

		{name: "an argument too many for version", arguments: []string{"version", "coffee"}, code: 2, err: `"coffee"`},
		{name: "an argument too many for healthcheck", arguments: []string{"healthcheck", "coffee"}, code: 2, err: `"coffee"`},
		{name: "an address to check that is none", arguments: []string{"healthcheck", "--http-addr=here"}, code: 2, err: "--http-addr"},
		{name: "no file to check", arguments: []string{"policy", "check"}, code: 2, err: "one file"},
		{name: "two files to check", arguments: []string{"policy", "check", "a", "b"}, code: 2, err: "one file"},

		{name: "a demo for everybody", arguments: []string{"serve", "--demo", "--http-addr=:0"}, code: 2, err: "--http-addr"},
		{name: "the same without the command", arguments: []string{"--demo", "--http-addr=:0"}, code: 2, err: "--http-addr"},
		{name: "a limit that is none", arguments: []string{"serve", "--rate-limit=often"}, code: 2, err: "--rate-limit"},
		{name: "a size that is none", arguments: []string{"serve", "--max-body=big"}, code: 2, err: "--max-body"},
		{name: "half of TLS", arguments: []string{"serve", "--tls-cert=" + file}, code: 2, err: "--tls-key"},
		{name: "TLS that is none", arguments: []string{"serve", "--tls-cert=" + file, "--tls-key=" + file}, code: 2, err: "--tls-cert"},
		{name: "a URL that is none", arguments: []string{"serve", "--public-url=here"}, code: 2, err: "--public-url"},
		{
			name: "a level that is none, and those that are", arguments: []string{"serve", "--demo", "--log-level=loud"}, code: 2,
			err: `--log-level: "loud" is none of debug, info, warn and error`,
		},
		{name: "a duration without a unit", arguments: []string{"serve", "--grace=5"}, code: 2, err: `--grace: "5" is not a duration, such as`},
		{name: "a number that is none", arguments: []string{"serve", "--concurrency=few"}, code: 2, err: `--concurrency: "few" is not a whole number`},
		{name: "a port that is none", arguments: []string{"proxy", "--backend=localhost:99999"}, code: 2, err: "65535"},
		{name: "a socket", arguments: []string{"proxy", "--backend=unix:///tmp/x.sock"}, code: 2, err: "Unix socket"},
		{name: "a port of a URL that is none", arguments: []string{"proxy", "--backend=h:1", "--public-url=http://a:99999"}, code: 2, err: "--public-url"},
		{name: "a tour at no port", arguments: []string{"tour", "--target=http://a:99999"}, code: 2, err: "--target"},
		{
			name:      "a limit of no method",
			arguments: []string{"serve", "--demo", "--http-addr=127.0.0.1:0", "--grpc-addr=127.0.0.1:0", "--rate-limit=10/1m@entity.v1.EntityService/GetEntitty"},
			code:      1, err: "did you mean entity.v1.EntityService/GetEntity?",
		},
		{
			name: "a limit of no method behind descriptors",
			arguments: []string{
				"proxy", "--backend=127.0.0.1:1", "--http-addr=127.0.0.1:0", "--descriptors=../../../proto/examples/conformance.binpb", "--rate-limit=10/1m@nosuch.Svc/X",
			},
			code: 1, err: "nosuch.Svc/X, which no route calls",
		},
		{name: "a level that is none", arguments: []string{"serve", "--demo", "--log-level=loud"}, code: 2, err: "--log-level"},
		{name: "a format that is none", arguments: []string{"serve", "--demo", "--log-format=xml"}, code: 2, err: "--log-format"},

		{name: "a policy that is not there", arguments: []string{"serve", "--demo", "--policy=nothing"}, code: 1, err: "directory\nTo write one"},
		{name: "a policy that is wrong", arguments: []string{"serve", "--demo", "--policy=" + file}, code: 1, err: file + ":2: "},
		{name: "a port that is taken", arguments: []string{"serve", "--demo", "--http-addr=" + busy.Addr().String()}, code: 1, err: busy.Addr().String()},
		{name: "and what to do", arguments: []string{"serve", "--demo", "--http-addr=" + busy.Addr().String()}, code: 1, err: "Choose another with --http-addr"},
		{
			name:      "a port of gRPC that is taken",
			arguments: []string{"serve", "--demo", "--http-addr=127.0.0.1:0", "--grpc-addr=" + busy.Addr().String()},
			code:      1, err: busy.Addr().String(),
		},
		{
			name:      "a folder that is a file",
			arguments: []string{"serve", "--http-addr=127.0.0.1:0", "--grpc-addr=127.0.0.1:0", "--data-dir=" + file},
			code:      1,
			err:       file,
		},

		{name: "nothing to map", arguments: []string{"map"}, code: 1, err: "google.rpc.Status"},
		{name: "text to map", arguments: []string{"map"}, stdin: "not found", code: 1, err: "google.rpc.Status"},
		{name: "an array to map", arguments: []string{"map"}, stdin: "[]", code: 1, err: "google.rpc.Status"},
		{name: "a status of another shape", arguments: []string{"map"}, stdin: `{"code": 5, "reason": "x"}`, code: 1, err: "/reason"},
		{name: "a code that is none", arguments: []string{"map"}, stdin: `{"code": "five"}`, code: 1, err: "/code"},
		{name: "two statuses", arguments: []string{"map"}, stdin: `{"code": 5}{"code": 5}`, code: 1, err: "google.rpc.Status"},
		{name: "a status without an end", arguments: []string{"map"}, stdin: `{"message": "` + strings.Repeat("x", 2<<20) + `"}`, code: 1, err: "google.rpc.Status"},
		{name: "a mapping by no policy", arguments: []string{"map", "--policy=nothing"}, stdin: "{}", code: 1, err: "nothing"},
		{name: "a mapping for no URL", arguments: []string{"map", "--public-url=here"}, stdin: "{}", code: 2, err: `"here"`},
		{name: "a document by no policy", arguments: []string{"openapi", "--policy=nothing"}, code: 1, err: "nothing"},
		{name: "descriptors that are not there", arguments: []string{"openapi", "--descriptors=nothing"}, code: 1, err: "--descriptors: open nothing"},
		{name: "descriptors that are none", arguments: []string{"openapi", "--descriptors=" + file}, code: 1, err: file + " is not a FileDescriptorSet"},
		{name: "a policy to show that is not there", arguments: []string{"policy", "show", "--policy=nothing"}, code: 1, err: "nothing"},
		{name: "a policy to check that is not there", arguments: []string{"policy", "check", "nothing"}, code: 1, err: "nothing"},
		{name: "a folder to check", arguments: []string{"policy", "check", folder}, code: 1, err: folder},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := run(t, test.stdin, test.arguments...)
			if got.code != test.code {
				t.Errorf("exit code %d, want %d", got.code, test.code)
			}
			for stream, pair := range map[string][2]string{"output": {got.out, test.out}, "errors": {got.err, test.err}} {
				if !strings.Contains(pair[0], pair[1]) || (pair[1] == "" && pair[0] != "") {
					t.Errorf("the %s are %q, want %q in them", stream, pair[0], pair[1])
				}
			}
			if got.err != "" && !strings.HasPrefix(got.err, "statusway: ") {
				t.Errorf("an error that does not say whose it is: %q", got.err)
			}
		})
	}
}

// Every flag of every command is a variable too, and counts after the flag.
func TestEnvironment(t *testing.T) {
	t.Setenv("STATUSWAY_POLICY", "canonical")
	t.Setenv("STATUSWAY_JSON", "true")
	// No setting: many a container has one, and it means something else.
	t.Setenv("STATUSWAY_VERSION", "1.2.3")
	const unimplemented = `{"code": 12}`
	if got := run(t, unimplemented, "map"); got.code != 0 || !strings.Contains(got.out, `"httpStatus": 501`) {
		t.Errorf("by variables: %+v", got)
	}
	if got := run(t, unimplemented, "map", "--policy=documented", "--json=false"); got.code != 0 || !strings.HasPrefix(got.out, "HTTP 500\n") {
		t.Errorf("by flags: %+v", got)
	}
	if got := run(t, "", "policy", "show"); got.code != 0 || !strings.Contains(got.out, `"name": "canonical"`) {
		t.Errorf("policy show by variables: %+v", got)
	}
	t.Setenv("STATUSWAY_JSON", "perhaps")
	if got := run(t, unimplemented, "map"); got.code != 2 || !strings.Contains(got.err, "STATUSWAY_JSON") {
		t.Errorf("by a variable that cannot be read: %+v", got)
	}
	t.Setenv("STATUSWAY_DEMO", "true")
	t.Setenv("STATUSWAY_HTTP_ADDR", "0.0.0.0:0")
	for _, arguments := range [][]string{{}, {"serve"}} {
		if got := run(t, "", arguments...); got.code != 2 || !strings.Contains(got.err, "0.0.0.0") {
			t.Errorf("%q by variables: %+v", arguments, got)
		}
	}
}
