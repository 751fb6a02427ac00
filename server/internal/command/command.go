// Package command is the command line: one file a command.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/statusway/statusway/gateway/policy"
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

// A usageError is one in how the program was called.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(err error) error { return usageError{err} }

func isUsage(err error) bool {
	var mistake usageError
	return errors.As(err, &mistake)
}

// errPolicy marks a policy that cannot be read.
var errPolicy = errors.New("a policy is documented, canonical or a file")

// Run runs the command that arguments name, "serve" if they name none, and returns
// the program's exit code: 0, 1 for a failure, 2 for a mistake in the arguments.
func Run(ctx context.Context, streams Streams, arguments []string) int {
	root := newRoot(streams)
	root.SetArgs(arguments)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	text := fmt.Sprintln("statusway:", err)
	if hint := next(cmd, err); hint != "" {
		text += hint + "\n"
	}
	say(streams.Err, text)
	if isUsage(err) {
		return exitUsage
	}
	return exitFailure
}

// say writes the last words of the program. It does not wait for a reader that has
// stalled: the program ends all the same.
func say(to io.Writer, text string) {
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = io.WriteString(to, text)
	}()
	select {
	case <-written:
	case <-time.After(flushTime):
	}
}

func newRoot(streams Streams) *cobra.Command {
	serve := newServe(streams)
	root := &cobra.Command{
		Use:   "statusway",
		Short: "The HTTP semantics that gRPC never had",
		Long: `Statusway serves gRPC services over REST with a documented set of HTTP statuses and bodies.
Without a command it serves: statusway is the same as statusway serve, with the same flags.`,
		Example: `  statusway serve --demo                        a server to play with, and its pages for a browser
  statusway tour                                every row of the table, on that server
  statusway proxy --backend 127.0.0.1:50051     your gRPC server over REST, in any language
  echo '{"code": 5}' | statusway map            the HTTP response for a gRPC status, and why`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArguments,
		PreRunE:       serve.PreRunE,
		RunE:          serve.RunE,

		SuggestionsMinimumDistance: 2,
	}
	root.Flags().AddFlagSet(serve.Flags())
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(config.FlagError(err)) })
	addGroup(root, "Serve:", serve, newProxy(streams), newHealthcheck(streams))
	addGroup(root, "Show responses:", newTour(streams), newMap(streams), newPolicy(streams))
	addGroup(root, "Describe and test an API:", newOpenAPI(streams), newConformance(streams))
	root.AddCommand(newVersion(streams))
	addCompletion(root)
	refuseUnknownTopics(root)
	// The flags of serve are listed once, by its own help.
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .HasAvailableLocalFlags}}", "{{if and .HasParent .HasAvailableLocalFlags}}", 1))
	return root
}

func addGroup(root *cobra.Command, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, cmd := range commands {
		cmd.GroupID = title
		root.AddCommand(cmd)
	}
}

// noArguments refuses arguments, by the exit code of a mistake in them and with the
// command that may have been meant.
func noArguments(cmd *cobra.Command, arguments []string) error {
	if len(arguments) == 0 {
		return nil
	}
	if !cmd.HasAvailableSubCommands() {
		return usage(fmt.Errorf("%s takes no arguments, but got %q", cmd.CommandPath(), arguments[0])) //nolint:err113 // it is for people.
	}
	err := cobra.NoArgs(cmd, arguments)
	if meant := cmd.SuggestionsFor(arguments[0]); len(meant) > 0 {
		err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(meant, " or "))
	}
	return usage(err)
}

// showHelp is the RunE of a command that only has others below it. Without one cobra
// shows the help for a misspelt command too, and calls it a success.
func showHelp(cmd *cobra.Command, _ []string) error {
	if err := cmd.Help(); err != nil {
		return fmt.Errorf("writing the help: %w", err)
	}
	return nil
}

// refuseUnknownTopics makes the command help fail for an unknown topic. By default it
// shows another help and exits with 0.
func refuseUnknownTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() != "help" {
			continue
		}
		cmd.Args = func(_ *cobra.Command, topic []string) error {
			if _, rest, err := root.Find(topic); err != nil || len(rest) > 0 {
				return usage(fmt.Errorf("there is no command %q", strings.Join(topic, " "))) //nolint:err113 // it is for people.
			}
			return nil
		}
	}
}

// fromEnvironment is the PreRunE of every command with flags.
func fromEnvironment(cmd *cobra.Command, _ []string) error {
	known := variables(cmd.Root())
	var errs []error
	for _, name := range unknownVariables(cmd) {
		if meant := config.Nearest(name, known); meant != "" {
			errs = append(errs, fmt.Errorf("the environment variable %s is not one of statusway; did you mean %s?", name, meant)) //nolint:err113 // it is for people.
		}
	}
	errs = append(errs, config.FromEnvironment(cmd.Flags(), os.LookupEnv))
	if err := errors.Join(errs...); err != nil {
		return usage(err)
	}
	return nil
}

// unknownVariables returns the names of variables that no command reads, although they begin like ours.
func unknownVariables(cmd *cobra.Command) []string {
	return config.UnknownVariables(os.Environ(), variables(cmd.Root()))
}

// variables returns the variables of all commands: those of a container are often for more than one.
func variables(of *cobra.Command) []string {
	var all []string
	of.Flags().VisitAll(func(flag *pflag.Flag) { all = append(all, config.EnvName(flag.Name)) })
	for _, cmd := range of.Commands() {
		all = append(all, variables(cmd)...)
	}
	return all
}

// loadPolicy loads a built-in policy by its name, or else a file.
func loadPolicy(nameOrFile string) (*policy.Table, error) {
	if nameOrFile == policy.Documented || nameOrFile == policy.Canonical {
		return policy.Builtin(nameOrFile)
	}
	source, err := os.ReadFile(nameOrFile) //nolint:gosec // the file that the caller named.
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPolicy, err)
	}
	return policy.Load(nameOrFile, source)
}
