package command_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/statusway/statusway/server/internal/command"
	"github.com/statusway/statusway/server/internal/config"
)

func TestMain(m *testing.M) {
	// Whoever runs the tests may have variables that are meant for a server of theirs.
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, config.EnvPrefix) || strings.HasPrefix(name, "OTEL_") {
			if err := os.Unsetenv(name); err != nil {
				panic(err)
			}
		}
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		removeProgram()
		os.Exit(code)
	}))
}

// ran is what a command came to.
type ran struct {
	code     int
	out, err string
}

// run runs a command in this process.
func run(t *testing.T, stdin string, arguments ...string) ran {
	t.Helper()
	var out, err bytes.Buffer
	// A server that starts although it should not ends all the same, and well: with 0.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	code := command.Run(ctx, command.Streams{In: strings.NewReader(stdin), Out: &out, Err: &err}, arguments)
	return ran{code, out.String(), err.String()}
}
