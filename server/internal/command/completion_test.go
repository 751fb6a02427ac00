package command_test

import (
	"os/exec"
	"strings"
	"testing"
)

// What a shell is told when somebody presses Tab.
func TestCompletion(t *testing.T) {
	t.Parallel()
	const (
		files = ":0"
		none  = ":4"
	)
	for typed, want := range map[string]string{
		"pol":                             "policy\tCheck and show policies " + none,
		"policy ch":                       "check\tReport the mistakes in a policy file, by line " + none,
		"policy check ":                   files,
		"policy show --policy ":           "documented canonical " + files,
		"serve --policy ":                 "documented canonical " + files,
		"--policy ":                       "documented canonical " + files,
		"proxy --policy ":                 "documented canonical " + files,
		"map --policy ":                   "documented canonical " + files,
		"openapi --policy ":               "documented canonical " + files,
		"serve --error-format ":           "problem status error " + none,
		"proxy --headers ":                "grpc-gateway " + none,
		"serve --log-level ":              "debug info warn error " + none,
		"proxy --log-format ":             "text json " + none,
		"conformance --policy ":           "documented canonical " + none,
		"conformance --transport ":        "all http1 h2c " + none,
		"openapi --format ":               "json yaml " + none,
		"proxy --descriptors ":            files,
		"conformance --known-failures ":   files,
		"completion po":                   "powershell\tGenerate the autocompletion script for powershell " + none,
		"serve --metrics-addr=off --dem":  "--demo\tsample entities",
		"conformance --target x --insec":  "--insecure\ttrust any certificate " + none,
		"tour --ro":                       "--row\t",
		"healthcheck --tls-c":             "--tls-cert\t",
		"version --h":                     "--help\thelp for version",
		"serve --policy documented --tls": "--tls-cert\t",
	} {
		// As Go's own split would lose the empty word at the end.
		got := run(t, "", append([]string{"__complete"}, strings.Split(typed, " ")...)...)
		if said := strings.ReplaceAll(strings.TrimSpace(got.out), "\n", " "); got.code != 0 || !strings.HasPrefix(said, want) {
			t.Errorf("%s: %q, want %q", typed, said, want)
		}
	}
}

// The scripts are ones that the shells can read, as far as the shells are here.
func TestCompletionScripts(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		script := run(t, "", "completion", shell)
		if script.code != 0 || !strings.Contains(script.out, "__complete") {
			t.Errorf("%s: %+v", shell, script)
		}
		if _, err := exec.LookPath(shell); err != nil || shell == "powershell" {
			continue
		}
		check := exec.CommandContext(t.Context(), shell, "-n")
		check.Stdin = strings.NewReader(script.out)
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
	}
}
