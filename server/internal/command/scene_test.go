package command_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/statusway/statusway/server/internal/system"
)

// A scene is a page, or a part of one, as a reader plays it: programs that run, each in a
// terminal of its own, and what is typed and shown in another.
type scene struct {
	name    string
	running []string
	steps   []step
}

// The pages name the program as make builds it.
const builtProgram = ".tmp/bin/statusway "

// elsewhere are the commands of the pages' blocks of sh that are no part of a scene, and
// where they are run instead.
func elsewhere() map[string]string {
	return map[string]string{
		"make test": "by whoever runs this",
		".tmp/bin/statusway conformance --target http://127.0.0.1:8080": "TestConformance; here it would use up the allowance",
		"go get github.com/statusway/statusway/gateway@latest":          "it needs a release",
	}
}

// scenes are those of a page: one, or one of each section if it has several readers.
func scenes(t *testing.T, page string, bySection bool) []scene {
	t.Helper()
	parts := []string{pageNamed(t, page)}
	if bySection {
		parts = strings.Split(parts[0], "\n## ")[1:]
	}
	var all []scene
	others := elsewhere()
	for _, part := range parts {
		name, _, _ := strings.Cut(part, "\n")
		one := scene{name: page + ": " + name, running: nil, steps: steps(t, part)}
		for _, block := range blocks(part, "sh") {
			for line := range strings.Lines(block) {
				command, _, _ := strings.Cut(line, "#")
				command = strings.TrimSpace(command)
				if _, ok := others[command]; !ok {
					one.running = append(one.running, command)
				}
			}
		}
		all = append(all, one)
	}
	return all
}

// run starts what a scene has running. It returns where its addresses really are, by the
// addresses that the page names.
func (s scene) run(t *testing.T) (addresses map[string]string, stop func()) {
	t.Helper()
	addresses = map[string]string{}
	var running []*process
	for _, command := range s.running {
		arguments, isOurs := strings.CutPrefix(strings.Replace(command, "make run", builtProgram+"serve --demo", 1), builtProgram)
		words := strings.Fields(arguments)
		at := "127.0.0.1:8080"
		for i, word := range words {
			if word == "--http-addr" {
				at, words[i+1] = words[i+1], "127.0.0.1:0"
			} else if address, ok := addresses[word]; ok {
				words[i] = address
			}
		}
		var p *process
		switch {
		case isOurs && words[0] == "serve":
			p = serve(t, words[1:]...)
			addresses["127.0.0.1:9090"] = p.grpc
		case isOurs && words[0] == "proxy":
			p = proxied(t, at, words)
		case command == "/usr/bin/python3 proto/examples/python/server.py":
			p = samples()[1].start(t)
			addresses["127.0.0.1:50051"] = p.grpc
		default:
			t.Fatalf("%s: nobody runs %q", s.name, command)
		}
		if p.rest != "" {
			addresses[at] = strings.TrimPrefix(p.rest, "http://")
		}
		running = append(running, p)
	}
	return addresses, func() {
		for _, p := range running {
			p.stop(t)
		}
	}
}

// proxied starts a proxy with arguments of a page.
func proxied(t *testing.T, at string, words []string) *process {
	t.Helper()
	for i, word := range words {
		if word == "--descriptors" {
			words[i+1] = filepath.Join(topFolder, words[i+1])
		}
	}
	if at == "127.0.0.1:8080" {
		words = append(words, "--http-addr=127.0.0.1:0")
	}
	p := launch(t, words...)
	p.rest = p.await(t, `(?m)^REST +(https?://\S+)$`)[1]
	return p
}

// What is said to run elsewhere stands on a page.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	shown := strings.Join(blocks(readme(t)+pageNamed(t, "gateway/README.md"), "sh"), "")
	for command := range elsewhere() {
		if !strings.Contains(shown, command) {
			t.Errorf("no page shows %s", command)
		}
	}
}

// What the pages show of a terminal is what a terminal shows, with what they say is
// running.
func TestScenes(t *testing.T) {
	t.Parallel()
	system.Test(t, "bash", "curl")
	program, err := buildProgram()
	if err != nil {
		t.Fatal(err)
	}
	all := append(scenes(t, "README.md", false), scenes(t, "server/README.md", false)...)
	all = append(all, scenes(t, "proto/adopting.md", true)...)
	all = append(all, scenes(t, "gateway/README.md", false)...)
	for _, one := range all {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			addresses, stop := one.run(t)
			var there, back []string
			for shown, address := range addresses {
				there, back = append(there, shown, address), append(back, address, shown)
			}
			commands := make([]string, len(one.steps))
			for i, step := range one.steps {
				commands[i] = strings.NewReplacer(append(there, builtProgram, program+" ")...).Replace(step.command)
			}
			for i, printed := range session(t, commands) {
				if diff := compareLines(one.steps[i].prints, strings.NewReplacer(back...).Replace(printed)); diff != "" {
					t.Errorf("$ %s\n%s", one.steps[i].command, diff)
				}
			}
			stop()
		})
	}
}

// session runs the commands in one bash, and returns what each has printed.
func session(t *testing.T, commands []string) []string {
	t.Helper()
	marker := "-- " + rand.Text()
	var script strings.Builder
	for _, command := range commands {
		// A command that fails is none that a page shows.
		fmt.Fprintf(&script, "%s\nfailed=$?; printf '\\n%%s\\n' '%s'; [ $failed = 0 ] || exit $failed\n", command, marker)
	}
	home := t.TempDir()
	path := filepath.Join(home, "session.sh")
	if err := os.WriteFile(path, []byte(script.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	bash := exec.CommandContext(t.Context(), "bash", path)
	bash.Dir = topFolder
	// Without the settings of whoever runs the test, and without a proxy.
	bash.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C.UTF-8"}
	var errs strings.Builder
	bash.Stderr = &errs
	out, err := bash.Output()
	if err != nil {
		t.Fatalf("%v: $ %s\n%s\n%s", err, commands[strings.Count(string(out), marker)-1], out, errs.String())
	}
	printed := strings.Split(strings.ReplaceAll(string(out), "\r", ""), "\n"+marker+"\n")
	if len(printed) != len(commands)+1 {
		t.Fatalf("%d commands have printed %d parts:\n%s\n%s", len(commands), len(printed), out, errs.String())
	}
	return printed[:len(commands)]
}
