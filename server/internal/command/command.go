// Package command is the command line: one file a command.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/statusway/statusway/gateway/mapping"
	"github.com/statusway/statusway/server/internal/config"
)

// Streams are the program's standard streams.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// errUsage marks an error in how the program was called.
var errUsage = errors.New("see --help")

// Run runs the command that arguments name, "serve" if they name none, and returns
// the program's exit code: 0, 1 for a failure, 2 for a mistake in the arguments.
func Run(ctx context.Context, streams Streams, arguments []string) int {
	root := newRoot(streams)
	root.SetArgs(arguments)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errUsage):
		fmt.Fprintln(streams.Err, "statusway:", err)
		return exitUsage
	default:
		fmt.Fprintln(streams.Err, "statusway:", err)
		return exitFailure
	}
}

func newRoot(streams Streams) *cobra.Command {
	serve := newServe(streams)
	root := &cobra.Command{
		Use:   "statusway",
		Short: "The HTTP semantics that gRPC never had",
		Long: "Statusway serves gRPC services over REST with a documented set of HTTP statuses and bodies.\n" +
			"Without a command it serves: statusway is the same as statusway serve.",
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArguments,
		PreRunE:       serve.PreRunE,
		RunE:          serve.RunE,
	}
	root.Flags().AddFlagSet(serve.Flags())
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", err, errUsage) })
	root.AddCommand(
		serve, newProxy(streams), newConformance(streams), newMap(streams), newPolicy(streams), newOpenAPI(streams),
		newHealthcheck(streams), newVersion(streams),
	)
	return root
}

// noArguments is cobra.NoArgs with the exit code of a mistake in the arguments.
func noArguments(cmd *cobra.Command, arguments []string) error {
	if err := cobra.NoArgs(cmd, arguments); err != nil {
		return fmt.Errorf("%w: %w", err, errUsage)
	}
	return nil
}

// fromEnvironment is the PreRunE of every command with flags.
func fromEnvironment(cmd *cobra.Command, _ []string) error {
	if err := config.FromEnvironment(cmd.Flags(), os.LookupEnv); err != nil {
		return fmt.Errorf("%w: %w", err, errUsage)
	}
	return nil
}

// loadPolicy loads a built-in policy by its name, or else a file.
func loadPolicy(nameOrFile string) (*mapping.Table, error) {
	if nameOrFile == mapping.Documented || nameOrFile == mapping.Canonical {
		return mapping.Builtin(nameOrFile)
	}
	source, err := os.ReadFile(nameOrFile) //nolint:gosec // the file that the caller named.
	if err != nil {
		return nil, fmt.Errorf("a policy is %s, %s or a file: %w", mapping.Documented, mapping.Canonical, err)
	}
	return mapping.Load(nameOrFile, source)
}
