package check_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/unit"
)

const unitFile = "../statusway.service"

// The unit is one, and each option stands in it once, but for those that add up.
func TestUnit(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	options, err := unit.DeserializeOptions(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, option := range options {
		name := option.Section + "." + option.Name
		if seen[name] && option.Name != "SystemCallFilter" {
			t.Errorf("%s stands there twice", name)
		}
		seen[name] = true
	}
	for _, name := range []string{"Unit.Description", "Service.ExecStart", "Service.DynamicUser", "Service.StateDirectory", "Install.WantedBy"} {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
	}
}

// systemd itself knows every option, and finds little that the unit still allows.
func TestSystemd(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skipf("systemd is not installed, so only CI asks it: %v", err)
	}
	analyze := func(t *testing.T, path string, arguments ...string) (string, error) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "systemd-analyze", append(arguments, path)...).CombinedOutput()
		return string(out), err
	}
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	// The program is not installed here, and any other that is there will do.
	installed := strings.Replace(string(text), "/usr/local/bin/statusway", "/bin/sh", 1)
	for _, test := range []struct {
		name, text string
		ok         bool
	}{
		{"statusway.service", installed, true},
		{"misspelt.service", strings.Replace(installed, "ProtectHome", "ProtectHouse", 1), false},
		{"unlikely.service", strings.Replace(installed, "ProtectHome=yes", "ProtectHome=perhaps", 1), false},
	} {
		path := filepath.Join(t.TempDir(), test.name)
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		// What is unknown to systemd is said, with the path, and is no error.
		if out, err := analyze(t, path, "verify"); (err == nil && !strings.Contains(out, path)) != test.ok {
			t.Errorf("%s: %v\n%s", test.name, err, out)
		}
	}
	// Of 100, where a service that nobody has thought about has 96.
	if out, err := analyze(t, unitFile, "security", "--offline=yes", "--threshold=15"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
