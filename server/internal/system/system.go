// Package system marks the tests that need more than Go: browsers, other languages,
// load balancers, or minutes. `make system` runs them, `make test` leaves them out.
package system

import (
	"os"
	"os/exec"
	"testing"
)

// Variable is the environment variable that asks for these tests.
const Variable = "STATUSWAY_TEST_SYSTEM"

// enabled is read at the start, because some tests remove such variables.
//
//nolint:gochecknoglobals // it never changes.
var enabled = os.Getenv(Variable) != ""

// Test skips the test unless [Variable] is set. Then it fails if a program is missing.
func Test(tb testing.TB, programs ...string) {
	tb.Helper()
	if !enabled {
		tb.Skip("`make system` runs this test")
	}
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			tb.Fatalf("%s is not installed: %v", program, err)
		}
	}
}
