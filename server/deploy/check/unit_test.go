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

// The unit is one, and each option stands in it once, except for those that add up.
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
	plain, override := string(text), readmeOverride(t)
	for _, test := range []struct {
		name, unit, override string
		ok                   bool
	}{
		{"the unit", plain, "", true},
		{"the unit as the README changes it", plain, override, true},
		{"an option that is none", strings.Replace(plain, "ProtectHome", "ProtectHouse", 1), "", false},
		{"a value that is none", strings.Replace(plain, "ProtectHome=yes", "ProtectHome=perhaps", 1), "", false},
		{"a change that is none", plain, strings.Replace(override, "LoadCredential", "LoadCertificate", 1), false},
	} {
		folder := t.TempDir()
		path := filepath.Join(folder, "statusway.service")
		// The program is not installed here, and any other that is there will do.
		here := strings.NewReplacer("/usr/local/bin/statusway", "/bin/sh")
		write(t, path, here.Replace(test.unit))
		write(t, filepath.Join(folder, "statusway.service.d", "override.conf"), here.Replace(test.override))
		// systemd reports a directive that it does not know with the file's path, but not as an error.
		if out, err := analyze(t, path, "verify"); (err == nil && !strings.Contains(out, folder)) != test.ok {
			t.Errorf("%s: %v\n%s", test.name, err, out)
		}
	}
	// Of 100, where a service that nobody has thought about has 96.
	if out, err := analyze(t, unitFile, "security", "--offline=yes", "--threshold=15"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// readmeOverride is what the README puts into `systemctl edit`.
func readmeOverride(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```ini\n")
	override, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("the README changes nothing of the unit")
	}
	return override
}
