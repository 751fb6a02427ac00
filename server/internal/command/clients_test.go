package command_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/statusway/statusway/server/internal/system"
)

// inClients runs a command in the folder of the clients, as whoever copies them would,
// with a demo to talk to, and returns what it prints.
func inClients(t *testing.T, folder string, demo *process, command ...string) string {
	t.Helper()
	run := exec.CommandContext(t.Context(), command[0], command[1:]...)
	run.Dir = folder
	run.Env = append(os.Environ(), "STATUSWAY_URL="+demo.rest)
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", command, err, lastLines(string(out), 80))
	}
	return string(out)
}

// allPass reports whether Node's test runner has run tests; that they passed, its exit code
// has said.
func allPass(t *testing.T, printed string) {
	t.Helper()
	if !regexp.MustCompile(`(?m)^# pass [1-9]`).MatchString(printed) || !strings.Contains(printed, "\n# skipped 0\n") {
		t.Errorf("no tests, or not all:\n%s", lastLines(printed, 20))
	}
}

// The client on plain fetch needs nothing but Node.
func TestClientOnFetch(t *testing.T) {
	t.Parallel()
	system.Test(t)
	folder, err := inNode("client")
	if err != nil {
		t.Fatal(err)
	}
	demo := serve(t, "--demo")
	allPass(t, inClients(t, folder, demo, "node", "--test", "test/fetch.test.js", "test/problem.test.js", "test/client.test.js"))
	demo.stop(t)
}

// The walk that the clients' page shows is what is printed.
func TestClientWalk(t *testing.T) {
	t.Parallel()
	system.Test(t)
	folder, err := inNode("client")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(folder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	walk := regexp.MustCompile("(?ms)^```console\n\\$ node demo.js\n(.*?)\n```$").FindSubmatch(page)
	if walk == nil {
		t.Fatal("the page shows no walk")
	}
	demo := serve(t, "--demo")
	if diff := compareLines(strings.Split(string(walk[1]), "\n"), inClients(t, folder, demo, "node", "demo.js")); diff != "" {
		t.Errorf("$ node demo.js\n%s", diff)
	}
	demo.stop(t)
}

// A client is generated from the document that the server has of itself, compiles, and
// works; what the document does not have does not compile.
func TestClientGenerated(t *testing.T) {
	t.Parallel()
	system.Test(t)
	folder, err := install(t.Context(), "client")
	if err != nil {
		t.Fatal(err)
	}
	demo := serve(t, "--demo")
	inClients(t, folder, demo, "npm", "run", "generate")
	allPass(t, inClients(t, folder, demo, "node", "--test", "test/generated.test.js"))
	demo.stop(t)
}
